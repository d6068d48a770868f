"""Load a model and its tokenizer from a folder or a hub id: safetensors only, no remote code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from models.assets import locate
from models.checkpoint import ModelError, as_model_error, find_file, mask_token, read_config, read_weights
from models.config import LLaDAConfig
from models.llada import LLaDAModelLM


@dataclass(frozen=True)
class LoadedModel:
    """A network ready to decode with; `tokenizer` is None where the folder has none."""

    model: LLaDAModelLM
    tokenizer: PreTrainedTokenizerFast | None
    name: str
    mask_id: int
    eos_id: int | None
    eot_id: int | None
    pad_id: int | None

    @property
    def max_length(self) -> int:
        return int(self.model.config.max_sequence_length)

    @property
    def device(self) -> str:
        return str(self.model.device)

    @property
    def dtype(self) -> str:
        return str(self.model.dtype).removeprefix("torch.")


def load(name: str, device: str = "auto", dtype: torch.dtype | None = None) -> LoadedModel:
    """Load a bundled name, a folder or a hub id. `dtype` default: float32 on a CPU, bfloat16 on a GPU."""
    name = locate(name)
    device, dtype = device_and_dtype(device, dtype)
    with as_model_error(name):
        config = LLaDAConfig(**read_config(name))
        mask_id = mask_token(name, config)
        model = _with_weights(name, config, dtype)
        tokenizer = _tokenizer(name)
        eos = config.eos_token_id
        eos_id = None if eos is None else int(eos)
    return LoadedModel(
        model=model.to(device).eval(),
        tokenizer=tokenizer,
        name=Path(name).name if Path(name).is_dir() else name,
        mask_id=mask_id,
        eos_id=eos_id,
        eot_id=_token_id(tokenizer, "<|eot_id|>"),
        pad_id=config.pad_token_id,
    )


def device_and_dtype(device: str, dtype: torch.dtype | None) -> tuple[str, torch.dtype]:
    """Where to compute and in which type. auto: a GPU where there is one; None: float32 on a CPU, else
    bfloat16. ModelError: no such device."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise ModelError(f"device = {device!r} is not known; allowed: auto, cpu, cuda, cuda:0 …") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"device = {device!r}: no GPU is to be had here; allowed: auto, cpu")
    if kind == "cpu":
        device = "cpu"  # accelerate gives its second process on a CPU the name cpu:0 or cpu:1
    return device, dtype or (torch.float32 if device == "cpu" else torch.bfloat16)


def _with_weights(name: str, config: LLaDAConfig, dtype: torch.dtype) -> LLaDAModelLM:
    state = read_weights(name, dtype)
    if config.n_layers > len(state):  # checked before that many layers are made
        raise ModelError(f"{name}: n_layers = {config.n_layers}; allowed: as many as there are weights for")
    with torch.device("meta"):
        model = LLaDAModelLM(config)
    model.to(dtype)
    shapes = {n: tuple(t.shape) for n, t in model.state_dict().items()}
    for key, shape in shapes.items():
        if key not in state:
            raise ModelError(f"weight {key} is missing in {name!r}; wanted: shape {shape}")
        if tuple(state[key].shape) != shape:
            raise ModelError(f"weight {key} in {name!r} has shape {tuple(state[key].shape)}; wanted: {shape}")
    unknown = sorted(set(state) - set(shapes))
    if unknown:
        raise ModelError(f"weight {unknown[0]} in {name!r} belongs to no part of this network")
    model.load_state_dict(state, assign=True)
    return model


def _tokenizer(name: str) -> PreTrainedTokenizerFast | None:
    if find_file(name, "tokenizer.json") is None:
        return None
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        return PreTrainedTokenizerFast.from_pretrained(name)
    finally:
        logging.set_verbosity(level)


def _token_id(tokenizer: PreTrainedTokenizerFast | None, token: str) -> int | None:
    token_id = None if tokenizer is None else tokenizer.get_vocab().get(token)
    return None if token_id is None else int(token_id)
