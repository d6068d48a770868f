"""A run as a table, as CSV, as JSON and as one HTML file that opens without a network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from pandas import DataFrame

from evaluation.runs import again
from evaluation.runs.pareto import Point, chart, legend
from evaluation.runs.run_folder import ResultRow, RunFolder
from evaluation.runs.summary import Comparison, Summary, by_line, compare, summarise
from evaluation.runs.written import means, written_html, written_markdown
from evaluation.sets.harmless import harmless
from evaluation.sets.problem_sets import Problem
from samplers.text_tables import html_rows, html_table, markdown_table

TEMPLATE = Path(__file__).with_name("report.html")
HEAD = ("sampler", "right", "accuracy", "95% interval", "answered", "not graded", "failed", "NFE",
        "scorer", "seconds", "tokens/s")  # fmt: skip
COSTS = (("nfe", "NFE a row"), ("seconds", "seconds a row"), ("scorer_calls", "scorer sequences a row"))
FIELDS = (
    "text", "extracted", "correct", "reason", "by_hand", "nfe", "scorer_calls", "seconds", "seed", "error",
)  # fmt: skip
MARK = "\ufeff"
"""A byte-order mark: without it spreadsheets do not read a file as UTF-8."""
NEAR_ZERO = 0.02  # accuracy under which differences between samplers mean nothing
MANY_CUT = 0.05  # share of the answers of one length that are cut off, above which the reader is told


class Report:
    """What a run folder holds now; rows may still be missing."""

    def __init__(self, folder: RunFolder) -> None:
        self.manifest = folder.manifest()
        self.problems: list[Problem] = folder.problems()
        self.labels = [line["label"] for line in self.manifest["lines"]]
        self.rows = by_line(folder.judged(), self.labels)
        self.summaries: list[Summary] = [summarise(n, list(self.rows[n].values())) for n in self.labels]

    @property
    def expected(self) -> int:
        """Rows of a finished run."""
        return len(self.problems) * len(self.labels)

    @property
    def finished(self) -> int:
        return sum(s.rows for s in self.summaries)

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """All pairs of lines."""
        return compare(self.rows)

    def notes(self, going: bool = False) -> list[str]:
        """What a reader must know before the numbers, the worst first: that answers were cut off, which
        says nothing about the model. going: rows are still being decoded, as he sees."""
        data, notes = self.manifest["data"], self._cut_off()
        shares = [s.accuracy for s in self.summaries if s.accuracy is not None]
        near_zero = bool(shares) and max(shares) < NEAR_ZERO and not notes
        notes += [f"{data['name']}: {note}." for note in data.get("notes", ())]
        if self.finished < self.expected and not going:
            notes.append(f"Not finished: {self.finished:,} of {self.expected:,} rows.")
        if near_zero:
            notes.append(
                f"Near zero: the best of these samplers is right on {max(shares):.1%} of the rows. The model "
                "does not solve this set; differences between samplers mean nothing here."
            )
        for s in self.summaries:
            if s.ungraded:
                notes.append(f"{s.label}: not graded, counted neither way: {s.ungraded}.")
            if s.failed:
                notes.append(f"{s.label}: rows that failed and have no answer: {s.failed}.")
            if s.by_hand:
                notes.append(f"{s.label}: grades set by hand: {s.by_hand}.")
        return notes

    def _cut_off(self) -> list[str]:
        """A sentence for each answer length at which many answers have no end."""
        lengths: dict[int, list[Summary]] = {}
        for line, summary in zip(self.manifest["lines"], self.summaries, strict=True):
            lengths.setdefault(int(line["settings"].get("gen_length", 0)), []).append(summary)
        notes = []
        for length, summaries in lengths.items():
            cut = sum(s.cut for s in summaries)
            total = sum(s.rows - s.failed for s in summaries)
            if total and length and cut / total > MANY_CUT:
                were = "was" if cut == 1 else "were"
                notes.append(f"{cut:,} of {total:,} answers {were} cut off at {length:,} cells; "
                             f"raise Answer length to {2 * length:,}.")  # fmt: skip
        return notes


def cells(s: Summary) -> list[str]:
    """A summary as text, in the order of HEAD."""
    if s.rows == s.failed:  # no answer yet, or none at all
        return [s.label, *["–"] * 5, str(s.failed), *["–"] * 4]
    low, high = s.interval
    accuracy = "–" if s.accuracy is None else f"{s.accuracy:.1%}"
    interval = "–" if s.accuracy is None else f"{low:.1%} – {high:.1%}"
    return [
        s.label, f"{s.correct} / {s.graded}", accuracy, interval, f"{s.answered:.0%}", str(s.ungraded),
        str(s.failed), f"{s.nfe:.1f}", f"{s.scorer_calls:.1f}", f"{s.seconds:.3f}", f"{s.speed:.0f}",
    ]  # fmt: skip


def as_markdown(report: Report) -> str:
    """Notes, table and sentences."""
    table = markdown_table(HEAD, map(cells, report.summaries))
    words = [c.words for c in report.comparisons]
    parts = [*report.notes(), "", table, "", *words, "", written_markdown(report.rows)]
    return "\n".join(parts).strip() + "\n"


def as_frame(report: Report) -> DataFrame:
    """The finished rows, in the order of samplers; cells are what the run wrote, not pandas' own types."""
    problems = {problem.number: problem for problem in report.problems}
    lines = [
        [n, label, problems[n].question, problems[n].answer, *(row.get(name) for name in FIELDS)]
        for label, rows in report.rows.items()
        for n, row in sorted(rows.items())
    ]
    return DataFrame(lines, columns=["row", "sampler", "question", "answer", *FIELDS], dtype=object)


def as_csv(report: Report) -> str:
    """The rows for a spreadsheet: with a byte-order mark, and an apostrophe before text that it would take
    for a formula. Numbers stay as they are."""
    text: str = as_frame(report).map(harmless).to_csv(index=False, lineterminator="\r\n")
    return MARK + text


def as_json(report: Report) -> str:
    """Manifest, summaries, comparisons and rows."""
    return json.dumps(
        {
            "manifest": report.manifest, "notes": report.notes(),
            "summaries": [
                asdict(s)
                | {"accuracy": s.accuracy, "interval": s.interval, "measures": means(report.rows[s.label])}
                for s in report.summaries
            ],
            "comparisons": [asdict(c) | {"words": c.words} for c in report.comparisons],
            "rows": as_frame(report).to_dict("records"),
        },
        indent=1,
    )  # fmt: skip


def as_html(report: Report) -> str:
    """One file; everything in it that came from elsewhere is escaped."""
    data, model = report.manifest["data"], report.manifest["model"]
    title = f"{data['name']}: {len(report.labels)} samplers on {len(report.problems):,} rows"
    precision = model.get("precision", model["dtype"])  # runs before 0.4 have none
    subtitle = f"{model['name']}, {precision} on {model['device']}, {report.manifest['created']}"
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        notes="".join(f'<p class="note">{escape(note)}</p>' for note in report.notes()),
        table=html_table(HEAD, map(cells, report.summaries)),
        sentences="".join(f"<li>{escape(c.words)}</li>" for c in report.comparisons),
        written=written_html(report.rows),
        figures=figures(report.summaries),
        rows=_matrix(report),
        again=again.as_html(report.manifest),
    )


def figures(summaries: Sequence[Summary]) -> str:
    """A chart of accuracy against each cost that is not 0 everywhere."""
    graded = [s for s in summaries if s.accuracy is not None]
    parts = [legend([s.label for s in graded])]
    for name, title in COSTS:
        if any(getattr(s, name) for s in graded):
            points = [Point(s.label, getattr(s, name), s.accuracy or 0.0, *s.interval) for s in graded]
            parts.append(f'<div class="figure">{chart(points, title)}</div>')
    return "".join(parts)


def verdict(row: Mapping[str, Any] | None) -> str:
    """right, wrong, open (no grade), failed, or "" where there is no row yet."""
    if row is None:
        return ""
    if "error" in row:
        return "failed"
    return "open" if row["correct"] is None else "right" if row["correct"] else "wrong"


def fails(rows: Iterable[Mapping[str, Any] | None]) -> bool:
    """Whether any of a problem's answers is wrong, or there is none because of an error."""
    return any(verdict(row) in ("wrong", "failed") for row in rows)


def _matrix(report: Report) -> str:
    body = []
    for problem in report.problems:
        rows = [report.rows[label].get(problem.number) for label in report.labels]
        agreement = "same" if len({verdict(row) for row in rows}) < 2 else "differ"
        kind = f"{agreement} {'fails' if fails(rows) else 'solved'}"
        answers = "".join(f"<td>{_cell(row)}</td>" for row in rows)
        body.append(
            f'<tr class="{kind}"><td>{problem.number}</td><td>{escape(problem.question)}</td>'
            f"<td>{escape(problem.answer)}</td>{answers}</tr>"
        )
    return html_rows(("row", "question", "answer", *report.labels), body)


def _cell(row: ResultRow | None) -> str:
    if row is None:
        return ""
    hand = " hand" if row.get("by_hand") else ""
    text = row.get("error") or row.get("extracted") or row.get("text") or ""
    return f'<span class="{verdict(row)}{hand}">{escape(str(text)[:300])}</span>'


FORMS = {"report.md": as_markdown, "report.html": as_html, "rows.csv": as_csv, "report.json": as_json}
"""File names, and what writes them."""
