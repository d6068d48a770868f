"""A checkpoint written anew, tensor by tensor: in another type, in other shards, out of GPTQ, or with an
adapter in its weights. No more than one shard is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.adapter_weights import check_mergeable, merged_weight
from models.adapters import Adapter, read_adapter
from models.checkpoint import INDEX, StoredTensor, copy_files, read_config, stored_tensors
from models.errors import ModelError
from models.gptq.layout import Layout, find_layout
from models.gptq.linear import StoredLinear
from models.gptq.packing import WORD

SMALL_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
               "special_tokens_map.json", "added_tokens.json", "chat_template.jinja")  # fmt: skip
"""What is copied beside weights."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
STORED = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}
PACKED = ("qweight", "qzeros", "scales", "g_idx")
Progress = Callable[[int, int], None]
"""Called with the tensors that are written, and with all."""


@dataclass(frozen=True)
class Conversion:
    """What is changed. dtype: "" as stored (what comes out of GPTQ: bfloat16); shard_bytes: the most of a
    file, where one tensor is not more; adapter: a bundled name or a folder, "" for none."""

    dtype: str = ""
    shard_bytes: int = 5 * 10**9
    adapter: str = ""

    def __post_init__(self) -> None:
        if self.dtype not in ("", *DTYPES):
            raise ModelError(f"dtype = {self.dtype!r}; allowed: {', '.join(DTYPES)}")
        if self.shard_bytes < 1:
            raise ModelError(f"shard_bytes = {self.shard_bytes}; allowed: at least 1")


@dataclass(frozen=True)
class _Plan:
    """How each tensor of the new folder is made. made: name -> the stored tensors that it is made from."""

    stored: Mapping[str, StoredTensor]
    made: Mapping[str, tuple[str, ...]]
    layout: Layout | None
    adapter: Adapter | None
    dtype: torch.dtype | None


def convert(
    name: str, folder: Path, how: Conversion, revision: str = "", progress: Progress | None = None
) -> list[Path]:
    """Write a model folder or hub id anew into `folder`, which is there and empty; returns the weight files.

    ModelError: it cannot be read, would be changed in no way that is known, or the adapter does not belong.
    """
    data = read_config(name, ("llada", "qwen2"), revision=revision)
    plan = _plan(name, data, how, revision)
    copy_files(name, SMALL_FILES, folder, revision)
    shards = _Shards(folder, how.shard_bytes)
    for number, (key, tensor) in enumerate(_tensors(plan), 1):
        shards.add(key, tensor)
        if progress is not None:
            progress(number, len(plan.made))
    _write_config(folder, data, plan, shards.dtypes)
    return shards.finish()


def _plan(name: str, data: Mapping[str, Any], how: Conversion, revision: str) -> _Plan:
    stored = stored_tensors(name, revision)
    made: dict[str, tuple[str, ...]] = {key: (key,) for key in stored}
    layout = find_layout(name, data, revision)
    if layout is not None:
        made = _unpacked_names(name, stored)
    adapter = read_adapter(how.adapter) if how.adapter else None
    if adapter is not None:
        check_mergeable(adapter)
        for module in adapter.modules:
            if f"{module}.weight" not in made:
                raise ModelError(f"module {module} of adapter {adapter.name!r} is no weight of {name!r}")
    dtype = DTYPES.get(how.dtype or ("bfloat16" if layout is not None else ""))
    return _Plan(stored, made, layout, adapter, dtype)


def _unpacked_names(name: str, stored: Mapping[str, StoredTensor]) -> dict[str, tuple[str, ...]]:
    """Every weight, and what it is made from: the tensors of a packed layer, or itself."""
    made: dict[str, tuple[str, ...]] = {}
    for key in stored:
        layer, _, part = key.rpartition(".")
        packed = f"{layer}.qweight" in stored
        if part == "qweight":
            made[f"{layer}.weight"] = tuple(f"{layer}.{p}" for p in PACKED if f"{layer}.{p}" in stored)
        elif not (packed and part in PACKED):
            made[key] = (key,)
    return made


def _tensors(plan: _Plan) -> Iterator[tuple[str, Tensor]]:
    """Name and tensor of the new folder, one at a time, as they will be stored."""
    modules = {f"{module}.weight": module for module in plan.adapter.modules} if plan.adapter else {}
    for key, sources in plan.made.items():
        parts = {source.rpartition(".")[2]: _read(plan.stored[source], source) for source in sources}
        packed = plan.layout is not None and sources != (key,)
        tensor = _unpack(key, parts, plan.layout) if packed and plan.layout else next(iter(parts.values()))
        floats = tensor.dtype.is_floating_point
        wanted = plan.dtype if plan.dtype and floats else tensor.dtype
        if key in modules and plan.adapter is not None:
            tensor = merged_weight(tensor.float(), plan.adapter, modules[key])
        tensor = tensor.to(wanted)
        if floats and not torch.isfinite(tensor.float()).all():
            raise ModelError(f"{key} has numbers that {wanted} does not hold; allowed: a wider dtype")
        yield key, tensor.contiguous()


def _read(stored: StoredTensor, key: str) -> Tensor:
    with safe_open(stored.file, "pt") as file:
        tensor: Tensor = file.get_tensor(key)
    return tensor


def _unpack(key: str, parts: Mapping[str, Tensor], layout: Layout) -> Tensor:
    """A packed layer's weights, in float32."""
    if missing := {"qweight", "qzeros", "scales"} - set(parts):
        raise ModelError(
            f"{key.removesuffix('weight')}{min(missing)} is missing; wanted: all of a GPTQ layer"
        )
    outputs = parts["scales"].shape[-1]
    inputs = len(parts["g_idx"]) if "g_idx" in parts else len(parts["qweight"]) * WORD // layout.bits
    layer = StoredLinear(key.rpartition(".")[0], inputs, outputs, layout)
    for name, tensor in parts.items():
        if getattr(layer, name).shape != tensor.shape:
            raise ModelError(f"{name} of {key} has shape {tuple(tensor.shape)}; that fits no GPTQ layer")
        setattr(layer, name, tensor)
    if "g_idx" not in parts:
        layer.leave_in_order()
    layer.check("cpu")
    return layer.dequantized(torch.float32)


class _Shards:
    """Tensors as they come, in files of at most so many bytes. dtypes: the types of floats among them."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most
        self.part: dict[str, Tensor] = {}
        self.files: list[list[str]] = []
        self.size = self.total = 0
        self.dtypes: set[torch.dtype] = set()

    def add(self, key: str, tensor: Tensor) -> None:
        """Take one tensor; write what was taken before where it would be too much for a file."""
        if self.part and self.size + tensor.nbytes > self.most:
            self._write()
        self.part[key] = tensor
        self.size += tensor.nbytes
        self.total += tensor.nbytes
        self.dtypes |= {tensor.dtype} & set(STORED)

    def _write(self) -> None:
        save_file(self.part, self.folder / _scratch(len(self.files)), {"format": "pt"})
        self.files.append(list(self.part))
        self.part, self.size = {}, 0

    def finish(self) -> list[Path]:
        """Write the rest, and the index where there are several files; they get the published names."""
        self._write()
        several = len(self.files)
        names = [f"model-{i:05}-of-{several:05}.safetensors" for i in range(1, several + 1)]
        if several == 1:
            names = ["model.safetensors"]
        else:
            places = {key: name for name, keys in zip(names, self.files, strict=True) for key in keys}
            index = {"metadata": {"total_size": self.total}, "weight_map": places}
            (self.folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
        return [(self.folder / _scratch(i)).rename(self.folder / name) for i, name in enumerate(names)]


def _scratch(number: int) -> str:
    return f"part-{number}.safetensors"


def _write_config(folder: Path, data: Mapping[str, Any], plan: _Plan, dtypes: set[torch.dtype]) -> None:
    """config.json as it was, with the new type, without GPTQ, and with the context of the adapter."""
    config = {key: value for key, value in data.items() if key != "quantization_config"}
    if len(dtypes) == 1:
        field = "torch_dtype" if "torch_dtype" in config else "dtype"
        config[field] = STORED[next(iter(dtypes))]
    if plan.adapter is not None:
        config |= plan.adapter.context
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
