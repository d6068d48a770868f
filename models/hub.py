"""Checkpoints on the Hugging Face hub: files are found, whole checkpoints are fetched, errors are sentences.

Of a repository only safetensors, tokenizer and configurations are fetched: no pickles, no code. A file that
has arrived stays in the cache, so that a download which was cut off goes on with the files that are missing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from threading import Lock
from typing import Any

from huggingface_hub import (
    HfApi,
    constants,
    get_token,
    hf_hub_download,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import tqdm

from models.assets import locate
from models.errors import ModelError
from models.shards import read_header

WANTED = ("*.safetensors", "*.json", "*.jinja", "merges.txt", "vocab.txt")
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
COMMIT = re.compile(r"[0-9a-f]{40}")
Progress = Callable[[int, int], None]
"""Called with the bytes that have arrived, and with all that were missing."""


@dataclass(frozen=True)
class Listing:
    """What a repository holds at a commit. files: name -> bytes, of the files that would be fetched."""

    commit: str
    files: dict[str, int]


def find(name: str, file: str, revision: str = "") -> Path | None:
    """A file of a hub id, from the cache or fetched; None when the repository has none of that name.

    Out of reach: None where other files of the repository are in the cache. ModelError: see `said`.
    """
    with said(name, revision):
        try:
            return Path(hf_hub_download(name, file, revision=revision or None))
        except LocalEntryNotFoundError:
            if cached(name, revision) is None:
                raise
            return None
        except EntryNotFoundError:
            return None


def snapshot(
    name: str,
    revision: str = "",
    folder: Path | None = None,
    progress: Progress | None = None,
    weights: bool = True,
) -> Path:
    """The folder of a whole checkpoint, with what was missing fetched. A folder and a bundled name are that
    folder. Where the hub is out of reach, what the cache has.

    revision: a branch, a tag or a commit; "": the newest. folder: where the files go, instead of the cache.
    weights: False: of the weights only what is there already.
    ModelError: see `said`; there is no safetensors file, a file is cut off, or the disk is full.
    """
    if is_here(name):
        return Path(locate(name))
    with said(name, revision):
        try:
            wanted = listing(name, revision)
        except ModelError:
            raise
        except Exception:  # as in `said`
            if folder is not None or (place := cached(name, revision)) is None:
                raise
            return place
        chosen = [file for file in wanted.files if weights or not file.endswith(".safetensors")]
        missing = sum(wanted.files[file] for file in chosen if not _there(name, wanted, file, folder))
        _check_room(name, missing, folder or Path(constants.HF_HUB_CACHE))
        fetched = snapshot_download(
            name,
            revision=revision or None,
            local_dir=folder,
            allow_patterns=[re.sub(r"([\[*?])", r"[\1]", file) for file in chosen],
            max_workers=4,
            tqdm_class=_counter(progress, missing),
        )
    for file in chosen:
        if file.endswith(".safetensors"):
            read_header(Path(fetched) / file)
    return Path(fetched)


def listing(name: str, revision: str = "") -> Listing:
    """What the hub has of a checkpoint. ModelError: its weights are no safetensors."""
    info = HfApi().model_info(name, revision=revision or None, files_metadata=True)
    names = {str(file.rfilename): int(file.size or 0) for file in info.siblings or ()}
    files = {file: size for file, size in names.items() if "/" not in file and _is_wanted(file)}
    if not any(file.endswith(".safetensors") for file in files):
        pickles = sorted(file for file in names if file.endswith(PICKLES))
        if pickles:
            raise ModelError(
                f"model = {name!r} has its weights as pickle ({pickles[0]}), and reading a pickle can run "
                "foreign code; allowed: safetensors"
            )
        raise ModelError(f"model = {name!r} has no weights as safetensors")
    return Listing(str(info.sha), files)


def commit_of(place: Path) -> str:
    """The commit that a folder of the cache, or one that `snapshot` filled, was fetched from; else ""."""
    if place.parent.name == "snapshots" and COMMIT.fullmatch(place.name):
        return place.name
    for note in sorted((place / ".cache" / "huggingface" / "download").glob("*.metadata")):
        first = note.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]
        if COMMIT.fullmatch(first):
            return first
    return ""


def cached(name: str, revision: str = "") -> Path | None:
    """The snapshot folder of the cache, whole or not; None: there is none. The hub is not asked."""
    try:
        found = try_to_load_from_cache(name, "config.json", revision=revision or None)
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def is_here(name: str) -> bool:
    """Whether a name is bundled, or a folder: the hub has no part in it."""
    return bool(name) and Path(locate(name)).exists()


def check_revision(name: str, revision: str) -> None:
    """ModelError: a revision is asked for of something that has none."""
    if revision and is_here(name):
        raise ModelError(f"revision = {revision!r} for {name!r}, a folder here; allowed: with a hub id only")


def known_commit(name: str, revision: str = "") -> str:
    """The commit of a folder, or of a hub id that was fetched; "" where it is not known."""
    place = Path(locate(name)) if is_here(name) else cached(name, revision)
    return commit_of(place) if place is not None else ""


@contextmanager
def said(name: str, revision: str = "") -> Iterator[None]:
    """Turn what the hub's client raises in the block into a ModelError that says what to do."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # the client's network errors have no public base
        raise ModelError(_sentence(name, revision, error)) from None


def _sentence(name: str, revision: str, error: Exception) -> str:
    about, page = f"model = {name!r}", f"{constants.ENDPOINT}/{name}"
    cause = error.__cause__ or error
    if isinstance(error, HFValidationError):
        return f"{about} is neither a bundled name, nor a folder, nor a hub id; allowed: owner/name"
    if isinstance(error, GatedRepoError):
        if get_token():
            return f"{about} is gated, and the account of HF_TOKEN has no access: accept its terms on {page}"
        return f"{about} is gated: accept its terms on {page}, then set HF_TOKEN to a token of that account"
    if isinstance(error, RepositoryNotFoundError):
        return f"{about} is no folder here, and the hub has no such model (a private one needs HF_TOKEN)"
    if isinstance(error, RevisionNotFoundError):
        return f"revision = {revision!r} is not one of {name}; allowed: a branch, a tag or a commit of {page}"
    if isinstance(error, IncompleteSnapshotError):
        return (
            f"{about} is only half in the cache, and the hub is out of reach; fetch the rest when it is back"
        )
    if isinstance(cause, OfflineModeIsEnabled):
        return f"{about} is neither a folder nor in the cache, and HF_HUB_OFFLINE keeps it from being fetched"
    if isinstance(error, HfHubHTTPError):
        return f"{about} cannot be fetched: the hub answers with status {error.response.status_code}"
    if isinstance(cause, OSError) and cause.errno is not None and not isinstance(error, EntryNotFoundError):
        return f"{about} cannot be stored: {cause.strerror or cause}"
    reason = f"{type(cause).__name__}: {' '.join(str(cause).split())[:120]}"
    return f"{about} is neither a folder nor in the cache, and the hub cannot be reached ({reason})"


def _is_wanted(file: str) -> bool:
    return any(fnmatch(file, pattern) for pattern in WANTED)


def _there(name: str, wanted: Listing, file: str, folder: Path | None) -> bool:
    if folder is not None:
        return (folder / file).is_file() and (folder / file).stat().st_size == wanted.files[file]
    return isinstance(try_to_load_from_cache(name, file, revision=wanted.commit), str)


def _check_room(name: str, missing: int, place: Path) -> None:
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if missing > free:
        raise ModelError(
            f"model = {name!r} needs {missing / 1e9:.1f} GB more on disk; free there: {free / 1e9:.1f} GB"
        )


def _counter(progress: Progress | None, missing: int) -> type[Any]:
    """A silent stand-in for the client's progress bars, which reports the bytes of all files together."""

    class Counter(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            unit, name = kwargs.get("unit"), str(kwargs.get("name"))
            self.counts, self.arrived = unit == "B" and not name.endswith("transfer"), 0
            self.alone = Lock()  # several files arrive at once
            super().__init__(*args, **(kwargs | {"disable": True}))  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> None:
            with self.alone:
                self.arrived += int(n or 0)
                if progress is not None and self.counts:
                    progress(min(self.arrived, missing), missing)

    return Counter
