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


def main() -> None:
    """Parse the command line and run one objective."""
    parser = argparse.ArgumentParser(prog="python -m training")
    commands = parser.add_subparsers(dest="command", required=True)
    bundled = commands.add_parser("build-bundled", help="train assets/models/tiny-llada from nothing")
    bundled.add_argument("--out", type=Path, default=Path("runs/bundled"), help="run folder")
    bundled.add_argument("--steps", type=int, help="optimizer steps (default: the recipe's)")
    bundled.add_argument("--from", dest="start", type=Path, help="continue this model instead")
    bundled.add_argument("--install", action="store_true", help=f"then copy the model to {BUNDLED}")
    bundled.add_argument("--resume", action="store_true", help="continue from the run's checkpoint")
    args = parser.parse_args()
    recipe = continued_recipe() if args.start else Recipe()
    if args.steps:
        recipe = replace(recipe, train=replace(recipe.train, max_steps=args.steps))
    final = build(recipe, args.out, args.resume, args.start)
    if args.install:
        install(final)
    print(final)


if __name__ == "__main__":
    main()
