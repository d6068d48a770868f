"""The panels for which the network is asked again, when somebody presses their button: what committing
together cost, and who looks at whom. What was found stays with its run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.recent import Recent
from llada_viz.decoding.run_models import NotAsked, RunModels, asked
from llada_viz.decoding.runs import MOST_RUNS, Run, Runs
from llada_viz.render.panels.dependencies import MOST_SHOWN, dependency_figure, dependency_words
from llada_viz.render.panels.regret import regret_figure, regret_words
from llada_viz.widgets.live import QUIET, Updates, alert
from llada_viz.widgets.panel_card import NO_RUN, Look, PanelCard
from models.loading import LoadedModel
from samplers.fold import Board
from samplers.measuring.dependencies import Dependencies, dependencies
from samplers.measuring.regret import Regret, regret, together_of
from samplers.settings import SettingError, sentence_of

MOST_ASKED = 2048
"""Rows of a run that are evaluated again."""
ASKING = "Asking the network…"
TOO_LONG = "The canvas has {cells:,} cells; the model reads {most:,} at most."
IN_TURN: dict[str, Any] = {"concurrency_limit": 2, "concurrency_id": "asked", **QUIET}
# The id of the run on the canvas and the frame that is shown, in the places of the last two inputs.
SHOWN = """(...inputs) => {
  const { timeline, player } = document.querySelector('#canvas .lz').parentElement.tokenCanvas;
  return [...inputs.slice(0, -2), timeline?.run ?? '', player.index];
}"""


class AskedPanel(PanelCard):
    """With a button. idle: its text."""

    idle = ""

    def __init__(self, runs: Runs, models: RunModels, attachments: Attachments) -> None:
        self.runs, self.models, self.attachments = runs, models, attachments

    def controls(self) -> None:
        """See PanelCard."""
        self.ask = gr.Button(self.idle, size="sm", visible=False, elem_id=f"ask-{self.name}", min_width=0)

    @property
    def outputs(self) -> list[Any]:
        return [self.said, self.plot, self.ask]

    def empty(self, text: str) -> Updates:
        """See PanelCard."""
        return super().empty(text) | {self.ask: gr.update(visible=False)}

    def ready(self, text: str, figure: Any = None) -> Updates:
        """With the button that asks."""
        button = gr.update(value=self.idle, interactive=True, visible=True)
        return self.shown(text, figure) | {self.ask: button}

    def refused(self, why: str) -> Updates:
        """The network was asked in vain."""
        return self.ready("") | {self.said: alert(why)}

    def build(self) -> None:
        """See PanelCard."""
        super().build()
        self.frame = gr.Number(0, visible=False)

    def model_of(self, run: Run, attached: str) -> LoadedModel:
        """The model to ask. NotAsked: there is none."""
        return self.models.of(run, self.attachments.using_or_bundled(attached))


class RegretPanel(AskedPanel):
    """What committing cells together cost, pass by pass."""

    name, title = "regret", "Regret"
    about = "What committing cells together cost: log p of each alone, less its log p given the others."
    idle = "Ask the network again"

    def __init__(self, runs: Runs, models: RunModels, attachments: Attachments) -> None:
        super().__init__(runs, models, attachments)
        self._found: Recent[str, Regret] = Recent(MOST_RUNS)

    def connect(self, run_id: gr.State, attached: gr.State, shown: gr.Textbox) -> None:
        """The button. run_id: of the run that the page began; attached: what it decodes with; shown: the run
        on the canvas."""
        inputs = [run_id, attached, shown, self.frame]
        self.ask.click(self.on_ask, inputs, self.outputs, js=SHOWN, **IN_TURN)

    def drawn(self, look: Look) -> Updates:
        """What was found, else how much would be asked, else why nothing can be."""
        run = look.run
        if (found := self._found.get(run.id)) is not None:
            return self._result(run, found)
        rows = _rows_of(run)
        if not rows:
            return self.empty(regret_words(Regret((), 0)))
        if rows > MOST_ASKED:
            return self.empty(f"{rows:,} rows would be evaluated again; {MOST_ASKED:,} are the most.")
        try:
            self.models.of(run, look.using)
        except NotAsked as why:
            return self.empty(str(why))
        return self.ready(f"It evaluates {rows:,} rows, by turns with the runs that go on.")

    def on_ask(
        self, run_id: str, attached: str, shown: str, frame: float | None, request: gr.Request
    ) -> Iterator[Updates]:
        """Ask the network again, about all frames."""
        run = self.runs.get(run_id or shown)
        if run is None or not run.ended or not 0 < _rows_of(run) <= MOST_ASKED:
            yield self.empty(NO_RUN)
            return
        yield {self.ask: gr.update(value=ASKING, interactive=False)}
        try:
            loaded = self.model_of(run, attached)
            _check_length(run, loaded)
            with asked(loaded, str(request.session_hash or "")) as network:
                found = self._found.put(run.id, regret(run.events, network))
        except NotAsked as why:
            yield self.refused(str(why))
            return
        yield self._result(run, found)

    def _result(self, run: Run, found: Regret) -> Updates:
        figure = regret_figure(found, run.maker.board.prompt_length, run.pieces) if found.steps else None
        return super().empty("") | self.shown(regret_words(found), figure)


def _rows_of(run: Run) -> int:
    """Rows that are evaluated for the regret of a run."""
    return sum(len(step.cells) + 1 for step in together_of(run.events)[0])


def _check_length(run: Run, loaded: LoadedModel) -> None:
    """NotAsked: the run's canvas is longer than the model reads."""
    cells = max(len(row.tokens) for row in run.maker.board.trunk)
    if cells > loaded.max_length:
        raise NotAsked(TOO_LONG.format(cells=cells, most=loaded.max_length))


@dataclass(frozen=True)
class Seen:
    """What was found of a frame. start: where the answer begins; noise: undecided cells hold noise."""

    frame: int
    found: Dependencies
    start: int
    noise: bool


class DependenciesPanel(AskedPanel):
    """Who looks at whom among the undecided cells of the shown frame."""

    name, title = "dependencies", "Dependencies"
    about = "Who looks at whom among the masks of the shown frame, by attention; one pass of its own."
    idle = "Ask at the shown frame"

    def __init__(self, runs: Runs, models: RunModels, attachments: Attachments) -> None:
        super().__init__(runs, models, attachments)
        self._seen: Recent[str, Seen] = Recent(MOST_RUNS)

    def controls(self) -> None:
        """See PanelCard."""
        with gr.Row(elem_classes="lz-drawn-tools"):
            self.layers = gr.Dropdown(
                [], value=[], multiselect=True, label="Layers", visible=False, elem_id="layers",
                min_width=160, info="The mean over their heads is shown.",
            )  # fmt: skip
            super().controls()

    @property
    def outputs(self) -> list[Any]:
        return [*super().outputs, self.layers]

    def empty(self, text: str) -> Updates:
        """See PanelCard."""
        return super().empty(text) | {self.layers: gr.update(visible=False)}

    def connect(self, run_id: gr.State, attached: gr.State, shown: gr.Textbox) -> None:
        """See RegretPanel."""
        inputs = [run_id, attached, self.layers, shown, self.frame]
        self.ask.click(self.on_ask, inputs, [self.said, self.plot, self.ask], js=SHOWN, **IN_TURN)

    def drawn(self, look: Look) -> Updates:
        """What was found last, and the button; else why nothing can be asked."""
        try:
            loaded = self.models.of(look.run, look.using)
        except NotAsked as why:
            return self.empty(str(why))
        count = int(loaded.model.config.n_layers)
        choices = [(f"{layer + 1} of {count}", layer) for layer in range(count)]
        shown = {self.layers: gr.update(choices=choices, value=usual_layers(count), visible=True)}
        seen = self._seen.get(look.run.id)
        return (self._result(seen) if seen else self.ready("")) | shown

    def on_ask(
        self, run_id: str, attached: str, layers: list[Any], shown: str, frame: float | None,
        request: gr.Request,
    ) -> Iterator[Updates]:  # fmt: skip
        """Ask the network at a frame."""
        run = self.runs.get(run_id or shown)
        if run is None or not run.events:
            yield self.refused(NO_RUN)
            return
        yield {self.ask: gr.update(value=ASKING, interactive=False)}
        try:
            loaded = self.model_of(run, attached)
            chosen = _checked(layers, int(loaded.model.config.n_layers))
            seen = self._look(run, loaded, chosen, int(frame or 0), str(request.session_hash or ""))
        except (NotAsked, SettingError) as error:
            yield self.refused(sentence_of(error))
            return
        yield self._result(self._seen.put(run.id, seen))

    def _look(self, run: Run, loaded: LoadedModel, layers: list[int], frame: int, visitor: str) -> Seen:
        frame = max(0, min(frame, len(run.events) - 1))
        board = Board()
        for event in run.events[: frame + 1]:
            board.apply(event)
        state = board.rows[0]
        if len(state.tokens) > loaded.max_length:
            raise NotAsked(TOO_LONG.format(cells=len(state.tokens), most=loaded.max_length))
        if (masks := sum(state.undecided)) > MOST_SHOWN:
            raise NotAsked(f"{masks:,} masks are left in this frame; {MOST_SHOWN} can be drawn.")
        with asked(loaded, visitor) as network:
            found = dependencies(board, network, layers)
        return Seen(frame, found, board.prompt_length, board.mask_id is None)

    def _result(self, seen: Seen) -> Updates:
        found = seen.found
        words = f"Frame {seen.frame}: {dependency_words(found, seen.start, seen.noise)}"
        return self.ready(words, dependency_figure(found, seen.start) if found.cells else None)


def usual_layers(count: int) -> list[int]:
    """The upper quarter."""
    return list(range(count - max(count // 4, 1), count))


def _checked(layers: Any, count: int) -> list[int]:
    """The layers that a browser sent. NotAsked: none, or one that is not there."""
    chosen = sorted(set(layers)) if isinstance(layers, list) and all(type(x) is int for x in layers) else []
    if not chosen or chosen[0] < 0 or chosen[-1] >= count:
        raise NotAsked("Choose at least one layer.")
    return chosen
