"""Load a model and its tokenizer from a folder or a hub id: safetensors only, no remote code."""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypedDict

import torch
from transformers import PreTrainedTokenizerFast

from models.assets import locate
from models.checkpoint import (
    ModelError,
    as_model_error,
    commit_of,
    mask_token,
    read_config,
    read_tokenizer,
    stored_tensors,
)
from models.config import LLaDAConfig
from models.device_map import DEVICE_MAPS, Dispatched, plan_places
from models.gptq.layout import Layout, find_layout
from models.gptq.loading import ROUTES, load_gptq
from models.llada import LLaDAModelLM
from models.memory import PLAIN_USE, PRECISIONS, free_memory, what_would_fit
from models.quantized import check_quantization, quantize
from models.streaming import check_fits, stream, to_device

UNUSABLE = ("meta", "mps")
"""Devices that torch knows and that nothing is computed on here: one has no numbers, one no float64, which
draws need."""


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

    revision: branch, tag or commit of a hub id. quantization: "", int8 or nf4 (models.quantized); for a GPTQ
    checkpoint "", packed, dense or gptqmodel (models.gptq.loading). device_map: "", or auto: over all GPUs,
    then memory, then `offload`, a folder (models.device_map). longest: the longest canvas that will be
    decoded, in tokens, 0: not known; memory is kept for it, and some GPTQ kernels want to know. ModelError:
    it cannot be loaded, or would not fit (said before it is read); nothing else has changed.
    """
    name = locate(name)
    device, dtype = device_and_dtype(device, dtype)
    check_options(quantization, device_map, offload)
    with as_model_error(name):
        data = read_config(name, revision=revision)
        layout = find_layout(name, data, revision)
        config = LLaDAConfig(**data)
        mask_id = mask_token(name, config)
        source = _Source(name, revision, config, layout)
        target = _Target(device, dtype, quantization, device_map, offload, longest)
        model = _network(source, target)
        tokenizer = read_tokenizer(name, revision)
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


def check_options(quantization: str, device_map: str, offload: str) -> None:
    """ModelError: a word that is not known, or two that do not go together."""
    if quantization not in ROUTES:
        check_quantization(quantization)
    if device_map not in DEVICE_MAPS:
        raise ModelError(f"device_map = {device_map!r} is not known; allowed: empty, auto")
    if offload and not device_map:
        raise ModelError(f"offload = {offload!r} without a device_map; allowed: with device_map = auto")
    if quantization and device_map:
        raise ModelError(
            f"quantization = {quantization!r} with device_map = {device_map!r}; allowed: one of them"
        )


def give_back_memory() -> None:
    """Call after the last reference to a model is gone: networks with hooks or adapters hold circles of
    references, and torch keeps a GPU's memory for the next tensors."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


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
    if kind in UNUSABLE:
        raise ModelError(f"device = {device!r} is not supported; allowed: auto, cpu, cuda, cuda:0 …")
    if kind == "cpu":
        device = "cpu"  # accelerate gives its second process on a CPU the name cpu:0 or cpu:1
    return device, dtype or (torch.float32 if device == "cpu" else torch.bfloat16)


class _Source(NamedTuple):
    """The checkpoint that a network is made from. layout: how its weights are packed, None for plain ones."""

    name: str
    revision: str
    config: LLaDAConfig
    layout: Layout | None


class _Target(NamedTuple):
    """How and where its weights are to be: as in `load`."""

    device: str
    dtype: torch.dtype
    quantization: str
    device_map: str
    offload: str
    longest: int


def check_learnable(name: str, revision: str = "") -> None:
    """ModelError where a checkpoint's weights are stored so that they cannot learn."""
    layout = find_layout(name, read_config(name, ("llada", "qwen2"), revision=revision), revision)
    if layout is not None:
        allowed = "the plain checkpoint, with quantize = 4bit where memory is short"
        raise ModelError(f"model = {name!r} is {layout} and cannot learn; allowed: {allowed}")


def _network(source: _Source, target: _Target) -> LLaDAModelLM:
    """The network with its weights, in their places and types."""
    name, revision, config, layout = source
    if layout is not None:
        return _from_gptq(source, layout, target)
    if target.quantization in ROUTES:
        allowed = "empty, int8, nf4; this model's weights are plain"
        raise ModelError(f"quantization = {target.quantization!r} for {name!r}; allowed: {allowed}")
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
        return model
    precision = target.quantization or str(dtype).removeprefix("torch.")
    if precision in PRECISIONS and (wanted := _too_large(source, target, precision)):
        raise ModelError(wanted)
    if target.quantization:
        stream(name, model, stored, quantize(name, model, target.quantization, device, dtype))
    else:
        stream(name, model, stored, to_device(device, dtype))
    return model


def _from_gptq(source: _Source, layout: Layout, target: _Target) -> LLaDAModelLM:
    name, revision, config, _ = source
    if target.device_map:
        raise ModelError(f"device_map = {target.device_map!r} for {name!r}; allowed: empty, it is {layout}")
    device, dtype, longest = target.device, target.dtype, target.longest
    route = target.quantization
    return load_gptq(name, config, layout, device, dtype, longest, route=route, revision=revision)


def _too_large(source: _Source, target: _Target, precision: str) -> str:
    """What is missing and what would fit, "" where it fits, beside all that is loaded now."""
    length = target.longest or min(PLAIN_USE.length, source.config.max_sequence_length)
    free = free_memory(target.device)
    return what_would_fit(
        source.name, source.config, precision, free, target.device, replace(PLAIN_USE, length=length)
    )


def _token_id(tokenizer: PreTrainedTokenizerFast | None, token: str) -> int | None:
    token_id = None if tokenizer is None else tokenizer.get_vocab().get(token)
    return None if token_id is None else int(token_id)
