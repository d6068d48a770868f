"""Presets in Compare and Evaluate: one click adds a sampler, scaled to the form's sizes, and says so."""

from __future__ import annotations

import json
from functools import cache
from html import unescape
from typing import Any

import gradio as gr
import pytest

from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.line_up import SIZES, lanes_of, written
from llada_viz.decoding.own_presets import with_preset
from llada_viz.decoding.published import published
from llada_viz.decoding.setups import Setup
from llada_viz.widgets.lane_presets import FULL, LanePresets

SHARED = {"gen_length": 64, "block_length": 8, "steps": 64}


@cache
def bundled() -> Bundled:
    return Bundled()


@pytest.fixture(scope="module")
def presets() -> LanePresets:
    with gr.Blocks():
        presets, attached = LanePresets("compare", Attachments(bundled())), gr.State("")
        presets.build()
        sizes = {name: gr.Number(SHARED[name]) for name, _, _ in SIZES}
        presets.connect(attached, gr.Textbox(), sizes, gr.Dropdown(["checker", "tiny-prm"]))
    return presets


def added(presets: LanePresets, choice: str, rows: list[Any], own: str = "", **sizes: Any) -> dict[Any, Any]:
    values = {presets.sizes[name]: sizes.get(name, size) for name, size in SHARED.items()}
    given = {presets.menu.choice: choice, presets.menu.own: own, presets.attached: ""}
    return presets.on_add({**values, **given, presets.lanes: written(rows)})


@pytest.mark.parametrize("name", sorted(published()))
def test_every_published_preset_becomes_a_lane_that_can_run(presets: LanePresets, name: str) -> None:
    shown = added(presets, name, [("low_confidence", {"temperature": 0.5})])
    first, second = lanes_of(shown[presets.lanes], {**SHARED, "early_stop": True}, 2)
    assert (first.sampler, second.sampler) == ("low_confidence", published()[name].sampler)
    assert second.settings["gen_length"] == 64 and shown[presets.menu.choice] == ""
    assert published()[name].source in unescape(shown[presets.menu.words])
    assert (presets.scorer in shown) == bool(published()[name].scorer)


def test_only_what_differs_from_the_form_is_named(presets: LanePresets) -> None:
    rows = json.loads(added(presets, "r3-window-8", [])[presets.lanes])
    assert rows[0]["settings"]["steps"] == 16 and rows[0]["settings"]["window"] == 4
    assert not {"gen_length", "block_length"} & set(rows[0]["settings"])


def test_one_s_own_preset_is_added_and_too_many_are_refused(presets: LanePresets) -> None:
    own = json.dumps(with_preset({}, "mine", Setup("", "klass", {"kl_threshold": 0.5})))
    rows = json.loads(added(presets, "own:mine", [], own)[presets.lanes])
    assert rows == [{"sampler": "klass", "settings": {"kl_threshold": 0.5}}]
    full = added(presets, "llada-paper", [("low_confidence", {"temperature": n / 10}) for n in range(4)])
    assert FULL in full[presets.menu.words] and presets.lanes not in full
    assert presets.lanes not in added(presets, "own:gone", [])
    broken = added(presets, "own:a", [], json.dumps({"a": "nonsense"}))
    assert 'role="alert"' in broken[presets.menu.words] and presets.lanes not in broken


def test_sizes_that_are_no_sizes_leave_the_model_s_own(presets: LanePresets) -> None:
    shown = added(presets, "llada-generate", [], gen_length=None)
    assert json.loads(shown[presets.lanes])[0]["sampler"] == "low_confidence"


def test_the_browser_s_presets_are_offered(presets: LanePresets) -> None:
    own = json.dumps(with_preset({}, "mine", Setup("", "klass")))
    choices = presets.on_own(own)[presets.menu.choice]["choices"]
    assert ("Mine: mine", "own:mine") in choices and len(
        presets.on_own("[")[presets.menu.choice]["choices"]
    ) > 5
