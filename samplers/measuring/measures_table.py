"""Measures as plain data, and as tables: one run from top to bottom, several samplers below each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from samplers.measuring.measures import AR_RUNS, Measures
from samplers.measuring.regret import Regret
from samplers.text_tables import markdown_table

Data = dict[str, Any]
"""Measures as JSON: their numbers by name; AR-ness as local_ar_1, …; regret where it was asked for."""


@dataclass(frozen=True)
class Column:
    """A number: its name in Data, its title, what it is, and how it is written."""

    name: str
    title: str
    about: str
    form: str


COLUMNS = (
    Column("tokens", "tokens", "of the answer, up to the end of the text", ".0f"),
    Column("forwards", "forwards", "passes of the network", ".0f"),
    Column("tpf", "tokens/forward", "tokens of the answer for each pass", ".2f"),
    Column("tau", "order τ", "Kendall's τ of place and time: 1 left to right, −1 right to left", "+.2f"),
    Column("local_ar_1", "next cell", "commits right after the one before (local AR-ness@1)", ".0%"),
    Column("global_ar_1", "first open cell", "commits at the first open cell (global AR-ness@1)", ".0%"),
    Column("flips", "flips", "how often the draft of a cell changed", ".2f"),
    Column("last_flip", "last flip", "the last pass at which a draft changed", ".0f"),
    Column("ever_right", "ever right", "some draft of the whole answer was right, or the answer is", ".1%"),
    Column("finally_right", "finally right", "the answer is right", ".1%"),
    Column("vote_right", "vote right", "the answer of most drafts is right, late ones weigh more", ".1%"),
    Column("end_pressure", "p(end)", "mean probability of an end of the text, where drafts say it", ".1%"),
    Column("ece", "ECE", "confidence of a token against the share that is right, over ten bins", ".3f"),
    Column("regret", "regret", "what committing together cost, in nats", "+.3f"),
)  # fmt: skip
SUMMARY = tuple(c for c in COLUMNS if c.name not in ("tokens", "forwards", "last_flip", "ece"))
"""What a mean over runs says something about."""


def as_data(
    measures: Measures, regret: Regret | None = None, cells: bool = False, commits: bool = False
) -> Data:
    """The numbers of a run. cells: the commits and the drafts of each cell too; commits: those alone, also
    where there are none."""
    data = asdict(measures)
    for kind in ("local_ar", "global_ar"):
        values = data.pop(kind)
        data |= {f"{kind}_{k}": values[k] for k in AR_RUNS}
    for name in ("commits", "cell_drafts"):
        if not (cells and data[name]) and not (commits and name == "commits"):
            del data[name]
    if regret is not None:
        steps = [
            {"forward": s.forward, "cells": s.cells, "alone": s.alone, "given": s.given} for s in regret.steps
        ]
        data |= {"regret": regret.total, "regret_cells": regret.cells}
        data |= {"regret_steps": steps} if cells else {}
    return data


def text_of(column: Column, value: Any) -> str:
    """A number as people read it; "–" where there is none."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(float(value), column.form).replace("-", "−")


def run_table(data: Mapping[str, Any]) -> str:
    """One run: what is known of it, a line each."""
    rows = [(c.title, text_of(c, data[c.name]), c.about) for c in COLUMNS if data.get(c.name) is not None]
    return markdown_table(("measure", "", "what it is"), rows, numbers=(1,))


def mean_of(runs: Iterable[Mapping[str, Any]], name: str) -> float | None:
    """Over the runs that have the number; the share that is right for what is right or not."""
    values = [float(run[name]) for run in runs if run.get(name) is not None]
    return sum(values) / len(values) if values else None


def summary_rows(
    groups: Mapping[str, Sequence[Mapping[str, Any]]],
) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table of means, a row for each group of runs; columns that no run has are left
    out."""
    means = {label: {c.name: mean_of(runs, c.name) for c in SUMMARY} for label, runs in groups.items()}
    shown = [c for c in SUMMARY if any(row[c.name] is not None for row in means.values())]
    rows = [[label, *(text_of(c, row[c.name]) for c in shown)] for label, row in means.items()]
    return ["sampler", *(c.title for c in shown)], rows


def summary_table(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The same as Markdown."""
    head, rows = summary_rows(groups)
    return markdown_table(head, rows, numbers=range(1, len(head)))
