"""The panels that the server draws: what is shown of which run, what is asked of the network, when not."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz.decoding import run_models
from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.preparing import prepare_run
from llada_viz.decoding.run_models import NotAsked, RunModels
from llada_viz.decoding.runs import Run, Runs
from llada_viz.widgets import asked_panels
from llada_viz.widgets.asked_panels import usual_layers
from llada_viz.widgets.panel_card import GOES_ON, NO_RUN
from llada_viz.widgets.panels import Panels
from samplers.recording.traces import Trace, read_trace

TRACES = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"
SIZES = {"gen_length": 16, "block_length": 8, "steps": 4}
REQUEST: Any = SimpleNamespace(session_hash="somebody")
ALL = "order drafts regret dependencies"


@pytest.fixture(scope="module")
def bundled() -> Bundled:
    return Bundled()


class Page:
    """The panels of a page, laid out nowhere: components are plain names."""

    def __init__(self, bundled: Bundled) -> None:
        self.bundled, self.runs, self.models = bundled, Runs(), RunModels()
        self.panels = Panels(self.runs, self.models, Attachments(bundled))
        for card in self.panels.cards:
            for part in ("said", "plot", "ask", "layers"):
                setattr(card, part, f"{card.name} {part}")

    def decoded(self, sampler: str = "low_confidence", end: bool = True, **settings: Any) -> Run:
        using: Any = self.bundled
        ready = prepare_run(using, sampler, SIZES | settings, "What is 3 + 4 * 2?", 0)
        run = self.runs.start(ready, self.bundled.pieces, self.bundled.name)
        assert self.bundled.loaded is not None
        self.models.remember(run, self.bundled.loaded)
        while run.advance(10 if end else 0) and end:
            pass
        return run

    def drawn(self, run_id: str, names: str = ALL) -> dict[Any, Any]:
        return self.panels.draw(run_id, "", "", names)


@pytest.fixture
def page(bundled: Bundled) -> Page:
    return Page(bundled)


def figures(updates: dict[Any, Any]) -> set[str]:
    """The panels that have one."""
    return {name.split()[0] for name, each in updates.items() if name.endswith("plot") and each["visible"]}


def test_a_decoded_run_has_all_panels_and_its_network_can_be_asked(page: Page) -> None:
    run = page.decoded(drafts=1)
    shown = page.drawn(run.id)
    assert figures(shown) == {"order", "drafts"}
    assert "Kendall" in shown["order said"] and "A draft changed" in shown["drafts said"]
    assert "It evaluates 20 rows" in shown["regret said"] and shown["regret ask"]["visible"]
    layers = shown["dependencies layers"]
    assert layers["visible"] and layers["value"] == [4] and layers["choices"][0] == ("1 of 5", 0)


def test_the_run_that_the_page_opens_with_is_drawn_until_another_begins(page: Page) -> None:
    opening, own = saved(page), page.decoded()
    assert "order" in figures(page.panels.draw("", "", opening.id, ALL))
    both = page.panels.draw(own.id, "", opening.id, "order")
    assert both["order said"] == page.drawn(own.id)["order said"]
    assert both["order said"] != page.drawn(opening.id)["order said"]


def test_closed_panels_hold_nothing(page: Page) -> None:
    run = page.decoded(drafts=1)
    shown = page.drawn(run.id, "order")
    assert figures(shown) == {"order"}
    assert shown["drafts said"] == shown["regret said"] == "" and not shown["regret ask"]["visible"]
    assert figures(page.drawn(run.id, "")) == set()


def test_without_a_run_and_while_one_goes_on_there_is_a_sentence(page: Page) -> None:
    run = page.decoded(end=False)
    for run_id, words in ((run.id, GOES_ON), ("no such run", NO_RUN)):
        shown = page.drawn(run_id)
        assert figures(shown) == set()
        assert all(words in shown[f"{card.name} said"] for card in page.panels.cards)
    run.stop()
    assert "No pass has decided a cell yet." in page.drawn(run.id)["order said"]


def test_the_regret_is_computed_by_one_click_and_stays(page: Page) -> None:
    run = page.decoded()
    asking, found = list(page.panels.regret.on_ask(run.id, "", "", 0, REQUEST))
    assert asking["regret ask"]["interactive"] is False
    assert "16 cells were committed beside others, in 4 passes" in found["regret said"]
    assert len(found["regret plot"]["value"].data[0].x) == 4 and not found["regret ask"]["visible"]
    assert page.drawn(run.id)["regret said"] == found["regret said"]


def test_nothing_was_committed_together_where_a_pass_writes_one_cell(page: Page) -> None:
    run = page.decoded(steps=16)
    shown = page.drawn(run.id)
    assert "nothing was committed together" in shown["regret said"] and not shown["regret ask"]["visible"]


def test_who_looks_at_whom_is_asked_at_a_frame(page: Page) -> None:
    run = page.decoded()
    ask = page.panels.dependencies.on_ask
    _, found = list(ask(run.id, "", [3, 4], "", 1, REQUEST))
    assert "Frame 1: 12 masks, layers 4 to 5." in found["dependencies said"]
    assert len(found["dependencies plot"]["value"].data[0].x) == 12
    assert page.drawn(run.id)["dependencies said"] == found["dependencies said"]
    _, last = list(ask(run.id, "", [4], "", 10**9, REQUEST))
    assert "no cell is undecided" in last["dependencies said"] and not last["dependencies plot"]["visible"]


@pytest.mark.parametrize("layers", [[], [5], [-1], ["4"], [True], None, "4"])
def test_layers_that_are_not_there_are_refused(page: Page, layers: Any) -> None:
    run = page.decoded()
    _, refused = list(page.panels.dependencies.on_ask(run.id, "", layers, "", 0, REQUEST))
    assert "Choose at least one layer" in refused["dependencies said"]
    assert refused["dependencies ask"]["interactive"]


def test_a_map_of_too_many_masks_is_refused(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_panels, "MOST_SHOWN", 15)
    run = page.decoded()
    _, refused = list(page.panels.dependencies.on_ask(run.id, "", [4], "", 0, REQUEST))
    assert "16 masks are left in this frame; 15 can be drawn" in refused["dependencies said"]


def test_a_stranger_cannot_ask(page: Page) -> None:
    assert NO_RUN in list(page.panels.regret.on_ask("guessed", "", "", 0, REQUEST))[0]["regret said"]
    assert (
        NO_RUN
        in list(page.panels.dependencies.on_ask("guessed", "", [4], "", 0, REQUEST))[0]["dependencies said"]
    )


def test_a_run_that_would_ask_too_much_does_not(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked_panels, "MOST_ASKED", 19)
    run = page.decoded()
    assert "20 rows would be evaluated again; 19 are the most" in page.drawn(run.id)["regret said"]
    assert NO_RUN in list(page.panels.regret.on_ask(run.id, "", "", 0, REQUEST))[0]["regret said"]


def saved(page: Page, **changes: Any) -> Run:
    trace = read_trace(TRACES / "wino_takes_back.jsonl")
    return page.runs.open(replace(Trace(trace.events, dict(trace.pieces), trace.model), **changes))


def test_a_recorded_run_is_asked_of_the_model_of_its_name(page: Page) -> None:
    run = page.decoded()
    again = page.runs.open(run.trace())
    _, found = list(page.panels.regret.on_ask(again.id, "", "", 0, REQUEST))
    assert "16 cells were committed beside others, in 4 passes" in found["regret said"]
    shown = page.drawn(again.id)
    assert "order" in figures(shown) and "This run recorded no drafts." in shown["drafts said"]


def test_a_recorded_run_of_another_model_is_replayed_only(page: Page) -> None:
    run = saved(page, model="elsewhere")
    shown = page.drawn(run.id)
    only = "not loaded. It can be replayed; to ask it, load elsewhere in the Models tab."
    assert only in shown["regret said"] and only in shown["dependencies said"] and "order" in figures(shown)
    _, refused = list(page.panels.dependencies.on_ask(run.id, "", [4], "", 0, REQUEST))
    assert only in refused["dependencies said"]


def test_tokens_that_the_model_has_not_never_reach_it(page: Page) -> None:
    run = page.decoded()
    trace = run.trace()
    high = len(page.bundled.pieces)
    first = trace.events[0]
    tokens = tuple(tuple(high if token == trace.events[0].tokens[0][0] else token for token in row)  # type: ignore[attr-defined]
                   for row in first.tokens)  # type: ignore[attr-defined]  # fmt: skip
    hostile = page.runs.open(Trace((replace(first, tokens=tokens),), {}, trace.model))  # type: ignore[arg-type]
    other_words = page.runs.open(
        Trace(trace.events, {**trace.pieces, min(trace.pieces): b"other"}, trace.model)
    )
    for made in (hostile, other_words):
        with pytest.raises(NotAsked, match="can be replayed"):
            page.models.of(made, page.bundled)


def test_a_model_that_is_gone_is_not_asked(page: Page) -> None:
    class Model:
        """Stands for a loaded one, which can be let go."""

    run = page.decoded()
    run.model = "gone"
    loaded: Any = Model()
    page.models.remember(run, loaded)
    assert page.models.of(run, page.bundled) is loaded
    del loaded
    gc.collect()
    with pytest.raises(NotAsked, match="load gone in the Models tab"):
        page.models.of(run, page.bundled)


def test_on_zero_gpu_it_is_refused_in_words(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    run = page.decoded()
    monkeypatch.setattr(run_models, "on_zero_gpu", lambda: True)
    shown = page.drawn(run.id)
    assert "lent to whole runs only" in shown["regret said"] and not shown["regret ask"]["visible"]
    _, refused = list(page.panels.regret.on_ask(run.id, "", "", 0, REQUEST))
    assert "lent to whole runs only" in refused["regret said"]


def test_the_usual_layers_are_the_upper_quarter() -> None:
    assert usual_layers(1) == [0] and usual_layers(5) == [4] and usual_layers(32) == list(range(24, 32))
