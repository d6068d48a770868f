"""`preview`: one raw, one templated and one noised example of a run, before it is started."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from training.cli.objectives import flags, request
from training.registry import OBJECTIVES, objective


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags: those of the objective."""
    parser = commands.add_parser("preview", help="one example of a run: raw, templated, noised")
    parser.add_argument("objective", choices=OBJECTIVES, help="what would be trained")
    flags(parser, out=False)
    parser.add_argument("--json", action="store_true", help="as JSON: raw, templated, cells")
    parser.set_defaults(run=show, out=Path(), resume=False)


def show(args: argparse.Namespace) -> None:
    """Make and print the preview."""
    args.command = args.objective
    run_request = request(args)
    example = objective(run_request.objective).data.preview(run_request.arguments, run_request.settings)
    print(json.dumps(example.as_json(), ensure_ascii=False) if args.json else example.as_text())
