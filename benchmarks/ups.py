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
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.ranking import middle_95, resampled_aurocs
from samplers.text_tables import markdown_table
from tasks import EASY, MIDDLE
from training.data.bundled_tasks import level_of
from training.engine.saying import duration
from training.engine.settings import RunArguments, settings_of
from training.remask.objective import RemaskData, RemaskSettings, RemaskSFT, ScoredCells, score_shown_cells
from training.run import read_config

CONFIG = Path(__file__).resolve().parents[1] / "training" / "configs" / "remask-sft-tiny.yaml"
HEAD = "tiny-llada-ups"
BLOCKS = (8, 16, 32, 64)
LEVELS = (EASY, MIDDLE)
HEADING = ("wrong tokens", "level", "block length", "AUROC", "95 % interval", "wrong", "shown", "problems")


@dataclass(frozen=True)
class Measurement:
    """Held-out problems of a recipe under a noise. name: kind of wrong token, level, block length; own: share
    of rows with the model's own errors."""

    name: tuple[str, str, str]
    recipe: RemaskSFT
    noise: RemaskData
    own: float

    def score(self, draws: int) -> ScoredCells:
        """The shown cells, scored by the recipe's head."""
        return score_shown_cells(self.recipe.module, self.noise, self.recipe.answers, self.own, draws)


def recipe_of(model: str, data: tuple[str, ...], head: str, settings: RemaskSettings) -> RemaskSFT:
    """The recipe whose head is measured; head: a file, "" for a new one."""
    recipe = RemaskSFT(RunArguments(model, data, "cpu", load_ups_head=head), settings)
    recipe.module.eval()
    return recipe


def measurements(
    model: str, data: tuple[str, ...], head: str, settings: RemaskSettings
) -> Iterator[Measurement]:
    """All that is measured: both kinds of wrong tokens as trained, then levels and block lengths."""
    recipe = recipe_of(model, data, head, settings)
    for kind, own in (("random", 0.0), ("own", 1.0)):
        yield Measurement((kind, "all", "as trained"), recipe, recipe.noise, own)
    for level in LEVELS:
        of_level = tuple(name for name in data if level_of(name) == level)
        if not of_level:
            continue
        recipe = recipe_of(model, of_level, head, replace(settings, weights=""))
        for block in BLOCKS:
            blockwise = replace(settings, block_share=1.0, block_lengths=str(block))
            noise = RemaskData(recipe.loaded, blockwise)
            yield Measurement(("own", level, str(block)), recipe, noise, 1.0)


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
    began = time.perf_counter()
    planned[1].score(1)
    one = time.perf_counter() - began
    print(f"about {duration(one * asked.draws * len(planned))} on this machine, measured", flush=True)
    rows = []
    for measurement in planned:
        rows.append(cells(measurement.name, measurement.score(asked.draws)))
        print("\t".join(rows[-1]), flush=True)
    print(f"\n{markdown_table(HEADING, rows, range(3, len(HEADING)))}\n")
    print(f"{asked.draws} draws, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
