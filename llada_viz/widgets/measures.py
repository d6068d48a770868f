"""The panel of measures under the canvas: shown when a run has ended, with a button that asks the network
again what committing cells together cost."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import gradio as gr

from llada_viz.decoding.recent import Recent
from llada_viz.decoding.runs import MOST_RUNS, Run, Runs
from llada_viz.decoding.sharing import sharing_of
from llada_viz.host import on_zero_gpu
from llada_viz.render.measures import panel, regret_panel
from llada_viz.widgets.live import QUIET, alert
from models.loading import LoadedModel
from samplers.forwards.shared_forwards import Left
from samplers.measuring.judges import ends_among, turns_of
from samplers.measuring.measures_command import measured
from samplers.measuring.regret import regret, together_of
from samplers.registry import SAMPLERS
from samplers.requests import Tools, network_of

MOST_ASKED = 2048
ASK, ASKING = "What did committing together cost?", "Asking the network again…"
GONE = "The model of this run is no longer loaded, so it cannot be asked again"


class MeasuresPanel:
    """Of the run that the canvas shows."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self._models: Recent[str, weakref.ref[LoadedModel]] = Recent(MOST_RUNS)

    def remember(self, run: Run, loaded: LoadedModel) -> None:
        """The model that decodes a run; it is not kept in memory for it."""
        self._models.put(run.id, weakref.ref(loaded))

    def build(self, run_id: gr.State) -> None:
        """Lay it out, hidden. run_id: the page's state, the id of the run that the canvas shows."""
        self.run_id = run_id
        with gr.Column(
            visible=False, elem_classes="lz-measures", elem_id="measures", min_width=0
        ) as self.card:
            self.facts = gr.HTML(apply_default_css=False)
            self.ask = gr.Button(ASK, size="sm", elem_id="regret", min_width=0)
            self.cost = gr.HTML(elem_id="cost", apply_default_css=False)
        run_id.change(self.draw, run_id, self.outputs, queue=False, **QUIET)
        self.ask.click(self.on_ask, run_id, [self.ask, self.cost], concurrency_limit=2, **QUIET)

    def after(self, *events: Any) -> None:
        """Draw it anew when these are over."""
        for event in events:
            event.then(self.draw, self.run_id, self.outputs, queue=False, **QUIET)

    @property
    def outputs(self) -> list[Any]:
        return [self.card, self.facts, self.ask, self.cost]

    def draw(self, run_id: str) -> tuple[Any, Any, Any, Any]:
        """What the run did; nothing while it goes on."""
        run = self.runs.get(run_id)
        if run is None or not run.ended or not run.events:
            return gr.update(visible=False), "", gr.update(), ""
        trace = run.trace()
        data = measured(trace.events, trace.pieces, ends_among(trace.pieces), self._gold(run))
        sampler = SAMPLERS.get(str(trace.settings.get("sampler")))
        can_draft = sampler is not None and "drafts" in {f.name for f in fields(sampler.cls)}
        asks = self._loaded(run_id) is not None and not on_zero_gpu()
        button = gr.update(value=ASK, interactive=True, visible=asks)
        return gr.update(visible=True), panel(data, can_draft), button, ""

    def on_ask(self, run_id: str, request: gr.Request) -> Iterator[tuple[Any, str]]:
        """Ask the network again, by turns with the runs that go on."""
        run, loaded = self.runs.get(run_id), self._loaded(run_id)
        if run is None or loaded is None or not run.ended:
            yield gr.update(visible=False), alert(GONE)
            return
        yield gr.update(value=ASKING, interactive=False), ""
        yield gr.update(visible=False), self._cost(run, loaded, str(request.session_hash or ""))

    def _cost(self, run: Run, loaded: LoadedModel, visitor: str) -> str:
        trace = run.trace()
        asked = sum(len(step.cells) + 1 for step in together_of(trace.events)[0])
        if asked > MOST_ASKED:
            return alert(f"The run would be asked {asked:,} rows again; allowed: at most {MOST_ASKED:,}")
        network = network_of(loaded, Tools(sharing=sharing_of(loaded)))
        place: Any = getattr(network, "place", None)
        if place is not None and visitor:
            place.owner = visitor
        try:
            return regret_panel(regret(trace.events, network), trace.pieces)
        except Left:
            return alert("The server is going down")
        finally:
            if place is not None:
                place.leave()

    def _loaded(self, run_id: str) -> LoadedModel | None:
        kept = self._models.get(run_id)
        return kept() if kept is not None else None

    def _gold(self, run: Run) -> str:
        return next(
            (run.golds[part] for part in reversed(turns_of(run.layout.prompt)) if part in run.golds), ""
        )
