"""Before and after: the same rows of the same sets, answered by two models, paired and pooled.

`python benchmarks/paired.py --before DIR [DIR ...] --after DIR [DIR ...]`

DIR: run folders of `python -m evaluation run`, in the same order on both sides. Prints, for each
line of the plan, both accuracies with Wilson's interval, the paired difference with its bootstrap
interval, and McNemar's p.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from evaluation.statistics import mcnemar, paired_bootstrap, wilson_interval  # noqa: E402

Outcomes = dict[tuple[int, int], bool]
"""(folder's number, row) -> right."""


def outcomes(folders: list[Path]) -> dict[str, Outcomes]:
    """Of every line; rows that were not graded are left out."""
    found: dict[str, Outcomes] = {}
    for number, folder in enumerate(folders):
        for text in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(text)
            if row.get("correct") is not None:
                found.setdefault(row["line"], {})[number, row["row"]] = bool(row["correct"])
    return found


def share(values: list[bool]) -> str:
    """72.1 % (69.2 to 74.8)."""
    low, high = wilson_interval(sum(values), len(values))
    return f"{sum(values) / len(values):.1%} ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    """Print a line for each line of the plan that both sides have."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--before", type=Path, nargs="+", required=True)
    parser.add_argument("--after", type=Path, nargs="+", required=True)
    asked = parser.parse_args()
    if len(asked.before) != len(asked.after):
        parser.error("as many folders after as before")
    before, after = outcomes(asked.before), outcomes(asked.after)
    for line in [name for name in before if name in after]:
        both = sorted(before[line].keys() & after[line].keys())
        old, new = [before[line][key] for key in both], [after[line][key] for key in both]
        low, high = paired_bootstrap(new, old)
        won = sum(y and not x for x, y in zip(old, new, strict=True))
        lost = sum(x and not y for x, y in zip(old, new, strict=True))
        gain = f"{100 * (won - lost) / len(both):+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
        print(f"{line}: n = {len(both)}, {share(old)} -> {share(new)}, {gain}, "
              f"{won} : {lost}, p = {mcnemar(won, lost):.1g}")  # fmt: skip


if __name__ == "__main__":
    main()
