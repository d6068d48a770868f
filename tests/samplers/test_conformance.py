"""Token-by-token parity with the published implementations' outputs (tests/vectors)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from models.llada import LLaDAModelLM
from models.loading import load
from models.ups_head import load_ups_head
from samplers import collect, fold, make, new_canvas
from samplers.network import PolicyModelNetwork
from tests.networks import VECTORS, ToyNetwork


def cases(folder: str, algorithm: str | None = None) -> list[Any]:
    found = json.loads((VECTORS / folder / "cases.json").read_text())
    chosen = [c for c in found if algorithm is None or c["algorithm"] == algorithm]
    assert chosen
    return [pytest.param(c, id=c["name"]) for c in chosen]


@pytest.fixture(scope="module")
def tiny() -> LLaDAModelLM:
    return load(str(VECTORS / "tiny_llada"), device="cpu").model


def settings(case: dict[str, Any]) -> dict[str, Any]:
    names = ("steps", "gen_length", "block_length", "temperature", "cfg_scale")
    return {name: case[name] for name in names if name in case}


def sampler_of(case: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The sampler and its settings that a case of the suite asks for."""
    algorithm, plain = case["algorithm"], settings(case)
    if algorithm.startswith("remedi"):
        return "remedi", plain | {"policy": algorithm.removeprefix("remedi_")}
    if algorithm.endswith("cache"):
        plain["cache"] = algorithm.removesuffix("_cache")
    if case.get("threshold") is not None:
        return "threshold", plain | {"threshold": case["threshold"]}
    return "llada", plain | {"remasking": "low_confidence"}


@pytest.mark.parametrize("case", cases("tiny_llada"))
def test_tiny_llada(case: dict[str, Any], tiny: LLaDAModelLM) -> None:
    name, plain = sampler_of(case)
    sampler = make(name, plain)
    head = load_ups_head(VECTORS / "tiny_llada" / "ups_head.safetensors", tiny.config.d_model)
    denoise = sampler.denoiser(PolicyModelNetwork(tiny, "tiny", head))
    canvas = new_canvas(case["prompt"], case["gen_length"], case["mask_id"])
    events, final = collect(sampler(denoise, canvas))
    assert final.tokens.tolist() == case["output"]
    assert fold(events).tokens == case["output"]
    branches = 2 if plain.get("cfg_scale") else 1
    assert denoise.nfe == (case["nfe"] or case["steps"] * branches)


@pytest.mark.parametrize("case", cases("toy"))
def test_toy(case: dict[str, Any]) -> None:
    sampler = make("llada", settings(case) | {"remasking": "low_confidence"})
    padding = case["attention_mask"] or [[1] * len(p) for p in case["prompt"]]
    prompts = [
        [t for t, real in zip(p, mask, strict=True) if real]
        for p, mask in zip(case["prompt"], padding, strict=True)
    ]
    canvas = new_canvas(prompts, case["gen_length"], case["mask_id"])
    # The toy's positions are absolute: the padding tokens themselves do not matter, their places do.
    assert canvas.attention_mask[:, : canvas.prompt_length].tolist() == torch.tensor(padding).bool().tolist()
    _, final = collect(sampler(sampler.denoiser(ToyNetwork()), canvas))
    answers = [row[canvas.prompt_length :] for row in final.tokens.tolist()]
    assert answers == [row[canvas.prompt_length :] for row in case["output"]]
