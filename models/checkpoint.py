"""The files of a checkpoint, in a folder or under a hub id. Of weights, safetensors only."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from huggingface_hub.errors import StrictDataclassError
from jinja2 import TemplateError
from safetensors import safe_open
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from models import hub
from models.assets import locate
from models.catalog import catalog
from models.config import ConfigError, LLaDAConfig
from models.errors import ModelError as ModelError
from models.shards import read_header

BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
          StrictDataclassError, TemplateError)  # fmt: skip
"""The errors that torch, transformers and tokenizers raise for files that do not belong together."""

BESIDE_TOKENIZER = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)
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
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ModelError(f"{setting} = {name!r}: {_memory_ran_out(error)}") from None
    except BROKEN as error:
        if "can't allocate memory" in str(error):  # torch's words on a CPU
            raise ModelError(f"{setting} = {name!r}: {_memory_ran_out(error)}") from None
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        allowed = "one with all its files"
        raise ModelError(f"{setting} = {name!r} is broken ({reason}); allowed: {allowed}") from None


def _memory_ran_out(error: BaseException) -> str:
    words = str(error).partition(". ")[0][:120] or "no more to be had"
    return f"memory ran out while it was loaded ({words})"


def find_file(name: str, file: str, revision: str = "") -> Path | None:
    """A file of a bundled name, a model folder or a hub id, None when it has none of that name.

    revision: branch, tag or commit of a hub id, the main branch when empty; a folder has none.
    """
    name = locate(name)
    if Path(name).exists():
        path = Path(name) / file
        return path if path.is_file() else None
    return hub.find(name, file, revision)


def copy_files(name: str, files: Sequence[str], folder: Path, revision: str = "") -> None:
    """Copy those of the files that a model folder or hub id has."""
    for file in files:
        path = find_file(name, file, revision)
        if path is not None:
            shutil.copyfile(path, folder / file)


def commit_of(name: str, revision: str = "") -> str:
    """The commit of a hub id that a checkpoint's files come from, "" where that is not known."""
    path = find_file(name, "config.json", revision)
    return hub.commit_of(path.parent) if path is not None else ""


def read_config(
    name: str, kinds: Sequence[str] = ("llada",), setting: str = "model", revision: str = ""
) -> dict[str, Any]:
    """The config.json of a model folder or hub id; ModelError unless it is of one of these model types.

    setting: the setting that names the folder, for the message.
    """
    path = find_file(name, "config.json", revision)
    if path is None:
        raise ModelError(f"{setting} = {name!r} has no config.json; allowed: a model folder or hub id")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{setting} = {name!r}: config.json is not JSON: {error}") from None
    kind = data.get("model_type") if isinstance(data, dict) else None
    family = catalog().family_of(data) if isinstance(data, dict) else None
    if family is not None and not family.built:
        raise ModelError(f"{family.refusal(setting, name)}; allowed: {', '.join(map(repr, kinds))}")
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


def read_tokenizer(name: str, revision: str = "") -> PreTrainedTokenizerFast | None:
    """The tokenizer of a model folder or hub id, with its chat template; None where it has none."""
    path = find_file(name, "tokenizer.json", revision)
    if path is None:
        return None
    for file in BESIDE_TOKENIZER:  # of a hub id, brought into the same folder
        find_file(name, file, revision)
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        return PreTrainedTokenizerFast.from_pretrained(path.parent)
    finally:
        logging.set_verbosity(level)


def weight_files(name: str, revision: str = "") -> list[Path]:
    """The safetensors files of a model folder or hub id, by name."""
    index = _weight_map(name, revision) or {"": "model.safetensors"}
    names = sorted(set(index.values()))
    files = [find_file(name, n, revision) for n in names]
    missing = [n for n, f in zip(names, files, strict=True) if f is None]
    if missing:
        if not Path(locate(name)).exists():
            with hub.said(name, revision):
                hub.listing(name, revision)  # says so where there are pickles alone
        pickle = _pickle_beside(name)
        note = f", and {pickle} is a pickle: reading one can run foreign code" if pickle else ""
        raise ModelError(f"model = {name!r} has no {missing[0]}{note}; allowed: weights as safetensors")
    return [f for f in files if f is not None]


def weights_digest(name: str, revision: str = "") -> str:
    """SHA-256 over the weight files of a model folder or hub id, in the order of their names."""
    digest = hashlib.sha256()
    for path in weight_files(name, revision):
        with path.open("rb") as file:
            while part := file.read(1 << 22):
                digest.update(part)
    return digest.hexdigest()


class StoredTensor(NamedTuple):
    """Where a tensor is, and how large; dtype: as safetensors spells it (BF16, F32, I32 …)."""

    file: Path
    shape: tuple[int, ...]
    dtype: str


def stored_tensors(name: str, revision: str = "") -> dict[str, StoredTensor]:
    """Every tensor of a model folder or hub id, from the headers of its files; no weight is read.

    Where there is an index, each tensor is in the file that the index names for it, and in no other one.
    ModelError: a file is only half there, or is no safetensors file.
    """
    stored: dict[str, StoredTensor] = {}
    index = _weight_map(name, revision)
    for file in weight_files(name, revision):
        with _readable(name, file):
            tensors = read_header(file).tensors
        if index is not None:
            listed = {key for key, place in index.items() if place == file.name}
            _check_shard(name, file.name, set(tensors), listed)
        stored |= {key: StoredTensor(file, t.shape, t.dtype) for key, t in tensors.items()}
    return stored


def read_tensors(name: str, stored: Mapping[str, StoredTensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors, one at a time, file by file. Each is a view of its file: to keep one, copy it."""
    for file in sorted({tensor.file for tensor in stored.values()}):
        with _readable(name, file), safe_open(file, "pt") as weights:
            for key in [key for key, tensor in stored.items() if tensor.file == file]:
                yield key, weights.get_tensor(key)


def read_weights(name: str, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All tensors of a model folder or hub id in memory, as dtype. models.streaming needs no such copy."""
    return {key: t.to(dtype, copy=True) for key, t in read_tensors(name, stored_tensors(name))}


@contextmanager
def _readable(name: str, file: Path) -> Iterator[None]:
    """Turn what goes wrong with a weight file in the block into a ModelError with the reason."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # the reader's own type is not public
        with file.open("rb") as start:
            pointer = start.read(8) == b"version "
        reason = str(error).replace(f"{file.name} is ", "it is ").removeprefix(f"{file.name}: ")
        if pointer:
            reason = "it is a Git LFS pointer; allowed: the file itself (git lfs pull)"
        raise ModelError(f"{file.name} of {name!r} cannot be read: {reason}") from None


def _pickle_beside(name: str) -> str:
    """The name of a file of pickled weights in a folder, "" where there is none or name is a hub id."""
    folder = Path(locate(name))
    found = sorted(f.name for f in folder.iterdir() if f.suffix in hub.PICKLES) if folder.is_dir() else []
    return found[0] if found else ""


def _check_shard(name: str, file: str, stored: set[str], listed: set[str]) -> None:
    """ModelError unless a file of several stores the tensors that the index lists for it, and no others:
    a stray tensor would be an old copy of one in another file."""
    for key in sorted(stored ^ listed):
        has = "has" if key in stored else "lacks"
        raise ModelError(f"{file} of {name!r} {has} {key}; allowed: what {INDEX} names for it, and no more")


def _weight_map(name: str, revision: str = "") -> dict[str, str] | None:
    """Tensor -> file, as the index of several files has it; None where there is no index."""
    path = find_file(name, INDEX, revision)
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
