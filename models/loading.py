"""Load a model and its tokenizer from a folder or a hub id: safetensors only, no remote code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import torch
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from models.assets import locate
from models.checkpoint import (
    ModelError,
    as_model_error,
    commit_of,
    find_file,
    mask_token,
    read_config,
    stored_tensors,
)
from models.config import LLaDAConfig
from models.device_map import DEVICE_MAPS, Dispatched, plan_places
from models.llada import LLaDAModelLM
from models.quantized import check_quantization, quantize
from models.streaming import check_fits, stream, to_device

QUANTIZE_CONFIG = "quantize_config.json"
"""Where older GPTQ checkpoints say how they are quantised; newer ones say so in config.json."""


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
    revision: str = ""
    """The commit of a hub id, "" for a folder."""

    @property
    def max_length(self) -> int:
        return int(self.model.config.max_sequence_length)

    @property
    def device(self) -> str:
        return str(self.model.device)

    @property
    def dtype(self) -> str:
        return str(self.model.dtype).removeprefix("torch.")

    @property
    def precision(self) -> str:
        """How the weights are stored: a type, or int8, nf4, gptq 4-bit (group 128)."""
        return self.model.quantized_as or self.dtype


class LoadOptions(TypedDict, total=False):
    """What `load` takes beside name, device and dtype; functions that load on the way pass these on."""

    revision: str
    quantization: str
    device_map: str
    offload: str
    longest: int


def load(
    name: str,
    device: str = "auto",
    dtype: torch.dtype | None = None,
    *,
    revision: str = "",
    quantization: str = "",
    device_map: str = "",
    offload: str = "",
    longest: int = 0,
) -> LoadedModel:
    """Load a bundled name, a folder or a hub id. `dtype` default: float32 on a CPU, bfloat16 on a GPU.

    revision: branch, tag or commit of a hub id. quantization: "", int8 or nf4 (models.quantized); GPTQ is
    read from the checkpoint. device_map: "", or auto: over all GPUs, then memory, then `offload`, a folder
    (models.device_map). longest: the longest canvas that will be decoded, in tokens, 0 for the model's own
    limit; some GPTQ kernels want to know. ModelError: it cannot be loaded; nothing else has changed.
    """
    name = locate(name)
    device, dtype = device_and_dtype(device, dtype)
    check_options(quantization, device_map)
    with as_model_error(name):
        data = read_config(name, revision=revision)
        config = LLaDAConfig(**data)
        mask_id = mask_token(name, config)
        source = _Source(name, revision, config, stored_quantization(name, data, revision))
        target = _Target(device, dtype, quantization, device_map, offload, longest)
        model = _network(source, target)
        tokenizer = load_tokenizer(name, revision)
        eos = config.eos_token_id
        eos_id = None if eos is None else int(eos)
        commit = commit_of(name, revision)
    return LoadedModel(
        model=model.eval(),
        tokenizer=tokenizer,
        name=Path(name).name if Path(name).is_dir() else name,
        mask_id=mask_id,
        eos_id=eos_id,
        eot_id=_token_id(tokenizer, "<|eot_id|>"),
        pad_id=config.pad_token_id,
        revision=commit,
    )


def check_options(quantization: str, device_map: str) -> None:
    """ModelError: a word that is not known, or two that do not go together."""
    check_quantization(quantization)
    if device_map not in DEVICE_MAPS:
        raise ModelError(f"device_map = {device_map!r} is not known; allowed: empty, auto")
    if quantization and device_map:
        raise ModelError(
            f"quantization = {quantization!r} with device_map = {device_map!r}; allowed: one of them"
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


class _Source(NamedTuple):
    """The checkpoint that a network is made from. quantized: what it says of how its weights are stored."""

    name: str
    revision: str
    config: LLaDAConfig
    quantized: dict[str, Any]


class _Target(NamedTuple):
    """How and where its weights are to be: as in `load`."""

    device: str
    dtype: torch.dtype
    quantization: str
    device_map: str
    offload: str
    longest: int


def stored_quantization(name: str, data: Mapping[str, Any], revision: str = "") -> dict[str, Any]:
    """What a checkpoint says of how its weights are quantised, {} for plain ones. data: its config.json.

    ModelError: by a method that is not read here.
    """
    found = data.get("quantization_config")
    if found is None and (path := find_file(name, QUANTIZE_CONFIG, revision)) is not None:
        found = {"quant_method": "gptq"} | json.loads(path.read_text(encoding="utf-8"))
    if found is None:
        return {}
    method = found.get("quant_method") if isinstance(found, dict) else found
    if method != "gptq":
        allowed = "gptq, or plain weights, which `quantization` makes int8 or nf4"
        raise ModelError(f"model = {name!r}: quant_method = {method!r} is not read here; allowed: {allowed}")
    return dict(found)


def _network(source: _Source, target: _Target) -> LLaDAModelLM:
    """The network with its weights, in their places and types."""
    name, revision, config, quantized = source
    if quantized:
        if target.quantization or target.device_map:
            raise ModelError(
                f"model = {name!r} is stored in GPTQ; allowed: quantization and device_map empty"
            )
        raise ModelError(f"model = {name!r} is stored in GPTQ, which is not read yet; allowed: plain weights")
    stored = stored_tensors(name, revision)
    if config.n_layers > len(stored):  # checked before that many layers are made
        raise ModelError(f"{name}: n_layers = {config.n_layers}; allowed: as many as there are weights for")
    with torch.device("meta"):
        model = LLaDAModelLM(config)
    check_fits(name, model, stored)
    device, dtype = target.device, target.dtype
    if target.device_map:
        places = plan_places(name, model, dtype, device, target.offload)
        dispatched = Dispatched(model, places, dtype, target.offload)
        stream(name, model, stored, dispatched.keep)
        dispatched.attach()
    elif target.quantization:
        stream(name, model, stored, quantize(name, model, target.quantization, device, dtype))
    else:
        stream(name, model, stored, to_device(device, dtype))
    return model


def load_tokenizer(name: str, revision: str = "") -> PreTrainedTokenizerFast | None:
    if find_file(name, "tokenizer.json", revision) is None:
        return None
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        return PreTrainedTokenizerFast.from_pretrained(name, revision=revision or None)
    finally:
        logging.set_verbosity(level)


def _token_id(tokenizer: PreTrainedTokenizerFast | None, token: str) -> int | None:
    token_id = None if tokenizer is None else tokenizer.get_vocab().get(token)
    return None if token_id is None else int(token_id)
