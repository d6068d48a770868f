"""Quantizing through gptqmodel: a folder in the published layout, which reads back as the network it was."""

from __future__ import annotations

import gc
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from models.checkpoint import ModelError
from models.config import LLaDAConfig
from models.gptq import quantize
from models.gptq.package import library
from models.gptq.quantizing import examples_of
from models.loading import load
from tests.checkpoints import linear_names, write_checkpoint
from tests.models.gptq.test_loading import IDS, error, logits

TEXTS = [f"{i} + {i * 7 % 11} = {i + i * 7 % 11}, and {i} is less than {i + 5}." for i in range(24)]


def logits_of_its_own_loader(folder: Path) -> Tensor:
    """What gptqmodel reads from a folder, in fp16; without torch.compile, which would take 20 s."""
    torch.compiler.set_stance("force_eager")
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter(
                "ignore"
            )  # how it uses transformers, and leaves a folder behind, is its own
            theirs = library().GPTQModel.load(
                str(folder), device="cpu", backend="gptq_torch", dtype=torch.float16
            )
            found: Tensor = theirs.model(IDS).logits.float()
            del theirs
            gc.collect()
    finally:
        torch.compiler.set_stance("default")
    return found


@pytest.mark.slow
def test_a_folder_as_the_public_one(
    sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a network of LLaDA-8B's names at 1/16 of its width; its config.json names remote code, and none is
    asked for. gptqmodel's own loader and ours read the same numbers from it."""
    done: list[tuple[int, int]] = []
    out = tmp_path / "new" / "quantized"
    quantize(str(sharded), out, calibration=TEXTS, progress=lambda *at: done.append(at), device="cpu")
    assert done == [(1, 2), (2, 2)] and list(out.parent.iterdir()) == [out]
    assert capsys.readouterr().out == ""
    config = json.loads((out / "config.json").read_text())
    said = json.loads((out / "quantize_config.json").read_text())
    assert config.pop("quantization_config") == said and config == json.loads(
        (sharded / "config.json").read_text()
    )
    assert (said["bits"], said["group_size"], said["desc_act"], said["sym"]) == (4, 128, True, False)
    assert str(tmp_path) not in json.dumps(said) and "offload" not in json.dumps(said)
    with safe_open(out / "model.safetensors", "pt") as file:
        packed = {f"{n}.{part}" for n in linear_names(2) for part in ("qweight", "qzeros", "scales", "g_idx")}
        assert packed <= set(file.keys())
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (out / name).read_bytes() == (sharded / name).read_bytes()
    ours = {route: load(str(out), "cpu", quantization=route) for route in ("packed", "dense")}
    plain = load(str(sharded), "cpu")
    for name in linear_names(2):
        weight = ours["dense"].model.get_submodule(name).get_parameter("weight")
        assert 1e-3 < error(weight, plain.model.get_parameter(f"{name}.weight")) < 0.2
    assert error(logits(ours["packed"]), logits(ours["dense"])) < 1e-5
    own = logits_of_its_own_loader(out)
    half = load(str(out), "cpu", torch.float16, quantization="packed")
    print(f"gptqmodel's own loader against the fallback, fp16: {error(own, logits(half)):.3%}")
    assert error(own, logits(half)) < 0.01


def test_calibration_texts_get_holes_and_no_special_tokens(sharded: Path) -> None:
    config = LLaDAConfig(**json.loads((sharded / "config.json").read_text()))
    examples = examples_of(str(sharded), config, [*TEXTS * 4, "", "<|endoftext|> " * 2000], seed=0)
    assert len(examples) == 4 * len(TEXTS) + 1
    assert max(len(e["input_ids"]) for e in examples) == config.max_sequence_length
    assert all(config.eos_token_id not in e["input_ids"] for e in examples)
    shares = [e["input_ids"].count(config.mask_token_id) / len(e["input_ids"]) for e in examples]
    assert 0.35 < sum(shares) / len(shares) < 0.65 and max(shares) > 0.9 and min(shares) < 0.1
    assert examples == examples_of(str(sharded), config, [*TEXTS * 4, "", "<|endoftext|> " * 2000], seed=0)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"bits": 5}, "bits = 5 in 'the settings' is not supported; allowed: 2, 3, 4, 8"),
    ({"group_size": 100}, "group_size = 100 for the 256 inputs of q_proj"),
    ({"calibration": ["", ""]}, "has no text"),
]


@pytest.mark.parametrize(("changes", "sentence"), WRONG)
def test_settings_that_cannot_be_are_refused_first(
    changes: dict[str, Any], sentence: str, sharded: Path, tmp_path: Path
) -> None:
    settings = {"calibration": TEXTS} | changes
    with pytest.raises(ModelError, match=sentence):
        quantize(str(sharded), tmp_path / "out", **settings)
    assert list(tmp_path.iterdir()) == []


def test_models_that_cannot_be_quantized(sharded: Path, public: Path, grouped: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="quantised already; allowed: plain weights"):
        quantize(str(public), tmp_path / "out", calibration=TEXTS)
    with pytest.raises(ModelError, match="weight_tying = True"):
        quantize(str(grouped), tmp_path / "out", calibration=TEXTS)
    with pytest.raises(ModelError, match="exists; allowed: a new folder"):
        quantize(str(sharded), tmp_path, calibration=TEXTS)
    bare = write_checkpoint(tmp_path / "bare", tokenizer=False)
    with pytest.raises(ModelError, match="has no tokenizer.json"):
        quantize(str(bare), tmp_path / "out", calibration=TEXTS)
