"""`scale`: accuracy against the network evaluations that a method may spend, on the bundled tasks."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.cli.run import DEFAULT_MODEL, own_settings
from models.flags import add_model_flags, add_tool_flags, load_flagged

if TYPE_CHECKING:
    from evaluation.scaling.estimate import Sizes
    from evaluation.scaling.recipes import Method
    from evaluation.scaling.study import TaskStudy
    from evaluation.scaling.workers import Decoder

TASKS_SCALED = ("expression", "linear", "countdown")
DEFAULT = ", ".join(TASKS_SCALED)


def add_scale(commands: Any) -> None:
    """Flags of `scale`."""
    command = commands.add_parser(
        "scale", help="test-time scaling: accuracy against NFE, from 1/4 to 8 times one token a step"
    )
    add_model_flags(command, DEFAULT_MODEL)
    add_tool_flags(command)
    command.set_defaults(ups_head="tiny-llada-ups", prm="tiny-prm", run=run_scale)
    command.add_argument("--task", action="append", default=[], help=f"repeatable (default: {DEFAULT})")
    command.add_argument("--level", default="middle", help="of the problems")
    command.add_argument(
        "--method", action="append", default=[], help="only this one, and plain (repeatable)"
    )
    command.add_argument("--scorer", action="append", default=[], help="exact or prm (repeatable; both)")
    command.add_argument(
        "--n", type=int, default=1000, help="problems of baselines and best methods at 1, 2, 4 times"
    )
    command.add_argument("--n-other", type=int, default=200, help="problems of all other points")
    command.add_argument(
        "--n-tune", type=int, default=32, help="other problems, on which settings are chosen"
    )
    command.add_argument(
        "--n-best", type=int, default=2, help="methods besides the baselines that --n problems are for"
    )
    command.add_argument("--seed", type=int, default=2026)
    command.add_argument("--processes", type=int, default=2, help="each has the model for itself")
    command.add_argument("--hours", type=float, default=8.0, help="refuse what is estimated to take longer")
    command.add_argument("--estimate", action="store_true", help="print the estimate and stop")
    command.add_argument("--out", type=Path, required=True, help="a folder a task; a rerun goes on from it")


def run_scale(args: argparse.Namespace) -> None:
    """Print an estimate, do what is left, write the reports and the plot."""
    import torch

    from evaluation.scaling.course import Course
    from evaluation.scaling.folders import open_study, write_report
    from evaluation.scaling.methods import chosen_methods
    from evaluation.scaling.workers import Decoder, Workers

    methods, sizes = chosen_methods(args.method, args.scorer), _sizes(args)
    studies = [_study(args, task) for task in dict.fromkeys(args.task or TASKS_SCALED)]
    threads = args.threads or max(1, (os.cpu_count() or 1) // args.processes)
    torch.set_num_threads(threads)
    decoder = Decoder(load_flagged(args), args.seed, args.ups_head, args.prm)
    hours = _foreseen(args, studies, methods, sizes, decoder)
    if args.estimate:
        return
    if hours > args.hours:
        raise ValueError(
            f"hours = {args.hours:g}, and {hours:.1f} are estimated; allowed: more --hours, or fewer "
            "problems (--n, --n-other, --n-tune), methods or tasks"
        )
    with ExitStack() as held:
        for study in studies:
            lock = open_study(study, methods, decoder, args.model, args.adapter)
            held.callback(lock.release)
        workers = Workers(decoder, partial(load_flagged, args), args.processes, threads)
        held.callback(workers.close)
        results = Course(studies, methods, sizes, workers).run()
    folders = [study.folder.path for study in studies]
    print(write_report(args.out, list(zip(folders, results, strict=True))))


def _sizes(args: argparse.Namespace) -> Sizes:
    """ValueError: one of them, or the number of processes, is not possible."""
    from evaluation.scaling.estimate import Sizes

    for name, least in (("n", 1), ("n_other", 1), ("n_tune", 1), ("n_best", 0), ("processes", 1)):
        if getattr(args, name) < least:
            raise ValueError(f"{name.replace('_', '-')} = {getattr(args, name)}; allowed: at least {least}")
    return Sizes(args.n, args.n_other, args.n_tune, args.n_best)


def _study(args: argparse.Namespace, task: str) -> TaskStudy:
    """A task at its level. Its problems are one draw without repeats: none is both tuned on and evaluated."""
    from evaluation.scaling.folders import task_study
    from evaluation.sets.problem_sets import bundled_set
    from tasks import HELD_OUT

    count = args.n_tune + max(args.n, args.n_other)
    problems = bundled_set(task, count, args.seed, HELD_OUT, args.level)
    own = own_settings(args.model, problems, args.revision)
    return task_study(problems, own, args.n_tune, args.out / task)


def _foreseen(
    args: argparse.Namespace,
    studies: Sequence[TaskStudy],
    methods: Sequence[Method],
    sizes: Sizes,
    decoder: Decoder,
) -> float:
    """Print what is to be done; the hours that it takes."""
    from evaluation.scaling.estimate import costs, estimate_table, probe

    phases = costs(methods, [probe(study, decoder.rows) for study in studies], sizes)
    spent, nfe = sum(study.spent for study in studies), sum(phase.nfe for phase in phases)
    share = max(0.0, 1 - spent / nfe)
    hours: float = sum(phase.seconds for phase in phases) / args.processes / 3600 * share
    print(estimate_table(phases, args.processes))
    print(f"\n{spent:,} of these evaluations are done; about {hours:.2f} h are left.\n", flush=True)
    return hours
