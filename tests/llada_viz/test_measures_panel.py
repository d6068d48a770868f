"""The card of measures: its words for any run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.preparing import prepare_run
from llada_viz.decoding.runs import Run, Runs
from llada_viz.render.measures import panel
from llada_viz.widgets.measures import MeasuresPanel
from samplers.events import Cell, Edited, Event, Finished, Predicted, Started, Unmasked
from samplers.measuring.judges import judge_by
from samplers.measuring.measures import Judge, Opinion, measure
from samplers.measuring.measures_table import Data, as_data
from samplers.recording.traces import read_trace

TRACES = Path(__file__).parents[1] / "vectors" / "traces" / "v0.2"
PIECES = {0: b"a", 1: b"<b>", 2: b"\n", 3: b"?"}
MASK = 9
SIZES = {"gen_length": 16, "block_length": 8, "steps": 4}


def drafted() -> list[Event]:
    """Would have been "a?", then "??", which it was."""
    begun = Started(
        nfe=0, tokens=((3, MASK, MASK),), attention_mask=((True,) * 3,), mask_id=MASK, prompt_length=1,
        settings={},
    )  # fmt: skip
    drafts = ({1: 0, 2: 3}, {1: 3})
    events: list[Event] = [begun]
    for forward, (draft, written) in enumerate(zip(drafts, ({2: 3}, {1: 3}), strict=True), 1):
        at = {"nfe": forward, "forwards": forward}
        events.append(Predicted(**at, cells=tuple(Cell(0, p, t, 0.5) for p, t in draft.items())))
        events.append(
            Unmasked(**at, step=forward - 1, cells=tuple(Cell(0, p, t, 0.5) for p, t in written.items()))
        )
    return [*events, Finished(nfe=2, forwards=2, tokens=((3, 3, 3),), stop_reasons=("steps",))]


def judge(right: str) -> Judge:
    return judge_by(lambda text: Opinion(text, text == right), PIECES, MASK)


def data(right: str = "", events: list[Event] | None = None) -> Data:
    return as_data(measure(events or drafted(), ends={2}, judge=judge(right) if right else None))


def test_words_of_a_run_that_was_right_on_the_way() -> None:
    lost = panel(data("a?"))
    assert "2 tokens in 2 passes" in lost and "from right to left" in lost and "−1.00" in lost
    assert "<b>50%</b> <span>of its drafts, from pass 1 to 1; thrown away</span>" in lost
    assert "the last time at pass 2 of 2" in lost and "stopped" not in lost
    assert "first at pass 2" in panel(data("??")) and "never" in panel(data("no"))
    assert "Right on the way" not in panel(data())
    whole = [drafted()[0], *drafted()[3:]]  # the last draft alone: it has none of the other cell
    assert "all at once" in panel(data("x", [*whole[:1], Unmasked(
        nfe=1, forwards=1, step=0, cells=(Cell(0, 1, 0, 0.5), Cell(0, 2, 0, 0.5)))]))  # fmt: skip


def test_words_of_runs_without_drafts_and_of_stopped_ones() -> None:
    without = [event for event in drafted() if not isinstance(event, Predicted)]
    assert "Not recorded" in panel(data("a?", without), can_draft=True)
    assert "Drafts" not in panel(data("a?", without))
    assert "The run was stopped" in panel(data("a?", drafted()[:3]))
    assert "fewer than two cells" in panel(data("", drafted()[:1]))
    edited = [*without[:-1], Edited(nfe=3, forwards=3, cells=(Cell(0, 1, 0, 0.5),))]
    assert "from right to left" in panel(data("", edited))


@pytest.fixture(scope="module")
def bundled() -> Bundled:
    return Bundled()


def decoded(bundled: Bundled, runs: Runs, sampler: str, **settings: Any) -> Run:
    using: Any = bundled
    ready = prepare_run(using, sampler, SIZES | settings, "What is 3 + 4 * 2?", 0)
    run = runs.start(ready, bundled.pieces, bundled.name)
    while run.advance(10):
        pass
    return run


def laid_out(runs: Runs) -> MeasuresPanel:
    with gr.Blocks():
        shown = MeasuresPanel(runs)
        shown.build(gr.State(""))
    return shown


def test_a_run_is_measured_once_it_has_ended_a_saved_one_at_once(bundled: Bundled) -> None:
    runs = Runs()
    shown = laid_out(runs)
    run = decoded(bundled, runs, "low_confidence", drafts=1)
    card, facts = shown.draw(run.id).values()
    assert card["visible"] and "Right on the way" in facts
    saved = runs.open(read_trace(TRACES / "wino.jsonl"))
    card, facts = shown.draw(saved.id).values()
    assert card["visible"] and "Tokens per pass" in facts


def test_nothing_is_shown_while_a_run_goes_on_or_of_none(bundled: Bundled) -> None:
    runs = Runs()
    shown, using = laid_out(runs), bundled
    ready = prepare_run(using, "low_confidence", SIZES, "What is 3 + 4?", 0)  # type: ignore[arg-type]
    run = runs.start(ready, bundled.pieces, bundled.name)
    run.advance(0)
    for run_id in (run.id, "no such run"):
        assert shown.draw(run_id)[shown.card] == gr.update(visible=False)
    run.stop()
    assert "The run was stopped" in shown.draw(run.id)[shown.facts]
