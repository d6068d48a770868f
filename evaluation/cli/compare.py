"""`compare`: what several samplers answer to the same prompts, side by side."""

from __future__ import annotations

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluation.cli.run import DEFAULT_MODEL
from evaluation.runs.plan import Plan, lines_of, names_of
from evaluation.sets.problem_sets import Problem, ProblemSet
from models.flags import add_model_flags, add_tool_flags, load_flagged
from samplers.batch import run_requests
from tasks.recognise import problem_of


def add_compare(commands: Any) -> None:
    """Flags of `compare`."""
    command = commands.add_parser("compare", help="answers of several samplers side by side")
    add_model_flags(command, DEFAULT_MODEL)
    add_tool_flags(command)
    command.add_argument("--prompt", action="append", required=True, help="repeatable")
    command.add_argument("--samplers", required=True, help="names, separated by commas")
    command.add_argument("--set", action="append", default=[], help="key=value or sampler.key=value")
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=run_compare)


def prompt_problem(number: int, prompt: str) -> Problem:
    """A prompt as a problem; one of a bundled task gets the task and fields that its exact checker needs."""
    bundled = problem_of(prompt)
    task = (bundled["name"], bundled["problem"]) if bundled else ()
    return Problem(number, prompt, "", *task)


def run_compare(args: argparse.Namespace) -> None:
    """One table a prompt: answer, NFE and seconds of each sampler."""
    lines = lines_of(names_of(args.samplers), args.set, {}, "prm" if args.prm else "checker")
    problems = tuple(prompt_problem(n, prompt) for n, prompt in enumerate(args.prompt))
    plan = Plan(ProblemSet("prompts", problems), lines, seed=args.seed, ups_head=args.ups_head, prm=args.prm)
    loaded = load_flagged(args)
    answers = {
        line.label: run_requests(loaded, [json.dumps(plan.request(line, p)) for p in problems])
        for line in lines
    }
    console = Console()
    for problem in problems:
        table = Table("sampler", "answer", "NFE", "seconds", title=Text(problem.question), show_lines=True)
        for label, results in answers.items():
            result = results[problem.number]
            if "error" in result:
                table.add_row(Text(label), Text(result["error"], style="red"), "", "")
            else:
                table.add_row(
                    Text(label), Text(result["text"]), str(result["nfe"]), f"{result['seconds']:.2f}"
                )
        console.print(table)
