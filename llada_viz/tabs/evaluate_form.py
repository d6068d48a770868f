"""The left side of the Evaluate tab: a set with its mapping, samplers, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from evaluation.sets.columns import SetError, guess
from evaluation.sets.problem_sets import ProblemSet, bundled_set, from_table, load_set
from evaluation.sets.public_sets import EVALUATED
from evaluation.sets.tables import read_table
from evaluation.sets.worked import MOST_EXAMPLES, with_examples
from llada_viz.decoding.attached import Attached, Using
from llada_viz.decoding.lane import Lane
from llada_viz.decoding.line_up import SIZES, lanes_of
from llada_viz.decoding.served import CHECKER, check_scorer, no_head
from llada_viz.decoding.sources import sources_of
from llada_viz.jobs.evaluations import EvaluationRequest, preview
from llada_viz.render.evaluation import table
from llada_viz.widgets.lane_presets import LanePresets
from llada_viz.widgets.line_up import LineUp
from llada_viz.widgets.live import Updates, alert, head_settings
from llada_viz.widgets.scorer_input import ScorerInput
from models.assets import assets
from samplers.registry import entry, make
from samplers.requests import RequestError
from samplers.settings import label_of
from tasks import TASKS
from tasks.recognise import kind_of, level_of

SAMPLES = assets() / "data"
FIRST_SET = "arithmetic.csv"
UPLOADED = "the uploaded file"
OWN_SIDE = "this set’s training side"
MOST_ROWS = 20_000
MOST_PUBLIC_ROWS, PUBLIC_ROWS = 200, 50
TOO_MANY_ROWS = f"On this public Space an evaluation has at most {MOST_PUBLIC_ROWS} rows"
ALL_OF_A_TASK = 500  # rows of a bundled task where no number is given; see evaluation.sets
LOOKED_AT = 200  # rows whose kind is looked at
LABELS = {name: label for name, label, _ in SIZES}
MOST_SHOWN = 300  # characters of a cell
NO_SCORES = (
    "a chosen sampler needs scores, and the exact checker scores the bundled problems only; "
    "allowed: such a set, or a reward model as the scorer"
)
NO_SCORES_HERE = (
    "A sampler of the list needs scores, and the exact checker scores the bundled problems only. Choose a "
    "reward model as the scorer, or a bundled set."
)


def samples(public: bool = False) -> list[tuple[str, str]]:
    """(shown, value) of every set at hand: our sample files, the bundled tasks, and public sets of the
    hub, which a public host does not fetch for strangers."""
    files = [(f"{path.name} (sample)", str(path)) for path in sorted(SAMPLES.glob("*.csv"))]
    hub = (
        []
        if public
        else [(f"{public_set.id} (from the hub)", name) for name, public_set in EVALUATED.items()]
    )
    return [*files, *((f"{name} (bundled problems)", name) for name in TASKS), *hub]


@dataclass(frozen=True)
class SetFacts:
    """What the form shows of a set.

    shown: HTML of its first rows, or of what is wrong with it; columns: to choose from, () where the set has
    its own or cannot be read; question, answer: the columns that were guessed; rows: how many, 0: not known;
    kind: the bundled task that most rows look like, "" for none; level: of them, where the wording tells it.
    """

    shown: str
    columns: tuple[str, ...] = ()
    question: str | None = None
    answer: str | None = None
    rows: int = 0
    kind: str = ""
    level: str = ""


class EvaluateForm:
    """Builds the form and reads it.

    settings_of: task and level -> settings that its answers need (task "": of problems of no task); public: a
    host where strangers meet.
    """

    def __init__(self, settings_of: Callable[[str, str], Mapping[str, Any]], public: bool = False) -> None:
        self.settings_of, self.public = settings_of, public

    def build(self, scorer: ScorerInput) -> None:
        """Lay out the inputs, the scorer among them."""
        first = str(SAMPLES / FIRST_SET)
        facts = self.look(first, "")
        self.source = gr.Dropdown(
            samples(self.public), value=first, label="Set", elem_id="evaluate-set", filterable=False
        )
        self.upload = gr.UploadButton(
            "Upload CSV, JSONL or Parquet", size="sm", elem_id="evaluate-upload",
            file_types=[".csv", ".tsv", ".jsonl", ".json", ".parquet"],
        )  # fmt: skip
        self.path = gr.State("")
        with gr.Row(elem_classes="lz-two"):
            # Custom values: when the choices change, Gradio keeps the old value and then refuses it.
            self.question, self.answer = (
                gr.Dropdown(
                    list(facts.columns), value=value, label=f"{role} column", min_width=80,
                    elem_id=f"evaluate-{role.lower()}", allow_custom_value=True,
                )
                for role, value in (("Question", facts.question), ("Answer", facts.answer))
            )  # fmt: skip
        self.preview = gr.HTML(facts.shown, elem_id="evaluate-preview", apply_default_css=False)
        usual = head_settings(scorer.attachments.using_or_bundled(""))
        self.lanes = LineUp(usual=usual, elem_id="evaluate-lanes")
        self.presets = LanePresets("evaluate", scorer.attachments)
        self.presets.build()
        scorer.build(visible=bool(scorer.attachments.bundled.rewards))
        self.scorer = scorer.scorer
        sizes = self.sizes_of(facts)
        with gr.Row(elem_classes="lz-two"):
            self.sizes = {
                name: gr.Number(sizes[name], label=label, min_width=80, elem_id=f"evaluate-{name}")
                for name, label, _ in SIZES
            }
            self.limit = gr.Number(
                self.rows_of(facts), label="Rows (0: all)", min_width=80, elem_id="evaluate-limit"
            )
        self._more()

    def _more(self) -> None:
        with gr.Accordion("Worked examples, seed, prompt", open=False, elem_classes="lz-more"):
            self.shots = gr.Number(
                0, label="Worked examples", elem_id="evaluate-shots", maximum=MOST_EXAMPLES,
                info="How many questions with their answers stand before each question.",
            )  # fmt: skip
            self.shots_from = gr.Dropdown(
                [(OWN_SIDE, ""), *samples(self.public)], value="", label="They come from",
                elem_id="evaluate-shots-from", info="Of a file its first rows, which are then not asked.",
                filterable=False,
            )  # fmt: skip
            self.seed = gr.Number(0, label="Seed", info="Row n has this seed plus n with every sampler.")
            self.template = gr.Textbox(
                "{question}", label="Prompt", info="{question} stands for the question."
            )

    @property
    def inputs(self) -> set[Any]:
        """What `request` is given the values of."""
        mapping = {self.source, self.path, self.question, self.answer, self.scorer}
        examples = {self.shots, self.shots_from}
        return mapping | examples | {
            self.limit, self.seed, self.template, *self.sizes.values(), self.lanes
        }  # fmt: skip

    @property
    def shown(self) -> list[Any]:
        """What `on_upload` and `on_set` update."""
        own = [self.source, self.path, self.question, self.answer, self.preview, self.limit]
        return [*own, *self.sizes.values()]

    # ---- another set -------------------------------------------------------------------------

    def on_upload(self, path: str, using: Using | None = None) -> Updates:
        """A file that was just uploaded becomes the set. using: what is decoded with."""
        options = [(f"{Path(path).name} (uploaded)", UPLOADED), *samples(self.public)]
        chosen = gr.update(choices=options, value=UPLOADED)
        return self.fill(self.look(UPLOADED, path), using) | {self.source: chosen, self.path: path}

    def on_set(self, source: str, path: str, using: Using | None = None) -> Updates:
        """Another set of the list."""
        return self.fill(self.look(source, path), using)

    def fill(self, facts: SetFacts, using: Using | None = None) -> Updates:
        """Updates for another set: its columns, its first rows, and the sizes that its answers need."""
        given_columns = [name for name in (facts.question, facts.answer) if name]
        choices = list(facts.columns) or given_columns
        columns: dict[str, Any] = {
            "choices": choices,
            "interactive": bool(facts.columns),
            "visible": bool(choices),
        }
        sizes = self.sizes_of(facts, using)
        return {
            self.question: gr.update(value=facts.question, **columns),
            self.answer: gr.update(value=facts.answer, **columns),
            self.preview: facts.shown,
            **{component: sizes[name] for name, component in self.sizes.items()},
            **({self.limit: self.rows_of(facts)} if self.public else {}),
        }

    def sizes_of(self, facts: SetFacts, using: Using | None = None) -> dict[str, int]:
        """Answer length, block length and steps that answers to a set's kind of problem need; the steps are
        an adapter's where one is in use."""
        settings = self.settings_of(facts.kind, facts.level)
        sizes = {name: settings.get(name, default) for name, _, default in SIZES}
        steps = using.steps_for(sizes["gen_length"], sizes["block_length"]) if using else None
        return sizes | ({"steps": steps} if steps else {})

    def rows_of(self, facts: SetFacts) -> int:
        """The number of rows to begin with; 0: all. On a public host a few, where all would be refused."""
        return PUBLIC_ROWS if self.public and not 0 < facts.rows <= MOST_PUBLIC_ROWS else 0

    def look(self, source: str, path: str) -> SetFacts:
        """Read the beginning of a set and guess its columns. What is wrong with it is a sentence in `shown`.

        source: a choice of the list; path: of the upload, which is read when source is UPLOADED.
        """
        if source in TASKS:
            problem = bundled_set(source, 1, 0).problems[0]
            shown = table(["question", "answer"], [[problem.question, problem.answer]], "First row")
            return SetFacts(shown, rows=ALL_OF_A_TASK, kind=source)
        if source in EVALUATED:
            public = EVALUATED[source]
            return SetFacts(self._hub(source), (), public.prompt, public.gold or public.answer)
        try:
            set_table = read_table(Path(path if source == UPLOADED else source), limit=MOST_ROWS)
        except SetError as error:
            return SetFacts(alert(f"{error}."))
        first = table(*preview(set_table), "First rows")
        try:
            mapping = guess(set_table.columns)
        except SetError as error:
            if "choose" not in str(error):
                return SetFacts(alert(f"{error}."))
            return SetFacts(alert(f"{error}.") + first, tuple(set_table.columns))
        questions = [row[mapping.question] for row in set_table.rows[:LOOKED_AT]]
        kind, level = kind_of(questions), level_of(questions)
        count, columns = len(set_table.rows), tuple(set_table.columns)
        notes = (f"{count:,} row{'s' * (count != 1)}",
                 *set_table.notes_for((mapping.question, mapping.answer)))  # fmt: skip
        shown = "".join(f"<p class='lz-about'>{escape(note)}</p>" for note in notes) + first
        return SetFacts(shown, columns, mapping.question, mapping.answer, count, kind, level)

    def _hub(self, name: str) -> str:
        """The first rows of a hub set, whose columns are known."""
        try:
            problem_set = self._from_hub(name)
        except SetError as error:
            return alert(f"{error}.")
        first = [[p.question[:MOST_SHOWN], p.answer[:MOST_SHOWN]] for p in problem_set.problems[:3]]
        shown = table(["question", "answer"], first, "First rows")
        return f"<p class='lz-about'>{len(problem_set.problems):,} rows</p>{shown}"

    def _from_hub(self, name: str) -> ProblemSet:
        if self.public:
            raise SetError(f"set = {name!r} is not fetched on a public host; allowed here: a file")
        return load_set(name)

    # ---- the form as a request ---------------------------------------------------------------

    def request(self, using: Using, values: Mapping[Any, Any]) -> EvaluationRequest:
        """The form as a request. ValueError: a sentence, when it cannot be run.

        using: the model to decode with; values: of `inputs`, by component.
        """
        shared = {name: _whole(name, values[component], 1) for name, component in self.sizes.items()}
        lanes = lanes_of(values[self.lanes], {**shared, "early_stop": True}, 1, head_settings(using))
        rows = _whole("rows", values[self.limit], 0) or None
        if rows is not None and rows > MOST_ROWS:
            most = f"An evaluation has at most {MOST_ROWS:,} rows."
            raise RequestError(f"rows = {rows:,}; allowed here: at most {MOST_ROWS:,}", most)
        source = values[self.source]
        data = values[self.path] if source == UPLOADED else source
        tools = tools_of(using, values[self.scorer], lanes)
        if tools["scorer"] == CHECKER and source not in TASKS:
            raise RequestError(NO_SCORES, NO_SCORES_HERE)
        columns, count = self._mapping(source, data, values[self.question], values[self.answer], rows)
        if self.public and count > MOST_PUBLIC_ROWS:
            raise RequestError(TOO_MANY_ROWS)
        seed, template = _whole("seed", values[self.seed], 0), values[self.template]
        return EvaluationRequest(
            data, Path(data).name, lanes, columns[0], columns[1], rows, seed, template,
            line_up=values[self.lanes], sizes=shared,
            **tools, **self._examples(source, data, columns, values),
        )  # fmt: skip

    def _examples(
        self, source: str, data: str, columns: tuple[str, str], values: Mapping[Any, Any]
    ) -> dict[str, Any]:
        """The fields shots and shots_from. RequestError: there are not so many."""
        count, other = _whole("worked examples", values[self.shots], 0), values[self.shots_from] or ""
        if other and other not in [value for _, value in samples(self.public)]:
            raise RequestError("the worked examples come from no set of the list")
        if count and not (EVALUATED.keys() & {source, other}):  # those of the hub are looked at by the job
            limit = _whole("rows", values[self.limit], 0) or None
            with_examples(load_set(data, *columns, limit), data, count, other, *columns)
        return {"shots": count, "shots_from": other if count else ""}

    def _mapping(
        self, source: str, data: str, question: str, answer: str, rows: int | None
    ) -> tuple[tuple[str, str], int]:
        """The columns, where the set has a mapping, and how many rows would be decoded."""
        if source in EVALUATED:
            self._from_hub(source)  # out of reach: said now, not by a job that fails
            return ("", ""), rows or 0
        if source in TASKS:
            return ("", ""), rows or ALL_OF_A_TASK
        set_table = read_table(Path(data), rows or MOST_ROWS + 1)
        if len(set_table.rows) > MOST_ROWS:
            raise RequestError(f"the set has more than {MOST_ROWS:,} rows; set a number of rows")
        from_table(set_table, question, answer)
        return (question or "", answer or ""), len(set_table.rows)


def tools_of(using: Using, scorer: str, lanes: Sequence[Lane]) -> dict[str, Any]:
    """The fields scorer, sources and attached of a request, with no more than its samplers need."""
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
    label = LABELS.get(name, label_of(name))
    sentence = f"{label} is empty." if value is None else f"{label} must be a whole number, at least {least}."
    raise RequestError(
        f"{name} = {value!r} is not valid; allowed: a whole number, at least {least}", sentence
    )
