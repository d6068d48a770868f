"""`bundled`, `samplers`: what the bundled model, and all samplers on it, score on held-out problems."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evaluation.cli.run import DEFAULT_MODEL
from evaluation.runs.bundled_scores import HeldOutScore, default_data, held_out_sets, score_of
from models.assets import locate
from models.flags import add_model_flags, load_flagged
from models.whole_file import write_whole
from samplers.text_tables import markdown_table


def add_bundled(commands: Any) -> None:
    """Flags of `bundled`."""
    command = commands.add_parser("bundled", help="held-out accuracy of the bundled model")
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


def score_table(scores: list[HeldOutScore]) -> str:
    """Scores as a Markdown table."""
    head = ("held-out problems", "correct", "accuracy", "95 % interval", "NFE")
    rows = [
        (s.set, f"{s.correct} / {s.total}", f"{s.accuracy:.1%}", f"{s.low:.1%} – {s.high:.1%}", s.nfe)
        for s in scores
    ]
    return markdown_table(head, [(*row, f"{nfe:.0f}") for *row, nfe in rows])


def run_bundled(args: argparse.Namespace) -> None:
    """Accuracy of the bundled model, set by set."""
    from evaluation.runs.plan import Line
    from evaluation.runs.run_folder import RunFolder
    from evaluation.runs.sampler_table import run_bundled_set

    loaded, prompts = _loaded(args)
    scores: list[HeldOutScore] = []
    with TemporaryDirectory() as scratch:
        out = args.out or Path(scratch)
        for problems in held_out_sets(args.n, args.seed, args.data):
            if args.set and problems.name not in args.set:
                continue
            settings = dict(prompts[problems.problems[0].task]["settings"])
            line = Line("plain", settings.pop("sampler", "low_confidence"), settings)
            folder = RunFolder(out / problems.name)
            for _ in run_bundled_set(loaded, args.model, problems, [line], folder, args.adapter):
                pass
            scores.append(score_of(folder))
            print(f"{problems.name}: {scores[-1].correct} of {scores[-1].total}", file=sys.stderr)
        write_whole(out / "scores.json", json.dumps([asdict(s) for s in scores], indent=1) + "\n")
    print(score_table(scores))


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
