"""Files that are replaced as a whole: a reader finds the old one or the new one, even after a power cut."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Write UTF-8 text, in one piece or in many; see `write_whole_bytes`."""
    write_whole_bytes(path, (part.encode() for part in ([text] if isinstance(text, str) else text)))


def write_whole_bytes(path: Path, parts: Iterable[bytes]) -> None:
    """Write the parts beside the file; then put that in its place. Nothing changes where a part raises.

    Several threads and processes may write the same file: the last one's stays, whole."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    try:
        with scratch.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def json_lines(path: Path) -> list[str]:
    """The lines of a file of JSON lines, with or without a byte-order mark. Not splitlines(): a JSON string
    may hold U+2028 as it is. ValueError: it is not UTF-8."""
    return path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
