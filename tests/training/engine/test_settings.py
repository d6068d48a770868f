"""Settings from YAML and from key=value: types, ranges, names."""

from __future__ import annotations

import pytest

from samplers.settings import SettingError, describe
from training.engine.settings import TrainSettings, parse_pairs, settings_of
from training.registry import OBJECTIVES


def test_yaml_values_become_what_the_field_is() -> None:
    found = settings_of(TrainSettings, {"learning_rate": "1e-4", "ema": 0, "max_steps": 5})
    assert found.learning_rate == 1e-4 and type(found.ema) is float and found.max_steps == 5


@pytest.mark.parametrize("values, said", [
    ({"max_steps": 0}, "max_steps = 0 is not valid; allowed: a whole number, at least 1"),
    ({"max_steps": 2.5}, "max_steps = 2.5"), ({"max_steps": True}, "max_steps = True"),
    ({"learning_rate": "fast"}, "learning_rate = 'fast'"),
    ({"learning_rate": float("nan")}, "learning_rate = nan"),
    ({"precision": "fp8"}, "allowed: auto, no, bf16"), ({"gradient_checkpointing": 1}, "true or false"),
    ({"batch_size": 6, "accumulate": 4}, "accumulate = 4 is not valid; allowed: a divisor of batch_size = 6"),
    ({"steps": 5}, "steps = 5 is not valid; allowed: a setting: max_steps, "), ({3: 4}, "3 = 4"),
])  # fmt: skip
def test_bad_values_are_named(values: dict, said: str) -> None:
    with pytest.raises(SettingError) as error:
        settings_of(TrainSettings, values)
    assert said in str(error.value)


def test_pairs_of_a_command_line() -> None:
    pairs = ["max_steps=7", " learning_rate = 2e-5 ", "gradient_checkpointing=yes", "report_to=none"]
    found = parse_pairs(TrainSettings, pairs)
    assert found == {
        "max_steps": 7, "learning_rate": 2e-5, "gradient_checkpointing": True, "report_to": "none",
    }  # fmt: skip


@pytest.mark.parametrize("pair", ["max_steps", "unknown=1", "max_steps=many", "gradient_checkpointing=maybe"])
def test_bad_pairs_are_named(pair: str) -> None:
    with pytest.raises(SettingError, match=pair.split("=")[0]):
        parse_pairs(TrainSettings, [pair])


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_is_valid_and_explains_its_settings(name: str) -> None:
    cls = OBJECTIVES[name].settings
    cls()
    assert all(len(d.help) > 5 for d in describe(cls))
