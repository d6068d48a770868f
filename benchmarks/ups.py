"""How well a UPS head tells wrong tokens from right ones, on held-out problems.

`python -m benchmarks.ups [--ups-head FILE] [--draws 24]`

Model, sets and noise are those of training/configs/remask-sft-tiny.yaml. Prints AUROC for random wrong
tokens and for the model's own over all sets, as training has them; then for the model's own by level and
block length, when all rows are noised block by block. 95 % intervals: bootstrap over the problems.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from evaluation.ranking import middle_95, resampled_aurocs
from samplers.text_tables import markdown_table
from tasks import EASY, MIDDLE
from training.data.bundled_tasks import level_of
from training.engine.saying import duration
from training.engine.settings import RunArguments, settings_of
from training.remask.objective import RemaskSettings, RemaskSFT, ScoredCells, score_shown_cells
from training.run import read_config

CONFIG = Path(__file__).resolve().parents[1] / "training" / "configs" / "remask-sft-tiny.yaml"
HEAD = "tiny-llada-ups"
BLOCKS = (8, 16, 32, 64)
LEVELS = (EASY, MIDDLE)
HEADING = ("wrong tokens", "level", "block length", "AUROC", "95 % interval", "wrong", "shown", "problems")


def recipe_of(model: str, data: tuple[str, ...], head: str, settings: RemaskSettings) -> RemaskSFT:
    """The recipe whose head is measured."""
    recipe = RemaskSFT(RunArguments(model, data, "cpu", load_ups_head=head), settings)
    recipe.module.eval()
    return recipe


def measurements(
    model: str, data: tuple[str, ...], head: str, settings: RemaskSettings
) -> Iterator[tuple[tuple[str, str, str], RemaskSFT, float]]:
    """(kind, level, block length), what is measured, and the share of rows with the model's own errors."""
    recipe = recipe_of(model, data, head, settings)
    yield ("random", "all", "as trained"), recipe, 0.0
    yield ("own", "all", "as trained"), recipe, 1.0
    for level in LEVELS:
        of_level = tuple(name for name in data if level_of(name) == level)
        if not of_level:
            continue
        for block in BLOCKS:
            blockwise = replace(settings, weights="", block_share=1.0, block_lengths=str(block))
            yield ("own", level, str(block)), recipe_of(model, of_level, head, blockwise), 1.0


def cells(name: tuple[str, str, str], found: ScoredCells) -> tuple[str, ...]:
    """A row of the table; without an AUROC where no token is wrong, or all are."""
    counts = (f"{int(found.wrong.sum()):,}", f"{len(found.wrong):,}", str(len(found.row.unique())))
    if found.auroc is None:
        return (*name, "", "", *counts)
    scores, wrong, row = (part.numpy() for part in found)
    low, high = middle_95(resampled_aurocs(scores, wrong, row)[:, 0])
    return (*name, f"{found.auroc:.3f}", f"{low:.3f} – {high:.3f}", *counts)


def main() -> None:
    """Say how long it takes, then print a row a measurement, and all of them as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--ups-head", default=str(HEAD), help="safetensors")
    parser.add_argument("--draws", type=int, default=24, help="of the noise, on each problem")
    asked, config, start = parser.parse_args(), read_config(CONFIG), time.perf_counter()
    settings = settings_of(RemaskSettings, config["settings"])
    planned = list(measurements(config["model"], tuple(config["data"]), asked.ups_head, settings))
    began, probed = time.perf_counter(), planned[1]
    score_shown_cells(probed[1].module, probed[1].noise, probed[1].answers, probed[2], 1)
    one = time.perf_counter() - began
    print(f"about {duration(one * asked.draws * len(planned))} on this machine, measured", flush=True)
    rows = []
    for name, recipe, own in planned:
        found = score_shown_cells(recipe.module, recipe.noise, recipe.answers, own, asked.draws)
        rows.append(cells(name, found))
        print("\t".join(rows[-1]), flush=True)
    print(f"\n{markdown_table(HEADING, rows, range(3, len(HEADING)))}\n")
    print(f"{asked.draws} draws, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
