"""Frames, sentences, the terminal and the map of runs whose cells come and go, are noise, or are drafted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llada_viz.render.figures import confidence_map
from llada_viz.render.frames import Frame
from llada_viz.render.ops import two_digits
from llada_viz.render.order import change, joined
from samplers.events import Cell, Deleted, Event, Inserted, Predicted, Started, Unmasked
from samplers.fold import fold
from samplers.streams import replay
from samplers.terminal import canvas_text
from tests.llada_viz.changes import MASK, PIECES, PROMPT, WORDS, Script, masked_run, noise_run
from tests.llada_viz.script import frames_of

RUNS = {"masks": masked_run, "noise": noise_run}


@pytest.mark.parametrize("name", RUNS)
def test_ids_and_order_are_those_of_the_board(name: str) -> None:
    """The order of the ids after each frame, and the confidences: texts are compared by canvas.test.mjs."""
    events = RUNS[name]()
    order: list[int] = []
    confidence: dict[int, float | None] = {}
    for frame, (_, board) in zip(frames_of(events, PIECES), replay(events), strict=True):
        if "meta" in frame:
            order = list(range(frame["meta"]["gen_length"]))
        order = [cell for cell in order if cell not in frame.get("del", [])]
        for before, cells in frame.get("ins", []):
            place = len(order) if before is None else order.index(before)
            order[place:place] = cells
        for cell, _, sure, state in frame["ops"]:
            if state != "t" or sure is not None:
                confidence[cell] = None if state in "mnburxzy" else sure
        row, start = board.rows[0], board.prompt_length
        assert order == [cell - start for cell in row.ids[start:]]
        if frame["filled"] == 0:  # what was filled in has no confidence on the page
            assert [confidence[cell] for cell in order] == row.confidence[start:]


def test_an_insertion_is_a_small_frame() -> None:
    run = Script(2048, noise=False)
    run.add(Inserted, cells=(Cell(0, len(PROMPT) + 7, MASK, 0.5),))
    run.add(Deleted, cells=run.here(100))
    frames = frames_of(run.events, PIECES)
    assert frames[1]["ins"] == [[7, [2048]]] and frames[2]["del"] == [99]
    assert all(len(json.dumps(frame)) < 400 for frame in frames[1:])


def test_drafts_are_sent_once() -> None:
    run = Script(8, noise=False)
    for _ in range(2):
        run.predict({0: ["A"], 1: ["model", "words", "so", "it", "can", "go"]})
    run.add(Predicted, cells=run.cells({1: "words"}, 0.5))
    run.write({0: "A"})
    frames = frames_of(run.events, PIECES)
    first = dict(frames[1]["drafts"])
    assert first[0] == [[" A", 0.6]] and [text for text, _ in first[1]] == [
        " model", " words", " so", " it", " can",
    ]  # fmt: skip
    assert "drafts" not in frames[2] and frames[3]["drafts"] == [[1, [[" words", 0.5]]]]
    assert frames[1]["ops"] == frames[2]["ops"] == [], "a draft changes nothing"


def test_another_row_of_a_batch_changes_nothing_here() -> None:
    tokens = tuple((4, *[MASK] * 4) for _ in range(2))
    begun = Started(
        nfe=0, tokens=tokens, attention_mask=((True,) * 5,) * 2, mask_id=MASK, prompt_length=1, settings={}
    )
    other: list[Event] = [
        begun, Inserted(nfe=1, cells=(Cell(1, 2, MASK, 0.5), Cell(1, 5, 7, 0.5))),
        Deleted(nfe=1, cells=(Cell(1, 1, MASK, 0.5),)),
        Predicted(nfe=1, cells=(Cell(1, 1, 7, 0.5),)), Unmasked(nfe=1, step=0, cells=(Cell(1, 1, 7, 0.5),)),
    ]  # fmt: skip
    for frame in frames_of(other, PIECES)[1:]:
        assert frame["ops"] == [] and not {"ins", "del", "drafts"} & set(frame) and frame["masks"] == 4
        assert frame["say"][1] in ("No cell of this row.", "No cell was written.")
    shown = frames_of(other, PIECES, row=1)
    assert shown[1]["ins"] == [[1, [4]], [None, [5]]] and shown[2]["del"] == [0]
    assert shown[-1]["ops"] == [[4, " diffusion", 0.5, "c"]] and shown[-1]["masks"] == 3


def test_blocks_of_an_absolute_grid() -> None:
    meta = frames_of(masked_run("absolute")[:1], PIECES)[0]["meta"]
    assert (meta["first_block"], meta["block_length"]) == (4, 8)  # four cells of the block are the prompt's
    assert frames_of(masked_run()[:1], PIECES)[0]["meta"]["first_block"] == 8


def said(events: list[Event]) -> Iterator[tuple[str, str]]:
    for frame in frames_of(events, PIECES):
        lead, rest, tone = frame["say"]
        assert lead and rest.endswith(".") and tone in ("", "ok", "back", "ups"), frame["say"]
        yield frame["kind"], f"{lead} {rest}"


def test_sentences_of_masks() -> None:
    told: dict[str, list[str]] = {}
    for kind, sentence in said(masked_run()):
        told.setdefault(kind, []).append(sentence)
    assert told["insert"][0] == "Inserted. 1 mask and “in”, “any” in 3 places; the answer has 19 cells now."
    assert told["insert"][1] == "Inserted. 8 masks at cell 15; the answer has 25 cells now."
    assert told["delete"][0] == "Deleted. “when”, “seven” from cell 7 on; the answer has 17 cells now."
    assert told["draft"] == ["Drafted. 4 cells wait for their check: “so”, “it”, “can”, “river”."]
    assert told["verify"] == ["Checked. 3 drafts stand, 1 goes back to a mask: “river”."]
    assert told["predict"][0].startswith(
        "Drafts. What it would write in 4 cells that are open, the surest “A”"
    )
    assert told["finish"] == ["Finished. 24 cells in 8 steps, 9 sequences evaluated."]


def test_sentences_of_noise() -> None:
    told = list(said(noise_run()))
    assert told[0][1] == "The first canvas. 16 cells of noise; nothing is decided yet."
    noise = [sentence for kind, sentence in told if kind == "renoise"]
    assert noise[0] == "Noise. 10 cells of noise are drawn anew."
    assert noise[2].startswith("Re-noised. 1 cell goes back to noise: “diffusion”; 3 cells")
    assert ("verify", "Checked. 1 draft stands, 1 goes back to noise: “river”.") in told
    assert ("delete", "Deleted. 1 cell of noise from cell 15; the answer has 16 cells now.") in told


def test_an_answer_that_grows() -> None:
    run = Script(8, noise=False)
    run.add(Inserted, cells=(Cell(0, len(PROMPT) + 8, MASK, 1.0),) * 4)
    assert (
        list(said(run.events))[-1][1] == "The answer grew. 4 masks at its end; the answer has 12 cells now."
    )


def test_noise_completes_no_character_beside_it() -> None:
    """Noise that holds the rest of a character would change the word before it at every step."""
    pieces = {0: b"\xc3", 1: b"\xa9", 2: b"a"}
    begun = Started(
        nfe=0, tokens=((2, 0, 1),), attention_mask=((True,) * 3,), mask_id=None, prompt_length=1,
        noise=((False, True, True),), settings={},
    )  # fmt: skip
    frames = frames_of([begun, Unmasked(nfe=1, step=0, cells=(Cell(0, 1, 0, 0.5),))], pieces)
    assert frames[0]["ops"] == [[0, "\ufffd", None, "n"], [1, "\ufffd", None, "n"]]
    assert frames[1]["ops"] == [[0, "\ufffd", 0.5, "c"]]
    whole = frames_of(
        [begun, Unmasked(nfe=1, step=0, cells=(Cell(0, 1, 0, 0.5), Cell(0, 2, 1, 0.5)))], pieces
    )
    assert [op[1] for op in whole[1]["ops"]] == ["", "é"]


def test_orders() -> None:
    assert change([1, 2, 3], [4, 1, 3, 5, 6]) == ([2], [(1, [4]), (None, [5, 6])])
    assert joined([1, 2, 3], [4, 1, 3, 5]) == [4, 1, 2, 3, 5]


def looks(events: list[Event], upto: int, **options: Any) -> list[tuple[str, str]]:
    """The words of the terminal's view and how they look."""
    view = canvas_text(fold(events[:upto]), PIECES, **options)
    return [(view.plain[span.start : span.end], str(span.style)) for span in view.spans]


def test_the_terminal_tells_words_drafts_and_noise_apart() -> None:
    events = masked_run()
    kinds = [type(event).__name__ for event in events]
    drafted = looks(events, kinds.index("Drafted") + 1)
    assert (" so", "yellow underline") in drafted and ("░", "dim") in drafted
    assert (" so", "bold") in looks(events, kinds.index("Verified") + 1)
    assert (" model", "dim italic") in looks(events, 2)
    assert {text for text, _ in looks(events, 2, styled=False)} == {"░"}
    noise = noise_run()
    assert isinstance(noise[0], Started)
    first = WORDS[noise[0].tokens[0][len(PROMPT)]]
    assert looks(noise, 1)[0] == (f" {first}", "dim reverse")
    assert looks(noise, 2)[0] == (" A", "dim italic reverse")
    assert set(canvas_text(fold(noise[:1]), PIECES, styled=False).plain) == {"▒"}


def test_the_map_gives_every_cell_a_line_of_its_own() -> None:
    events = masked_run()
    figure = confidence_map(events, PIECES)
    heat = figure.data[0]
    ever = 16 + 3 + 8  # two of them were deleted, and a candidate's went with it
    assert len(heat.z) == ever and figure.layout.yaxis.title.text == "every cell that ever stood"
    lives = [dict(zip(heat.x, line, strict=True)) for line in heat.customdata]
    gone = [life for life in lives if life["3"] == "no cell at this step"]
    assert "cell 6: mask" in [life["2"] for life in gone], "it was deleted later in step 3"
    later = [life for life in lives if life["2"] == "no cell at this step"]
    assert "cell 6: “ in”" in [life["3"] for life in later]
    assert any("cell 0: “ A”" in text for line in heat.customdata for text in line)
    noisy = confidence_map(noise_run(), PIECES).data[0]
    assert any("noise" in text for text in noisy.customdata[1])


def test_frames_are_plain_json() -> None:
    frames: list[Frame] = [frame for run in RUNS.values() for frame in frames_of(run(), PIECES)]
    assert all(json.loads(json.dumps(frame, allow_nan=False)) == frame for frame in frames)


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.245, "0.24"), (0.13496, "0.14"), (0.125, "0.13"), (0.625, "0.63"), (1.0, "1.00"), (-3, "0.00"),
        (float("nan"), "–"),
    ],
)  # fmt: skip
def test_m28_a_score_is_rounded_once_and_as_the_board_rounds_it(score: float, text: str) -> None:
    assert two_digits(score) == text
