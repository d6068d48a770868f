"""The header of a safetensors file: what it stores, read without its weights.

A file is eight bytes (the size of the header, little-endian), the header as JSON, and the tensors' bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import ModelError

BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
         "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}  # fmt: skip
MOST_HEADER = 100_000_000  # bytes, as the format's own reader allows


@dataclass(frozen=True)
class Stored:
    """A tensor of a file: its type as the format spells it, its shape, and where its bytes lie (counted from
    the end of the header)."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What a file stores. start: where its tensors begin, in bytes."""

    tensors: dict[str, Stored]
    metadata: dict[str, str]
    start: int


def read_header(path: Path) -> Header:
    """The header of a safetensors file, checked against the file's size.

    ModelError: no such file, it is cut off or longer than its header says, or it is no safetensors file.
    """
    if not path.is_file():  # a pipe would be waited for
        raise ModelError(f"{path.name} cannot be read as safetensors: it is no file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(MOST_HEADER, size - 8):
                raise ModelError(f"{path.name} is cut off in its header, or is no safetensors file")
            data = json.loads(file.read(length))
        metadata = {str(k): str(v) for k, v in data.pop("__metadata__", {}).items()}
        tensors = {str(name): _stored(path, name, entry) for name, entry in data.items()}
    except ModelError:
        raise
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path.name} cannot be read as safetensors: {error}") from None
    wanted = 8 + length + max((t.stop for t in tensors.values()), default=0)
    if size != wanted:
        what = "half-downloaded or cut off" if size < wanted else "longer than its header says"
        raise ModelError(f"{path.name} is {what}: it has {size:,} bytes, and its header asks for {wanted:,}")
    return Header(tensors, metadata, 8 + length)


def _stored(path: Path, name: str, entry: Any) -> Stored:
    dtype, shape = entry["dtype"], tuple(int(n) for n in entry["shape"])
    start, stop = (int(n) for n in entry["data_offsets"])
    stored = Stored(str(dtype), shape, start, stop)
    if dtype in BYTES and (start < 0 or min(shape, default=0) < 0):
        raise ModelError(f"{path.name}: tensor {name} has a negative size")
    if dtype in BYTES and stop - start != stored.numbers * BYTES[dtype]:
        wanted = f"shape {list(shape)} of {dtype} takes {stored.numbers * BYTES[dtype]:,}"
        raise ModelError(f"{path.name}: tensor {name} has {stop - start:,} bytes; {wanted}")
    return stored
