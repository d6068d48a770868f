"""One table over all samplers on the bundled model: accuracy, cost, and paired comparisons."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.bundled import Question, graded, request_of
from evaluation.line_up import Contender
from evaluation.statistics import mcnemar, paired_bootstrap, wilson_interval
from models.loading import LoadedModel
from samplers.batch import run_requests
from tasks import generate

CHUNK = 100
Row = dict[str, Any]


def run_line(
    loaded: LoadedModel,
    prompts: Mapping[str, Any],
    contender: Contender,
    task: str,
    n: int,
    seed: int,
    out: Path,
) -> Iterator[int]:
    """Answer n held-out problems and append a line each to `out`; rows that stand there are kept.
    Yields how many are done."""
    done = len(read_rows(out))
    problems = generate(task, "heldout", n, seed)
    asked = [Question(task, p.fields, p.answer) for p in problems]
    while done < n:
        chunk = range(done, min(done + CHUNK, n))
        began = time.perf_counter()
        results = run_requests(loaded, [json.dumps(_request(i, asked[i], contender, prompts)) for i in chunk])
        share = (time.perf_counter() - began) / len(chunk)
        with out.open("a", encoding="utf-8") as lines:
            for i, result in zip(chunk, results, strict=True):
                row = graded(asked[i], result)
                row |= {
                    "id": i, "label": contender.label, "nfe": result["nfe"], "seconds": share,
                    "scorer_calls": result["scorer_calls"], "tokens": len(result["output_ids"]),
                }  # fmt: skip
                lines.write(json.dumps(row) + "\n")
        done = chunk.stop
        yield done


def read_rows(path: Path) -> list[Row]:
    """The finished rows of a results file; a line that was cut is dropped."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def _request(number: int, question: Question, contender: Contender, prompts: Mapping[str, Any]) -> Row:
    request = request_of(number, question, prompts[question.task])
    request |= {
        "seed": number, "sampler": contender.sampler,
        "settings": contender.settings_for(question.task, request["settings"]),
    }  # fmt: skip
    if contender.scorer:
        request |= {"scorer": contender.scorer, "task": {"name": question.task, "problem": question.fields}}
    return request


def summary(rows: Sequence[Row]) -> str:
    """A line of the table: accuracy with its interval, and what a row cost on average."""
    right, n = sum(row["correct"] for row in rows), len(rows)
    low, high = wilson_interval(right, n)
    nfe, calls = (sum(row[key] for row in rows) / n for key in ("nfe", "scorer_calls"))
    speed = sum(row["tokens"] for row in rows) / sum(row["seconds"] for row in rows)
    accuracy = f"{right} / {n} | {right / n:.1%} | {low:.1%} – {high:.1%}"
    return f"{accuracy} | {nfe:.1f} | {calls:.1f} | {speed:.0f} |"


def table(found: Mapping[tuple[str, str], Sequence[Row]]) -> str:
    """(task, label) -> rows, as one Markdown table a task."""
    lines = []
    for task in dict.fromkeys(task for task, _ in found):
        lines += [f"\n### {task}\n", "| sampler | correct | accuracy | 95 % | NFE | scorer | tokens/s |"]
        lines.append("| --- " * 7 + "|")
        lines += [f"| {label} | {summary(rows)}" for (t, label), rows in found.items() if t == task]
    return "\n".join(lines)


def comparison(first: Sequence[Row], second: Sequence[Row]) -> str:
    """Two samplers on the same questions: the difference, its interval, McNemar's p, their cost."""
    a, b = ([bool(row["correct"]) for row in rows] for rows in (first, second))
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    low, high = paired_bootstrap(list(map(float, a)), list(map(float, b)), resamples=2000)
    nfe = sum(row["nfe"] for row in first) / sum(row["nfe"] for row in second)
    gap = (only_a - only_b) / len(a)
    return (
        f"{gap:+.1%} ({low:+.1%} to {high:+.1%}), {only_a} against {only_b} questions, "
        f"p = {mcnemar(only_a, only_b):.3f}, NFE x {nfe:.2f}, n = {len(a)}"
    )
