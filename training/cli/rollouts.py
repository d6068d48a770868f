"""`rollouts`: labelled answers of a model, to train a process reward model on."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.flags import add_model_flags, load_flagged


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags."""
    parser = commands.add_parser("rollouts", help="answers of a model, labelled step by step, for prm")
    add_model_flags(parser)
    parser.add_argument("--data", action="append", required=True, help="bundled tasks; may be repeated")
    parser.add_argument("--out", type=Path, required=True, help="JSONL file, a new one")
    parser.add_argument("--n", type=int, required=True, help="answers of each task and level")
    parser.add_argument("--repeats", type=int, default=1, help="answers in a row to one problem")
    parser.add_argument(
        "--level", default="", help="easy, middle or both; the usual one of each task if not given"
    )
    parser.add_argument("--steps", default="8,16,32", help="denoiser steps, taken in turns")
    parser.add_argument("--temperatures", default="0,0.6", help="taken in turns")
    parser.add_argument("--block-lengths", default="0", help="taken in turns; 0: the task's own")
    parser.add_argument(
        "--corrupted", type=int, default=0, help="spoiled worked solutions of each task and level"
    )
    parser.add_argument(
        "--slips", type=int, default=0, help="beginnings of worked solutions, half with a wrong result"
    )
    parser.add_argument(
        "--differ", type=int, default=0, help="first blocks only, each also in so many other ways"
    )
    parser.add_argument("--cuts", default="lines,4,8,16", help="lines, or tokens of a block")
    parser.add_argument("--split", default="train", choices=("train", "heldout"), help="whose problems")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=run, dtype="bfloat16")


def run(args: argparse.Namespace) -> None:
    """Decode, label, write."""
    from training.prm.prm_rollouts import RolloutPlan, rollouts, write_rows

    plan = RolloutPlan(
        tasks=tuple(name for text in args.data for name in _split(text)), n=args.n,
        steps=_numbers("steps", args.steps, int),
        temperatures=_numbers("temperatures", args.temperatures, float),
        block_lengths=_numbers("block_lengths", args.block_lengths, int), corrupted=args.corrupted,
        cuts=tuple(_split(args.cuts)), split=args.split, seed=args.seed,
        level=args.level, differ=args.differ, repeats=args.repeats, slips=args.slips,
    )  # fmt: skip
    began = time.monotonic()
    loaded = load_flagged(args)
    for rows, parts, wrong in write_rows(args.out, rollouts(loaded, args.model, plan)):
        seconds = time.monotonic() - began
        print(f"{rows} rows, {parts} parts, {wrong} wrong, {seconds:.0f} s", flush=True)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(name: str, text: str, kind: Callable[[str], Any]) -> tuple[Any, ...]:
    from samplers.settings import SettingError

    try:
        return tuple(kind(part) for part in _split(text))
    except ValueError:
        raise SettingError(name, text, "numbers that commas separate") from None
