"""The left side of the Train tab: objective, data, settings, all generated from the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from llada_viz.jobs.trainings import TrainingRequest
from llada_viz.tabs.train_data import TrainData, Uploads, choose, columns_of, options, shown
from llada_viz.widgets.form import Key, key_of, plain, widget
from llada_viz.widgets.live import Updates
from samplers.settings import Described, describe
from training.data.answer_settings import AnswerSettings
from training.data.bundled_tasks import is_bundled
from training.engine.settings import TrainSettings, settings_of
from training.registry import OBJECTIVES, objective
from training.run import read_config
from training.shared.data_side import COLUMN

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
TINY = "-tiny"
DEFAULTS = ""
FIRST = "remask-sft"  # what the page opens with, from its first preset
TITLES = {"remask-sft-first-look-tiny": "First look (2 min)"}
FIRST_SETS = ("linear", "expression")
WEIGHTS = "weights"
FRONT = ("max_steps", "batch_size", "learning_rate", "save_every")
LOGGED = ("log_every", "keep", "eval_every", "samples", "report_to")
# What an objective leaves (`Objective.leaves`) -> in words.
RESULTS = {
    "model or adapter": "a model, or an adapter", "adapter or model": "an adapter, or a model",
    "head": "a UPS head", "adapter and head": "an adapter and a UPS head", "prm": "a reward model",
}  # fmt: skip
GROUPS = ("Of this objective", "Examples", "Optimizer", "Log and checkpoints")
LONGEST_NAME = 60


@dataclass(frozen=True)
class Preset:
    """The settings of one YAML file in training/configs. data: its bundled tasks, () for other data."""

    name: str
    objective: str
    settings: Mapping[str, Any]
    data: tuple[str, ...]


def presets(folder: Path = CONFIGS) -> list[Preset]:
    """The presets for the bundled model (*-tiny.yaml) whose objective is registered; not those of a sweep."""
    presets_read = []
    for path in sorted(folder.glob(f"*{TINY}.yaml")):
        config = read_config(path)
        if config.get("objective") not in OBJECTIVES or config.get("grid"):
            continue
        cls = objective(config["objective"]).settings
        values = asdict(settings_of(cls, config.get("settings") or {}))
        data = config.get("data") or []
        names = tuple(map(str, [data] if isinstance(data, str) else data))
        tasks = names if all(map(is_bundled, names)) else ()
        presets_read.append(Preset(path.stem, config["objective"], values, tasks))
    return presets_read


def group_of(name: str) -> int:
    """The part of all settings in which one stands: its place in GROUPS."""
    if name in LOGGED:
        return 3
    if name in {d.name for d in describe(TrainSettings)}:
        return 2
    return 1 if name in {d.name for d in describe(AnswerSettings)} else 0


class TrainForm:
    """Builds the form and reads it. One input serves all objectives that have the same setting."""

    def __init__(self, folder: str) -> None:
        self.folder, self.presets, self.data = folder, presets(), TrainData()
        self.settings: dict[Key, Described] = {
            key_of(d): d for entry in OBJECTIVES.values() for d in describe(entry.settings)
        }
        self.widgets: dict[Key, Any] = {}

    # ---- layout ------------------------------------------------------------------------------

    def build(self) -> None:
        """Lay out the inputs."""
        first = FIRST if FIRST in OBJECTIVES else next(iter(OBJECTIVES))
        self.objective = gr.Dropdown(
            [(entry.title, entry.name) for entry in OBJECTIVES.values()], value=first, label="Objective",
            elem_id="train-objective", filterable=False,
        )  # fmt: skip
        description = about(first, self.folder)
        self.about = gr.HTML(description, elem_classes="lz-about", apply_default_css=False)
        choices, chosen = self._starts(first)
        # Custom values: a look that waits in the queue still names a preset of the objective before.
        self.start_from = gr.Dropdown(
            choices, value=chosen, label="Start from", elem_id="train-preset", allow_custom_value=True
        )
        preset = self._preset(first, chosen)
        first_sets = preset.data if preset and preset.data else FIRST_SETS
        self.data.build(first_sets, objective(first))
        self.values_now = self._values(first, chosen)
        own_keys = {key_of(d) for d in describe(objective(first).settings)}
        with gr.Row(elem_classes="lz-two"):
            for key in [k for k in self.settings if k[0].endswith(COLUMN)]:
                self.widgets[key] = self._column(self.settings[key])
        with gr.Row(elem_classes="lz-two"):
            self._lay([k for name in FRONT for k in self.settings if k[0] == name], own_keys, front=True)
        self.name = gr.Textbox(
            "", label="Name", placeholder="optional", max_length=LONGEST_NAME, elem_id="train-name", lines=1,
            info="What you will look for in the list of trainings.",
        )  # fmt: skip
        with gr.Accordion("All settings", open=False, elem_classes="lz-more"):
            self._rest(own_keys)

    def _rest(self, own_keys: set[Key]) -> None:
        """All settings but the first ones, in parts with a heading each."""
        self.groups = []
        for number, title in enumerate(GROUPS):
            keys = [k for k in self.settings if k not in self.widgets and group_of(k[0]) == number]
            seen = any(key in own_keys for key in keys)
            heading = f"<h2>{title}</h2>"
            self.groups.append(
                gr.HTML(heading, visible=seen, elem_classes="lz-part", apply_default_css=False)
            )
            self._lay(keys, own_keys, front=False)

    def _lay(self, keys: Sequence[Key], own_keys: set[Key], front: bool) -> None:
        for key in keys:
            setting = self.settings[key]
            value = self.values_now.get(setting.name, setting.default)
            self.widgets[key] = widget(setting, value, key in own_keys, front, "train")

    def _column(self, setting: Described) -> Any:
        # Custom values: when the choices change, Gradio keeps the old value and then refuses it.
        return gr.Dropdown(
            [("guessed", "")], value="", label=setting.label, visible=False, allow_custom_value=True,
            min_width=80, elem_id=f"train-{setting.name}",
        )  # fmt: skip

    # ---- the form as a request ---------------------------------------------------------------

    @property
    def inputs(self) -> set[Any]:
        """What `request` is given the values of."""
        return {self.objective, self.name, self.data.sets, self.data.uploads, *self.widgets.values()}

    @property
    def columns(self) -> list[Key]:
        """The settings that name columns."""
        return [key for key in self.widgets if key[0].endswith(COLUMN)]

    def request(self, values: Mapping[Any, Any]) -> TrainingRequest:
        """The form as a request. ValueError: a sentence, when it cannot be run. values: of `inputs`, by
        component."""
        name, (sets, uploads) = values[self.objective], self._sets(values)
        entry = objective(name)
        own_settings = {key_of(d): d for d in describe(entry.settings)}
        settings = {
            key[0]: plain(values[widget], own_settings[key])
            for key, widget in self.widgets.items()
            if key in own_settings
        }
        settings |= {k: v or "" for k, v in settings.items() if k.endswith(COLUMN)}
        made = settings_of(entry.settings, settings)
        chosen = choose(sets, uploads, entry)
        entry.data.check(chosen, made)
        called = " ".join((values.get(self.name) or "").split())[:LONGEST_NAME]
        return TrainingRequest(name, chosen.names, settings, name=called)

    def _sets(self, values: Mapping[Any, Any]) -> tuple[Sequence[str], Uploads]:
        return values[self.data.sets], values[self.data.uploads]

    # ---- events: values are those of objective, start_from, sets and uploads, by component ------

    @property
    def shown(self) -> list[Any]:
        """What `on_objective` and `on_start_from` update."""
        places = [self.about, self.start_from, self.data.sets, self.data.preview]
        return [*places, *self.groups, *self.widgets.values()]

    def on_objective(self, values: Mapping[Any, Any]) -> Updates:
        """Another objective: its first preset, or its defaults."""
        choices, chosen = self._starts(values[self.objective])
        return self._fill(chosen, values) | {self.start_from: gr.update(choices=choices, value=chosen)}

    def on_start_from(self, values: Mapping[Any, Any]) -> Updates:
        """Another preset, or the defaults."""
        return self._fill(values[self.start_from], values)

    def filled(self, name: str, chosen: str, sets: Sequence[str] | None = None) -> Updates:
        """The whole form with an objective and one of its presets, by name; another one's name: its first.
        sets: of the list; None: those of the preset."""
        choices, first = self._starts(name)
        chosen = chosen if chosen in [value for _, value in choices] else first
        wanted = list(FIRST_SETS if sets is None else sets)
        filled = self._fill(chosen, {self.objective: name, self.data.sets: wanted, self.data.uploads: {}})
        if sets is not None:
            offered = options({}, objective(name))
            kept = [value for value in wanted if value in {value for _, value in offered}]
            filled |= self._of_sets(name, kept, {})
            filled[self.data.sets] = gr.update(choices=offered, value=kept)
        start_from = gr.update(choices=choices, value=chosen)
        return filled | {self.objective: name, self.start_from: start_from, self.data.uploads: {}}

    def _fill(self, chosen: str, values: Mapping[Any, Any]) -> Updates:
        name, (sets, uploads) = values[self.objective], self._sets(values)
        entry, preset = objective(name), self._preset(name, chosen)
        own_keys, offered = {key_of(d) for d in describe(entry.settings)}, options(uploads, entry)
        kept = [value for value in sets if value in {value for _, value in offered}]
        chosen_sets = list(preset.data) if preset and preset.data and not _files(kept) else kept
        fresh = self._values(name, chosen)
        if preset is None or tuple(chosen_sets) != preset.data:
            fresh.pop(WEIGHTS, None)  # they are the shares of other sets
        widgets = {
            widget: gr.update(visible=key in own_keys, value=fresh.get(key[0], self.settings[key].default))
            for key, widget in self.widgets.items()
        }
        groups = {
            group: gr.update(visible=any(group_of(k[0]) == n and k[0] not in FRONT for k in own_keys))
            for n, group in enumerate(self.groups)
        }
        return {
            self.about: about(name, self.folder),
            self.data.sets: gr.update(choices=offered, value=chosen_sets),
            **widgets, **groups, **self._of_sets(name, chosen_sets, uploads),
        }  # fmt: skip

    @property
    def of_sets(self) -> list[Any]:
        """What `on_other_sets` updates."""
        return [self.data.preview, *(self.widgets[key] for key in self.columns), *self._shares]

    @property
    def _shares(self) -> list[Any]:
        return [self.widgets[key] for key in self.widgets if key[0] == WEIGHTS]

    def on_other_sets(self, values: Mapping[Any, Any]) -> Updates:
        """Other sets: show their first rows and columns. The weights of the sets before are cleared."""
        name, (sets, uploads) = values[self.objective], self._sets(values)
        return self._of_sets(name, sets, uploads) | dict.fromkeys(self._shares, "")

    def _of_sets(self, name: str, sets: Sequence[str], uploads: Uploads) -> Updates:
        """First rows of the sets, and the inputs of their columns."""
        entry = objective(name)
        own_keys = {key_of(d) for d in describe(entry.settings)}
        columns, guessed = columns_of(sets, uploads, entry)
        column_choices = [(column, column) for column in columns]
        updates: Updates = {self.data.preview: shown(sets, uploads, entry)}
        for key in self.columns:
            free = [("guessed", "")] if not self.settings[key].default else []
            updates[self.widgets[key]] = gr.update(
                choices=[*free, *column_choices],
                value=guessed.get(key[0], ""),
                visible=key in own_keys and bool(columns),
            )
        return updates

    def _starts(self, name: str) -> tuple[list[tuple[str, str]], str]:
        """Choices of `Start from`, and the first of them."""
        own_presets = [preset.name for preset in self.presets if preset.objective == name]
        choices = [
            *((TITLES.get(n, f"{n}.yaml"), n) for n in own_presets),
            ("the objective's defaults", DEFAULTS),
        ]
        return choices, own_presets[0] if own_presets else DEFAULTS

    def _preset(self, name: str, chosen: str) -> Preset | None:
        return next((p for p in self.presets if p.objective == name and p.name == chosen), None)

    def _values(self, name: str, chosen: str) -> dict[str, Any]:
        preset = self._preset(name, chosen)
        if preset is not None:
            return dict(preset.settings)
        return {d.name: d.default for d in describe(objective(name).settings)}


def _files(sets: Sequence[str]) -> bool:
    return not all(map(is_bundled, sets))


def about(name: str, folder: str) -> str:
    """Summary, result and paper of an objective, and which data it needs, as HTML. folder: of the model."""
    entry = objective(name)
    note = entry.data.note(folder)
    description = escape(
        f"{entry.summary} Result: {RESULTS.get(entry.leaves, entry.leaves)}. Paper: {entry.paper}."
    )
    if note.needs:
        description += f" Data: {escape(note.needs)}."
    if note.command:
        description += f" To make one for upload: <code>{escape(note.command)}</code>"
    return description
