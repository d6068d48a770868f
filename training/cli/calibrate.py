"""`calibrate-bundled`: find the temperature of the bundled model's head and fold it in."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from training.cli.bundled import BUNDLED


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags."""
    parser = commands.add_parser(
        "calibrate-bundled", help="divide tiny-llada's logits so that its confidence can be believed"
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--out", type=Path, required=True, help="where the calibrated one goes")
    parser.add_argument("--n", type=int, default=200, help="training problems a task (default: 200)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Try temperatures and write the model with the best one."""
    from models.loading import load
    from training.bundled.calibration import fold_into, training_sets, trials

    if args.n < 1:
        raise ValueError(f"n = {args.n}; allowed: 1 or more")
    prompts = json.loads((BUNDLED / "prompts.json").read_text())
    tried = []
    model = str(args.model)
    for trial in trials(load(model, device="cpu"), model, prompts, training_sets(args.n)):
        tried.append(trial)
        print(
            f"temperature {trial.temperature}: calibration error {trial.error:.3f} over {trial.tokens:,} "
            f"tokens, {trial.right:.1%} right, mean confidence {trial.confidence:.1%}",
            flush=True,
        )
    best = min(tried, key=lambda trial: trial.error)
    fold_into(args.model, best.temperature, args.out)
    print(f"{args.out}: temperature {best.temperature}")
