"""Frames: folding their ops gives the canvas that the events describe; the sentences tell it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest

from llada_viz.render import FrameMaker
from llada_viz.render.ops import unit
from models.text import cell_texts
from samplers.events import (
    BlockScored,
    CandidateChosen,
    CandidatesForked,
    Cell,
    EventError,
    Finished,
    Remasked,
    Unmasked,
)
from samplers.fold import Board
from tests.llada_viz.script import EOS, MASK, PIECES, cell, every_event, frames_of, started

MASKED = "mbur"


def folded(frames: Any) -> Iterator[Any]:
    """The texts and confidences of the cells after each frame, by the rules of the page."""
    texts, confidences = [], []
    for frame in frames:
        if frame["kind"] == "start":
            texts = [""] * frame["meta"]["gen_length"]
            confidences = [None] * len(texts)
        for position, text, confidence, state in frame["ops"]:
            texts[position] = "" if state in MASKED else text
            if state != "t":
                confidences[position] = None if state in MASKED else confidence
        yield list(texts), list(confidences)


def test_frames_fold_to_the_board() -> None:
    events, board = every_event(), Board()
    frames = frames_of(events, PIECES)
    for event, frame, (texts, confidences) in zip(events, frames, folded(frames), strict=True):
        board.apply(event)
        answer = board.rows[0].tokens[board.prompt_length :]
        assert texts == cell_texts(PIECES, answer, MASK), frame
        assert frame["masks"] == answer.count(MASK) and frame["nfe"] == event.nfe
        unknown = {7} if frame["masks"] else {6, 7}  # given, or filled after an early stop
        assert [c is None for c in confidences] == [t == MASK or i in unknown for i, t in enumerate(answer)]
    assert [frame["seq"] for frame in frames] == list(range(len(frames)))
    assert texts == [" a", "", "é", " b", "\n", "<script>", "<|endoftext|>", "c"]
    assert confidences[1] == 0.7 and confidences[3] == 0.95  # the winner's, not the trunk's


def test_frames_are_plain_json() -> None:
    for frame in frames_of(every_event(), PIECES):
        assert json.loads(json.dumps(frame, allow_nan=False)) == frame
        lead, rest, tone = frame["say"]
        assert lead and rest and rest[-1] in ".!" and tone in ("", "back", "ups", "ok")


def test_a_later_token_completes_an_earlier_character() -> None:
    frames = frames_of(every_event(), PIECES)
    assert frames[1]["ops"] == [[2, "\ufffd", 0.25, "c"]]
    assert frames[2]["ops"] == [[1, "", 0.75, "c"], [2, "é", None, "t"]]


def test_a_fork_shows_its_first_candidate_and_then_the_chosen_one() -> None:
    frames = {frame["kind"]: frame for frame in frames_of(every_event(), PIECES)}
    all_frames = frames_of(every_event(), PIECES)
    start = next(i for i, frame in enumerate(all_frames) if frame["kind"] == "fork")
    assert all_frames[start]["fork"] == 2
    trying = all_frames[start + 1 : start + 4]
    assert all(frame["say"][0] == "Filling in 2 candidates" for frame in trying)
    assert [[op[::3] for op in frame["ops"] if op[3] != "t"] for frame in trying] == [
        [[1, "c"]], [[0, "r"]], [[3, "c"]],
    ]  # fmt: skip
    assert trying[1]["reason"] == "remdm"
    assert all_frames[start + 4]["say"][1] == "Block 1: 0.20, 0.85."
    chosen = frames["choose"]
    assert chosen["fork"] == 0 and chosen["prm"] == [[0, 0.85]] and chosen["win"] is None
    # Candidate 2 goes on: cell 0 was re-masked in the first one only, and cells 1 and 3 differ.
    assert [op[::3] for op in chosen["ops"] if op[3] != "t"] == [[0, "c"], [1, "c"], [3, "c"]]
    assert chosen["tried"] == {
        "blocks": [0, 1], "won": 1, "before": None,
        "list": [[0.2, "<script>\ufffdc"], [0.85, " aé b"]],
    }  # fmt: skip


def test_a_window_keeps_what_stood_before() -> None:
    span = (2, 6)
    events = [
        started(), Unmasked(nfe=1, step=0, cells=tuple(cell(i, 4 + i) for i in range(4))),
        CandidatesForked(nfe=1, block=0, k=2, rows=2),
        Remasked(nfe=1, cells=(cell(1, 5), cell(1, 5, row=1)), reason="backmask", forked=True),
        Unmasked(nfe=3, step=1, cells=(cell(1, 8), cell(1, 4, row=1)), forked=True),
        BlockScored(nfe=3, scorer="prm", span=span, scores=(0.2, 0.1), scorer_calls=2, forked=True),
        CandidateChosen(nfe=3, block=0, winners=(None,)),
    ]  # fmt: skip
    frames = frames_of(events, PIECES)
    assert frames[3]["ops"] == [[1, " b", 0.5, "b"]], "the re-masked cell is seen while candidates are tried"
    assert frames[-1]["tried"]["before"] == " a b\n<script>" and frames[-1]["tried"]["won"] == -1
    assert frames[-1]["ops"] == [[1, " b", 0.5, "c"]], "the original comes back"


def test_scores_windows_and_policy() -> None:
    frames = {frame["kind"]: frame for frame in frames_of(every_event(), PIECES)}
    assert frames["window"]["win"] == [0, 1] and frames["window"]["prm"] == [[0, 0.3]]
    assert frames["window"]["ups"] == {"at": 0, "p": [0.7] * 4}
    assert frames["policy"]["ups"] == {"at": 0, "p": [0.1, 0.8, 0.2, 0.3], "cut": 0.5}
    assert frames["policy"]["say"][1] == "1 of 4 cells falls below 0.50 and stays a mask."
    assert frames["finish"]["calls"] == 3
    remasked = [f for f in frames_of(every_event(), PIECES) if f["kind"] == "remask" and f["ops"]]
    # The completed é falls apart with its first byte; a dropped token is shown as it was.
    assert remasked[0]["ops"] == [[1, "", 0.2, "u"], [2, "\ufffd", None, "t"]]
    assert remasked[1]["ops"] == [[3, " b", 0.1, "b"]]


def test_sentences() -> None:
    said = [" ".join(frame["say"][:2]) for frame in frames_of(every_event(), PIECES)]
    assert said[0] == "The first canvas. 7 masks, 1 cell given; nothing is decided yet."
    assert said[3] == "Step 3. No cell was written."
    assert said[4] == "Step 4. 2 cells written, the surest “b” in cell 0 (90%)."
    assert "Block 1 scored 0.30 (checker)." in said[5]
    assert said[-2] == "Stopped early. The cell that was left became the end of the text."
    assert said[-1].startswith("Finished. 8 cells in 7 steps, 10 sequences evaluated. It stopped early")


def test_cells_filled_after_an_early_stop_are_not_a_step() -> None:
    filled = frames_of(every_event(), PIECES)[-2]
    assert filled["ops"] == [[6, "<|endoftext|>", None, "c"]]
    assert (filled["step"], filled["filled"], filled["masks"]) == (7, 1, 0)


def test_first_frame_describes_the_run() -> None:
    meta = frames_of(every_event()[:1], PIECES)[0]["meta"]
    assert meta["gen_length"] == 8 and meta["block_length"] == 4 and meta["steps"] == 8
    assert meta["prompt"] == " a b" and meta["sampler"] == "LLaDA · surest first"
    assert meta["told"] == "steps 8, block length 4, seed 7" and not meta["unsure"]


def test_long_settings_of_a_foreign_trace_are_cut() -> None:
    meta = frames_of([started(steps=10**200, note="x" * 500)], PIECES)[0]["meta"]
    assert len(meta["told"]) < 250 and "note xxx" in meta["told"]


@pytest.mark.parametrize("value", [0, -3, 10**9, "16", True, None, [4]])
def test_settings_of_a_foreign_trace_fall_back(value: Any) -> None:
    meta = frames_of([started(block_length=value, steps=value, network=value)], PIECES)[0]["meta"]
    assert meta["block_length"] == 8 and meta["steps"] is None


def test_only_the_shown_row_is_drawn() -> None:
    maker = FrameMaker(PIECES, row=1)
    maker.frame(started(rows=2))
    frame = maker.frame(Unmasked(nfe=2, block=0, step=0, cells=(cell(0, 4), cell(1, 5, row=1))))
    assert frame["ops"] == [[1, " b", 0.5, "c"]] and frame["masks"] == 6


def test_unknown_tokens_and_numbers() -> None:
    frame = frames_of([started(), Unmasked(nfe=1, step=0, cells=(cell(0, 999, math.nan),))], PIECES)[1]
    assert frame["ops"] == [[0, "⟨999⟩", 0.0, "c"]]
    assert unit(math.inf) is None and unit(2.0) == 1.0 and unit(-1.0) == 0.0


def test_every_remask_reason_has_a_look() -> None:
    for reason, state in {"backmask": "b", "ups": "u", "remdm": "r", "user": "r"}.items():
        events = [
            started(), Unmasked(nfe=1, step=0, cells=(cell(0, 4),)),
            Remasked(nfe=1, cells=(cell(0, 4),), reason=reason),
        ]  # fmt: skip
        frame = frames_of(events, PIECES)[-1]
        assert frame["ops"] == [[0, " a", 0.5, state]] and "“a”" in frame["say"][1]


def test_events_that_do_not_fit() -> None:
    outside = Unmasked(nfe=1, step=0, cells=(Cell(0, 99, 4, 0.5),))
    with pytest.raises(EventError, match="outside the canvas"):
        frames_of([started(), outside], PIECES)
    with pytest.raises(EventError, match="Started first"):
        frames_of([Finished(nfe=0, tokens=((EOS,),), stop_reasons=("eos",))], PIECES)


def test_stopped_and_broken() -> None:
    maker = FrameMaker(PIECES)
    maker.frame(started())
    assert maker.stopped(1.0)["say"][1] == "at step 0 of 8, 7 masks left."
    assert "out of memory" in maker.broken(RuntimeError("out of memory"))["say"][1]
