"""A folder with a small random network and the bundled tokenizer: what recipes can be run on quickly."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM

BUNDLED = Path(__file__).parents[2] / "assets" / "models" / "tiny-llada"


def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(str(BUNDLED))


def small_network(**fields: object) -> LLaDAModelLM:
    torch.manual_seed(0)
    shape = {"d_model": 32, "n_heads": 2, "n_layers": 1, "mlp_hidden_size": 48, "vocab_size": 2816,
             "max_sequence_length": 256, "mask_token_id": 2, "eos_token_id": 0, "pad_token_id": 0,
             "bos_token_id": 1}  # fmt: skip
    return LLaDAModelLM(LLaDAConfig(**(shape | fields)))  # type: ignore[arg-type]


def small_folder(folder: Path) -> str:
    small_network().to(torch.bfloat16).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return str(folder)
