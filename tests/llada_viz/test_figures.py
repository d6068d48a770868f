"""The page's plotly figures, read back from the figure itself."""

from __future__ import annotations

import pytest

from evaluation.runs.summary import Summary, summarise
from llada_viz.render.figures import MOST_CELLS, confidence_map, pareto
from samplers.events import Cell, Remasked, Started, Unmasked

MASK = 9
PIECES = {0: b"a", 1: b"<b>", 2: b"\n", 3: b"?"}


def summary(label: str, right: int, nfe: float) -> Summary:
    rows = [
        {"correct": i < right, "nfe": nfe, "scorer_calls": 0, "seconds": nfe / 100, "extracted": "1",
         "text": "1", "tokens": 8, "row": i, "reason": ""}
        for i in range(10)
    ]  # fmt: skip
    return summarise(label, rows)


def test_pareto_has_a_mark_a_sampler_and_joins_those_that_no_other_beats() -> None:
    figure = pareto([summary("slow", 9, 64), summary("<b>fast</b>", 6, 8), summary("worse", 5, 32)])
    assert figure is not None
    first = [trace for trace in figure.data if trace.xaxis in (None, "x")]
    line, *marks = first
    assert list(line.x) == [8, 64] and list(line.y) == [0.6, 0.9]
    assert [mark.name for mark in marks] == ["slow", "&lt;b&gt;fast&lt;/b&gt;", "worse"]
    assert len({(mark.marker.color, mark.marker.symbol) for mark in marks}) == 3
    assert "accuracy 90.0%" in marks[0].customdata[0][0] and "<b>" not in marks[1].customdata[0][0]
    assert marks[0].error_y.array[0] > 0
    titles = [figure.layout.xaxis.title.text, figure.layout.xaxis2.title.text]
    assert titles == ["NFE a row", "seconds a row"]  # no scorer was paid


def test_m43_marks_of_one_place_stand_side_by_side_and_say_where_they_belong() -> None:
    figure = pareto([summary(name, 9, 64) for name in ("a", "b", "c")] + [summary("alone", 5, 32)])
    assert figure is not None
    a, b, c, alone = (t for t in figure.data if t.xaxis in (None, "x") and t.mode == "markers")
    assert a.x[0] < b.x[0] == 64 < c.x[0] and c.x[0] - b.x[0] > 64 / 50 and alone.x[0] == 32
    assert all("NFE a row 64" in mark.customdata[0][0] for mark in (a, b, c))


def test_pareto_of_nothing_is_none() -> None:
    assert pareto([]) is None


def run(steps: int = 2, cells: int = 3) -> list[object]:
    begun = Started(
        nfe=0, tokens=((3, *[MASK] * cells),), attention_mask=((True,) * (cells + 1),), mask_id=MASK,
        prompt_length=1, settings={},
    )  # fmt: skip
    events: list[object] = [begun]
    for step in range(steps):
        cell = Cell(0, 1 + step % cells, step % 3, 0.5)
        events.append(Unmasked(nfe=step + 1, step=step, cells=(cell,)))
    return events


def test_the_map_shows_what_stands_after_each_step() -> None:
    events = run(3)
    events.insert(3, Remasked(nfe=2, cells=(Cell(0, 1, 0, 0.4),), reason="policy"))
    heat = confidence_map(events, PIECES).data[0]  # type: ignore[arg-type]
    assert list(heat.x) == ["1", "2", "3"]
    assert [list(line) for line in heat.z] == [[0.5, None, None], [None, 0.5, 0.5], [None, None, 0.5]]
    assert [list(line) for line in heat.customdata] == [
        ["“a”", "mask", "mask"], ["mask", "“&lt;b&gt;”", "“&lt;b&gt;”"], ["mask", "mask", "“⏎”"],
    ]  # fmt: skip


def test_the_map_knows_no_confidence_of_what_an_early_stop_filled_in() -> None:
    """The network was not asked about these cells: they are no cells of confidence 0."""
    filled = Unmasked(nfe=2, step=-1, cells=(Cell(0, 3, 0, 0.0),))
    heat = confidence_map([*run(2), filled], PIECES).data[0]  # type: ignore[list-item]
    assert [list(line) for line in heat.z] == [[0.5, 0.5], [None, 0.5], [None, None]]
    assert [line[-1] for line in heat.customdata] == ["“a”", "“&lt;b&gt;”", "“a”"]
    assert [line[-1] for line in heat.text] == ["confidence 0.500"] * 2 + ["filled in after an early stop"]
    assert heat.text[2][0] == "", "a mask"


def test_the_map_says_which_cells_were_given() -> None:
    """A word constraint's cell has no confidence, and is none of an early stop's."""
    begun = Started(
        nfe=0, tokens=((3, 0, MASK, MASK),), attention_mask=((True,) * 4,), mask_id=MASK,
        prompt_length=1, settings={},
    )  # fmt: skip
    written = Unmasked(nfe=1, step=0, cells=(Cell(0, 2, 1, 0.5),))
    filled = Unmasked(nfe=1, step=-1, cells=(Cell(0, 3, 0, 0.0),))
    heat = confidence_map([begun, written, filled], PIECES).data[0]
    said = [line[-1] for line in heat.text]
    assert said == ["given from the start", "confidence 0.500", "filled in after an early stop"]


def test_a_long_run_is_thinned_and_ends_with_its_last_step() -> None:
    cells, steps = 500, 500
    figure = confidence_map(run(steps, cells), PIECES)  # type: ignore[arg-type]
    heat = figure.data[0]
    assert len(heat.x) * len(heat.z) <= MOST_CELLS + 2 * cells and heat.x[-1] == str(steps)
    assert "every 3 steps" in figure.layout.xaxis.title.text


@pytest.mark.parametrize("events", [run(0), []])
def test_a_run_without_a_step_is_an_empty_map(events: list[object]) -> None:
    assert len(confidence_map(events, PIECES).data[0].x) == 0  # type: ignore[arg-type]
