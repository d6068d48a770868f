"""The state of an evaluation as HTML. Everything that came from elsewhere is escaped."""

from __future__ import annotations

import json
import os.path
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from evaluation.runs.again import as_html
from evaluation.runs.report import HEAD, Report, cells, verdict
from evaluation.runs.written import TITLE, written_rows
from llada_viz.render import job
from samplers.text_tables import html_table
from training.engine.saying import duration

VERDICT_WORDS = {"right": "right", "wrong": "wrong", "open": "could not be graded", "failed": "failed"}
AROUND = 60  # characters that are quoted of each answer, from shortly before the first difference


def table(head: Sequence[str], body: Sequence[Sequence[Any]], name: str) -> str:
    """A table in a box with its own scroll bar. name: what a screen reader calls the box."""
    box = f"<div class='lz-scroll' tabindex='0' role='region' aria-label='{escape(name)}'>"
    return f"{box}{html_table(head, body)}</div>"


def progress(
    state: str, note: str, finished: int, expected: int, log: Sequence[str] = (), left: float | None = None
) -> str:
    """The job's state, how many rows of the expected ones are finished, and the end of its log when
    something went wrong (log: [] otherwise). note: one more sentence, or ""; left: seconds to the end, None:
    not known yet."""
    share = finished / expected if expected else 0.0
    rows = f"{finished:,} of {expected:,} rows" if expected else ""
    if rows and left:
        rows += f" · {left / max(expected - finished, 1):.2g} s a row · about {duration(left)} left"
    parts = [rows, note]
    if state == "running" and not finished:
        parts = [f"{parts[0]}: decoding the first answers" if expected else "loading the model"]
    sentence = " ".join(f"{part.rstrip('.')}." for part in parts if part)
    return job.progress(state, sentence, share, "Rows finished", log)


def result(report: Report, going: bool = False) -> str:
    """Notes, the table of accuracy and cost, a sentence for each pair of samplers that was compared, and the
    table of how each wrote; once it is over, how to do it again on a command line. going: rows are still
    being decoded. The plots are not part of it: llada_viz.render.figures."""
    notes = "".join(f"<p class='lz-note'>{escape(note)}</p>" for note in report.notes(going))
    pairs = [pair for pair in report.comparisons if pair.rows or not going]
    sentences = "".join(f"<li>{escape(pair.words)}</li>" for pair in pairs)
    head, rows = written_rows(report.rows)
    wrote = f"<p class='lz-about'>{TITLE}:</p>{table(head, rows, TITLE)}" if rows else ""
    again = "" if going else _folded("On a command line", as_html(report.manifest))
    return (
        f"{notes}{table(HEAD, [cells(s) for s in report.summaries], 'Accuracy and cost')}"
        f"<ul class='lz-said'>{sentences}</ul>{wrote}{again}"
    )


def scores_of(folder: Path) -> str:
    """What an evaluation finds, for a page without one: the scores of the bundled model, from the file beside
    its weights; "" without such a file."""
    try:
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        body = [
            (_with_level(s["set"], s.get("level", "")), f"{s['correct']} / {s['total']}",
             f"{s['accuracy']:.1%}", f"{s['low']:.1%} – {s['high']:.1%}", f"{s['nfe']:.1f}")
            for s in scores
        ]  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError):
        return ""
    head = ("set", "right", "accuracy", "95% interval", "NFE")
    said = f"A finished one: {escape(folder.name)} with plain decoding, measured on held-out problems."
    return f"<p class='lz-about'>{said}</p>{table(head, body, 'Scores of the bundled model')}"


def _folded(title: str, html: str) -> str:
    return f"<details class='lz-again'><summary>{title}</summary>{html}</details>"


def _with_level(name: str, level: str) -> str:
    """A set with its level; one whose name tells what it is keeps its name."""
    return f"{name}, {level}" if level and ", " not in name else name


def detail(question: str, answer: str, label: str, row: Mapping[str, Any] | None) -> str:
    """One cell of the table of rows, in full: the question, the right answer, and what the sampler `label`
    wrote with its grade and cost. row: as rows.csv has it; None: not answered yet."""
    if row is None:
        return "<p>This row has no answer yet.</p>"
    hand = " (set by hand; it counts instead of the grader’s)" if row.get("by_hand") else ""
    facts = [("question", question), ("answer", answer), (label, row.get("error") or row["text"])]
    if "error" not in row:
        facts.append(("found in it", row["extracted"] or "no answer"))
        facts.append(
            ("cost", f"{row['nfe']} NFE, {row['scorer_calls']} scorer sequences, seed {row['seed']}")
        )
        facts.append(("why the grader decided" if hand else "why", row["reason"]))
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(text))}</dd>" for name, text in facts)
    return (
        f"<p><b>Row {row['row']}: {VERDICT_WORDS[verdict(row)]}{hand}</b></p><dl class='lz-facts'>{rows}</dl>"
    )


def replayed(text: str, recorded: str) -> str:
    """Whether decoding again wrote the recorded answer; where it did not, both texts from where they begin
    to differ."""
    if text == recorded:
        return "<p class='lz-about' role='status'>The replay wrote the recorded answer again.</p>"
    place = len(os.path.commonprefix([text, recorded]))
    wrote, stored = (_around(answer, place) for answer in (text, recorded))
    difference = f"The replay differs from the recorded answer: it wrote {wrote}, and {stored} is recorded. "
    why = "An answer decoded alone and one of a batch are rounded differently, or the model has changed."
    return f"<p class='lz-note' role='alert'>{escape(difference + why)}</p>"


def _around(text: str, place: int) -> str:
    start = max(0, place - AROUND // 3)
    cut = " ".join(text[start : start + AROUND].split())
    return f"“{'…' if start else ''}{cut}{'…' if start + AROUND < len(text) else ''}”"
