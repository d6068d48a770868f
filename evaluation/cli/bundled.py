"""`bundled`, `samplers`: what the bundled model, and all samplers on it, score on held-out problems."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evaluation.cli.run import DEFAULT_MODEL
from evaluation.runs.bundled_scores import (
    HeldOutScore,
    commits_of,
    default_data,
    held_out_sets,
    score_of,
)
from models.assets import locate
from models.flags import add_model_flags, load_flagged
from models.prompt_settings import decode_settings
from models.whole_file import write_whole
from samplers.measuring.calibration import Judged, ece
from samplers.text_tables import markdown_table
from tasks import EASY, MIDDLE


def add_bundled(commands: Any) -> None:
    """Flags of `bundled`."""
    command = commands.add_parser("bundled", help="held-out accuracy and calibration of the bundled model")
    command.add_argument("--level", default="", help=f"{EASY} or {MIDDLE} (default: both)")
    command.add_argument("--data", type=Path, default=default_data(), help="public test sets")
    command.add_argument("--out", type=Path, help="keep scores.json and a run folder a set here")
    command.set_defaults(run=run_bundled)
    _shared(command)


def add_samplers(commands: Any) -> None:
    """Flags of `samplers`."""
    command = commands.add_parser("samplers", help="all samplers on the bundled model, one table a task")
    command.add_argument("--out", type=Path, required=True, help="rows; a rerun goes on from them")
    command.add_argument("--only", action="append", default=[], help="only this line (repeatable)")
    command.set_defaults(run=run_samplers)
    _shared(command)


def _shared(command: argparse.ArgumentParser) -> None:
    add_model_flags(command, DEFAULT_MODEL)
    command.add_argument("--n", type=int, default=500, help="problems a task")
    command.add_argument("--seed", type=int, default=2026)
    command.add_argument("--set", action="append", default=[], help="only this set (repeatable)")


def score_table(scores: Sequence[HeldOutScore]) -> str:
    """Scores as a Markdown table."""
    head = ("held-out problems", "level", "correct", "accuracy", "95% interval", "NFE", "ECE")
    return markdown_table(head, [_cells(score) for score in scores])


def _cells(s: HeldOutScore) -> tuple[str, ...]:
    share, interval = f"{s.accuracy:.1%}", f"{s.low:.1%} – {s.high:.1%}"
    wrong = "–" if s.ece is None else f"{s.ece:.3f}"
    return s.set, s.level, f"{s.correct} / {s.total}", share, interval, f"{s.nfe:.0f}", wrong


def calibration_words(level: str, commits: Sequence[Judged]) -> str:
    """The calibration of all tasks at a level, as a sentence; "" where nothing is known of any token."""
    wrong = ece(commits)
    if wrong is None:
        return ""
    right = sum(ok for _, ok in commits) / len(commits)
    sure = sum(confidence for confidence, _ in commits) / len(commits)
    return (
        f"Over all tasks, {level}: expected calibration error {wrong:.3f} over {len(commits):,} tokens, "
        f"of which {right:.1%} are right, with a mean confidence of {sure:.1%}."
    )


def run_bundled(args: argparse.Namespace) -> None:
    """Accuracy and calibration of the bundled model, set by set."""
    from evaluation.runs.plan import Line
    from evaluation.runs.run_folder import RunFolder
    from evaluation.runs.sampler_table import run_bundled_set

    sets = held_out_sets(args.n, args.seed, args.data, args.level, args.set)
    loaded, prompts = _loaded(args)
    scores: list[HeldOutScore] = []
    middle: list[Judged] = []
    with TemporaryDirectory() as scratch:
        out = args.out or Path(scratch)
        for problems in sets:
            settings = decode_settings(prompts, problems.problems[0].task, problems.level)
            line = Line("plain", settings.pop("sampler", "low_confidence"), settings)
            folder = RunFolder(out / problems.name)
            for _ in run_bundled_set(
                loaded, args.model, problems, [line], folder, args.adapter, commits=True
            ):
                pass
            scores.append(score_of(folder, problems.level))
            middle += commits_of(folder) if problems.level == MIDDLE else []
            print(f"{problems.name}: {scores[-1].correct} of {scores[-1].total}", file=sys.stderr)
        write_whole(out / "scores.json", json.dumps([asdict(s) for s in scores], indent=1) + "\n")
    print(score_table(scores))
    if words := calibration_words(MIDDLE, middle):
        print(f"\n{words}")


def _loaded(args: argparse.Namespace) -> tuple[Any, Any]:
    """The model and its prompts.json."""
    prompts = json.loads((Path(locate(args.model)) / "prompts.json").read_text())
    return load_flagged(args), prompts


def run_samplers(args: argparse.Namespace) -> None:
    """The table over all samplers; rows that --out holds already are not decoded again."""
    from evaluation.runs.line_up import PAIRS, chosen_lines
    from evaluation.runs.run_folder import RunFolder
    from evaluation.runs.sampler_table import TaskTable, run_bundled_set
    from evaluation.sets.problem_sets import bundled_set

    loaded, prompts = _loaded(args)
    for task in args.set or list(prompts):
        if task not in prompts:
            raise ValueError(f"set = {task!r} is no bundled task; allowed: {', '.join(prompts)}")
        lines = chosen_lines(task, prompts[task]["settings"], args.only)
        problems, folder = bundled_set(task, args.n, args.seed), RunFolder(args.out / task)
        for done in run_bundled_set(loaded, args.model, problems, lines, folder, args.adapter):
            print(f"{task}: {done} of {args.n * len(lines)}", file=sys.stderr, flush=True)
    for task in args.set or list(prompts):
        print(TaskTable(task, args.out / task).text(PAIRS))
