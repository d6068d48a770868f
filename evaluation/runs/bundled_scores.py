"""Held-out accuracy of the bundled model on its tasks, through the requests of `samplers batch`."""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.statistics import wilson_interval
from models.adapters import load_adapted
from samplers.batch import run_requests
from tasks import TASKS, generate

SPLITS = (*((name, "heldout") for name in TASKS), ("word", "heldout_templates"))


@dataclass(frozen=True)
class Score:
    """One line of the table; `low`, `high`: 95 % Wilson interval; nfe: sequences an answer."""

    set: str
    correct: int
    total: int
    accuracy: float
    low: float
    high: float
    nfe: float
    seconds: float


@dataclass(frozen=True)
class Question:
    """What is asked, and what its checker needs."""

    task: str
    fields: dict[str, str]
    answer: str | None


def questions(n: int, seed: int, data: Path | None) -> Iterator[tuple[str, list[Question]]]:
    """(name, questions) of every set: n held-out problems a task, and the public sudoku test set."""
    for task, split in SPLITS:
        problems = generate(task, split, n, seed)
        name = task if split == "heldout" else f"{task}, held-out templates"
        yield name, [Question(task, p.fields, p.answer) for p in problems]
    if data is not None:
        with (data / "reasoning" / "sudoku4x4_test.csv").open(newline="") as rows:
            found = [Question("sudoku", {"puzzle": r["Puzzle"]}, None) for r in csv.DictReader(rows)]
        yield "sudoku4x4_test.csv", found


def evaluate(
    model: Path,
    n: int,
    seed: int,
    data: Path | None,
    only: list[str],
    threads: int | None,
    adapter: str = "",
) -> Iterator[tuple[Score, list[dict[str, Any]]]]:
    """Score and per-question results of every set, with the settings of the model's prompts.json."""
    if threads:
        import torch

        torch.set_num_threads(threads)
    loaded = load_adapted(str(model), adapter)
    prompts = json.loads((model / "prompts.json").read_text())
    for name, asked in questions(n, seed, data):
        if only and name not in only:
            continue
        lines = [json.dumps(request_of(i, q, prompts[q.task])) for i, q in enumerate(asked)]
        began = time.perf_counter()
        results = run_requests(loaded, lines)
        seconds = time.perf_counter() - began
        rows = [graded(q, r) for q, r in zip(asked, results, strict=True)]
        correct = sum(row["correct"] for row in rows)
        low, high = wilson_interval(correct, len(rows))
        nfe = sum(r["nfe"] for r in results) / len(results)
        yield Score(name, correct, len(rows), correct / len(rows), low, high, nfe, round(seconds, 1)), rows


def request_of(number: int, question: Question, how: dict[str, Any]) -> dict[str, Any]:
    """A line for `samplers batch`: the question in its template, with its task's own settings."""
    settings = dict(how["settings"])
    sampler = settings.pop("sampler", "low_confidence")
    prompt = how["template"].format(**question.fields)
    return {"id": number, "prompt": prompt, "sampler": sampler, "settings": settings, "seed": 0}


def graded(question: Question, result: dict[str, Any]) -> dict[str, Any]:
    """The question, the text of its answer, and whether it is right; a failed request raises."""
    if "error" in result:
        raise RuntimeError(f"request {result['id']} failed: {result['error']}")
    verdict = TASKS[question.task].check(question.fields, result["text"], answer=question.answer)
    return {**asdict(question), "text": result["text"], "correct": verdict.correct, "reason": verdict.reason}


def default_data() -> Path | None:
    """The folder of public test sets that LLADA_VIZ_DATA names, or None."""
    folder = os.environ.get("LLADA_VIZ_DATA")
    return Path(folder) if folder else None
