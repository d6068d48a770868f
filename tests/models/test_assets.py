"""Bundled names and paths below assets/ mean the bundled files, from any folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evaluation.sets.problem_sets import load_set
from models import assets as place
from models.adapters import read_adapter
from models.assets import assets, locate
from models.checkpoint import ModelError
from models.loading import load
from models.reward import load_reward
from models.ups_head import load_ups_head
from training.run import read_config

ROOT = Path(__file__).parents[2]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_bundled_names_load_from_any_folder(elsewhere: Path) -> None:
    loaded = load("tiny-llada", device="cpu")
    assert loaded.name == "tiny-llada" and loaded.tokenizer is not None
    assert load("assets/models/tiny-llada", device="cpu").name == "tiny-llada"
    assert read_adapter("tiny-llada-few-steps").modules
    assert load_ups_head("tiny-llada-ups", loaded.model.config.d_model)
    assert load_reward("tiny-prm", "cpu").name == "tiny-prm"


def test_sets_and_configs_are_found_from_any_folder(elsewhere: Path) -> None:
    assert load_set("assets/data/arithmetic.csv", limit=2).problems
    for name in ("sft-tiny", "sft-tiny.yaml", "training/configs/sft-tiny.yaml"):
        assert read_config(Path(name))["objective"] == "sft"


def test_a_path_that_exists_is_itself(elsewhere: Path) -> None:
    (elsewhere / "tiny-llada").mkdir()
    assert locate("tiny-llada") == "tiny-llada"
    with pytest.raises(ModelError, match=r"tiny-llada.*no config.json"):
        load("tiny-llada")


@pytest.mark.parametrize(
    "name", ["", "GSAI-ML/LLaDA-8B-Instruct", "assets/../pyproject.toml", "../assets", "assets/none",
             "x" * 5000, "a\0b", "/nowhere/tiny-llada", "\ud800"],
)  # fmt: skip
def test_other_names_stay_as_they_are(elsewhere: Path, name: str) -> None:
    assert locate(name) == name


def test_an_install_has_its_assets_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert assets() == ROOT / "assets"
    package = tmp_path / "site-packages" / "models"
    shutil.copytree(ROOT / "assets" / "data", package / "assets" / "data")
    monkeypatch.setattr(place, "__file__", str(package / "assets.py"))
    assets.cache_clear()
    try:
        assert assets() == package / "assets"
        assert locate("assets/data/arithmetic.csv") == str(package / "assets" / "data" / "arithmetic.csv")
    finally:
        assets.cache_clear()
