"""Rows of finished runs, pooled and paired: before against after, or the lines of one plan.

`python -m benchmarks.paired DIR [DIR ...] [--after DIR [DIR ...]] [--rows FIRST-LAST]`

DIR: run folders of `python -m evaluation run` with the same lines; --after: those of another model on
the same sets, in the same order. Prints each line's accuracy with Wilson's interval, its NFE and
scored sequences, and the paired differences with bootstrap interval and McNemar's p, as reports do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evaluation.runs.run_folder import ResultRow, RunFolder
from evaluation.runs.summary import compare, summarise

EACH = 1_000_000
"""More than the rows of a folder: numbers of the second begin here."""


def pooled(folders: list[RunFolder], rows: range, side: str) -> dict[str, dict[int, ResultRow]]:
    """Graded rows of every line, numbered on from folder to folder; labels begin with `side`."""
    found: dict[str, dict[int, ResultRow]] = {}
    for place, folder in enumerate(folders):
        for row in folder.judged():
            if row["row"] in rows:
                found.setdefault(side + row["line"], {})[place * EACH + row["row"]] = row
    return found


def row_range(text: str) -> range:
    """ "97-1096": both included."""
    first, _, last = text.partition("-")
    return range(int(first), int(last) + 1)


def main() -> None:
    """Print a line for each line of the plan, then one for each pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folders", metavar="DIR", type=Path, nargs="+")
    parser.add_argument("--after", metavar="DIR", type=Path, nargs="+", default=[])
    parser.add_argument("--rows", type=row_range, default=range(1, EACH), help="FIRST-LAST, else all")
    asked = parser.parse_args()
    before, after = ([RunFolder(path) for path in side] for side in (asked.folders, asked.after))
    found, pairs = pooled(before, asked.rows, ""), None
    if after:
        if len(before) != len(after):
            parser.error("as many folders after as before")
        for old, new in zip(before, after, strict=True):
            if any(x != y for x, y in zip(old.problems(), new.problems(), strict=False)):
                parser.error(f"{old.path} and {new.path} asked different problems")
        later = pooled(after, asked.rows, "after: ")
        pairs = [("after: " + line, line) for line in found if "after: " + line in later]
        found |= later
    for label, rows in found.items():
        s = summarise(label, list(rows.values()))
        low, high = s.interval
        print(f"{label}: {s.correct} of {s.graded}, {s.accuracy:.1%} ({low:.1%} to {high:.1%}), "
              f"NFE {s.nfe:.1f}, {s.scorer_calls:.1f} scored")  # fmt: skip
    for c in compare(found, pairs):
        print(f"{c.first} less {c.second}: n = {c.rows}, {100 * c.gap:+.1f} points ({100 * c.low:+.1f} to "
              f"{100 * c.high:+.1f}), {c.only_first} : {c.only_second}, p = {c.p:.1g}")  # fmt: skip


if __name__ == "__main__":
    main()
