"""The tiny DiffusionGemma of tests/vectors/diffusion_gemma/, run as its cases were."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "vectors" / "diffusion_gemma"
VOCABULARY = 136
PIECES = [f" {i}".encode() for i in range(VOCABULARY)]
CASES: dict[str, dict[str, Any]] = {c["name"]: c for c in json.loads((FOLDER / "cases.json").read_text())}
TORCH_WARNS = "ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"
"""When torch.compiler is first used, which transformers and diffusers do in every step."""


@pytest.fixture(autouse=True)
def without_inductor(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers and diffusers mark the beginning of each step for CUDA graphs. On a CPU that does nothing,
    but the first mark imports torch's compiler, which takes seconds."""
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: None)


@cache
def model() -> Any:
    from transformers import DiffusionGemmaForBlockDiffusion

    return DiffusionGemmaForBlockDiffusion.from_pretrained(FOLDER).eval()


def generate(case: dict[str, Any], streamer: Any) -> Any:
    """transformers' own generate with a case's settings."""
    from transformers.models.diffusion_gemma import generation_diffusion_gemma as theirs

    options: dict[str, Any] = {}
    if case["attention_mask"]:
        options["attention_mask"] = torch.tensor(case["attention_mask"])
    if case["start_canvas"]:
        options["decoder_input_ids"] = torch.tensor(case["start_canvas"])
    names = ("pad_token_id", "eos_token_id", "stability_threshold", "confidence_threshold", "max_new_tokens",
             "max_denoising_steps", "t_min", "t_max")  # fmt: skip
    config = theirs.DiffusionGemmaGenerationConfig(
        **{name: case[name] for name in names},
        sampler_config=theirs.EntropyBoundSamplerConfig(entropy_bound=case["entropy_bound"]),
    )
    torch.manual_seed(case["torch_seed"])
    return model().generate(
        torch.tensor(case["prompt"]), streamer=streamer, generation_config=config, **options
    )
