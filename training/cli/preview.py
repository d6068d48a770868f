"""`preview`: one raw, one templated and one noised example of a run, before it is started."""

from __future__ import annotations

import argparse
import json

from training.cli.objectives import add_inspection, request
from training.registry import objective


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags: those of the objective."""
    add_inspection(
        commands,
        "preview",
        "one example of a run: raw, templated, noised",
        "as JSON: raw, templated, cells",
        show,
    )


def show(args: argparse.Namespace) -> None:
    """Make and print the preview."""
    args.command = args.objective
    run_request = request(args)
    example = objective(run_request.objective).data.preview(run_request.arguments, run_request.settings)
    print(json.dumps(example.as_json(), ensure_ascii=False) if args.json else example.as_text())
