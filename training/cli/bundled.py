"""`build-bundled`: train tiny-llada from nothing, in two runs."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from models.assets import MODELS, assets

BUNDLED = assets() / MODELS / "tiny-llada"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags."""
    parser = commands.add_parser("build-bundled", help="train tiny-llada from nothing, in two runs")
    parser.add_argument("--out", type=Path, default=Path("runs/bundled"), help="run folder")
    parser.add_argument("--steps", type=int, help="optimizer steps of each run (default: the recipes')")
    parser.add_argument("--from", dest="start", type=Path, help="only the second run, from this model")
    parser.add_argument("--install", action="store_true", help=f"then copy the model to {BUNDLED}")
    parser.add_argument("--resume", action="store_true", help="continue from the run's checkpoint")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Train in both runs, or the second alone, and copy the model where --install asks for it."""
    from training.engine.recipe import Stopped

    try:
        final = _both(args)
    except Stopped as stopped:
        print(f"{stopped}; --resume goes on from there", flush=True)
        return
    if args.install:
        for file in final.iterdir():  # the card and prompts.json stay
            shutil.copyfile(file, BUNDLED / file.name)
    print(final)


def _both(args: argparse.Namespace) -> Path:
    from training.bundled.build import Plan, build, continued_plan

    def lasting(plan: Plan) -> Plan:
        steps = args.steps
        return replace(plan, train=replace(plan.train, max_steps=steps)) if steps else plan

    start = args.start or args.out / "first" / "final"
    if not args.start and not start.is_dir():
        build(lasting(Plan()), args.out / "first", args.resume)
    return build(lasting(continued_plan()), args.out, args.resume, start)
