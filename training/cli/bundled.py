"""`build-bundled`: train tiny-llada stage by stage, from nothing or from a model's weights."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from models.assets import MODELS, assets

BUNDLED = assets() / MODELS / "tiny-llada"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags."""
    parser = commands.add_parser("build-bundled", help="train tiny-llada, stage by stage")
    parser.add_argument("--out", type=Path, default=Path("runs/bundled"), help="folder of the runs")
    parser.add_argument(
        "--from", dest="start", type=Path, help="go on from this model's weights and its record"
    )
    parser.add_argument(
        "--steps", type=int, help="one sitting of so many steps (default: all stages to the end)"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of the CPU (default: 2)")
    parser.add_argument("--install", action="store_true", help=f"then copy the model to {BUNDLED}")
    parser.add_argument(
        "--resume", action="store_true", help="continue from the checkpoint of a run that was stopped"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Train what is left, or one sitting of it, and copy the model where --install asks for it."""
    from training.engine.recipe import Stopped

    try:
        final = _sittings(args)
    except Stopped as stopped:
        print(f"{stopped}; --resume goes on from there", flush=True)
        return
    if args.install:
        for file in final.iterdir():  # the card and prompts.json stay
            shutil.copyfile(file, BUNDLED / file.name)
    print(final)


def _sittings(args: argparse.Namespace) -> Path:
    """One sitting after another, each in a folder of its own; the folder of the last model."""
    from training.bundled.build import build
    from training.bundled.stages import STAGES, Record

    for name in ("steps", "threads"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise ValueError(f"{name} = {value}; allowed: 1 or more")
    model: Path | None = args.start
    while stage := Record.read(model).next_stage(STAGES):
        final = args.out / f"{stage.seed + 1}-{stage.name}" / "final"
        if final.is_dir():
            model = final
        else:
            stage = replace(stage, plan=replace(stage.plan, threads=args.threads))
            model = build(stage, final.parent, args.resume, model, args.steps)
        if args.steps:
            return model
    if model is None or model == args.start:
        raise ValueError(f"from = {str(args.start)!r}: every stage is done ({', '.join(STAGES)})")
    return model
