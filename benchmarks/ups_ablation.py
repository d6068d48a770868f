"""What a finished sweep of UPS heads says: a table with intervals, and what each setting does on average.

    python -m training sweep remask-sft --config remask-sft-ablation-tiny --out runs/ablation
    python -m benchmarks.ups_ablation runs/ablation [--draws 4]

All heads of the sweep score the very same cells: held-out problems of training/configs/remask-sft-tiny.yaml
under its noise, whatever a head was trained with. In rows with the model's own errors no head says which
masks are filled; they are drawn. AUROC for random wrong tokens and for the model's own, with 95 % intervals
(bootstrap over the problems, paired: a draw is the same for all heads). Writes ablation.md into the folder.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.ups import CONFIG, recipe_of
from evaluation.ranking import middle_95, resampled_aurocs
from models.ups_head import HEAD_FILE, load_ups_head
from models.whole_file import write_whole
from samplers.text_tables import markdown_table
from training.engine.saying import duration
from training.engine.settings import settings_of
from training.remask.objective import RemaskSettings, ScoredCells, score_by_each
from training.run import read_config

TABLE = "ablation.md"
KINDS = {"random": 0.0, "own": 1.0}


@dataclass(frozen=True)
class SweptRun:
    """A finished run of a sweep. values: of the settings that differ between its runs, by name."""

    folder: Path
    values: dict[str, object]


@dataclass(frozen=True)
class Aurocs:
    """Of all heads for one kind of wrong token. found: Float[heads]; resampled: Float[resamples, heads]."""

    found: NDArray[np.float64]
    resampled: NDArray[np.float64]


def finished_runs(out: Path) -> tuple[str, list[SweptRun]]:
    """The model of a sweep and its finished runs. ValueError: fewer than two, or of several models."""
    folders = sorted(path.parents[1] for path in out.glob(f"*/final/{HEAD_FILE}"))
    configs = [read_config(folder / "config.yaml") for folder in folders]
    if len(folders) < 2:
        raise ValueError(f"{out} has {len(folders)} finished runs with a UPS head; allowed: at least 2")
    models = {config["model"] for config in configs}
    if len(models) > 1:
        raise ValueError(f"{out} has heads of {', '.join(sorted(models))}; allowed: of one model")
    settings = [config["settings"] for config in configs]
    differ = [name for name in settings[0] if len({str(each.get(name)) for each in settings}) > 1]
    runs = [
        SweptRun(folder, {name: each[name] for name in differ})
        for folder, each in zip(folders, settings, strict=True)
    ]
    return str(models.pop()), sorted(runs, key=lambda run: tuple(map(_order, run.values.values())))


def _order(value: object) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (0.0, str(value))


def aurocs(scored: Sequence[ScoredCells]) -> Aurocs:
    """Of heads that scored the same cells."""
    scores = np.stack([each.scores.numpy() for each in scored])
    wrong, row = scored[0].wrong.numpy(), scored[0].row.numpy()
    found = np.array([each.auroc for each in scored], float)
    return Aurocs(found, resampled_aurocs(scores, wrong, row))


def run_table(runs: Sequence[SweptRun], kinds: dict[str, Aurocs]) -> str:
    """Markdown: a row a run."""
    rows = [
        (*map(str, run.values.values()), *(_words(k.found[i], k.resampled[:, i]) for k in kinds.values()))
        for i, run in enumerate(runs)
    ]
    return markdown_table([*runs[0].values, *(f"AUROC, {kind}" for kind in kinds)], rows)


def factor_table(runs: Sequence[SweptRun], kinds: dict[str, Aurocs]) -> str:
    """Markdown: for each value of each setting the mean over its runs, and how it differs from the mean of
    the setting's first value."""
    rows = []
    for name in runs[0].values:
        levels = sorted({run.values[name] for run in runs}, key=_order)
        places = {level: [i for i, run in enumerate(runs) if run.values[name] == level] for level in levels}
        base = places[levels[0]]
        for level, own in places.items():
            cells = []
            for kind in kinds.values():
                means = kind.resampled[:, own].mean(1)
                cells.append(_words(kind.found[own].mean(), means))
                gap = kind.found[own].mean() - kind.found[base].mean()
                gaps = means - kind.resampled[:, base].mean(1)
                cells.append("" if own == base else _words(gap, gaps, "+.3f"))
            rows.append((name, str(level), str(len(own)), *cells))
    heads = [title for kind in kinds for title in (f"AUROC, {kind}", "difference")]
    return markdown_table(["setting", "value", "runs", *heads], rows)


def _words(value: float, resampled: NDArray[np.float64], form: str = ".3f") -> str:
    low, high = middle_95(resampled)
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def main() -> None:
    """Score the heads, print both tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, help="the sweep's folder")
    parser.add_argument("--draws", type=int, default=4, help="of the noise, on each problem")
    asked, config = parser.parse_args(), read_config(CONFIG)
    model, runs = finished_runs(asked.out)
    settings = settings_of(RemaskSettings, config["settings"] | {"ups_width": 0})
    recipe = recipe_of(model, tuple(config["data"]), "", settings)  # a new head: all masks are alike to it
    width = recipe.loaded.model.config.d_model
    heads = [load_ups_head(str(run.folder / "final" / HEAD_FILE), width) for run in runs]
    kinds = {}
    for kind, own in KINDS.items():
        began = time.perf_counter()
        scored = score_by_each(heads, recipe.module, recipe.noise, recipe.answers, own, asked.draws)
        kinds[kind] = aurocs(scored)
        cells = f"{int(scored[0].wrong.sum()):,} wrong of {len(scored[0].wrong):,} cells"
        print(f"{kind}: {len(heads)} heads, {cells}, {duration(time.perf_counter() - began)}", flush=True)
    text = f"{run_table(runs, kinds)}\n\n{factor_table(runs, kinds)}\n"
    write_whole(asked.out / TABLE, text)
    print(f"\n{text}")


if __name__ == "__main__":
    main()
