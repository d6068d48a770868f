"""`python -m evaluation reversal`: can a model go from the second line to the first as well?

The reversal test of LLaDA (2502.09992, section 3.3): given the first line of a couplet write the next
one (forward), given the second write the one before (backward). Any file of pairs will do. Two
counts: exact answers (the line and nothing else; white space, punctuation and case aside), and answers
that contain the line, which is LLaDA's own, less strict count.
"""

from __future__ import annotations

import argparse
import csv
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.reversal_chart import Bar, chart
from evaluation.statistics import wilson_interval
from models.flags import add_model_flags, load_flagged
from models.loading import LoadedModel
from samplers.batch import run_requests
from samplers.registry import entry, parse_settings
from samplers.text_tables import markdown_table

# language -> direction -> question; {line} stands for the line that is given.
TEMPLATES = {
    "en": {
        "forward": 'What line follows "{line}"? Write that line and nothing else.',
        "backward": 'What line comes before "{line}"? Write that line and nothing else.',
    },
    "zh": {
        "forward": "“{line}”的下一句是什么？只写这一句。",
        "backward": "“{line}”的上一句是什么？只写这一句。",
    },
}
DIRECTIONS = ("forward", "backward")
# As LLaDA decodes couplets: a short answer, one token a step.
SETTINGS = {"gen_length": 28, "steps": 28, "block_length": 28}


@dataclass(frozen=True)
class LinePair:
    """Two lines, one after the other."""

    first: str
    second: str


@dataclass(frozen=True)
class Count:
    """One line of the table; `low`, `high`: 95% Wilson interval of correct / total."""

    direction: str
    measure: str
    correct: int
    total: int
    share: float
    low: float
    high: float


def read_pairs(path: Path) -> list[LinePair]:
    """Pairs {first, second} of a JSON list, JSON lines or CSV file; ValueError names the bad row."""
    rows: list[Any]
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            rows = list(csv.DictReader(file))
        elif path.suffix in (".json", ".jsonl"):
            rows = _json_rows(path, file.read())
        else:
            raise ValueError(f"pairs = {path.name!r} is not readable; allowed: .json, .jsonl, .csv")
    pairs = [_pair(path, number, row) for number, row in enumerate(rows, 1)]
    if not pairs:
        raise ValueError(f"pairs = {path.name!r} is empty; allowed: at least one pair")
    return pairs


def _json_rows(path: Path, text: str) -> list[Any]:
    try:
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"pairs = {path.name!r} is not JSON: {error}") from None
    if not isinstance(rows, list):
        raise ValueError(f"pairs = {path.name!r} holds no list; allowed: a list of {{first, second}}")
    return rows


def _pair(path: Path, number: int, row: Any) -> LinePair:
    lines = [row.get(name) for name in ("first", "second")] if isinstance(row, Mapping) else []
    texts = [line.strip() for line in lines if isinstance(line, str) and plain(line)]
    if len(texts) != 2:
        raise ValueError(f"{path.name}, row {number}: allowed: texts `first` and `second`, not empty")
    return LinePair(*texts)


def plain(text: str) -> str:
    """The text without white space, punctuation and case, in Unicode's compatible form."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] not in "PZC")


def templates(language: str, forward: str = "", backward: str = "") -> dict[str, str]:
    """A template for each direction: the language's, or a given one; each must hold {line}."""
    if language not in TEMPLATES:
        raise ValueError(f"language = {language!r} is not known; allowed: {', '.join(TEMPLATES)}")
    chosen = TEMPLATES[language] | {k: v for k, v in zip(DIRECTIONS, (forward, backward), strict=True) if v}
    for direction, text in chosen.items():
        if "{line}" not in text:
            raise ValueError(f"{direction} template = {text!r} is not valid; allowed: a text with {{line}}")
    return chosen


def ask(
    loaded: LoadedModel,
    pairs: Sequence[LinePair],
    questions: Mapping[str, str],
    sampler: str = "low_confidence",
    settings: Mapping[str, Any] | None = None,
    batch_size: int = 32,
) -> list[dict[str, Any]]:
    """One row for each pair and direction: {direction, given, wanted, text, exact, contains}.

    questions: direction -> template."""
    rows = []
    for direction in DIRECTIONS:
        for pair in pairs:
            lines = (pair.first, pair.second)
            given_line, wanted_line = lines if direction == "forward" else lines[::-1]
            rows.append({"direction": direction, "given": given_line, "wanted": wanted_line})
    plan = {"sampler": sampler, "settings": dict(settings or {}), "seed": 0}
    requests = [
        json.dumps({"id": i, "prompt": questions[row["direction"]].replace("{line}", row["given"]), **plan})
        for i, row in enumerate(rows)
    ]
    return [
        _graded(row, result)
        for row, result in zip(rows, run_requests(loaded, requests, batch_size), strict=True)
    ]


def _graded(row: dict[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in result:
        raise ValueError(f"question {result['id']} ({row['direction']}): {result['error']}")
    text, wanted_line = plain(result["text"]), plain(row["wanted"])
    return row | {"text": result["text"], "exact": text == wanted_line, "contains": wanted_line in text}


def counts(rows: Sequence[Mapping[str, Any]]) -> list[Count]:
    """One Count for each direction and measure."""
    counted = []
    for direction in DIRECTIONS:
        answers = [row for row in rows if row["direction"] == direction]
        for measure in ("exact", "contains"):
            correct = sum(bool(row[measure]) for row in answers)
            low, high = wilson_interval(correct, len(answers))
            share = correct / len(answers)
            counted.append(Count(direction, measure, correct, len(answers), share, low, high))
    return counted


def table(counted: Sequence[Count]) -> str:
    """Counts as a Markdown table."""
    head = ("direction", "counted", "correct", "share", "95% interval")
    return markdown_table(head, (
        (c.direction, c.measure, f"{c.correct} / {c.total}", f"{c.share:.1%}", f"{c.low:.1%} – {c.high:.1%}")
        for c in counted
    ))  # fmt: skip


def picture(counted: Sequence[Count]) -> str:
    """The counts as an SVG bar chart."""
    bars = [Bar(f"{c.direction}, {c.measure}", c.direction, c.share, c.low, c.high) for c in counted]
    return chart("Couplets continued forward and backward", "share right, 95% interval", bars)


def add_reversal(commands: Any) -> None:
    """Flags of `reversal`."""
    command = commands.add_parser("reversal", help="couplets forward and backward, with a chart")
    add_model_flags(command)
    command.add_argument("--pairs", type=Path, required=True, help=".json, .jsonl, .csv of first, second")
    command.add_argument("--out", type=Path, required=True, help="folder of rows, counts and chart")
    command.add_argument("--language", choices=sorted(TEMPLATES), default="en", help="of the questions")
    command.add_argument("--forward", default="", metavar="TEMPLATE", help="own question, with {line}")
    command.add_argument("--backward", default="", metavar="TEMPLATE", help="own question, with {line}")
    command.add_argument("--limit", type=int, help="only the first pairs")
    command.add_argument("--sampler", default="low_confidence")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a sampler setting")
    command.add_argument("--batch-size", type=int, default=32)
    command.set_defaults(run=run_reversal)


def run_reversal(args: argparse.Namespace) -> None:
    """Ask, count, draw; writes rows.jsonl, counts.json and chart.svg into --out."""
    for name in ("limit", "batch_size"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ValueError(f"{name} = {value} is not valid; allowed: at least 1")
    questions = templates(args.language, args.forward, args.backward)
    pairs = read_pairs(args.pairs)[: args.limit]
    shape = SETTINGS if entry(args.sampler).name == "low_confidence" else {}
    settings = shape | parse_settings(args.sampler, args.set)
    loaded = load_flagged(args)
    rows = ask(loaded, pairs, questions, args.sampler, settings, args.batch_size)
    counted = counts(rows)
    args.out.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (args.out / "rows.jsonl").write_text(text, encoding="utf-8")
    (args.out / "counts.json").write_text(json.dumps([asdict(c) for c in counted], indent=1) + "\n")
    (args.out / "chart.svg").write_text(picture(counted), encoding="utf-8")
    print(table(counted))
