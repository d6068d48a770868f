"""The files of a checkpoint, in a folder or under a hub id. Of weights, safetensors only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from jinja2 import TemplateError
from safetensors import safe_open

from models import hub
from models.assets import locate
from models.config import ConfigError, LLaDAConfig
from models.errors import ModelError as ModelError

BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
          StrictDataclassError, TemplateError)  # fmt: skip
"""The errors that torch, transformers and tokenizers raise for files that do not belong together."""

INDEX = "model.safetensors.index.json"


@contextmanager
def as_model_error(name: str, setting: str = "model") -> Iterator[None]:
    """Turn any error of the block, in which a folder's files are put together, into a ModelError.

    name: the folder; setting: the setting that names it, for the message.
    """
    try:
        yield
    except ModelError:
        raise
    except ConfigError as error:
        raise ModelError(f"{setting} = {name!r}: {error}") from None
    except BROKEN as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        allowed = "one with all its files"
        raise ModelError(f"{setting} = {name!r} is broken ({reason}); allowed: {allowed}") from None


def find_file(name: str, file: str) -> Path | None:
    """A file of a bundled name, a model folder or a hub id, None when it has none of that name."""
    name = locate(name)
    if Path(name).exists():
        path = Path(name) / file
        return path if path.is_file() else None
    return hub.find(name, file)


def read_config(name: str, kinds: Sequence[str] = ("llada",), setting: str = "model") -> dict[str, Any]:
    """The config.json of a model folder or hub id; ModelError unless it is of one of these model types.

    setting: the setting that names the folder, for the message.
    """
    path = find_file(name, "config.json")
    if path is None:
        raise ModelError(f"{setting} = {name!r} has no config.json; allowed: a model folder or hub id")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{setting} = {name!r}: config.json is not JSON: {error}") from None
    kind = data.get("model_type") if isinstance(data, dict) else None
    if kind not in kinds:
        allowed = ", ".join(map(repr, kinds))
        raise ModelError(f"{setting} = {name!r}: model_type = {kind!r} is not supported; allowed: {allowed}")
    return dict(data)


def mask_token(name: str, config: LLaDAConfig) -> int:
    """The id of the mask token; ModelError when the network has no embedding of that id."""
    mask, size = config.mask_token_id, config.embedding_size
    if not isinstance(mask, int) or not 0 <= mask < size:
        raise ModelError(f"{name}: mask_token_id = {mask!r} in config.json; allowed: 0 to {size - 1}")
    return mask


def weight_files(name: str) -> list[Path]:
    """The safetensors files of a model folder or hub id, by name."""
    names = sorted(set((_weight_map(name) or {"": "model.safetensors"}).values()))
    files = [find_file(name, n) for n in names]
    missing = [n for n, f in zip(names, files, strict=True) if f is None]
    if missing:
        raise ModelError(f"model = {name!r} has no {missing[0]}; allowed: weights as safetensors")
    return [f for f in files if f is not None]


def weights_digest(name: str) -> str:
    """SHA-256 over the weight files of a model folder or hub id, in the order of their names."""
    digest = hashlib.sha256()
    for path in weight_files(name):
        with path.open("rb") as file:
            while part := file.read(1 << 22):
                digest.update(part)
    return digest.hexdigest()


def read_weights(name: str, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All tensors of a model folder or hub id, as dtype; safetensors only.

    Where there is an index, each tensor is in the file that the index names for it, and in no other one.
    """
    state: dict[str, torch.Tensor] = {}
    index = _weight_map(name)
    for file in weight_files(name):
        listed = None if index is None else {key for key, place in index.items() if place == file.name}
        try:
            with safe_open(file, "pt") as weights:
                if listed is not None:
                    _check_shard(name, file.name, set(weights.keys()), listed)
                for key in weights.keys():  # noqa: SIM118 - not a dict
                    state[key] = weights.get_tensor(key).to(dtype)
        except ModelError:
            raise
        except Exception as error:  # the reader's own type is not public
            raise ModelError(f"{file.name} of {name!r} cannot be read: {error}") from None
    return state


def _check_shard(name: str, file: str, stored: set[str], listed: set[str]) -> None:
    """ModelError unless a file of several stores the tensors that the index lists for it, and no others:
    a stray tensor would be an old copy of one in another file."""
    for key in sorted(stored ^ listed):
        has = "has" if key in stored else "lacks"
        raise ModelError(f"{file} of {name!r} {has} {key}; allowed: what {INDEX} names for it, and no more")


def _weight_map(name: str) -> dict[str, str] | None:
    """Tensor -> file, as the index of several files has it; None where there is no index."""
    path = find_file(name, INDEX)
    if path is None:
        return None
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
    except (ValueError, LookupError, TypeError, RecursionError):
        files = None
    if not isinstance(files, dict) or not files:
        raise ModelError(f"model = {name!r} is broken: {INDEX} has no weight_map of tensors and their files")
    for file in files.values():
        if not isinstance(file, str) or Path(file).name != file or not file.endswith(".safetensors"):
            raise ModelError(
                f"model = {name!r} is broken: {INDEX} names {file!r}; allowed: safetensors beside it"
            )
    return {str(key): str(file) for key, file in files.items()}
