"""The catalog: every entry is what the code beside it can use, and a broken file is a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import samplers.algorithms  # noqa: F401 - fills the registry
from models.assets import locate
from models.catalog import CATALOG, Known, catalog, read_catalog
from models.checkpoint import ModelError, read_config
from models.shape import shape_of
from samplers.registry import make

EVERY = {
    "GSAI-ML/LLaDA-8B-Base", "GSAI-ML/LLaDA-8B-Instruct", "GSAI-ML/LLaDA-1.5", "GSAI-ML/iLLaDA-8B-Base",
    "inclusionAI/LLaDA-MoE-7B-A1B-Instruct", "inclusionAI/LLaDA2.0-mini", "inclusionAI/LLaDA2.0-flash",
    "Dream-org/Dream-v0-Instruct-7B", "Dream-org/Dream-Coder-v0-Instruct-7B", "apple/DiffuCoder-7B-cpGRPO",
    "JetLM/SDAR-8B-Chat", "Efficient-Large-Model/Fast_dLLM_v2_7B", "google/diffusiongemma-26B-A4B-it",
    "FunAGI/LLaDA-8B-Instruct-gptqmodel-4bit", "HuggingFaceH4/Qwen2.5-Math-1.5B-Instruct-PRM-0.2",
    "Qwen/Qwen2.5-Math-PRM-7B", "tiny-llada", "tiny-prm", "tiny-llada-ups", "tiny-llada-few-steps",
}  # fmt: skip


def test_what_people_use_is_there() -> None:
    assert {m.id for m in catalog().models} >= EVERY


@pytest.mark.parametrize("model", catalog().models, ids=lambda model: model.id)
def test_every_entry(model: Known) -> None:
    """Presets are settings of their samplers; a built family is loaded by its model_type, another refused."""
    for preset in model.presets:
        sampler = make(preset.sampler, preset.settings)
        assert {name: getattr(sampler, name) for name in preset.settings} == dict(preset.settings)
    if "/" not in model.id:
        assert Path(locate(model.id)).is_dir(), "bundled"
    if model.config:
        assert catalog().family_of(model.config) is not None
        assert model.parameters and model.parameters > 10**6 and model.bytes_at(model.stored)
    if model.mask_id is not None and model.config:
        assert model.mask_id < shape_of(model.config).vocabulary


def test_numbers_that_are_published() -> None:
    """Of LLaDA 2 flash and Qwen's reward model the hub's own counts, of the bundled model its config.json."""
    counts = {m.id: m.parameters for m in catalog().models}
    assert counts["GSAI-ML/LLaDA-8B-Instruct"] == 8_015_581_184
    assert counts["inclusionAI/LLaDA2.0-flash"] == 102_889_705_216
    assert counts["Dream-org/Dream-v0-Base-7B"] == 7_615_616_512  # Qwen2.5-7B's
    for name in ("tiny-llada", "tiny-prm"):
        found = json.loads((Path(locate(name)) / "config.json").read_text())
        known = catalog().find(name)
        assert known and shape_of(found) == known.shape and known.context == found["max_sequence_length"]
        assert known.mask_id == found["mask_token_id"] and catalog().family_of(found) == known.family


def test_a_model_is_found_whatever_the_case() -> None:
    known = catalog().find("gsai-ml/llada-8b-instruct")
    assert known and known.id == "GSAI-ML/LLaDA-8B-Instruct"
    assert catalog().find("GSAI-ML/LLaDA-9B") is None


@pytest.mark.parametrize(
    "config, family",
    [
        ({"model_type": "llada", "architectures": ["LLaDAModelLM"]}, "LLaDA"),
        ({"model_type": "llada"}, "LLaDA"),
        ({"model_type": "llada", "num_experts": 64}, "LLaDA-MoE"),
        ({"model_type": "llada", "architectures": ["LLaDAMoEModelLM"]}, "LLaDA-MoE"),
        ({"model_type": "Dream"}, "Dream"),
        ({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}, None),
        ({"model_type": "gpt2", "architectures": None}, None),
    ],
)
def test_families(config: dict[str, Any], family: str | None) -> None:
    found = catalog().family_of(config)
    assert (found.title if found else None) == family


@pytest.mark.parametrize("kind", ["Dream", "llada2_moe", "sdar", "illada", "diffusion_gemma", "llada"])
def test_a_network_that_is_not_built_is_refused_by_its_family(kind: str, tmp_path: Path) -> None:
    config = {"model_type": kind} | ({"num_experts": 4} if kind == "llada" else {})
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=rf"\(model_type = '{kind}'\), whose network is not built here yet"):
        read_config(str(tmp_path))


GOOD = """
families: {a: {title: A, model_type: llada, built: true}}
models: [{id: x/y, name: X, family: a}]
"""


@pytest.mark.parametrize(
    "old, new, words",
    [
        ("models:", "modelz:", "cannot be read"),
        (GOOD, "- [", "cannot be read"),
        (GOOD, "!!python/object/apply:os.system ['true']", "cannot be read"),
        ("[{id", "{id", "cannot be read"),
        ("title: A, ", "", "'a' has no title"),
        ("family: a", "family: b", "family = 'b' of 'x/y'; allowed: a"),
        (
            "family: a",
            "family: a, kind: engine",
            "kind = 'engine' of 'x/y'; allowed: model, reward model, adapt",
        ),
        ("family: a", "family: a, stored: int3", "stored = 'int3' of 'x/y'; allowed: float32"),
        ("family: a", "family: a, licence: mit", "licence of 'x/y' is no field; allowed: id, name"),
        ("family: a", "family: a, mask_id: five", "mask_id = 'five' of 'x/y' is not valid"),
        ("family: a", "family: a, context: true", "context = True of 'x/y' is not valid"),
        (
            "family: a",
            "family: a, config: {model_type: Dream}",
            "config of 'x/y' is not of model_type 'llada'",
        ),
        (
            "family: a",
            "family: a, config: {model_type: llada}",
            "config of 'x/y': config.json has no d_model",
        ),
        ("family: a", "family: a, presets: [{name: p}]", "'a preset of x/y' has no sampler"),
        ("family: a", "family: a}, {id: X/Y, name: X, family: a", "id = 'x/y' is there twice"),
        ("id: x/y, ", "", "'None' has no id"),
        ("{id: x/y, name: X, family: a}", "7", "7 is int; allowed: a mapping of fields"),
    ],
)
def test_a_broken_catalog_is_a_sentence(old: str, new: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    assert read_catalog(tmp_path / "good.yaml").models[0].license is None
    broken = tmp_path / "broken.yaml"
    broken.write_text(GOOD.replace(old, new))
    with pytest.raises(ModelError) as caught:
        read_catalog(broken)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_it_ships_with_the_package() -> None:
    """Beside the module, in a package that the wheel takes whole."""
    assert CATALOG.is_file() and CATALOG.parent == Path(__file__).parents[2] / "models"
