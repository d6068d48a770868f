"""Flags that several commands of `llada-viz models` have."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.flags import add_revision_flag


def new_folder(text: str) -> Path:
    """--out: a folder that is not there yet. ArgumentTypeError: it is."""
    path = Path(text)
    if path.exists() or not path.name:
        raise argparse.ArgumentTypeError(f"{text!r} exists; allowed: a new folder")
    return path


def add_source(command: argparse.ArgumentParser, what: str = "a bundled name, a folder or a hub id") -> None:
    """MODEL and --revision."""
    command.add_argument("model", metavar="MODEL", help=what)
    add_revision_flag(command)
