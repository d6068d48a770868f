"""Published settings: read and checked, and scaled to the model in use with words for what was changed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.published import CatalogError, published, read_published
from llada_viz.decoding.scaling import own_sizes, scaled
from models.catalog import catalog
from samplers.registry import make

EQUATION, WORDS = "What is the value of x if -7x - 7 = 42?", "Hello there"


@cache
def bundled() -> Bundled:
    return Bundled()


def test_the_catalog_names_what_people_look_for() -> None:
    titles = [one.title for one in published().values()]
    for wanted in ("LLaDA paper", "R3 window 8", "RemeDi GSM8K", "Fast-dLLM .9"):
        assert wanted in titles
    assert all(one.source and one.cited.endswith(".") for one in published().values())


def test_it_says_the_same_as_the_catalog_of_models() -> None:
    """Both name what was published; where they name the same source and sampler, the settings agree."""
    theirs = {preset.source: preset for known in catalog().models for preset in known.presets}
    ours = {one.source.split(" (")[0]: one for one in published().values()}
    both = set(theirs) & set(ours)
    assert len(both) >= 3
    for source in both - {"github.com/NVlabs/Fast-dLLM, llada/eval_gsm8k.sh"}:  # there are two of these
        made = make(ours[source].sampler, ours[source].settings)
        for name, value in theirs[source].settings.items():
            assert getattr(made, name) == value, (source, name)


@pytest.mark.parametrize("prompt", [EQUATION, WORDS])
@pytest.mark.parametrize("name", sorted(published()))
def test_every_entry_fits_the_bundled_model_and_says_how(name: str, prompt: str) -> None:
    one = published()[name]
    fitted = scaled(one.sampler, one.settings, bundled(), prompt)
    make(one.sampler, fitted.settings)
    own = own_sizes(bundled(), prompt)
    assert fitted.settings["gen_length"] == own["gen_length"] < 512
    if "gen_length" in one.settings:
        assert fitted.said.startswith("Scaled to tiny-llada: ")
        assert f"published: {one.settings['gen_length']:,} tokens" in fitted.said
    else:
        assert fitted.said.endswith("the source names no sizes.")
    changed = {n for n, v in one.settings.items() if fitted.settings[n] != v}
    assert changed <= {"gen_length", "block_length", "steps", "window", "backmasking_lookback"}


def test_tokens_a_step_windows_and_one_block_stay_what_they_were() -> None:
    window = published()["r3-window-8"]
    fitted = scaled(window.sampler, window.settings, bundled(), WORDS)
    assert [fitted.settings[n] for n in ("gen_length", "block_length", "steps", "window")] == [64, 8, 16, 4]
    assert "Window K 4 (published: 8)" in fitted.said
    paper = published()["llada-paper"]
    fitted = scaled(paper.sampler, paper.settings, bundled(), EQUATION)
    assert [fitted.settings[n] for n in ("gen_length", "block_length", "steps")] == [32, 32, 32]


def test_a_form_may_name_the_sizes_to_scale_to() -> None:
    one = published()["r3-window-8"]
    sizes = {"gen_length": 96, "block_length": 24, "steps": 96}
    fitted = scaled(one.sampler, one.settings, bundled(), "", sizes)
    assert [fitted.settings[n] for n in ("gen_length", "block_length", "steps", "window")] == [96, 24, 24, 2]


def other_model(max_length: int) -> Any:
    """A model in use whose folder names no sizes."""
    loaded = SimpleNamespace(max_length=max_length)
    return SimpleNamespace(loaded=loaded, prompts={}, name="big", steps_for=lambda *sizes: None)


def test_a_model_without_sizes_of_its_own_gets_the_published_ones_where_they_fit() -> None:
    one = published()["r3-backmask"]
    fitted = scaled(one.sampler, one.settings, other_model(4096), WORDS)
    assert fitted.settings == dict(one.settings)
    assert fitted.said == "512 tokens in blocks of 32, 128 steps, as published."
    small = scaled(one.sampler, one.settings, other_model(300), WORDS)
    assert [small.settings[n] for n in ("gen_length", "block_length", "steps")] == [128, 32, 32]
    assert small.settings["backmasking_lookback"] == 1
    make(one.sampler, small.settings)
    bare = published()["eb-sampler"]
    assert scaled(bare.sampler, bare.settings, other_model(300), WORDS).settings == dict(bare.settings)


GOOD = "a: {title: A, sampler: threshold, settings: {threshold: 0.5}, source: here}\n"


@pytest.mark.parametrize("text, part", [
    ("- a", "entries by name"),
    ("a: [", "cannot be read"),
    ("a: 5", "a; allowed: the fields"),
    (GOOD.replace("source: here", "url: here"), "allowed: the fields"),
    (GOOD.replace("title: A", "title: 5"), "allowed: text as"),
    (GOOD.replace("0.5", "5"), "threshold = 5"),
    (GOOD.replace("sampler: threshold", "sampler: magic"), "magic"),
    (GOOD + GOOD.replace("a:", "b:", 1), "title = 'A' is there twice"),
    (GOOD.replace("source: here", "source: here, scorer: me"), "scorer prm or none"),
])  # fmt: skip
def test_a_catalog_that_is_wrong_is_named(text: str, part: str, tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_text(text)
    with pytest.raises(CatalogError, match=part):
        read_published(file)


def test_an_entry_without_a_paper_cites_its_source() -> None:
    one = replace(next(iter(published().values())), paper="", source="somewhere")
    assert one.cited == "Published: somewhere."
