"""Presets, copies, opened links and the kept form of Visualize, without a browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from html import unescape
from typing import Any

import gradio as gr
import pytest

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.networks import Sources
from llada_viz.decoding.own_presets import MOST, own_presets, with_preset
from llada_viz.decoding.published import published
from llada_viz.decoding.runs import Runs
from llada_viz.decoding.setup_link import from_link, to_link
from llada_viz.decoding.setups import Setup
from llada_viz.gallery.opening import FILE
from llada_viz.tabs.visualize import Visualize
from llada_viz.tabs.visualize_setups import NO_FILLING
from llada_viz.widgets.kept_form import field_id
from llada_viz.widgets.settings_menu import OWN
from models.assets import assets
from samplers.engines.imported import to_trace
from samplers.recording.traces import read_trace
from samplers.registry import SAMPLERS, make
from samplers.requests import RequestError
from tests.llada_viz.handlers import given
from tests.llada_viz.script import PIECES


@cache
def bundled() -> Bundled:
    return Bundled()


@pytest.fixture(scope="module")
def tab() -> Visualize:
    with gr.Blocks():
        tab = Visualize(bundled(), Runs(), Attachments(bundled()))
        tab.build()
    return tab


def asked(tab: Visualize, changes: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
    """The values of the form, as the page opens but for what is changed."""
    menu = tab.setups.menu
    own = [tab.prompt, tab.sampler, tab.seed, tab.constraints, tab.attached, tab.scorer.scorer, tab.run_id]
    own += [tab.chat.switch, menu.choice, menu.own, tab.setups.name, *tab.form.inputs]
    return given(own, changes)


def shown(tab: Visualize, updates: Mapping[Any, Any]) -> dict[str, Any]:
    """The values of the settings' inputs that an update brings, by name."""
    return {
        key[0]: updates[widget]["value"]
        for key, widget in tab.form.widgets.items()
        if "value" in updates.get(widget, {})
    }


@pytest.mark.parametrize("name", sorted(published()))
def test_every_published_preset_fills_the_form_with_what_can_run(tab: Visualize, name: str) -> None:
    one, menu = published()[name], tab.setups.menu
    filled = tab.setups.on_preset(asked(tab, {menu.choice: name}))
    assert filled[tab.sampler] == one.sampler and tab.prompt not in filled
    settings = shown(tab, filled)
    make(one.sampler, settings)
    for key, value in one.settings.items():
        if key not in ("gen_length", "block_length", "steps", "window", "backmasking_lookback"):
            assert settings.get(key, value) == value
    words = filled[menu.words]
    assert one.source in unescape(words) and "tokens in" in words
    if one.scorer:
        assert filled[tab.scorer.scorer]["value"] == "tiny-prm"


def test_the_sampler_that_a_preset_brings_keeps_the_preset_s_settings(tab: Visualize) -> None:
    filled = tab.setups.on_preset(asked(tab, {tab.setups.menu.choice: "klass-gsm8k"}))
    sizes = {tab.form.input(name): 32 for name in ("gen_length", "block_length")}
    came = {tab.setups.filled: filled[tab.setups.filled], tab.sampler: "klass", **sizes}
    assert shown(tab, tab.on_sampler(came))["kl_threshold"] == 0.015
    other = tab.on_sampler({**came, tab.sampler: "wino"})
    assert other[tab.setups.filled] == NO_FILLING and other[tab.setups.menu.choice] == ""
    assert tab.setups.menu.words in other


def test_without_a_head_or_a_reward_model_a_preset_says_so(tab: Visualize, monkeypatch: Any) -> None:
    monkeypatch.setattr(Bundled, "has_head", False)
    monkeypatch.setattr(Bundled, "rewards", ())
    menu = tab.setups.menu
    filled = tab.setups.on_preset(asked(tab, {menu.choice: "remedi-gsm8k"}))
    assert "needs a UPS head, and none is loaded" in filled[menu.words]
    filled = tab.setups.on_preset(asked(tab, {menu.choice: "r3-backmask"}))
    assert "the exact checker scores instead" in filled[menu.words]
    assert filled[tab.scorer.scorer]["value"] == "checker"


def test_own_presets_are_saved_chosen_and_deleted(tab: Visualize) -> None:
    menu, seed = tab.setups.menu, {tab.seed: 7.0, tab.form.input("temperature"): 0.5}
    saved = tab.setups.on_save(asked(tab, {tab.setups.name: " my  first ", **seed}))
    assert saved[menu.choice]["value"] == "own:my first" and "Saved as my first." in saved[menu.words]
    kept = saved[menu.own]
    setup, notes = from_link(own_presets(kept)["my first"])
    assert (setup.prompt, setup.seed, setup.settings["temperature"], notes) == ("", 7, 0.5, [])
    chosen = {menu.choice: OWN + "my first", menu.own: kept}
    filled = tab.setups.on_preset(asked(tab, chosen))
    assert tab.prompt not in filled and filled[tab.seed] == 7 and shown(tab, filled)["temperature"] == 0.5
    assert filled[tab.setups.delete]["visible"]
    gone = tab.setups.on_delete(asked(tab, chosen))
    assert gone[menu.own] == "{}" and gone[menu.choice]["value"] == ""


def test_bad_names_and_too_many_presets_are_sentences(tab: Visualize) -> None:
    for name in ("", " ", "x" * 61, "a\u202eb"):
        saved = tab.setups.on_save(asked(tab, {tab.setups.name: name}))
        assert saved == {tab.alert: '<p role="alert">Give the preset a name, at most 60 characters.</p>'}
    full, setup = {str(n): "x" for n in range(MOST)}, Setup("", "low_confidence")
    with pytest.raises(RequestError, match="50 presets"):
        with_preset(full, "one more", setup)
    assert len(with_preset(full, "0", setup)) == MOST


@pytest.mark.parametrize(
    "text", ["", "[", "[1]", '{"a": 5}', '{"": "x"}', "5", '{"a": "' + "x" * 9000 + '"}', None]
)
def test_what_is_no_preset_is_left_out(text: Any) -> None:
    assert own_presets(text) == {}


def test_a_preset_that_was_tampered_with_is_a_sentence(tab: Visualize) -> None:
    menu = tab.setups.menu
    chosen = {menu.choice: OWN + "a", menu.own: json.dumps({"a": "nonsense"})}
    assert "cut short or changed" in tab.setups.on_preset(asked(tab, chosen))[tab.alert]
    assert tab.setups.on_preset(asked(tab, {menu.choice: OWN + "not there"}))[menu.words] == ""


@pytest.mark.parametrize("kind, part", [
    ("Link", "?setup="), ("Python", "lv.decode("), ("Command", "python -m samplers run"),
])  # fmt: skip
def test_the_form_is_copied(tab: Visualize, kind: str, part: str) -> None:
    copied = tab.setups.on_copy(kind, asked(tab, {tab.seed: 3.0}))
    assert part in copied[tab.setups.copied]["value"] and copied[tab.setups.copied]["visible"]
    if kind == "Link":
        assert from_link(copied[tab.setups.copied]["value"].removeprefix("?setup="))[0].seed == 3


def test_a_form_that_cannot_run_is_not_copied(tab: Visualize) -> None:
    wrong = asked(tab, {tab.form.input("block_length"): 7})
    refused = tab.setups.on_copy("Python", wrong)
    assert "does not divide" in refused[tab.alert] and not refused[tab.setups.copied]["visible"]
    refused = tab.setups.on_copy("Command", asked(tab, {tab.seed: None}))
    assert "Seed" in refused[tab.alert]


def test_an_opened_link_fills_the_form_and_says_what_it_is(tab: Visualize) -> None:
    setup = Setup("What is 1 + 2?", "klass", {"kl_threshold": 0.5}, 9, "0:so")
    filled = tab.setups.on_open("", "", to_link(setup))
    assert (filled[tab.prompt], filled[tab.sampler], filled[tab.seed]) == ("What is 1 + 2?", "klass", 9)
    assert filled[tab.constraints] == "0:so" and shown(tab, filled)["kl_threshold"] == 0.5
    words = filled[tab.setups.words]
    assert "From a link: KLASS" in words and "seed 9" in words and "Nothing runs until you press Run" in words
    assert tab.run_id not in filled and tab.canvas not in filled


def test_a_link_of_another_model_or_out_of_range_says_so(tab: Visualize) -> None:
    other = Setup("Hi", "low_confidence", sources=Sources("GSAI-ML/LLaDA-8B-Instruct"))
    words = tab.setups.on_open("", "", to_link(other))[tab.setups.words]
    assert "It was made with LLaDA-8B-Instruct; this page decodes with tiny-llada" in words
    wild = Setup("Hi", "low_confidence", {"block_length": 7, "gen_length": 32})
    filled = tab.setups.on_open("", "", to_link(wild))
    assert "Block length 7 does not divide" in filled[tab.setups.words]
    assert shown(tab, filled)["block_length"] == 128
    broken = tab.setups.on_open("", "", "%%%")
    assert 'role="alert"' in broken[tab.setups.words] and tab.sampler not in broken


def test_m9_an_opened_run_fills_in_what_it_was_asked(tab: Visualize) -> None:
    trace = read_trace(assets() / FILE)
    settings = trace.events[0].settings  # type: ignore[union-attr]
    filled = tab.show(trace, {tab.run_id: ""})
    assert filled[tab.sampler] == settings["sampler"] and filled[tab.seed] == settings["seeds"][0]
    assert filled[tab.prompt] and filled[tab.prompt] in tab.runs.get(filled[tab.run_id]).layout.prompt  # type: ignore[union-attr]
    own = {s.name: s.default for s in SAMPLERS[settings["sampler"]].settings} | settings
    values = shown(tab, filled)
    assert {name: own[name] for name in values} == values and "gen_length" in values
    assert filled[tab.setups.filled]["sampler"] == settings["sampler"]
    assert filled.keys() <= set(tab.shown)


def test_m9_of_another_engine_s_run_only_the_question_is_filled_in(tab: Visualize) -> None:
    filled = tab.show(to_trace([[[4, 5, 0, 0]], [[4, 5, 8, 6]]], PIECES, "other").trace, {tab.run_id: ""})
    assert tab.sampler not in filled and tab.seed not in filled and tab.run_id in filled


def kept(tab: Visualize, **changes: Any) -> str:
    """What a browser kept of the form, with changes by the names of `KeptForm.fields`."""
    values = {name: component.value for name, component in tab.setups.kept.fields.items()}
    return json.dumps(values | {name.replace("__", ":"): value for name, value in changes.items()})


def test_a_kept_form_comes_back(tab: Visualize) -> None:
    text = kept(
        tab, prompt="What is 5 + 5?", sampler="threshold", seed=4, setting__threshold=0.5, setting__steps=16
    )
    back = tab.setups.on_open(text, "", "")
    assert (back[tab.prompt], back[tab.sampler], back[tab.seed]) == ("What is 5 + 5?", "threshold", 4)
    assert shown(tab, back)["threshold"] == 0.5 and shown(tab, back)["steps"] == 16
    assert back[tab.setups.words] == "" and back[tab.setups.filled]["settings"]["threshold"] == 0.5
    threshold = next(w for key, w in tab.form.widgets.items() if key[0] == "threshold")
    assert back[threshold]["visible"]
    assert tab.sampler not in tab.setups.on_open("", "", "")


@pytest.mark.parametrize("change, part", [
    ({"setting__steps": 99999}, "Steps must be a whole number from 1 to 4096."),
    ({"setting__steps": "many"}, "Steps must be a whole number"),
    ({"setting__steps": [1]}, "Steps must be a whole number"),
    ({"setting__temperature": 1e309}, "Temperature must be a number"),
    ({"setting__block_length": 7}, "Block length 7 does not divide"),
    ({"sampler": "magic"}, "Sampler has no such choice."),
    ({"sampler": {"a": 1}}, "Sampler has no such choice."),
    ({"scorer": "gone"}, "The scorer is not here any more."),
    ({"seed": "x"}, "Seed must be a number."),
    ({"prompt": 5}, "Prompt must be text."),
    ({"prompt": "x" * 30_000}, "Prompt must be text."),
])  # fmt: skip
def test_what_does_not_fit_is_reset_in_words(tab: Visualize, change: dict[str, Any], part: str) -> None:
    back = tab.setups.on_open(kept(tab, **change), "", "")
    assert "some does not fit and was reset" in back[tab.setups.words] and part in back[tab.setups.words]
    assert back[tab.sampler] in SAMPLERS and isinstance(back[tab.prompt], str)
    first = tab.form.first
    assert (
        shown(tab, back)["steps"] == first["steps"]
        and shown(tab, back)["block_length"] == first["block_length"]
    )


@pytest.mark.parametrize("text", ["[", "[]", "null", "5", "x" * 200_000, '{"unknown": 1}'])
def test_nonsense_that_was_kept_changes_nothing(tab: Visualize, text: str) -> None:
    assert tab.sampler not in tab.setups.on_open(text, "", "")


def test_reset_puts_back_how_the_form_began(tab: Visualize) -> None:
    back = tab.setups.on_reset()
    assert back[tab.prompt] == tab.first.prompt and back[tab.sampler] == tab.form.chosen
    for component in tab.form.inputs:
        assert back[component]["value"] == component.value and back[component]["visible"] == component.visible
    assert back[tab.seed] == 0 and back[tab.constraints] == "" and back[tab.setups.menu.choice] == ""


def test_inputs_of_one_name_are_kept_apart(tab: Visualize) -> None:
    assert len({field_id(key) for key in tab.form.widgets}) == len(tab.form.widgets)
