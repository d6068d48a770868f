"""The temperature at which the bundled model's confidence can be believed, folded into its head.

All logits are divided by one number (temperature scaling: Guo et al. 2017, 1706.04599, section 4.2), so the
likeliest token of a cell stays the likeliest, and a confidence says how often such tokens are right. The
number is found on problems of the training split, at the middle levels.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from evaluation.runs.bundled_scores import commits_of
from evaluation.runs.plan import Line
from evaluation.runs.run_folder import RunFolder
from evaluation.runs.sampler_table import run_bundled_set
from evaluation.sets.problem_sets import ProblemSet, bundled_set
from models.loading import LoadedModel
from models.prompt_settings import decode_settings
from samplers.measuring.calibration import Judged, ece
from tasks import LEVELS, MIDDLE, TRAIN

TEMPERATURES = (1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0)
HEAD = "model.transformer.ff_out.weight"
SEED = 1


@dataclass(frozen=True)
class Trial:
    """A temperature that was tried. error: expected calibration error over `tokens` committed tokens, of
    which `right` are right; confidence: their mean."""

    temperature: float
    error: float
    tokens: int
    right: float
    confidence: float


def training_sets(n: int) -> list[ProblemSet]:
    """n training problems of each task at its middle level."""
    return [bundled_set(task, n, SEED, TRAIN, MIDDLE) for task in LEVELS]


def trials(
    loaded: LoadedModel, model: str, prompts: Mapping[str, Any], sets: Sequence[ProblemSet]
) -> Iterator[Trial]:
    """Of a loaded model, whose folder is `model`: temperatures from 1 upwards, up to the first whose error is
    larger than that of the one before."""
    before = float("inf")
    for temperature in TEMPERATURES:
        with _divided(loaded, temperature):
            commits = _commits(loaded, model, prompts, sets)
        error = ece(commits)
        if error is None:
            raise ValueError(
                "calibration: of no token it is known whether it is right; allowed: more problems"
            )
        count = len(commits)
        right = sum(known for _, known in commits) / count
        yield Trial(temperature, error, count, right, sum(sure for sure, _ in commits) / count)
        if error > before:
            return
        before = error


def fold_into(folder: Path, temperature: float, out: Path) -> None:
    """Copy a model, its head divided by the temperature. ValueError: the folder has no such head, or is the
    one to be written."""
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    if HEAD not in tensors or folder.resolve() == out.resolve():
        raise ValueError(f"model = {str(folder)!r}; allowed: a model with {HEAD}, in another folder than out")
    shutil.copytree(folder, out, dirs_exist_ok=True)
    tensors[HEAD] = (tensors[HEAD].float() / temperature).to(tensors[HEAD].dtype)
    save_file(tensors, out / weights.name, {"format": "pt"})


@contextmanager
def _divided(loaded: LoadedModel, temperature: float) -> Iterator[None]:
    head = loaded.model.get_parameter(HEAD)
    weights = head.detach().clone()
    try:
        with torch.no_grad():
            head.div_(temperature)
        yield
    finally:
        with torch.no_grad():
            head.copy_(weights)


def _commits(
    loaded: LoadedModel, model: str, prompts: Mapping[str, Any], sets: Sequence[ProblemSet]
) -> list[Judged]:
    """The confidence of every token of which it is known whether it is right, in greedy answers."""
    found: list[Judged] = []
    with TemporaryDirectory() as scratch:
        for number, problems in enumerate(sets):
            settings = decode_settings(prompts, problems.problems[0].task, problems.level)
            line = Line("plain", settings.pop("sampler", "low_confidence"), settings)
            folder = RunFolder(Path(scratch) / str(number))
            for _ in run_bundled_set(loaded, model, problems, [line], folder, commits=True):
                pass
            found += commits_of(folder)
    return found
