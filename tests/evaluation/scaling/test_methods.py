"""What is tried of each method: as many recipes of each, settings that every task allows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.scaling.estimate import grows, units
from evaluation.scaling.methods import METHODS, PLAIN, RECIPES, chosen_methods
from evaluation.scaling.plot import style
from evaluation.scaling.recipes import EXACT, REWARD, WHOLE, Method, block_length, rungs, steps_of
from evaluation.scaling.study import BASE, FACTORS
from samplers import make

PROMPTS = json.loads(
    (Path(__file__).parents[3] / "assets" / "models" / "tiny-llada" / "prompts.json").read_text()
)
OWN = {"gen_length": 32, "block_length": 8, "steps": 32, "early_stop": True}


def test_every_method_is_tuned_with_the_same_effort() -> None:
    assert {len(method.recipes) for method in METHODS} == {RECIPES}
    for method in METHODS:
        names = [recipe.name for recipe in method.recipes]
        assert len(set(names)) == RECIPES, method.label
    assert len({method.label for method in METHODS}) == len(METHODS)
    assert len({style(method.name)[:2] for method in METHODS}) == len({method.name for method in METHODS})


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.label)
def test_every_rung_can_be_decoded_on_every_task(method: Method) -> None:
    for own in [entry["settings"] for entry in PROMPTS.values()] + [
        {"gen_length": 96, "block_length": 96, "steps": 96}
    ]:
        labels: dict[str, object] = {}
        for recipe, way in enumerate(method.recipes):
            for rung in range(len(way.ladder)):
                line = method.line(recipe, rung, own)
                assert make(line.sampler, line.settings).needs.scorer == bool(line.scorer)
                assert labels.setdefault(line.label, line) == line, "one name, two settings"


def test_plain_decoding_at_the_factors_is_the_tasks_own_settings_in_fewer_steps() -> None:
    one = PLAIN.line(BASE.recipe, BASE.rung, OWN)
    assert one.settings == OWN | {"confidence": "probability", "temperature": 0.0}
    steps = [PLAIN.line(0, rung, OWN).settings["steps"] for rung in range(len(PLAIN.recipes[0].ladder))]
    assert steps == [4, 8, 16, 32]
    assert [grows(m) for m in METHODS if m.name in ("plain", "remedi", "wino")] == [False] * 3


def test_a_block_is_never_longer_than_what_leaves_enough_of_them() -> None:
    assert (
        block_length(OWN, 1, 4) == 8 and block_length(OWN, 2, 1) == 16 and block_length(OWN, WHOLE, 1) == 32
    )
    assert block_length(OWN, 2, 4) == 8  # four blocks at least
    assert block_length({"gen_length": 48, "block_length": 48}, 1, 4) == 12
    assert block_length({"gen_length": 2, "block_length": 2}, 1, 4) == 1
    assert [steps_of(8, pace) for pace in (0.5, 1, 2, 3, 8, 16)] == [16, 8, 4, 3, 1, 1]
    assert [rung.draws for rung in rungs("draws", 2, 1, 3)] == [1, 3]
    assert [dict(rung.settings) for rung in rungs("num_samples", 1, 4)] == [{"num_samples": 4}]


def test_work_in_times_of_plain_decoding() -> None:
    by_label = {method.label: method for method in METHODS}
    assert units(by_label["plain"], FACTORS) == 1.75
    assert units(by_label["vote"], FACTORS) == 8.75  # draws are shared
    assert units(by_label["best_of_n, prm"], FACTORS) == 15.75


def test_methods_and_scorers_are_chosen_by_name() -> None:
    assert [m.label for m in chosen_methods(["backmask"], [REWARD])] == ["plain", "backmask, prm"]
    assert {m.scorer for m in chosen_methods([], [EXACT])} == {"", EXACT}
    assert chosen_methods([], []) == METHODS
    with pytest.raises(ValueError, match=r"method = 'luck' is not known; allowed: plain, vote"):
        chosen_methods(["luck"], [])
    with pytest.raises(ValueError, match=r"scorer = 'judge' is not known; allowed: exact, prm"):
        chosen_methods([], ["judge"])
