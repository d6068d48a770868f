"""Repairs on the page: offered with their own weights only, filled in whole, and shown from their traces."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from evaluation.repairs.alone import Alone
from evaluation.repairs.preset import Part, Preset, parts_at_hand, trace_of, write_preset
from evaluation.repairs.rates import Rates
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.presets import FOLDER_VARIABLE
from llada_viz.decoding.runs import Runs
from llada_viz.tabs.visualize import Visualize
from samplers.recording.traces import write_trace
from samplers.registry import entry, make
from tests.llada_viz.handlers import given

RATES = Rates(
    "vanilla_prm/prm", problems=9, errors=4, mended=2, rights=5, broken=0, nfe=20, plain_nfe=8,
    scorer_calls=3, raised_steps=32, raised_nfe=30, raised_mended=1, raised_broken=0, saturated=False,
    gap=0.25, low=0, high=1,
)  # fmt: skip
SIZES = {"gen_length": 32, "block_length": 16, "steps": 4, "temperature": 0.7, "early_stop": True}
SETTINGS = {**SIZES, "num_candidates_per_block": 2}


def preset_of(parts: dict[str, Part]) -> Preset:
    """One of a scored sampler, with all settings; the run need not be a repair to be shown."""
    sampler = make("vanilla_prm", SETTINGS)
    return Preset(
        name="a-repair", title="Vanilla PRM: expression", task="expression", level="easy",
        fields={"expression": "1 + 2 * 3"}, answer="", prompt="What is 1 + 2 * 3?", sampler="vanilla_prm",
        settings={s.name: getattr(sampler, s.name) for s in entry("vanilla_prm").settings}, seed=7,
        scorer="prm", plain=SIZES, plain_text="\\boxed{8}", text="\\boxed{7}", wrong="2 * 3 = <5>",
        clarity=0.5, set_up="expression, easy", rates=RATES, parts=parts,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Presets: one that fits, one of another head, one without a trace, and one that is broken."""
    bundled, out = Bundled(), tmp_path_factory.mktemp("presets")
    assert bundled.loaded is not None
    good = preset_of(parts_at_hand("tiny-llada", prm="tiny-prm"))
    request = {
        "prompt": good.prompt,
        "sampler": good.sampler,
        "settings": dict(good.settings),
        "prm": "tiny-prm",
    }
    alone = Alone(bundled.loaded)
    decoded = alone.decode(request, good.task, good.fields, "")
    write_trace(trace_of(write_preset(out, good)), alone.trace(decoded))
    other = {**good.parts, "ups_head": Part("another-head", "0" * 64)}
    write_preset(out, replace(good, name="other-head", parts=other))
    write_preset(out, replace(good, name="no-trace"))
    (out / "broken.json").write_text("{")
    return out


@pytest.fixture
def tab(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visualize]:
    """The tab, laid out, with these presets."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    with gr.Blocks():
        tab = Visualize(Bundled(), Runs())
        tab.build()
    yield tab


def test_only_presets_of_these_weights_are_offered_and_the_others_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    with caplog.at_level(logging.WARNING):
        repairs = Bundled().repairs
    assert list(repairs) == ["a-repair"] and repairs["a-repair"].scorer == "tiny-prm"
    for words in ("ups_head another-head", "has no trace no-trace.jsonl", "'broken.json' cannot be read"):
        assert words in caplog.text
    assert "What is 1 + 2 * 3?" in Bundled().golds


def test_choosing_one_shows_its_run_and_fills_in_all_that_run_needs(tab: Visualize) -> None:
    assert tab.presets.box.visible
    filled = tab.on_preset(given([tab.presets.choice, tab.run_id], {tab.presets.choice: "a-repair"}))
    assert (filled[tab.prompt], filled[tab.sampler], filled[tab.seed]) == (
        "What is 1 + 2 * 3?",
        "vanilla_prm",
        7,
    )
    assert filled[tab.scorer.scorer] == gr.update(visible=True, value="tiny-prm")
    assert filled[tab.form.input("temperature")] == gr.update(visible=True, value=0.7)
    assert filled[tab.presets.choice] == "a-repair"  # the menu shows it
    assert "On 9 problems" in filled[tab.presets.rates] and "&lt;5&gt;" in filled[tab.presets.rates]
    run = tab.runs.get(filled[tab.run_id])
    assert run is not None and run.ended and filled[tab.canvas]["run"] == run.id
    values = {
        key: update["value"] for key, update in filled.items() if key in tab.form.inputs and "value" in update
    }
    asked = tab.form.values("vanilla_prm", given(tab.form.inputs, values))
    assert make("vanilla_prm", asked) == make("vanilla_prm", SETTINGS)


def test_the_preset_stays_when_its_sampler_appears_and_goes_with_another(tab: Visualize) -> None:
    filled = tab.setups.filled
    inputs = [tab.sampler, filled, *(tab.form.input(n) for n in ("gen_length", "block_length"))]
    shown = tab.on_preset(given([tab.presets.choice, tab.run_id], {tab.presets.choice: "a-repair"}))
    chosen = {filled: shown[filled]}
    same = tab.on_sampler(given(inputs, {**chosen, tab.sampler: "vanilla_prm"}))
    assert same[tab.form.input("temperature")]["value"] == 0.7 and tab.presets.choice not in same
    other = tab.on_sampler(given(inputs, {**chosen, tab.sampler: "wino"}))
    assert other[tab.presets.choice] == "" and other[tab.presets.rates] == ""
    assert tab.on_preset(given([tab.presets.choice, tab.run_id])) == tab.presets.left()


def test_without_presets_or_with_something_attached_there_is_no_menu(
    tab: Visualize, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tab.on_presets({tab.attached: "x"})[tab.presets.box] == gr.update(visible=False)
    assert tab.on_presets({tab.attached: ""})[tab.presets.box] == gr.update(visible=True)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with gr.Blocks():
        empty = Visualize(Bundled(), Runs())
        empty.build()
    assert not empty.presets.box.visible
