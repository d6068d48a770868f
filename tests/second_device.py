"""A device that is none: tensors whose values lie on the host, but that say they are elsewhere.

What would make a host wait for a GPU is counted or refused.

Its name is "meta", because PyTorch needs no driver for it. What is done inside `SecondDevice()` is watched at
PyTorch's dispatcher, so nothing goes past it: `.item()`, `bool()`, `.tolist()`, `nonzero`, a Bool index, a
Python list as an index, a copy to the device that is waited for, a host tensor among device tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("meta")
_WAITS = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)
_INDEXED = (
    torch.ops.aten.index.Tensor, torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default,
    torch.ops.aten._index_put_impl_.default,
)  # fmt: skip
_TO = torch.ops.aten._to_copy.default
_COPY = torch.ops.aten.copy_.default


class HostWaits(AssertionError):
    """Something that makes the host wait for the device, or that a GPU would refuse."""


class OnDevice(Tensor):
    """A tensor of the second device; `kept`: its values."""

    kept: Tensor

    @staticmethod
    def __new__(cls: type[OnDevice], kept: Tensor) -> OnDevice:
        return torch.Tensor._make_wrapper_subclass(  # type: ignore[no-any-return,attr-defined]
            cls, kept.shape, strides=kept.stride(), storage_offset=kept.storage_offset(), dtype=kept.dtype,
            layout=kept.layout, device=DEVICE, requires_grad=False,
        )  # fmt: skip

    def __init__(self, kept: Tensor) -> None:
        self.kept = kept

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise HostWaits(f"{func} outside of the second device")


class SecondDevice(TorchDispatchMode):
    """reads: transfers to the host, each waited for; sends: transfers to the device, none waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = self.sends = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = list(_tensors((args, tuple(kwargs.values()))))
        here = any(isinstance(t, OnDevice) for t in tensors)
        target = kwargs.get("device")
        if target is not None and torch.device(target) == DEVICE:
            kwargs["device"] = torch.device("cpu")
        if func is _TO:
            return self._move(func, args, kwargs, here, target)
        if func is _COPY and isinstance(args[0], OnDevice) != isinstance(args[1], OnDevice):
            if args[1].ndim or isinstance(args[1], OnDevice):
                raise HostWaits("copy_ between host and device: allowed: to_device, to_host")
        if not here and not (target is not None and torch.device(target) == DEVICE):
            self._refuse_ghosts(func, tensors)
            return func(*args, **kwargs)
        if here:
            self._check(func, args, tensors)
        return self._run(func, args, kwargs)

    def _move(self, func: Any, args: Any, kwargs: dict[str, Any], here: bool, target: Any) -> Any:
        """_to_copy: to the device, to the host, or to another type where it is."""
        there = here if target is None else torch.device(target) == DEVICE
        if there and not here:
            if not kwargs.get("non_blocking"):
                raise HostWaits("a copy to the device that the host waits for: allowed: to_device")
            self.sends += 1
        if here and not there:
            self.reads += 1
        found = func(*_map(_kept, args), **kwargs)
        return OnDevice(found) if there else found

    def _check(self, func: Any, args: Any, tensors: list[Tensor]) -> None:
        """HostWaits, if a GPU's result would have to be read, or hosts' and devices' tensors meet."""
        indexed = func in _INDEXED
        if indexed and any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1]):
            raise HostWaits(f"{func} with a Bool index: how many cells it has must be read back")
        if not indexed and any(tag in func.tags for tag in _WAITS):
            raise HostWaits(f"{func} reads from the device")
        if any(t.ndim and not isinstance(t, OnDevice) for t in tensors):
            raise HostWaits(f"{func}: a host tensor among device tensors")

    def _refuse_ghosts(self, func: Any, tensors: list[Tensor]) -> None:
        """torch.tensor([…], device=…) goes past the dispatcher: its result has no values here."""
        if any(t.device == DEVICE for t in tensors):
            raise HostWaits(f"{func}: a tensor made from Python numbers on the device, which waits")

    def _run(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """The operation on the values; what it writes to stays the tensor it was."""
        found = func(*_map(_kept, args), **{k: _map(_kept, v) for k, v in kwargs.items()})
        if func._schema.is_mutable:
            written = kwargs.get("out", args[0] if args else None)
            if isinstance(written, OnDevice) and isinstance(found, Tensor):
                return written
        return _map(lambda x: OnDevice(x) if isinstance(x, Tensor) else x, found)


def _kept(x: Any) -> Any:
    return x.kept if isinstance(x, OnDevice) else x


def _map(change: Callable[[Any], Any], x: Any) -> Any:
    """Lists and tuples of what operations take and give, changed leaf by leaf."""
    return type(x)(_map(change, y) for y in x) if type(x) in (list, tuple) else change(x)


def _tensors(x: Any) -> Iterator[Tensor]:
    if isinstance(x, Tensor):
        yield x
    elif type(x) in (list, tuple):
        for y in x:
            yield from _tensors(y)


def on_device(module: nn.Module) -> nn.Module:
    """The module, its parameters and buffers moved to the second device, in place."""
    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = OnDevice(parameter.detach())  # type: ignore[assignment]
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = OnDevice(buffer)
    return module
