"""`average`: the mean of two checkpoints of one network."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags."""
    parser = commands.add_parser(
        "average", help="the mean of two checkpoints of one network, weight by weight"
    )
    parser.add_argument("first", help="model folder or hub id, whose other files the mean has too")
    parser.add_argument("second", help="another of the same network, as after further training")
    parser.add_argument("--share", type=float, default=0.5, help="how much of the second: 0 to 1")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the mean."""
    from training.shared.averaging import average_folders

    tensors = average_folders(args.first, args.second, args.share, args.out)
    print(f"{tensors} tensors: {1 - args.share:g} of {args.first}, {args.share:g} of {args.second}")
    print(args.out)
