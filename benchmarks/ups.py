"""How well a UPS head tells wrong tokens from right ones, on held-out problems.

`python -m benchmarks.ups [--ups-head FILE] [--draws 24]`

Model, sets and noise are those of training/configs/remask-sft-tiny.yaml. Prints AUROC for random wrong
tokens and for the model's own, with 95 % intervals (bootstrap over the problems).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from evaluation.ranking import auroc
from training.engine.settings import RunArguments, settings_of
from training.remask.objective import RemaskSettings, RemaskSFT, ScoredCells, score_shown_cells
from training.run import read_config

CONFIG = Path(__file__).resolve().parents[1] / "training" / "configs" / "remask-sft-tiny.yaml"
HEAD = "tiny-llada-ups"
RESAMPLES = 400


def interval(found: ScoredCells) -> tuple[float, float]:
    """95 % of the AUROCs of as many problems, drawn again with replacement."""
    scores, wrong, row = (part.numpy() for part in found)
    cells = [np.flatnonzero(row == number) for number in np.unique(row)]
    rng, values = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([cells[i] for i in rng.integers(len(cells), size=len(cells))])
        values.append(auroc(scores[chosen], wrong[chosen]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Print a line a kind of wrong token."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--ups-head", default=str(HEAD), help="safetensors")
    parser.add_argument("--draws", type=int, default=24, help="of the noise, on each problem")
    asked, config, start = parser.parse_args(), read_config(CONFIG), time.perf_counter()
    settings = settings_of(RemaskSettings, config["settings"])
    model, data = config["model"], tuple(config["data"])
    recipe = RemaskSFT(RunArguments(model, data, "cpu", load_ups_head=asked.ups_head), settings)
    recipe.module.eval()
    for kind, own in (("random", 0.0), ("own", 1.0)):
        found = score_shown_cells(recipe.module, recipe.noise, recipe.answers, own, asked.draws)
        low, high = interval(found)
        cells = f"{int(found.wrong.sum()):,} wrong of {len(found.wrong):,} cells"
        problems = len(found.row.unique())
        print(f"{kind}\tAUROC {found.auroc:.3f} ({low:.3f} to {high:.3f}), {cells} of {problems} problems")
    print(f"{asked.draws} draws, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
