"""Going on from a frame of the canvas: branches grow, are opened and are compared with their parents; and
words are pinned for the next run.

What a browser asks for arrives as the data of an event of the canvas, and is checked here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.branch_request import BranchRequest
from llada_viz.decoding.branches import GONE, Branches, ModelMissing
from llada_viz.decoding.cell_questions import CellQuestions, offer_for
from llada_viz.decoding.comparison import MEASURES, Comparison, Comparisons
from llada_viz.decoding.entrance import ENTRANCE
from llada_viz.decoding.run_models import RunModels
from llada_viz.decoding.runs import Run, Runs
from llada_viz.widgets import compare_canvas
from llada_viz.widgets.canvas import TokenCanvas, aside, message, shown_whole
from llada_viz.widgets.form import SamplerForm
from llada_viz.widgets.live import QUIET, Updates, Values, alert, no_change
from llada_viz.widgets.starting import LiveTab, buttons
from models.checkpoint import ModelError
from models.text import cell_texts
from samplers.branch import BranchError, StillCompared
from samplers.requests import RequestError, parse_constraints
from samplers.settings import SettingError, sentence_of

GOES_ON = "A run is still going on: press Stop first, or wait for its end."
WAIT = "This branch is still going on: compare it when it has ended."
COMPARED = "Here candidates or drafts are still compared, so no run can go on from this frame."
Refusals = (BranchError, RequestError, SettingError, ModelError)


class BranchingTab(LiveTab, Protocol):
    """A tab whose canvas can branch."""

    attached: Any
    constraints: Any
    scorer: Any
    form: SamplerForm

    def on_end(self, run_id: str) -> Updates: ...


class Branching:
    """Of one tab. runs: of the page; comparisons: where a branch is laid beside its parent; models: which
    ones decode the runs."""

    def __init__(
        self, runs: Runs, attachments: Attachments, comparisons: Comparisons, models: RunModels
    ) -> None:
        self.runs, self.attachments, self.comparisons, self.models = runs, attachments, comparisons, models
        self.branches = Branches(runs)
        self.questions = CellQuestions(runs, models, attachments)

    def canvas(self, **options: Any) -> TokenCanvas:
        """The canvas, which can be asked."""
        return TokenCanvas(self.runs, questions=self.questions, branches=self.branches, **options)

    def build(self) -> None:
        """Lay out the place where a branch stands beside its parent, hidden."""
        with gr.Column(visible=False, elem_classes="lz-beside", elem_id="beside", min_width=0) as self.beside:
            self.close = gr.Button("Close the comparison", size="sm", elem_id="beside-close", min_width=0)
            self.boards = compare_canvas.CompareCanvas(self.comparisons, elem_id="beside-canvas")
            self.pair = gr.State("")

    def connect(self, tab: BranchingTab, after: Callable[..., None]) -> None:
        """Connect the events of the tab's canvas. after: is told of the event with which a branch ends."""
        self.tab, canvas = tab, tab.canvas
        shown = [tab.alert, tab.run_id, canvas, tab.start, tab.stop]
        inputs = {tab.run_id, tab.attached, tab.scorer.scorer}

        def branch(values: Values, event: gr.EventData) -> Iterator[Updates]:
            yield from self.on_branch(values, event._data)

        def decode(run_id: str, request: gr.Request) -> Iterator[Any]:
            yield from tab.on_decode(run_id, str(request.session_hash or ""))

        begun = canvas.apply(branch, inputs, shown, trigger_mode="once", concurrency_limit=None, **QUIET)
        decoding = begun.success(
            decode,
            tab.run_id,
            canvas,
            trigger_mode="once",
            concurrency_limit=None,
            postprocess=False,
            **QUIET,
        )
        after(decoding.then(tab.on_end, tab.run_id, [tab.start, tab.stop], queue=False, **QUIET))
        tab.stop.click(None, None, None, cancels=[decoding], queue=False, **QUIET)
        self._connect_rest(tab, shown)

    def _connect_rest(self, tab: BranchingTab, shown: list[Any]) -> None:
        canvas, length = tab.canvas, tab.form.input("gen_length")

        def opened(values: Values, event: gr.EventData) -> Updates:
            return self.on_open(values, event._data)

        def compare(values: Values, event: gr.EventData) -> Updates:
            return self.on_compare(values, event._data)

        def lane(values: Values, event: gr.EventData) -> Updates:
            return self.on_lane(values, event._data)

        def pin(values: Values, event: gr.EventData) -> Updates:
            return self.on_pin(values, event._data)

        def offer(values: Values, event: gr.EventData) -> Updates:
            return self.on_offer(values, event._data)

        canvas.option_select(opened, {tab.run_id}, shown, **QUIET)
        canvas.expand(compare, {tab.run_id}, [self.beside, self.boards, self.pair, canvas], **QUIET)
        self.boards.select(lane, {tab.run_id, self.pair}, shown, **QUIET)
        canvas.edit(
            pin, {tab.run_id, tab.attached, tab.constraints, length}, [tab.constraints, canvas], **QUIET
        )
        given = {tab.attached, tab.constraints, length}
        for each in (tab.constraints, length, tab.attached):
            each.change(
                self.on_constraints, given, [canvas], trigger_mode="always_last", queue=False, **QUIET
            )
        canvas.retry(offer, {tab.run_id, tab.attached}, [tab.attached, canvas], **QUIET)
        self.close.click(lambda: gr.update(visible=False), None, self.beside, queue=False, **QUIET)
        tab.attached.change(self.on_attached, {tab.run_id, tab.attached}, [canvas], queue=False, **QUIET)

    # ---- events ------------------------------------------------------------------------------

    def on_branch(self, values: Values, data: Any) -> Iterator[Updates]:
        """Let a branch grow; a refusal is a sentence beside the button, and the board stays."""
        tab = self.tab
        try:
            if (now := self.runs.get(values[tab.run_id])) is not None and not now.ended:
                raise RequestError("a run is still going on", GOES_ON)
            asked = BranchRequest.read(data)
            run = self._grown(asked, values)
        except Refusals as error:
            yield self._refused(data, error, values)
            raise gr.Error(str(error), visible=False, print_exception=False) from None
        yield {
            tab.alert: alert(ENTRANCE.notice()), tab.run_id: run.id, tab.canvas: message(run, run.frames),
            **buttons(tab, running=True),
        }  # fmt: skip

    def _grown(self, asked: BranchRequest, values: Values) -> Run:
        parent = self.runs.get(asked.run)
        if parent is None:
            raise BranchError(GONE)
        using = self.attachments.using(values[self.tab.attached])
        self.branches.check(parent, using)
        assert using.loaded is not None
        parent = self.runs.own(parent)
        setup = asked.setup(parent, using, values[self.tab.scorer.scorer] or "")
        run = self.branches.grow(parent, asked.seq, using, setup, asked.placed(parent))
        self.models.remember(run, using.loaded)
        self.questions.shown(run.id, values[self.tab.attached])
        return run

    def _refused(self, data: Any, error: Exception, values: Values) -> Updates:
        run = data.get("run") if isinstance(data, dict) else ""
        said: dict[str, Any] = {"refused": sentence_of(error)}
        if isinstance(error, StillCompared):
            said = {"refused": COMPARED, "offer": "frame", "frame": error.allowed - 1}
        shown = self.runs.get(run)
        if isinstance(error, ModelMissing) and shown is not None:
            said["offer"] = offer_for(shown, self.attachments.using_or_bundled(values[self.tab.attached]))
        return {self.tab.canvas: aside(str(run), **said)}

    def on_open(self, values: Values, data: Any) -> Updates:
        """Show another run of the tree, at its end."""
        tab, run = self.tab, self.run_of(data)
        now = self.runs.get(values[tab.run_id])
        if run is None or (now is not None and not now.ended and now is not run):
            return {tab.canvas: aside("", refused=GONE if run is None else GOES_ON)}
        running = buttons(tab, running=not run.ended)
        return {tab.alert: alert(""), tab.run_id: run.id, tab.canvas: shown_whole(run), **running}

    def on_compare(self, values: Values, data: Any) -> Updates:
        """Lay a branch beside its parent, in step."""
        run = self.run_of(data)
        parent = self.runs.get(run.parent) if run is not None else None
        if run is None or parent is None or not (run.ended and parent.ended):
            sentence = GONE if run is None or parent is None else WAIT
            return {self.tab.canvas: aside("", refused=sentence)}
        names = [self.branches.name_of(each) for each in (parent, run)]
        pair = self.comparisons.add(Comparison([parent, run], MEASURES[0], names))
        beside = gr.update(visible=True)
        return {self.beside: beside, self.boards: compare_canvas.whole(pair), self.pair: pair.id}

    def on_lane(self, values: Values, data: Any) -> Updates:
        """Show a run of the comparison on the canvas; data: the number of its lane."""
        pair = self.comparisons.get(values[self.pair])
        lane = data.get("lane") if isinstance(data, dict) else None
        if pair is None or type(lane) is not int or not 0 <= lane < len(pair.runs):
            return self.on_open(values, None)
        return self.on_open(values, {"run": pair.runs[lane].id})

    def on_pin(self, values: Values, data: Any) -> Updates:
        """Add a word to the form's word constraints."""
        tab, asked = self.tab, data if isinstance(data, dict) else {}
        place, text = asked.get("pos"), asked.get("text")
        try:
            using = self.attachments.using(values[tab.attached])
            if using.loaded is None or type(place) is not int or not isinstance(text, str):
                raise RequestError("pin", "This word cannot be pinned here.")
            part = f"{place}:{json.dumps(text, ensure_ascii=False)}"
            written = ", ".join(filter(None, (str(values[tab.constraints] or "").strip(" ,"), part)))
            before = parse_constraints(
                using.loaded, values[tab.constraints] or "", int(values[self.length] or 0)
            )
            given = parse_constraints(using.loaded, written, int(values[self.length] or 0))
        except Refusals as error:
            return {tab.canvas: aside("", refused=sentence_of(error))}
        cells = sorted(set(given) - set(before))
        said = f"Pinned for the next run: “{text}” in {_cells(cells)}. Word constraints lists it."
        return {tab.constraints: written, tab.canvas: aside("", told=said)}

    def on_constraints(self, values: Values) -> Updates:
        """The word constraints have changed: show them on the empty board. What cannot be read is said by
        Run."""
        tab = self.tab
        using = self.attachments.using_or_bundled(values[tab.attached])
        try:
            if using.loaded is None:
                return no_change()
            given = parse_constraints(
                using.loaded, values[tab.constraints] or "", int(values[self.length] or 0)
            )
        except Refusals:
            given = {}
        order = sorted(given)
        texts = cell_texts(using.pieces, [given[place] for place in order], None)
        return {tab.canvas: aside("", pins=[list(pair) for pair in zip(order, texts, strict=True)])}

    def on_offer(self, values: Values, data: Any) -> Updates:
        """Use the model that made a run, where it comes with the program."""
        tab, run = self.tab, self.run_of(data)
        using = self.attachments.using_or_bundled(values[tab.attached])
        offer = offer_for(run, using) if run is not None else ""
        try:
            if offer == "attach" and run is not None:
                return {tab.attached: self.attachments.add_bundled(run.model)}
        except ModelError as error:
            return {tab.canvas: aside("", refused=sentence_of(error))}
        if offer == "detach":
            self.attachments.forget(values[tab.attached])
            return {tab.attached: ""}
        return no_change()

    def on_shown(self, values: Values) -> Updates:
        """Another run is on the canvas: it may be asked, and an old comparison goes."""
        self.questions.shown(values[self.tab.run_id], values[self.tab.attached])
        return {self.beside: gr.update(visible=False)}

    def on_attached(self, values: Values) -> Updates:
        """The page decodes with something else: what could not be asked may be asked now."""
        self.questions.shown(values[self.tab.run_id], values[self.tab.attached])
        return {self.tab.canvas: aside("", anew=True)}

    def run_of(self, data: Any) -> Run | None:
        """The run that the data of an event name."""
        return self.runs.get(data.get("run")) if isinstance(data, dict) else None

    @property
    def length(self) -> Any:
        return self.tab.form.input("gen_length")


def _cells(cells: list[int]) -> str:
    return f"cell {cells[0]}" if len(cells) == 1 else f"cells {cells[0]} to {cells[-1]}"
