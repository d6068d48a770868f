"""How a GPTQ checkpoint says that its weights are packed: `quantization_config` of config.json, or the file
quantize_config.json beside it. What we cannot unpack is refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.checkpoint import ModelError, find_file
from models.gptq.packing import BITS

QUANTIZE_CONFIG = "quantize_config.json"
FORMATS = ("gptq", "gptq_v2")
# Fields that change what the packed numbers mean, layer by layer or as a whole.
_MUST_BE_UNSET = ("dynamic", "rotation", "activation_mode", "is_marlin_format")


@dataclass(frozen=True)
class Layout:
    """bits: of a weight; group_size: inputs that share scale and zero point, -1 for all of a layer;
    desc_act: inputs were quantised by falling activation, so their groups are out of order; sym: the zero
    point is the middle of the range; format: `gptq` stores zero points less one, `gptq_v2` as they are."""

    bits: int
    group_size: int
    desc_act: bool
    sym: bool
    format: str = "gptq"

    def groups(self, inputs: int) -> int:
        """Groups of a layer with so many inputs."""
        return 1 if self.group_size == -1 else -(-inputs // self.group_size)

    def __str__(self) -> str:
        group = "all inputs" if self.group_size == -1 else self.group_size
        return f"gptq {self.bits}-bit (group {group})"


def find_layout(name: str, config: Mapping[str, Any], revision: str = "") -> Layout | None:
    """The layout that a model folder or hub id states, None where it has plain weights.

    config: the fields of its config.json. ModelError: an unknown layout, another way of quantising, or two
    files that do not say the same.
    """
    inside = config.get("quantization_config")
    path = find_file(name, QUANTIZE_CONFIG, revision)
    if path is None:
        return None if inside is None else read_layout(name, inside)
    try:
        beside = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"model = {name!r}: {QUANTIZE_CONFIG} is not JSON: {error}") from None
    layout = read_layout(name, beside)
    if inside is not None and (other := read_layout(name, inside)) != layout:
        raise ModelError(
            f"model = {name!r}: config.json says {other!r}, {QUANTIZE_CONFIG} {layout!r}; allowed: the same"
        )
    return layout


def read_layout(name: str, fields: Any) -> Layout:
    """The layout that these fields describe; ModelError names field, value and what is allowed."""
    if not isinstance(fields, Mapping):
        raise ModelError(f"quantization_config = {fields!r} in {name!r} is not valid; allowed: an object")

    def one_of(names: tuple[str, ...], default: Any, *allowed: Any) -> Any:
        field, value = next(((n, fields[n]) for n in names if fields.get(n) is not None), (names[0], default))
        if not any(value == a and type(value) is type(a) for a in allowed):
            choices = ", ".join(map(repr, allowed))
            raise ModelError(f"{field} = {value!r} in {name!r} is not supported; allowed: {choices}")
        return value

    one_of(("quant_method", "method"), "gptq", "gptq")
    one_of(("pack_dtype",), "int32", "int32")
    for field in _MUST_BE_UNSET:
        if fields.get(field):
            raise ModelError(f"{field} = {fields[field]!r} in {name!r} is not supported; allowed: none")
    group = fields.get("group_size")
    if type(group) is not int or (group != -1 and group < 1):
        raise ModelError(
            f"group_size = {group!r} in {name!r} is not valid; allowed: -1, or a whole number from 1"
        )
    return Layout(
        bits=one_of(("bits",), None, *BITS),
        group_size=group,
        desc_act=one_of(("desc_act",), False, True, False),
        sym=one_of(("sym",), True, True, False),
        format=one_of(("checkpoint_format", "format"), "gptq", *FORMATS),
    )
