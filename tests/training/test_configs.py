"""Every YAML file under training/configs is a config of its objective."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.__main__ import main
from training.engine.settings import settings_of
from training.registry import OBJECTIVES
from training.run import read_config

FOLDER = Path(__file__).parents[2] / "training" / "configs"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_config_is_valid_and_names_what_the_command_needs(path: Path) -> None:
    config = read_config(path)
    assert path.stem.startswith(config["objective"])
    allowed = {"objective", "model", "data", "settings", "grid", "device", "load_lora", "load_ups_head"}
    assert set(config) <= allowed
    assert config["model"] and config["data"]
    found = settings_of(OBJECTIVES[config["objective"]].settings, config["settings"])
    assert found.max_steps == config["settings"]["max_steps"]
    for name, values in config.get("grid", {}).items():
        for value in values:
            settings_of(type(found), config["settings"] | {name: value})
    if config["model"].startswith("assets/"):
        assert (FOLDER.parents[1] / config["model"] / "config.json").is_file()


def test_both_models_have_their_configs() -> None:
    names = {path.stem for path in FILES}
    assert {"pretrain-tiny", "pretrain-llada-8b", "sft-tiny", "sft-llada-8b"} <= names


def test_the_published_hyper_parameters_of_the_context_extension() -> None:
    settings = read_config(FOLDER / "pretrain-llada-8b.yaml")["settings"]
    wanted = {"learning_rate": 1e-5, "max_steps": 500, "lora_r": 128, "lora_alpha": 256, "max_length": 8192,
              "rope_theta": 5e5, "yarn": True, "yarn_scale": 2.0, "curriculum": True}  # fmt: skip
    assert {name: settings[name] for name in wanted} == wanted


def test_the_docs_page_is_what_the_registry_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--markdown"]) == 0
    page = FOLDER.parents[1] / "docs" / "objectives.md"
    assert page.read_text(encoding="utf-8") == capsys.readouterr().out
