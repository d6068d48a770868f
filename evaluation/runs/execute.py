"""A run: every problem is answered with every line (a sampler and its settings) and graded; it can be
stopped at any moment and resumed.

What is left is split evenly over the processes, and a row depends on its seed alone, so the set of
rows does not depend on how many processes there are. Lines take turns, a chunk of problems each, so a run
that is stopped has the same problems in all lines and can be compared as it is.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from evaluation.grading.grades import Grade
from evaluation.runs.plan import Line, Plan
from evaluation.runs.run_folder import ResultRow, RowKey, RunError, RunFolder
from evaluation.sets.problem_sets import Problem
from models.adapters import adapter_digest
from models.checkpoint import weights_digest
from models.loading import LoadedModel
from models.text import token_pieces
from samplers.batch import run_requests
from samplers.measuring.judges import known_to_first_error, task_check
from samplers.measuring.measures import Known, Opinion
from tasks import TASKS

CHUNK, FEW = 32, 64
FIRST_CHUNK = 8  # of a set of fewer than FEW rows, so that something is seen of all lines before long
MACHINE = ("RuntimeError", "MemoryError", "OutOfMemoryError", "AcceleratorError")
PACKAGES = ("torch", "transformers", "accelerate", "math-verify", "sympy")


class Grades(Protocol):
    """What a run uses of evaluation.grading.grades.Grader."""

    def grade_many(self, pairs: Sequence[tuple[str, str]]) -> list[Grade]: ...


@dataclass(frozen=True)
class Share:
    """Which part of the work this process does."""

    index: int = 0
    count: int = 1


ALL = Share()


@dataclass(frozen=True)
class Work:
    """What one process has to do. problems: label of a line -> its problems; done: rows that are in the
    folder already."""

    problems: Mapping[str, Sequence[Problem]]
    done: int


def work_left(
    plan: Plan, folder: RunFolder, share: Share = ALL, finished: Collection[RowKey] | None = None
) -> Work:
    """This process's part of what is left; the parts of all processes differ by one row at most.

    finished: the rows that are done; None: those in the folder. It must be the same in all processes.
    """
    if finished is None:
        finished = {(row["line"], row["row"]) for row in folder.rows()}
    all_work = [(line.label, p) for line in plan.lines for p in plan.problems.problems]
    unfinished = [(label, p) for label, p in all_work if (label, p.number) not in finished]
    own: dict[str, list[Problem]] = {line.label: [] for line in plan.lines}
    for label, problem in unfinished[share.index :: share.count]:
        own[label].append(problem)
    return Work(own, len(all_work) - len(unfinished))


def run(
    loaded: LoadedModel, plan: Plan, folder: RunFolder, grader: Grades, work: Work | None = None
) -> Iterator[int]:
    """Do what is left, or the given part of it; yields how many rows are done (those that
    other processes finish meanwhile are not counted)."""
    work = work or work_left(plan, folder)
    finished = work.done
    yield finished
    longest = max(map(len, work.problems.values()))
    size = FIRST_CHUNK if longest < FEW else CHUNK
    for first in range(0, longest, size):
        for line in plan.lines:
            chunk = work.problems[line.label][first : first + size]
            if chunk:
                folder.append(answered(loaded, plan, line, chunk, grader))
                finished += len(chunk)
                yield finished


def answered(
    loaded: LoadedModel, plan: Plan, line: Line, problems: Sequence[Problem], grader: Grades
) -> list[ResultRow]:
    """Rows of one line: the answers, decoded as one batch, and their grades."""
    began = time.perf_counter()
    checks = checks_of(problems) if line.drafts else {}
    knowns = knowns_of(loaded, problems) if plan.commits else {}
    requests = [json.dumps(plan.request(line, p)) for p in problems]
    results = run_requests(loaded, requests, checks=checks, knowns=knowns)
    for result in results:  # the machine failed: no answer to grade; the run ends and can be resumed
        if str(result.get("error", "")).startswith(MACHINE):
            raise RunError(f"row {result['id']}, {line.label}: {result['error']}")
    seconds = (time.perf_counter() - began) / len(problems)
    grades = graded(problems, [result.get("text", "") for result in results], grader)
    rows = []
    for problem, result, grade in zip(problems, results, grades, strict=True):
        row: ResultRow = {"line": line.label, "row": problem.number, "seed": plan.seed_of(problem)}
        if "error" in result:
            row |= {"error": result["error"], "correct": None}
        else:
            row |= {
                "text": result["text"], "correct": grade.correct, "extracted": grade.extracted,
                "reason": grade.reason, "nfe": result["nfe"], "scorer_calls": result["scorer_calls"],
                "tokens": len(result["output_ids"]), "ended": loaded.eos_id in result["output_ids"],
                "seconds": round(seconds, 4), "measures": result["measures"],
            }  # fmt: skip
        rows.append(row)
    return rows


def checks_of(problems: Sequence[Problem]) -> dict[int, Callable[[str], Opinion]]:
    """By their numbers, for the problems whose drafts can be judged: those of a bundled task."""
    return {p.number: task_check(p.task, p.fields, p.answer) for p in problems if p.task}


def knowns_of(loaded: LoadedModel, problems: Sequence[Problem]) -> dict[int, Known]:
    """By their numbers, for problems of bundled tasks: which tokens of an answer are right."""
    pieces = token_pieces(loaded.tokenizer) if loaded.tokenizer else []
    ends = [i for i in (loaded.eos_id, loaded.eot_id) if i is not None]
    return {
        p.number: known_to_first_error(p.task, p.fields, pieces, ends, p.answer) for p in problems if p.task
    }


def graded(problems: Sequence[Problem], texts: Sequence[str], grader: Grades) -> list[Grade]:
    """By the task's own checker where there is one, else by the grader in one call."""
    others = [i for i, problem in enumerate(problems) if not problem.task]
    pairs = [(texts[i], problems[i].answer) for i in others]
    grades = dict(zip(others, grader.grade_many(pairs), strict=True))
    for i, problem in enumerate(problems):
        if problem.task:
            verdict = TASKS[problem.task].check(dict(problem.fields), texts[i], answer=problem.answer)
            grades[i] = Grade(verdict.correct, verdict.answer, verdict.reason)
    return [grades[i] for i in range(len(problems))]


def manifest(loaded: LoadedModel, model: str, plan: Plan, adapter: str = "") -> dict[str, Any]:
    """What a reader needs to do the run again. identity: what a resumed run must share.
    model, adapter: where `loaded` was read from."""
    weights = weights_digest(model, loaded.revision)
    lora = adapter_digest(adapter) if adapter else ""
    return {
        "schema": 1,
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "model": {
            "name": loaded.name, "sha256": weights, "adapter_sha256": lora,
            "dtype": loaded.dtype, "device": loaded.device, "precision": loaded.precision,
            "revision": loaded.revision,
        },
        "data": {
            "name": plan.problems.name, "rows": len(plan.problems.problems),
            "question": plan.problems.mapping.question if plan.problems.mapping else None,
            "answer": plan.problems.mapping.answer if plan.problems.mapping else None,
            "notes": list(plan.problems.notes),
            "shots_from": Path(plan.shots_from).name,
        },
        "lines": [asdict(line) for line in plan.lines],
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "identity": {"model": weights, "adapter": lora, "dtype": loaded.precision, **plan.identity()},
    }  # fmt: skip
