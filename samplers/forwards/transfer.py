"""Between the host, where a canvas lives, and the device, where its network computes.

A step sends small tensors over without waiting, and takes back one packed tensor: `to_host` is the only place
where a step waits for the device. Nothing on the device may be indexed by a Bool tensor, for the number of
True cells would have to be read back: indices are made on the host (`places`). What waits is counted in
tests/samplers/test_one_sync.py. On a CPU all of this costs nothing: tensors are handed on as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A host tensor on the device, without waiting: through pinned memory to a CUDA device."""
    if tensor.device == device:
        return tensor
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=device.type != "mps")


def to_host(*parts: Tensor) -> list[Tensor]:
    """Tensors of one device on the host, in one transfer that is waited for; shapes and types stay.

    They travel as float64, which holds ids up to 2^53, float32, Bool and float64 exactly.
    """
    if all(part.device.type == "cpu" for part in parts):
        return list(parts)
    packed = torch.cat([part.reshape(-1).double() for part in parts]).cpu()
    pieces = torch.split(packed, [part.numel() for part in parts])
    return [piece.reshape(part.shape).to(part.dtype) for piece, part in zip(pieces, parts, strict=True)]


def places(cells: Tensor, device: torch.device) -> Tensor:
    """Int[n] on the device: where the n True cells of a Bool host tensor are, flat, row-major."""
    return to_device(cells.reshape(-1).nonzero()[:, 0], device)


def take(values: Tensor, chosen: Tensor) -> Tensor:
    """values[chosen]: of Any[m, …] on a device those that Bool[m] on the host names."""
    return values.index_select(0, places(chosen, values.device))


def put(values: Tensor, chosen: Tensor, fresh: Tensor) -> None:
    """values[chosen] = fresh, in place; values: Any[m, …], fresh: Any[n, …]; chosen: Bool[m] on the host."""
    values.index_copy_(0, places(chosen, values.device), fresh)


def spread(cells: Tensor, values: Tensor, rest: float | bool) -> Tensor:
    """Any[rows, length] on the device of values, Any[n]: these at the n cells, Bool[rows, length] on the
    host, row-major, and `rest` elsewhere."""
    full = torch.full(cells.shape, rest, dtype=values.dtype, device=values.device)
    put(full.view(-1), cells.reshape(-1), values)
    return full
