"""`python -m training build-bundled`: see `--help`."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from training.bundled import Recipe, build, continued_recipe

BUNDLED = Path("assets/models/tiny-llada")


def install(final: Path) -> None:
    """Put the built files over the bundled ones; the card and prompts.json stay."""
    for file in final.iterdir():
        shutil.copyfile(file, BUNDLED / file.name)


def lasting(recipe: Recipe, steps: int | None) -> Recipe:
    """The recipe with another number of optimizer steps, if one is named."""
    return replace(recipe, train=replace(recipe.train, max_steps=steps)) if steps else recipe


def main() -> None:
    """Parse the command line and run one objective."""
    parser = argparse.ArgumentParser(prog="python -m training")
    commands = parser.add_subparsers(dest="command", required=True)
    bundled = commands.add_parser("build-bundled", help="train tiny-llada from nothing, in two runs")
    bundled.add_argument("--out", type=Path, default=Path("runs/bundled"), help="run folder")
    bundled.add_argument("--steps", type=int, help="optimizer steps of each run (default: the recipes')")
    bundled.add_argument("--from", dest="start", type=Path, help="only the second run, from this model")
    bundled.add_argument("--install", action="store_true", help=f"then copy the model to {BUNDLED}")
    bundled.add_argument("--resume", action="store_true", help="continue from the run's checkpoint")
    args = parser.parse_args()
    first, second = (lasting(recipe, args.steps) for recipe in (Recipe(), continued_recipe()))
    start = args.start or args.out / "first" / "final"
    if not args.start and not start.is_dir():
        build(first, args.out / "first", args.resume)
    final = build(second, args.out, args.resume, start)
    if args.install:
        install(final)
    print(final)


if __name__ == "__main__":
    main()
