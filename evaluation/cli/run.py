"""`run`, `report`: samplers on a set, resumable, on one process or many."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from evaluation.grading.grades import Grader
from evaluation.runs.execute import Share, manifest, run, work_left
from evaluation.runs.machines import open_run, take_over
from evaluation.runs.plan import QUESTION_MARK, Plan, lines_of, names_of, read_lines
from evaluation.runs.report import FORMS, Report, as_markdown
from evaluation.runs.run_folder import RunFolder
from evaluation.sets.problem_sets import ProblemSet, load_set
from evaluation.sets.worked import with_examples
from models.checkpoint import find_file
from models.flags import add_model_flags, add_tool_flags, load_flagged
from models.prompt_settings import decode_settings

# How long one process waits for the others: rows cost unequal time, and torch's own limit is minutes.
LONGEST_WAIT = timedelta(days=1)
DEFAULT_MODEL = "tiny-llada"


def add_run(commands: Any) -> None:
    """Flags of `run`."""
    command = commands.add_parser("run", help="samplers on a set: resumable, row by row")
    add_model_flags(command, DEFAULT_MODEL, device="")  # each process its own
    add_tool_flags(command)
    command.add_argument("--data", required=True, help="CSV, JSONL or Parquet file, bundled task, known set")
    command.add_argument("--question", help="question column, where it is not guessed rightly")
    command.add_argument("--answer", help="answer column")
    command.add_argument("--samplers", default="", help="names, separated by commas")
    command.add_argument("--set", action="append", default=[], help="key=value or sampler.key=value")
    command.add_argument("--lines", type=Path, help="JSON list of {label, sampler, settings, scorer} instead")
    command.add_argument("--limit", type=int, help="first rows only")
    command.add_argument("--shots", type=int, default=0, help="worked examples before each question")
    command.add_argument(
        "--shots-from", default="",
        help="set they come from (else the training side; of a file the first rows, which are left out)",
    )  # fmt: skip
    command.add_argument("--template", default=QUESTION_MARK, help="prompt, with {question}")
    command.add_argument("--seed", type=int, default=0, help="row n has seed + n with every sampler")
    command.add_argument("--scorer", default="", help="checker or prm, for the samplers that need one")
    command.add_argument(
        "--out", type=Path, required=True, help="run folder; the same command goes on with it"
    )
    command.set_defaults(run=run_set)


def add_report(commands: Any) -> None:
    """Flags of `report`."""
    command = commands.add_parser("report", help="table, Pareto plots and one-file HTML of a run")
    command.add_argument("out", type=Path, help="a run folder")
    command.set_defaults(run=write_report)


def run_set(args: argparse.Namespace) -> None:
    """Do or go on with a run; process 0 writes the report when all are done."""
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available(), timeout=LONGEST_WAIT)
    plan = plan_of(args)
    if args.device and state.num_processes > 1:
        raise ValueError(f"device = {args.device!r}; allowed with several processes: none, each has its own")
    loaded = load_flagged(args, str(state.device))
    folder = RunFolder(args.out)
    lock = open_run(state, folder, lambda: manifest(loaded, args.model, plan, args.adapter), plan.problems)
    if state.is_main_process:
        for note in plan.problems.notes:
            sys.stderr.write(f"{plan.problems.name}: {note}\n")
    share = Share(state.process_index, state.num_processes)
    work = work_left(plan, folder, share, take_over(state, folder))
    total = len(plan.problems.problems) * len(plan.lines)
    with Grader() as grader:
        for done in run(loaded, plan, folder, grader, work):
            # One write, not a print: several processes write to the same terminal.
            sys.stderr.write(f"{done} of {total}\n")
            sys.stderr.flush()
    state.wait_for_everyone()
    take_over(state, folder)
    if lock is not None:
        print(as_markdown(write_forms(folder)))
        lock.release()
    if state.num_processes > 1:
        state.destroy_process_group()


def plan_of(args: argparse.Namespace) -> Plan:
    """The plan that the flags describe; every refusal comes before a model is loaded."""
    problems = load_set(args.data, args.question, args.answer, args.limit)
    names = names_of(args.samplers)
    if bool(names) == (args.lines is not None):
        raise ValueError("samplers and lines: give exactly one of --samplers and --lines")
    scorer = args.scorer or ("prm" if args.prm else "checker")
    base = own_settings(args.model, problems, args.revision)
    lines = read_lines(args.lines) if args.lines else lines_of(names, args.set, base, scorer)
    if args.lines and args.set:
        raise ValueError("set: the settings stand in the --lines file; --set goes with --samplers")
    columns = args.question or "", args.answer or ""
    problems, shots = with_examples(problems, args.data, args.shots, args.shots_from, *columns)
    return Plan(
        problems, lines, args.template, shots, args.seed, args.ups_head, args.prm, shots_from=args.shots_from
    )


def own_settings(model: str, problems: ProblemSet, revision: str = "") -> Mapping[str, Any]:
    """For a bundled task: the decode settings that the model's prompts.json names for it and its level."""
    task = problems.problems[0].task
    path = find_file(model, "prompts.json", revision) if task else None
    by_task = json.loads(path.read_text(encoding="utf-8")) if path is not None else {}
    return decode_settings(by_task, task, problems.level)


def write_report(args: argparse.Namespace) -> None:
    """Write all forms into the run folder."""
    print(as_markdown(write_forms(RunFolder(args.out))))


def write_forms(folder: RunFolder) -> Report:
    """report.md, report.html, rows.csv and report.json."""
    report = Report(folder)
    for name, form in FORMS.items():
        folder.write(name, form(report))
    return report
