"""How well a reward model tells wrong steps from right ones, as it is loaded for use.

`python -m benchmarks.reward ROWS.jsonl [--prm assets/models/tiny-prm]`

ROWS: what `python -m training rollouts` writes. The card of tiny-prm says which. Prints the calibration
error, and AUROC of wrong steps over all steps, by task, level and cut, and of steps in which neither a line
nor the box ends (`unfinished`), each with a 95 % interval by the bootstrap over problems. Where
questions have several answers (`rollouts --repeats`): how often a right one scores above a wrong one to the
same question, and how often the best of all is right, by the lowest of the scores.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from evaluation.ranking import auroc, calibration_error, middle_95, resampled_aurocs
from evaluation.statistics import wilson_interval
from models.reward import LoadedReward, load_reward
from training.prm.prm_data import LabelledSteps, read_labelled
from training.prm.scored_steps import BATCH, grouped, scored_steps


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
    for task in sorted({row.task for row in rows}):
        choosing(task, [row for row in rows if row.task == task], reward)


def choosing(task: str, rows: Sequence[LabelledSteps], reward: LoadedReward) -> None:
    """Print how well the scores choose among answers to one question; nothing where each has but one."""
    asked: dict[tuple[str, str], dict[tuple[str, ...], bool]] = defaultdict(dict)
    for row in rows:
        asked[row.question, row.cut][row.steps] = all(row.labels)
    both = [(key, ways) for key, ways in asked.items() if len(set(ways.values())) == 2]
    pairs, best = [], []
    texts = [(question, steps) for (question, _), ways in both for steps in ways]
    chunks = (reward.scores(texts[first : first + BATCH]) for first in range(0, len(texts), BATCH))
    scored = (min(scores) for chunk in chunks for scores in chunk)
    for _, ways in both:
        own = [(next(scored), is_right) for is_right in ways.values()]
        right, wrong = ([score for score, is_right in own if is_right is kind] for kind in (True, False))
        pairs += [a > b for a, b in product(right, wrong)]
        best.append(max(right) > max(wrong))
    if pairs:
        low, high = wilson_interval(sum(best), len(best))
        above, is_best = sum(pairs) / len(pairs), sum(best) / len(best)
        print(f"{task}: right above wrong in {above:.3f} of {len(pairs)} pairs")
        print(f"{task}: best is right for {is_best:.3f} ({low:.3f} – {high:.3f}) of {len(best)}")


if __name__ == "__main__":
    main()
