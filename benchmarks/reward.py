"""How well a reward model tells wrong steps from right ones, as it is loaded for use.

`python -m benchmarks.reward ROWS.jsonl [--prm assets/models/tiny-prm]`

ROWS: what `python -m training rollouts` writes. The card of tiny-prm says which; prints AUROC of
wrong steps over all, by task and by cut, and the calibration error.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from models.reward import load_reward
from training.prm.objective import step_figures
from training.prm.prm_data import read_labelled


def main() -> None:
    """Print the figures, one a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", type=Path, help="JSONL of labelled rows")
    parser.add_argument("--prm", default="tiny-prm", help="folder or hub id")
    asked = parser.parse_args()
    rows, reward, start = read_labelled(asked.rows), load_reward(asked.prm), time.perf_counter()
    found = step_figures(reward, rows, reward.longest)
    labels = [label for row in rows for label in row.labels]
    seconds = time.perf_counter() - start
    print(f"{len(rows)} rows, {len(labels)} steps, {labels.count(0)} wrong, {seconds:.0f} s")
    for name, value in found.items():
        print(f"{name}\t{value:.3f}")


if __name__ == "__main__":
    main()
