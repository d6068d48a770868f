"""`estimate`: how long a run will take on this machine, measured before it is started."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from training.cli.objectives import flags, request
from training.registry import OBJECTIVES


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags: those of the objective."""
    parser = commands.add_parser("estimate", help="how long a run will take, measured on this machine")
    parser.add_argument("objective", choices=OBJECTIVES, help="what would be trained")
    flags(parser, out=False)
    parser.add_argument("--json", action="store_true", help="seconds, as JSON")
    parser.set_defaults(run=show, out=Path(), resume=False)


def show(args: argparse.Namespace) -> None:
    """Measure and print the estimate."""
    from training.estimate import estimate

    args.command = args.objective
    run_request = request(args)
    measured = estimate(run_request.objective, run_request.arguments, run_request.settings)
    print(json.dumps(measured.as_json()) if args.json else measured.words(run_request.settings))
