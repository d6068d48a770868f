"""Reads files that another process is appending to."""

from __future__ import annotations

from pathlib import Path

MOST_BYTES = 1 << 20


def read_new(path: Path, offset: int = 0, most_bytes: int = MOST_BYTES) -> tuple[list[str], int]:
    """The complete lines after byte `offset`, and the offset for the next call.

    A last line without its newline is still being written and left for the next call. At most about
    `most_bytes` are read; call again for more. A missing file has no lines yet. ValueError: the file is
    shorter than `offset`, so it is not the one that was read before.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        if offset == 0:
            return [], 0
        raise
    with file:
        if (size := file.seek(0, 2)) < offset:
            raise ValueError(f"{path}: offset = {offset}; allowed: 0 to {size}, the length of the file")
        file.seek(offset)
        lines = file.readlines(most_bytes)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    return [line[:-1].decode("utf-8", "replace") for line in lines], offset + sum(map(len, lines))


def tail(path: Path, lines: int = 100, most_bytes: int = MOST_BYTES) -> list[str]:
    """The last `lines` lines of a log, from its last `most_bytes` at most; [] when there is none.

    An unfinished last line is one of them. A progress bar writes its line again and again, with carriage
    returns between: of such a line only the newest version is returned.
    """
    if lines < 1:
        raise ValueError(f"lines = {lines}; allowed: 1 or more")
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return []
    with file:
        start = max(0, file.seek(0, 2) - most_bytes)
        file.seek(start)
        parts = file.read(most_bytes).split(b"\n")
    if not parts[-1]:
        parts.pop()  # what follows the last newline
    if start and len(parts) > 1:
        parts = parts[1:]  # its beginning was cut off
    return [line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace") for line in parts[-lines:]]
