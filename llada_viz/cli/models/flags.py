"""Flags that several commands of `llada-viz models` have."""

from __future__ import annotations

import argparse


def add_source(command: argparse.ArgumentParser, what: str = "a bundled name, a folder or a hub id") -> None:
    """MODEL and --revision."""
    command.add_argument("model", metavar="MODEL", help=what)
    command.add_argument(
        "--revision", default="", metavar="R", help="branch, tag or commit of a hub id (default: the newest)"
    )
