"""The left side of the Evaluate tab: a set with its mapping, samplers, limits."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from evaluation.sets.columns import SetError, guess
from evaluation.sets.problem_sets import ProblemSet, bundled_set, from_table, load_set
from evaluation.sets.public_sets import EVALUATED
from evaluation.sets.tables import read_table
from llada_viz.decoding.attached import Attached, Using
from llada_viz.decoding.lane import Chosen
from llada_viz.decoding.sources import sources_of
from llada_viz.jobs.evaluations import Asked, preview
from llada_viz.render.evaluation import table
from llada_viz.widgets.attached_bar import AttachedBar
from llada_viz.widgets.lanes import SIZES, Lanes
from llada_viz.widgets.live import CHECKER, alert, check_scorer, no_head, usual
from models.assets import assets
from samplers.registry import entry, make
from samplers.requests import RequestError
from tasks import TASKS

SAMPLES = assets() / "data"
FIRST_SET = "arithmetic.csv"
UPLOADED = "the uploaded file"
MOST_ROWS = 20_000
MOST_SHOWN = 300  # characters of a cell
NO_SCORES = (
    "a chosen sampler needs scores, and the exact checker scores the bundled problems only; "
    "allowed: such a set, or a reward model as the scorer"
)


def samples(public: bool = False) -> list[tuple[str, str]]:
    """(shown, value) of every set at hand: our sample files, the bundled tasks, and public sets of the
    hub, which a public host does not fetch for strangers."""
    files = [(f"{path.name} (sample)", str(path)) for path in sorted(SAMPLES.glob("*.csv"))]
    hub = [] if public else [(f"{known.id} (from the hub)", name) for name, known in EVALUATED.items()]
    return [*files, *((f"{name} (bundled problems)", name) for name in TASKS), *hub]


class EvaluateForm:
    """Builds the form and reads it. public: a host where strangers meet."""

    def __init__(self, public: bool = False) -> None:
        self.public = public
        self.lanes = Lanes("evaluate")

    def build(self, bar: AttachedBar) -> None:
        """Lay out the inputs, the bar's scorer among them."""
        first = str(SAMPLES / FIRST_SET)
        _, _, question, answer, shown = self.show(first, "")
        self.source = gr.Dropdown(samples(self.public), value=first, label="Set", elem_id="evaluate-set")
        self.upload = gr.UploadButton(
            "Upload CSV, JSONL or Parquet", size="sm", elem_id="evaluate-upload",
            file_types=[".csv", ".tsv", ".jsonl", ".json", ".parquet"],
        )  # fmt: skip
        self.path = gr.State("")
        with gr.Row(elem_classes="lz-two"):
            # Custom values: Gradio keeps an old value when the choices change, and then refuses it.
            self.question, self.answer = (
                gr.Dropdown(
                    found["choices"], value=found["value"], label=f"{role} column", min_width=80,
                    elem_id=f"evaluate-{role.lower()}", allow_custom_value=True,
                )
                for role, found in (("Question", question), ("Answer", answer))
            )  # fmt: skip
        self.preview = gr.HTML(shown, elem_id="evaluate-preview", apply_default_css=False)
        self.lanes.build()
        bar.scorer_input(visible=bool(bar.attachments.bundled.rewards), follows=True)
        with gr.Row(elem_classes="lz-two"):
            self.sizes = [
                gr.Number(first, label=label, min_width=80, elem_id=f"evaluate-{name}")
                for name, label, first in SIZES
            ]
            self.limit = gr.Number(0, label="Rows (0: all)", min_width=80, elem_id="evaluate-limit")
        with gr.Accordion("Seed and prompt", open=False, elem_classes="lz-more"):
            self.seed = gr.Number(0, label="Seed", info="Row n has this seed plus n with every sampler.")
            self.template = gr.Textbox(
                "{question}", label="Prompt", info="{question} stands for the question."
            )

    @property
    def inputs(self) -> list[Any]:
        """What `asked` is given, in its order."""
        mapping = [self.source, self.path, self.question, self.answer]
        return [*mapping, self.limit, self.seed, self.template, *self.sizes, *self.lanes.inputs]

    @property
    def shown(self) -> list[Any]:
        """What `show` updates."""
        return [self.source, self.path, self.question, self.answer, self.preview]

    def on_upload(self, path: str) -> list[Any]:
        """A file that was just uploaded: guess its mapping, show its first rows."""
        options = [(f"{Path(path).name} (uploaded)", UPLOADED), *samples(self.public)]
        return self.show(UPLOADED, path, gr.update(choices=options, value=UPLOADED))

    def show(self, source: str, path: str, chosen: Any = None) -> list[Any]:
        """The mapping that is guessed and the first rows; a file that is no set is a sentence."""
        keep = gr.skip() if chosen is None else chosen
        empty = gr.update(choices=[], value=None, interactive=False)
        if source in TASKS:
            problem = bundled_set(source, 1, 0).problems[0]
            shown = table(["question", "answer"], [[problem.question, problem.answer]], "First row")
            return [keep, path, empty, empty, shown]
        if source in EVALUATED:
            public = EVALUATED[source]
            columns = (public.prompt, public.gold or public.answer)
            known = [gr.update(choices=[name], value=name, interactive=False) for name in columns]
            return [keep, path, *known, self._hub(source)]
        try:
            found = read_table(Path(path if source == UPLOADED else source), limit=MOST_ROWS)
            mapping = guess(found.columns)
        except SetError as error:
            if "column" not in str(error) or "choose" not in str(error):
                return [keep, path, empty, empty, alert(f"{error}.")]
            names = list(found.columns)
            free = gr.update(choices=names, value=None, interactive=True)
            return [keep, path, free, free, alert(f"{error}.") + table(*preview(found), "First rows")]
        names = list(found.columns)
        question = gr.update(choices=names, value=mapping.question, interactive=True)
        answer = gr.update(choices=names, value=mapping.answer, interactive=True)
        said = (f"{len(found.rows):,} rows", *found.said((mapping.question, mapping.answer)))
        rows = "".join(f"<p class='lz-about'>{escape(note)}</p>" for note in said)
        return [keep, path, question, answer, rows + table(*preview(found), "First rows")]

    def _hub(self, name: str) -> str:
        """The first rows of a hub set, whose columns are known."""
        try:
            found = self._from_hub(name)
        except SetError as error:
            return alert(f"{error}.")
        first = [[p.question[:MOST_SHOWN], p.answer[:MOST_SHOWN]] for p in found.problems[:3]]
        shown = table(["question", "answer"], first, "First rows")
        return f"<p class='lz-about'>{len(found.problems):,} rows</p>{shown}"

    def _from_hub(self, name: str) -> ProblemSet:
        if self.public:
            raise SetError(f"set = {name!r} is not fetched on a public host; allowed here: a file")
        return load_set(name)

    def asked(
        self, using: Using, scorer: str, source: str, path: str, question: str, answer: str, limit: Any,
        seed: Any, template: str, *values: Any,
    ) -> Asked:  # fmt: skip
        """The form as a request of what is decoded with; a ValueError with a sentence when it cannot be
        run. scorer: the exact checker, or the name of a reward model."""
        names = [name for name, _, _ in SIZES]
        shared = {name: _whole(name, value, 1) for name, value in zip(names, values, strict=False)}
        lanes = self.lanes.read(values[len(names) :], {**shared, "early_stop": True}, 1, usual(using))
        rows = _whole("rows", limit, 0) or None
        if rows is not None and rows > MOST_ROWS:
            raise RequestError(f"rows = {rows:,}; allowed here: at most {MOST_ROWS:,}")
        data = path if source == UPLOADED else source
        tools = tools_of(using, scorer, lanes)
        if tools["scorer"] == CHECKER and source not in TASKS:
            raise RequestError(NO_SCORES)
        if source in EVALUATED:
            self._from_hub(source)  # out of reach: said now, not by a job that fails
            question = answer = ""
        elif source not in TASKS:
            found = read_table(Path(data), rows or MOST_ROWS + 1)
            if len(found.rows) > MOST_ROWS:
                raise RequestError(f"the set has more than {MOST_ROWS:,} rows; set a number of rows")
            from_table(found, question, answer)
        else:
            question = answer = ""
        return Asked(
            data,
            Path(data).name,
            lanes,
            question or "",
            answer or "",
            rows,
            _whole("seed", seed, 0),
            template,
            **tools,
        )


def tools_of(using: Using, scorer: str, lanes: Sequence[Chosen]) -> dict[str, Any]:
    """scorer, sources and attached of a request: what the samplers need, and no more."""
    needs = [make(lane.sampler, lane.settings).needs for lane in lanes]
    scored, head = any(n.scorer for n in needs), any(n.head for n in needs)
    if head and not using.has_head:
        raise no_head(next(entry(lane.sampler) for lane, n in zip(lanes, needs, strict=True) if n.head))
    if scored:
        check_scorer(using, scorer)
    reward = scorer if scored and scorer != CHECKER else ""
    return {
        "scorer": "prm" if reward else CHECKER if scored else "",
        "sources": sources_of(using, reward, head),
        "attached": using.label if isinstance(using, Attached) else "",
    }


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, (int, float)) and float(value).is_integer() and value >= least:
        return int(value)
    raise RequestError(f"{name} = {value!r} is not valid; allowed: a whole number, at least {least}")
