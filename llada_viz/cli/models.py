"""`llada-viz models`: checkpoints people use, and the files of one."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="llada-viz models", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    download = commands.add_parser(
        "download", help="fetch a whole checkpoint: safetensors, tokenizer, config"
    )
    download.set_defaults(run=download_model)
    download.add_argument("id", help="a hub id: owner/name")
    download.add_argument("--revision", default="", help="branch, tag or commit (default: the newest)")
    download.add_argument("--dir", type=Path, help="folder for the files (default: the hub's cache)")
    return top


def download_model(args: argparse.Namespace) -> None:
    """Fetch what is missing, with a bar where there is a terminal; then say where it is."""
    from llada_viz.cli.terminal import bytes_bar
    from models import hub
    from models.memory import gigabytes

    with bytes_bar(args.id) as progress:
        folder = hub.snapshot(args.id, args.revision, args.dir, progress)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    commit = hub.commit_of(folder)
    print(f"{args.id}: {gigabytes(size)} of weights, revision {commit or 'unknown'}\n{folder}")


def main(argv: list[str]) -> int:
    """Run a command."""
    args = parser().parse_args(argv)
    args.run(args)
    return 0
