"""`estimate`: how long a run will take on this machine, measured before it is started."""

from __future__ import annotations

import argparse
import json

from training.cli.objectives import add_inspection, request


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags: those of the objective."""
    add_inspection(
        commands, "estimate", "how long a run will take, measured on this machine", "seconds, as JSON", show
    )


def show(args: argparse.Namespace) -> None:
    """Measure and print the estimate."""
    from training.estimate import estimate

    args.command = args.objective
    run_request = request(args)
    measured = estimate(run_request.objective, run_request.arguments, run_request.settings)
    print(json.dumps(measured.as_json()) if args.json else measured.words(run_request.settings))
