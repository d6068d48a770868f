"""How all samplers write on the bundled tasks: order, drafts that were right, what committing together cost.

`python -m benchmarks.measures OUT [--n 100] [--task NAME …] [--only LINE …] [--every N] [--table]`

n held-out problems of each task, decoded by tiny-llada in batches with `drafts`, as in the table of
`python -m evaluation samplers`: one line for each sampler (--only: others of evaluation.runs.line_up). Each
row, or one of N with --every, is asked again for its parallel regret, which costs more than to decode it.
Rows go to OUT/rows.jsonl and are not decoded twice; problems come in turns, so that what there is at any
moment can be compared. Prints the table; --table: only that.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from evaluation.runs.line_up import LINE_UP
from evaluation.runs.plan import Line, Plan
from evaluation.sets.problem_sets import Problem, ProblemSet, bundled_set
from models.assets import locate
from models.loading import LoadedModel, load
from models.reordered import can_reorder, reordered
from models.text import token_pieces
from samplers import SAMPLERS
from samplers.batch import ToolBox, answer_text, read_request
from samplers.events import Predicted
from samplers.measuring.calibration import ece
from samplers.measuring.judges import known_to_first_error, task_check
from samplers.measuring.measures import Judge, measures_of
from samplers.measuring.measures_table import as_data, mean_of
from samplers.measuring.regret import regret
from samplers.measuring.row_log import Recorder
from samplers.requests import prepare_rows
from samplers.text_tables import markdown_table
from tasks import TASKS

MODEL = "tiny-llada"
SEED = 2026
CHUNK = 20
MOST_TOKENS = 1024
"""Of a pass on a CPU: more at once is slower."""
ALSO = ("random order", "half the steps")
Row = dict[str, Any]


def default_lines() -> list[str]:
    """The first line of each sampler, and those that show the two ends of an order and of a pace."""
    first = [next(c.label for c in LINE_UP if c.sampler == name) for name in SAMPLERS]
    return [c.label for c in LINE_UP if c.label in first or c.label in ALSO]


def lines_of(task: str, labels: Sequence[str], more: Mapping[str, Any]) -> list[Line]:
    """The lines with the task's own settings. more: settings of all."""
    prompts = json.loads((Path(locate(MODEL)) / "prompts.json").read_text(encoding="utf-8"))
    lines = [c.line(task, prompts[task]["settings"]) for c in LINE_UP if c.label in labels]
    return [replace(line, settings={**line.settings, **more}) for line in lines]


def measured(
    loaded: LoadedModel, pieces: Sequence[bytes], line: Line, problems: Sequence[Problem], every: int
) -> list[Row]:
    """One batch: decode, measure, ask again. every: of so many problems one is asked again."""
    plan = Plan(ProblemSet("", tuple(problems)), (line,), seed=SEED)
    requests = (json.dumps(plan.request(line, problem)) for problem in problems)
    box = ToolBox(loaded)
    jobs = [read_request(box, place, request) for place, request in enumerate(requests)]
    prepared = prepare_rows(loaded, jobs[0].sampler, [job.row for job in jobs], jobs[0].tools)
    ends = [i for i in (loaded.eos_id, loaded.eot_id) if i is not None]
    recorder, events = Recorder(ends, full_drafts=True), []
    for event in prepared.stream():
        recorder.see(event)
        if not isinstance(event, Predicted):  # changes nothing
            events.append(event)
    rows = []
    for number, problem in enumerate(problems):
        judge = Judge(
            lambda ids: answer_text(loaded, list(ids)),
            task_check(problem.task, problem.fields, problem.answer),
        )
        known = known_to_first_error(problem.task, problem.fields, pieces, ends, problem.answer)
        forwards = prepared.denoise.row_forwards[number]
        found = measures_of(recorder, number, judge, known, forwards)
        network, asked = prepared.denoise.network, problem.number % every == 0
        cost = regret(events, network, number, MOST_TOKENS) if asked else None
        rows.append(
            {"task": problem.task, "line": line.label, "row": problem.number, "commits": found.commits}
            | {"nfe": prepared.denoise.row_nfe[number]}
            | as_data(found, cost)
        )
    return rows


def work(
    tasks: Sequence[str],
    labels: Sequence[str],
    n: int,
    more: Mapping[str, Any],
    done: set[tuple[str, str, int]],
) -> Iterator[tuple[Line, list[Problem]]]:
    """What is left, a few problems of every task and line in turn."""
    problems = {task: bundled_set(task, n, SEED).problems for task in tasks}
    for first in range(0, n, CHUNK):
        for task in tasks:
            for line in lines_of(task, labels, more):
                chunk = [
                    p
                    for p in problems[task][first : first + CHUNK]
                    if (task, line.label, p.number) not in done
                ]
                if chunk:
                    yield line, chunk


def read(path: Path) -> list[Row]:
    """The rows so far; a last line that was cut short is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def plus_minus(values: Sequence[float], form: str) -> str:
    """A mean and half its 95 % interval."""
    half = 1.96 * stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
    return f"{fmean(values):{form}} ± {half:{form.lstrip('+')}}"


def common(rows: Sequence[Row]) -> list[Row]:
    """The rows of problems that every line has."""
    lines = {row["line"] for row in rows}
    found = Counter((row["task"], row["row"]) for row in rows)
    return [row for row in rows if found[row["task"], row["row"]] == len(lines)]


def table(rows: Sequence[Row]) -> str:
    """A line for each sampler, over all tasks."""
    head = (
        "line", "n", "NFE", "tokens/forward", "τ", "next cell", "first open", "flips", "ever right",
        "finally right", "lost", "vote right", "p(end)", "ECE", "regret, nats", "of a cell",
    )  # fmt: skip
    body = []
    for label in dict.fromkeys(row["line"] for row in rows):
        own = [row for row in rows if row["line"] == label]

        def mean(name: str, form: str, own: list[Row] = own) -> str:
            value = mean_of(own, name)
            return "–" if value is None else format(value, form)

        lost = [
            float(r["ever_right"]) - float(r["finally_right"]) for r in own if r.get("ever_right") is not None
        ]
        again = [row for row in own if row.get("regret") is not None]
        beside = sum(row["regret_cells"] for row in again)
        wrong = ece((c, bool(right)) for row in own for c, right in row["commits"])
        body.append((
            label, len(own), mean("nfe", ".0f"), mean("tpf", ".2f"), mean("tau", "+.2f"),
            mean("local_ar_1", ".0%"), mean("global_ar_1", ".0%"), mean("flips", ".2f"),
            mean("ever_right", ".1%"), mean("finally_right", ".1%"),
            plus_minus([100 * value for value in lost], ".1f") if lost else "–",
            mean("vote_right", ".1%"), mean("end_pressure", ".1%"), "–" if wrong is None else f"{wrong:.3f}",
            plus_minus([row["regret"] for row in again], "+.2f") if again else "–",
            f"{sum(row['regret'] for row in again) / beside:+.3f}" if beside else "–",
        ))  # fmt: skip
    return markdown_table(head, body, numbers=range(1, len(head)))


def main() -> None:
    """Do what is left, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, default=100, help="problems a task")
    parser.add_argument("--task", action="append", choices=tuple(TASKS), help="only this one (repeatable)")
    parser.add_argument("--only", action="append", help="only this line (repeatable)")
    parser.add_argument("--no-drafts", action="store_true", help="order and regret alone")
    parser.add_argument("--every", type=int, default=1, help="ask one of so many problems again")
    parser.add_argument("--table", action="store_true", help="print the table of what there is")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / "rows.jsonl"
    if not asked.table:
        torch.set_num_threads(1)
        loaded = load(MODEL)
        if can_reorder(loaded.model):
            loaded = replace(loaded, model=reordered(loaded.model))
        pieces = token_pieces(loaded.tokenizer) if loaded.tokenizer else []
        more = {} if asked.no_drafts else {"drafts": True}
        done = {(row["task"], row["line"], row["row"]) for row in read(path)}
        for line, problems in work(
            asked.task or list(TASKS), asked.only or default_lines(), asked.n, more, done
        ):
            rows = measured(loaded, pieces, line, problems, asked.every)
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(row) + "\n" for row in rows))
            print(
                f"{problems[0].task}, {line.label}: to row {problems[-1].number}", file=sys.stderr, flush=True
            )
    rows = common(read(path))
    counts = Counter(row["task"] for row in rows if row["line"] == rows[0]["line"])
    print(", ".join(f"{task} {count}" for task, count in counts.items()))
    print(table(rows))


if __name__ == "__main__":
    main()
