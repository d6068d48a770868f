"""A checkpoint written anew, tensor by tensor: in another type, in shards of another size, out of GPTQ, or with
an adapter in its weights. No more than one shard is in memory.
"""

from __future__ import annotations

import json
import shutil
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
from models.checkpoint import INDEX, StoredTensor, find_file, read_config, stored_tensors
from models.errors import ModelError
from models.loading import stored_quantization

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
    """What is changed. dtype: "" as stored (what comes out of GPTQ: bfloat16); shard_bytes: of a file at most,
    where one tensor is not more; adapter: a bundled name or a folder, "" for none."""

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
    layout: Any
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
    _copy_small_files(name, folder, revision)
    files: list[Path] = []
    places: dict[str, str] = {}
    part: dict[str, Tensor] = {}
    dtypes: set[torch.dtype] = set()
    for number, (key, tensor) in enumerate(_tensors(plan), 1):
        if part and sum(map(_bytes, part.values())) + _bytes(tensor) > how.shard_bytes:
            files.append(_write(folder, len(files) + 1, part))
            part = {}
        part[key] = tensor
        places[key] = _file(len(files) + 1)
        dtypes |= {tensor.dtype} & set(STORED)
        if progress is not None:
            progress(number, len(plan.made))
    files.append(_write(folder, len(files) + 1, part))
    _write_config(folder, data, plan, dtypes)
    return _name_files(folder, files, places)


def _plan(name: str, data: Mapping[str, Any], how: Conversion, revision: str) -> _Plan:
    stored = stored_tensors(name, revision)
    layout = None
    made = {key: (key,) for key in stored}
    if stored_quantization(name, data, revision):
        from models.gptq.layout import find_layout

        layout = find_layout(name, data, revision)
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
        if sources == (key,):
            tensor = next(iter(parts.values()))
        else:
            tensor = _unpack(key, parts, plan.layout)
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


def _unpack(key: str, parts: Mapping[str, Tensor], layout: Any) -> Tensor:
    """A packed layer's weights, in float32."""
    from models.gptq.linear import StoredLinear

    groups, outputs = parts["scales"].shape
    inputs = len(parts["g_idx"]) if "g_idx" in parts else groups * layout.group_size
    layer = StoredLinear(key.rpartition(".")[0], inputs, outputs, layout)
    for name, tensor in parts.items():
        if getattr(layer, name).shape != tensor.shape:
            raise ModelError(f"{name} of {key} has shape {tuple(tensor.shape)}; that fits no GPTQ layer")
        setattr(layer, name, tensor)
    if "g_idx" not in parts:
        layer.leave_in_order()
    layer.check("cpu")
    return layer.dequantized(torch.float32)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _file(number: int) -> str:
    return f"part-{number}.safetensors"


def _write(folder: Path, number: int, part: dict[str, Tensor]) -> Path:
    save_file(part, folder / _file(number), {"format": "pt"})
    return folder / _file(number)


def _name_files(folder: Path, files: list[Path], places: Mapping[str, str]) -> list[Path]:
    """The published names, now that it is known how many there are; and the index, of more than one."""
    if len(files) == 1:
        return [files[0].rename(folder / "model.safetensors")]
    names = {
        path.name: f"model-{number:05}-of-{len(files):05}.safetensors" for number, path in enumerate(files, 1)
    }
    renamed = [path.rename(folder / names[path.name]) for path in files]
    size = sum(path.stat().st_size for path in renamed)
    index = {"metadata": {"total_size": size}, "weight_map": {k: names[f] for k, f in places.items()}}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return renamed


def _copy_small_files(name: str, folder: Path, revision: str) -> None:
    for file in SMALL_FILES:
        path = find_file(name, file, revision)
        if path is not None:
            shutil.copyfile(path, folder / file)


def _write_config(folder: Path, data: Mapping[str, Any], plan: _Plan, dtypes: set[torch.dtype]) -> None:
    """config.json as it was, with the new type, without GPTQ, and with the context of the adapter."""
    config = {key: value for key, value in data.items() if key != "quantization_config"}
    if plan.layout is None and "quantization_config" in data:
        config["quantization_config"] = data["quantization_config"]
    if len(dtypes) == 1:
        field = "torch_dtype" if "torch_dtype" in config else "dtype"
        config[field] = STORED[next(iter(dtypes))]
    if plan.adapter is not None:
        config |= plan.adapter.context
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
