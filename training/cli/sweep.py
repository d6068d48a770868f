"""`sweep`: an objective over a grid of settings, and a table at the end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from training.cli.objectives import flags, request
from training.registry import OBJECTIVES

if TYPE_CHECKING:
    from training.run import Request


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags."""
    parser = commands.add_parser("sweep", help="an objective over a grid of settings, then a table")
    parser.add_argument("objective", choices=list(OBJECTIVES))
    flags(parser)
    parser.add_argument("--grid", action="append", default=[], metavar="KEY=VALUE,VALUE",
                        help="values of a setting, before the config's; repeat it for more")  # fmt: skip
    parser.add_argument("--estimate", action="store_true", help="print how long it takes and stop")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Say how long it takes and run all combinations; those that are finished are not run again."""
    from training.engine.recipe import Stopped
    from training.engine.saying import say
    from training.run import read_config
    from training.sweep import TABLE, foreseen, grid_texts, parse_grid, requests_of, sweep

    def ask(pairs: list[str], folder: Path) -> Request:
        own = {"command": args.objective, "set": [*args.set, *pairs], "out": folder, "resume": True}
        return request(argparse.Namespace(**(vars(args) | own)))

    config = read_config(args.config) if args.config else {}
    grid = parse_grid(grid_texts(config.get("grid") or {}, args.grid))
    requests = requests_of(args.out, grid, ask)
    say(foreseen([asked for _, asked in requests]))
    if args.estimate:
        return
    try:
        say(sweep(args.out, list(grid), requests))
        say(str(args.out / TABLE))
    except Stopped as stopped:
        say(f"{stopped}; the same command goes on from there")
