"""The line-up of Compare and Evaluate as text: it is read back, named, and refused in sentences."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from llada_viz.decoding.line_up import FIRST, form_facts, lanes_of, written
from llada_viz.decoding.sampler_groups import BACK, ONCE, SCORED
from samplers.registry import SAMPLERS, make
from samplers.requests import RequestError
from samplers.settings import SettingError, sentence_of

SIZES = {"gen_length": 16, "block_length": 8, "steps": 4}


def test_lanes_are_named_by_what_was_changed_for_them() -> None:
    found = lanes_of(written([("threshold", {"threshold": 0.5}), ("threshold", {})]), SIZES)
    assert [lane.label for lane in found] == [
        "Fast-dLLM · threshold (threshold 0.5)", "Fast-dLLM · threshold",
    ]  # fmt: skip
    assert found[0].settings == {**SIZES, "threshold": 0.5} and found[1].settings == SIZES
    (lane,) = lanes_of(written([("low_confidence", {"early_stop": True, "top_k": 5})]), SIZES)
    assert lane.label == "LLaDA · surest first (early stop on, top k 5)"


def test_what_was_changed_overrides_the_usual_and_that_the_shared() -> None:
    usual = {"remedi": {"policy": "ups", "steps": 8}}
    found = lanes_of(written([("remedi", {}), ("remedi", {"policy": "random"})]), SIZES, usual=usual)
    assert [lane.settings["policy"] for lane in found] == ["ups", "random"]
    assert [lane.settings["steps"] for lane in found] == [8, 8]


def test_numbers_of_a_browser_get_their_types() -> None:
    (lane,) = lanes_of(written([("low_confidence", {"temperature": 1, "top_k": 5.0})]), SIZES)
    assert [type(lane.settings[name]) for name in ("temperature", "top_k")] == [float, int]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "Choose at least one sampler."),
        ("{", "The list of samplers cannot be read: reload the page."),
        ("null", "The list of samplers cannot be read: reload the page."),
        ('[{"sampler": 1, "settings": {}}]', "The list of samplers cannot be read: reload the page."),
        ('[{"sampler": "wino", "settings": []}]', "The list of samplers cannot be read: reload the page."),
        ("[" * 100_000, "The list of samplers cannot be read: reload the page."),
        (written([("wino", {"draft_threshold": n / 10}) for n in range(5)]),
         "5 samplers are chosen; allowed: at most 4."),
        (written([("threshold", {}), ("threshold", {"threshold": 0.9})]),
         "Samplers 1 and 2 are identical. Change a setting of one."),
        (written([("threshold", {}), ("klass", {"luck": 1})]),
         "Sampler 2: KLASS · stable predictions has no setting luck."),
    ],
)  # fmt: skip
def test_a_line_up_that_cannot_be_used_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(RequestError) as error:
        lanes_of(text, SIZES)
    assert sentence_of(error.value).startswith(sentence)


def test_a_bad_size_is_said_of_no_single_sampler() -> None:
    with pytest.raises(SettingError) as error:
        lanes_of(written(FIRST), {**SIZES, "steps": 3})
    assert sentence_of(error.value).startswith("Steps must be")


def test_the_form_knows_every_setting_with_a_choice_and_what_is_usual() -> None:
    facts = form_facts(2, {"remedi": {"policy": "ups"}})
    assert {sampler["name"] for sampler in facts["samplers"]} == set(SAMPLERS)
    groups = [sampler["group"] for sampler in facts["samplers"]]
    assert list(dict.fromkeys(groups)) == [ONCE, BACK, SCORED], "m25: the samplers of a group stand together"
    assert [a == b for a, b in pairwise(groups)].count(False) == 2
    by_sampler: dict[str, dict[str, Any]] = {
        sampler["name"]: {facts["settings"][n]["name"]: facts["settings"][n] for n in sampler["settings"]}
        for sampler in facts["samplers"]
    }
    for name, settings in by_sampler.items():
        assert set(settings) == {s.name for s in SAMPLERS[name].settings if len(s.choices) != 1}
        usual = {key: fact["usual"] for key, fact in settings.items() if fact["usual"] is not None}
        (lane,) = lanes_of(written([(name, {})]), SIZES)
        assert make(name, lane.settings | usual), "all that is usual fits, also what is counted in blocks"
    assert by_sampler["remedi"]["policy"]["usual"] == "ups"
    assert ["score_x_confidence", "score × confidence"] in by_sampler["backmask"]["choice"]["choices"]
    assert by_sampler["threshold"]["gen_length"]["range"] == [1, None]
    assert by_sampler["threshold"]["early_stop"]["usual"] is True
    assert (
        list(by_sampler["threshold"])[0] == "threshold" and not by_sampler["threshold"]["threshold"]["rest"]
    )
    assert len(json.dumps(facts)) < 20_000, "the form travels with the page"
