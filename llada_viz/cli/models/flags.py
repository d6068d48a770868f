"""Flags that several commands of `llada-viz models` have."""

from __future__ import annotations

import argparse

from models.flags import add_revision_flag


def add_source(command: argparse.ArgumentParser, what: str = "a bundled name, a folder or a hub id") -> None:
    """MODEL and --revision."""
    command.add_argument("model", metavar="MODEL", help=what)
    add_revision_flag(command)
