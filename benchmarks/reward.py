"""How well a reward model tells wrong steps from right ones, as it is loaded for use.

`python -m benchmarks.reward ROWS.jsonl [--prm assets/models/tiny-prm]`

ROWS: what `python -m training rollouts` writes. The card of tiny-prm says which. Prints the calibration
error, and AUROC of wrong steps over all steps, by task, level and cut, and of steps in which neither a line
nor the box ends (`unfinished`), each with a 95 % interval by the bootstrap over problems.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from evaluation.ranking import auroc, calibration_error, middle_95, resampled_aurocs
from models.reward import load_reward
from training.prm.prm_data import read_labelled
from training.prm.scored_steps import grouped, scored_steps


def main() -> None:
    """Print the figures, one group a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows", type=Path, help="JSONL of labelled rows")
    parser.add_argument("--prm", default="tiny-prm", help="folder or hub id")
    asked = parser.parse_args()
    rows, reward, start = read_labelled(asked.rows), load_reward(asked.prm), time.perf_counter()
    steps = scored_steps(reward, rows, reward.longest)
    labels = [step.label for step in steps]
    seconds = time.perf_counter() - start
    print(f"{len(rows)} rows, {len(labels)} steps, {labels.count(0)} wrong, {seconds:.0f} s")
    print(f"calibration error {calibration_error([step.score for step in steps], labels):.3f}")
    print("AUROC\tlow\thigh\tsteps\twrong\tgroup")
    for name, own in grouped(steps).items():
        scores, truth = [step.score for step in own], [step.label for step in own]
        low, high = middle_95(resampled_aurocs(scores, truth, [step.question for step in own]))
        area = auroc(scores, truth)
        print(f"{area:.3f}\t{low:.3f}\t{high:.3f}\t{len(own)}\t{truth.count(0)}\t{name or 'all'}")


if __name__ == "__main__":
    main()
