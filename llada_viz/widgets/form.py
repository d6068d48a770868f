"""The sampler's form, generated from the registry: one input a setting, shown where it applies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import gradio as gr

from llada_viz.decoding.few_blocks import few_blocks
from llada_viz.decoding.sampler_groups import in_groups
from llada_viz.decoding.setting_words import shown
from llada_viz.widgets.live import without_fraction
from samplers.blocks import BlockSettings
from samplers.registry import SAMPLERS, Entry, entry
from samplers.settings import Described, describe

# These are always visible, in this order; all other settings are inside an accordion.
SIZES = ("gen_length", "block_length", "steps")
FRONT = (*SIZES, "temperature")
# One input serves every sampler that has the same setting, so that values survive a change.
Key = tuple[str, type, tuple[str, ...]]


def key_of(setting: Described) -> Key:
    """Settings with the same key share an input."""
    return setting.name, setting.type, setting.choices


def allowed(setting: Described) -> str:
    """The range of a number in few words."""
    low, high = setting.low, setting.high
    if low is not None and high is not None:
        return f"{low:g}–{high:g}"
    if low is not None:
        return f"at least {low:g}"
    return "" if high is None else f"at most {high:g}"


def widget(setting: Described, value: Any, visible: bool, front: bool, prefix: str = "setting") -> Any:
    """The input of a setting. It does not check ranges: the sampler does, and says what is allowed.

    front: whether it is one of FRONT, whose help opens while they are used (`tips`); prefix: of the element
    id.
    """
    common: dict[str, Any] = {
        "label": setting.label, "value": value, "visible": visible, "interactive": True,
        "elem_id": f"{prefix}-{setting.name}",
    }  # fmt: skip
    if setting.choices:
        options = [(shown(choice), choice) for choice in setting.choices]
        return gr.Dropdown(options, info=setting.help, filterable=False, **common)
    if setting.type is bool:
        return gr.Checkbox(info=setting.help, **common)
    if setting.type is str:
        return gr.Textbox(info=setting.help, **common)
    info = allowed(setting) if front else f"{setting.help} {allowed(setting)}".strip()
    return gr.Number(info=info, min_width=80, **common)


def plain(value: Any, setting: Described) -> Any:
    """A value from the browser in the setting's type: 64.0 becomes 64, or 1 becomes 1.0."""
    if setting.type is int:
        return without_fraction(value)
    if setting.type is float and type(value) is int:
        return float(value)
    return value


def within(setting: Described, longest: int | None) -> Described:
    """A size with the range that a model leaves it; other settings as they are. longest: cells that the model
    reads, None: not known."""
    if setting.name not in SIZES or longest is None or setting.high is None:
        return setting
    return replace(setting, high=min(setting.high, longest))


@dataclass
class SamplerForm:
    """The inputs of the settings of all samplers. Only those of the chosen sampler are visible and read."""

    chosen: str = field(default_factory=lambda: next(iter(SAMPLERS)))
    first: dict[str, Any] = field(default_factory=dict)  # values to begin with, else the defaults
    widgets: dict[Key, Any] = field(default_factory=dict)
    longest: int | None = None  # cells that the model reads, its prompt included

    def __post_init__(self) -> None:
        # A setting with a single choice has no input.
        self.settings: dict[Key, Described] = {
            key_of(s): s for sampler in SAMPLERS.values() for s in sampler.settings if len(s.choices) != 1
        }

    def front(self) -> None:
        """Lay out the settings that are always visible."""
        with gr.Row(elem_classes="lz-two"):
            for name in FRONT:
                self._lay([key for key in self.settings if key[0] == name], front=True)

    def own(self) -> None:
        """Lay out the settings that only some samplers have."""
        shared = {key_of(s) for s in describe(BlockSettings)}
        self._lay([key for key in self.settings if key not in shared], front=False)

    def rest(self) -> None:
        """Lay out the others."""
        self._lay([key for key in self.settings if key not in self.widgets], front=False)

    def _lay(self, keys: list[Key], front: bool) -> None:
        own_keys = {key_of(s) for s in entry(self.chosen).settings}
        for key in keys:
            setting = within(self.settings[key], self.longest)
            value = self.first.get(setting.name, setting.default)
            self.widgets[key] = widget(setting, value, key in own_keys, front)

    def tips(self) -> dict[str, str]:
        """Element id -> help, of the settings that are always visible."""
        front = [key for key in self.widgets if key[0] in FRONT]
        texts = {self.widgets[key].elem_id: self.settings[key].help for key in front}
        length = self.input("gen_length").elem_id
        return texts | {length: f"{texts[length]} The model's limit counts the prompt, too."}

    @property
    def inputs(self) -> list[Any]:
        """The components."""
        return list(self.widgets.values())

    def input(self, name: str) -> Any:
        """The component of a setting that all samplers share."""
        return next(widget for key, widget in self.widgets.items() if key[0] == name)

    def values(self, sampler: str, values: Mapping[Any, Any]) -> dict[str, Any]:
        """The settings of a sampler. values: of all inputs, by component."""
        own_settings = {key_of(s): s for s in entry(sampler).settings}
        pairs = [(key, values[self.widgets[key]]) for key in own_settings if key in self.widgets]
        return {key[0]: plain(value, own_settings[key]) for key, value in pairs}

    def show(self, sampler: str, blocks: int) -> dict[Any, Any]:
        """Updates that show the inputs of a sampler and hide the others.

        Where samplers have different defaults, the input takes this sampler's; sizes stay as they are.
        blocks: of the answer; settings whose unit is blocks get a value that fits them.
        """
        own_settings = {key_of(s): s for s in entry(sampler).settings}
        updates = {}
        for key, component in self.widgets.items():
            update: dict[str, Any] = {"visible": key in own_settings}
            if key in own_settings and key[0] in self.disputed:
                update["value"] = own_settings[key].default
            if key in own_settings and own_settings[key].unit == "blocks":
                update["value"] = few_blocks(own_settings[key].default, blocks)
            updates[component] = gr.update(**update)
        return updates

    def show_filled(self, sampler: str, settings: Mapping[str, Any]) -> dict[Any, Any]:
        """As `show`, with the given settings in place of defaults; others stay as they are."""
        own_settings = {key_of(s) for s in entry(sampler).settings}
        updates = {}
        for key, component in self.widgets.items():
            update: dict[str, Any] = {"visible": key in own_settings}
            if key in own_settings and key[0] in settings:
                update["value"] = settings[key[0]]
            updates[component] = gr.update(**update)
        return updates

    @cached_property
    def disputed(self) -> set[str]:
        """Names of the settings for which samplers have different defaults; sizes are left out."""
        defaults: dict[str, set[Any]] = {}
        for sampler in SAMPLERS.values():
            for setting in sampler.settings:
                defaults.setdefault(setting.name, set()).add(setting.default)
        return {name for name, values in defaults.items() if len(values) > 1} - set(SIZES)

    def limits(self, longest: int | None) -> dict[Any, Any]:
        """Updates of what the sizes say of their ranges. longest: see `within`."""
        keys = [key for key in self.widgets if key[0] in ("gen_length", "block_length")]
        return {
            self.widgets[key]: gr.update(info=allowed(within(self.settings[key], longest))) for key in keys
        }

    def fill(self, settings: Mapping[str, Any]) -> dict[Any, Any]:
        """Updates that set the given settings. Given sizes, settings whose unit is blocks follow them."""
        updates = {
            component: settings[key[0]] for key, component in self.widgets.items() if key[0] in settings
        }
        if {"gen_length", "block_length"} <= set(settings):
            blocks = settings["gen_length"] // settings["block_length"]
            updates |= {
                component: few_blocks(self.settings[key].default, blocks)
                for key, component in self.widgets.items()
                if self.settings[key].unit == "blocks"
            }
        return updates


def about(sampler: str) -> str:
    """What a sampler does, and the paper it comes from."""
    described: Entry = entry(sampler)
    return f"{described.summary} ({described.paper})"


def choices() -> list[tuple[str, str]]:
    """(title, name) of every sampler, group by group."""
    return [(sampler.title, sampler.name) for sampler in in_groups()]
