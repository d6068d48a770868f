"""`llada-viz models download`: a whole checkpoint, with a bar where there is a terminal."""

from __future__ import annotations

import argparse
from pathlib import Path

from llada_viz.cli.models.flags import add_source
from llada_viz.cli.terminal import bytes_bar, stoppable


def add_flags(command: argparse.ArgumentParser) -> None:
    """MODEL, --revision and --dir."""
    add_source(command, "a hub id: owner/name")
    command.add_argument("--dir", type=Path, help="folder for the files (default: the hub's cache)")


def run(args: argparse.Namespace) -> int:
    """Fetch what is missing; then say what is there, and where."""
    from models import hub
    from models.catalog import catalog
    from models.errors import ModelError
    from models.memory import gigabytes

    if hub.is_here(args.model):
        raise ModelError(f"model = {args.model!r} is a folder here; allowed: a hub id, owner/name")
    with bytes_bar(args.model) as bar, stoppable(bar) as progress:
        folder = hub.snapshot(args.model, args.revision, args.dir, progress)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    commit = hub.commit_of(folder)
    print(f"{args.model}: {gigabytes(size)} of weights, revision {commit or 'unknown'}\n{folder}")
    known = catalog().find(args.model)
    if known is not None and not known.family.built:
        print(f"The network of the family {known.family.title} is not built here yet.")
    return 0
