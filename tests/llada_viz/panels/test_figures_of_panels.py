"""From events and numbers to the shapes and words of the panels."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llada_viz.render.figures import INK
from llada_viz.render.panels.dependencies import dependency_figure, dependency_words
from llada_viz.render.panels.drafts import (
    FLIPPED,
    MOST_CELLS,
    DraftMap,
    draft_map,
    draft_words,
    drafts_figure,
    judged_drafts,
)
from llada_viz.render.panels.order import commits_of, order_figure, order_words
from llada_viz.render.panels.regret import COST, GAIN, regret_figure, regret_words
from samplers.events import Cell, Event, Finished, Predicted, Started, Unmasked
from samplers.measuring.dependencies import Dependencies
from samplers.measuring.judges import judge_by
from samplers.measuring.measures import Opinion, measures_of
from samplers.measuring.regret import Regret, StepRegret
from samplers.measuring.row_log import Recorder, recorded

PIECES = {0: b"a", 1: b"<b>", 2: b"\n", 3: b"?", 4: b"<|eos|>"}
MASK, END = 9, 4


def started(cells: int, **settings: object) -> Started:
    return Started(
        nfe=0, tokens=((3, *[MASK] * cells),), attention_mask=((True,) * (cells + 1),), mask_id=MASK,
        prompt_length=1, settings=settings,
    )  # fmt: skip


def written(forward: int, *cells: tuple[int, int, float], step: int | None = None) -> Unmasked:
    """cells: (place in the answer, token, confidence)."""
    step = forward - 1 if step is None else step
    of = tuple(Cell(0, 1 + place, token, sure) for place, token, sure in cells)
    return Unmasked(nfe=forward, forwards=forward, step=step, cells=of)


def predicted(forward: int, drafts: dict[int, Sequence[tuple[int, float]]]) -> Predicted:
    """drafts: place -> tokens with their probabilities, likeliest first."""
    of = tuple(Cell(0, 1 + place, token, sure) for place, said in drafts.items() for token, sure in said)
    return Predicted(nfe=forward, forwards=forward, cells=of)


# ---- order -----------------------------------------------------------------------------------


def test_each_cell_has_a_mark_where_and_when_it_was_written() -> None:
    events = [started(4), written(1, (2, 0, 0.9)), written(2, (0, 1, 0.8), (1, 2, 0.7)),
              written(2, (3, 0, 0.0), step=-1)]  # fmt: skip
    commits = commits_of(recorded(events), PIECES)
    assert [(c.place, c.forward, c.text) for c in commits] == [(0, 2, "<b>"), (1, 2, "\n"), (2, 1, "a")]
    figure = order_figure(commits)
    line, marks = figure.data
    assert list(marks.x) == [2, 2, 1] and list(marks.y) == [0, 1, 2] and list(line.x) == [1, 2, 2]
    assert list(marks.marker.color) == [0.8, 0.7, 0.9]
    assert marks.customdata[0].startswith("cell 0: “&lt;b&gt;”") and "⏎" in marks.customdata[1]
    assert order_words(commits).startswith("Kendall’s τ −0.82: mostly from right to left.")


def test_the_order_of_a_run_without_confidences_has_no_colours() -> None:
    commits = commits_of(recorded([started(2, confidence="unknown"), written(1, (0, 0, 1.0))]), PIECES)
    assert order_figure(commits).data[1].marker.color == INK
    assert "confidence" not in order_figure(commits).data[1].customdata[0]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "No pass has decided a cell yet."),
        ([written(1, (0, 0, 1.0))], "One cell alone has no order."),
        ([written(1, (0, 0, 1.0), (1, 0, 1.0))], "All cells were written in one pass."),
        ([written(1, (0, 0, 1.0)), written(2, (1, 0, 1.0))],
         "Kendall’s τ +1.00: from left to right. 100% right after the cell before, "
         "100% at the first open cell (AR-ness@1)."),
    ],
)  # fmt: skip
def test_words_of_an_order(events: list[Event], words: str) -> None:
    assert order_words(commits_of(recorded([started(2), *events]), PIECES)) == words


# ---- drafts ----------------------------------------------------------------------------------


def flipping() -> list[Event]:
    """Would have been "a?", then "??", which it was."""
    return [
        started(2),
        predicted(1, {0: [(0, 0.6), (3, 0.4)], 1: [(3, 0.9)]}),
        written(1, (1, 3, 0.9)),
        predicted(2, {0: [(3, 0.7)]}),
        written(2, (0, 3, 0.7)),
        Finished(nfe=2, forwards=2, tokens=((3, 3, 3),), stop_reasons=("steps",)),
    ]


def seen(events: list[Event]) -> Recorder:
    return recorded(events, {END}, full_drafts=True)


def test_the_map_of_drafts_has_their_changes() -> None:
    found = draft_map(seen(flipping()), PIECES)
    assert found is not None
    assert found.forwards == (1, 2) and found.places == (0, 1)
    assert found.flipped == ((0, 1), (0, None)) and (found.flips, found.last) == (1, 2)
    assert found.texts[0] == (
        "cell 0, pass 1: “a”<br>probability 0.60", "cell 0, pass 2: “a” → “?”<br>probability 0.70",
    )  # fmt: skip
    assert found.texts[1][1] == "cell 1: no draft at pass 2"
    heat = drafts_figure(found, []).data[0]
    assert list(heat.x) == [1, 2] and [list(line) for line in heat.z] == [[0, 1], [0, None]]
    assert heat.colorscale[-1][1] == FLIPPED


def test_a_run_without_drafts_has_no_map() -> None:
    assert draft_map(seen([e for e in flipping() if not isinstance(e, Predicted)]), PIECES) is None


def words(right: str, events: list[Event]) -> str:
    recorder = seen(events)
    judge = judge_by(lambda text: Opinion(text, text == right), PIECES, MASK) if right else None
    found, row = draft_map(recorder, PIECES), recorder.board.trunk[0]
    assert found is not None
    measures = measures_of(recorder, 0, judge)
    return draft_words(found, measures, recorder.logs[0].drafts, row.tokens[1:], PIECES)


def test_words_of_drafts_say_when_the_answer_was_right_and_what_became_of_it() -> None:
    begin = "A draft changed 1 time, in 2 cells; the last time in pass 2."
    assert words("", flipping()) == begin
    assert words("a?", flipping()) == (
        f"{begin} The answer was right at pass 1, and then overwritten: cell 0 was “a” and became “?”."
    )
    assert words("??", flipping()) == f"{begin} The draft of the whole answer was first right at pass 2."
    assert words("no", flipping()) == f"{begin} No draft of the whole answer was right."


def test_whole_drafts_are_marked_right_or_wrong_above_the_map() -> None:
    recorder = seen(flipping())
    found = draft_map(recorder, PIECES)
    judge = judge_by(lambda text: Opinion(text, text == "a?"), PIECES, MASK)
    judged = judged_drafts(recorder.logs[0].drafts, judge)
    assert found is not None and [(each.forward, each.right) for each in judged] == [(1, True), (2, False)]
    strip = drafts_figure(found, judged).data[1]
    assert list(strip.x) == [1, 2] and list(strip.marker.symbol) == ["circle", "x-thin"]
    assert strip.customdata[1] == "pass 2: the whole draft is wrong"
    unknown = judge_by(lambda text: Opinion(None, None), PIECES, MASK)
    assert len(drafts_figure(found, judged_drafts(recorder.logs[0].drafts, unknown)).data) == 1
    assert judged_drafts(recorder.logs[0].drafts, None) == []


def test_a_long_map_shows_every_nth_pass_and_loses_no_change() -> None:
    forwards = MOST_CELLS + 1
    line = tuple(int(forward == 5) for forward in range(1, forwards + 1))
    found = DraftMap(tuple(range(1, forwards + 1)), (0,), (line,), (("",) * forwards,))
    heat = drafts_figure(found, []).data[0]
    assert len(heat.x) == forwards // 2 + 1 and list(heat.z[0]).count(1) == 1 and heat.x[2] == 6


# ---- regret ----------------------------------------------------------------------------------


def test_a_bar_a_pass_with_its_dearest_cells() -> None:
    steps = (
        StepRegret(2, (3, 4), (1, 3), (1, 2), (-0.1, -0.2), (-1.1, -0.1)),
        StepRegret(5, (5, 6), (0, 2), (3, 4), (-1.0, -1.0), (-0.5, -0.5)),
    )
    bars = regret_figure(Regret(steps, 6), 2, PIECES).data[0]
    assert list(bars.x) == [2, 5] and list(bars.y) == pytest.approx([0.9, -1.0])
    assert list(bars.marker.color) == [COST, GAIN]
    assert bars.customdata[0] == (
        "pass 2: +0.90 nats<br>cell 1: “&lt;b&gt;” +1.00 nats<br>cell 2: “?” −0.10 nats"
    )
    said = regret_words(Regret(steps, 6))
    assert said.startswith("−0.10 nats: 4 cells were committed beside others, in 2 passes.")
    assert "no less likely" in said and "The dearest was pass 2." in said
    dear = regret_words(Regret(steps[:1], 3))
    assert "in 1 pass." in dear and "they are less likely" in dear
    assert "nothing was committed together" in regret_words(Regret((), 0))


def test_of_a_pass_with_many_cells_the_dearest_are_named() -> None:
    many = tuple(range(1, 21))
    step = StepRegret(1, many, (0,) * 20, many, tuple(n / 10 for n in many), (0.0,) * 20)
    hover = regret_figure(Regret((step,), 21), 1, PIECES).data[0].customdata[0].split("<br>")
    assert hover[1] == "cell 19: “a” +2.00 nats" and hover[-1] == "and 8 cells more" and len(hover) == 14


# ---- dependencies ----------------------------------------------------------------------------

FOUND = Dependencies(
    (2, 3, 5), (4, 5, 7), ((0.5, 0.1, 0.2), (0.3, 0.1, 0.25), (0.05, 0.15, 0.2)), (0.2, 0.35, 0.6), (7,)
)


def test_who_looks_at_whom_without_oneself_and_with_sinks_dimmed() -> None:
    bright, dim = dependency_figure(FOUND, 3).data
    assert list(bright.x) == ["1", "2", "4"]
    assert [list(line) for line in bright.z] == [[None, 0.1, None], [0.3, None, None], [0.05, 0.15, None]]
    assert [list(line) for line in dim.z] == [[None, None, 0.2], [None, None, 0.25], [None, None, None]]
    assert bright.zmax == 0.3  # a sink sets no scale
    assert dependency_words(FOUND, 3) == (
        "3 masks, layers 3 to 4, 6. 38% of a look goes to decided cells, the prompt too. Most of all "
        "cell 2 looks at cell 1: 30%. Dimmed, as all look there: 4."
    )


def test_of_one_mask_or_none_there_is_less_to_say() -> None:
    one = Dependencies((0,), (4,), ((0.5,),), (0.5,), ())
    words = "1 mask, layer 1. 50% of a look goes to decided cells, the prompt too."
    assert dependency_words(one, 3) == words
    assert len(dependency_figure(one, 3).data) == 1
    assert "no cell is undecided" in dependency_words(Dependencies((0,), (), (), (), ()), 3)
    assert dependency_words(one, 3, noise=True).startswith("1 undecided cell,")
