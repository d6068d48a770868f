"""The pages docs/samplers/NAME.md: `python -m scripts.sampler_pages`, in a checkout.

Everything on them stands somewhere else: title, summary and paper in the registry, the text in
assets/explain; the picture is made by scripts/run_pictures.py, and what was measured is copied from
docs/log.md with its command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from samplers import SAMPLERS
from samplers.listing import explanation
from samplers.registry import Entry

ROOT = Path(__file__).parents[1]
FOLDER, LOG = ROOT / "docs" / "samplers", ROOT / "docs" / "log.md"
MEASURED = "2026-11-28: how all samplers write"
"""The newest entry of the log that has every sampler."""
SHOWN = ("line", "NFE", "tokens/forward", "ever right", "finally right", "lost")
BASE, SCORED_BASE = "low_confidence", "half the steps"
OTHERWISE = {"best_of_n": "best of 2", "vanilla_prm": "vanilla_prm 2"}
"""Samplers whose line of the log has another name."""
CAPTION = (
    "A recorded run. A column is a cell of the answer, and time goes from top to bottom: orange, a token was "
    "just written; grey, it stands; red, it was taken back; pink, another token took its place."
)
LEGEND = (
    "NFE: sequences that the network evaluated, a problem; ever right: the share of problems whose right "
    "answer stood in the network's drafts at some step; lost: how much of that the end had no more, in "
    "points. The weights are those of tiny-llada of that day. What each column is: "
    "[decision 027](../decisions/027-what-is-measured-of-a-run.md)."
)
_ARXIV = re.compile(r"\b(\d{4}\.\d{5})\b")
Table = list[list[str]]


def tables(entry: str) -> list[Table]:
    """The tables of an entry of the log, in their order; the first row is the head."""
    text = LOG.read_text(encoding="utf-8").partition(f"## {entry}\n")[2].partition("\n## ")[0]
    found: list[Table] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        before = line
    return [[head, *rows] for head, _, *rows in found]


def commands(entry: str) -> list[str]:
    """The commands that an entry of the log names, in their order."""
    text = LOG.read_text(encoding="utf-8").partition(f"## {entry}\n")[2].partition("\n## ")[0]
    return [found.replace("\n", " ") for found in re.findall(r"`(python -m [^`]*)`", text)]


def measured(entry: Entry) -> Iterator[str]:
    """The lines of a sampler, and of plain decoding beside it, with the command of each table."""
    wanted = [OTHERWISE.get(entry.name, entry.name), SCORED_BASE if entry.needs.scorer else "", BASE]
    kinds = ("Equations, expressions and countdown", "Sudoku and word problems")
    for kind, table, command in zip(kinds, tables(MEASURED), commands(MEASURED), strict=True):
        columns = [table[0].index(name) for name in SHOWN]
        lines = [
            row for row in table[1:] if row[0].partition(",")[0] in wanted or row[0].split()[0] in wanted
        ]
        yield f"\n{kind}, {lines[0][table[0].index('n')]} problems a line (`{command}`):\n"
        yield f"| {' | '.join(SHOWN)} |"
        yield f"| --- |{' ---: |' * (len(SHOWN) - 1)}"
        yield from (f"| {' | '.join(row[column] for column in columns)} |" for row in lines)


def page(entry: Entry) -> str:
    """The page of a sampler."""
    linked = _ARXIV.sub(r"[\1](https://arxiv.org/abs/\1)", entry.paper)
    paper = f"Paper: {linked}." if _ARXIV.search(entry.paper) else f"{entry.paper}."
    return "\n".join([
        f"# {entry.title}\n",
        f"`{entry.name}`. {entry.summary} {paper}\n",
        f"![A run of {entry.title}](../../assets/explain/pictures/{entry.name}.svg)\n",
        f"*{CAPTION}*\n",
        explanation(entry.name),
        "\n## Measured",
        *measured(entry),
        f"\n{LEGEND} From [the log](../log.md), {MEASURED.partition(':')[0]}.\n",
        f"Every setting, its range and default: [samplers](../samplers.md#{entry.name}).\n",
        "<!-- Written by `python -m scripts.sampler_pages`; a test keeps it true. -->\n",
    ])  # fmt: skip


if __name__ == "__main__":
    for sampler in SAMPLERS.values():
        (FOLDER / f"{sampler.name}.md").write_text(page(sampler), encoding="utf-8")
