"""How well a reward model tells wrong steps from right ones: over all steps, and group by group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from evaluation.ranking import auroc, calibration_error
from models.reward import LoadedReward
from training.engine.recipe import moved
from training.prm.prm_data import LabelledSteps, collate
from training.shared.decoding import OnProgress

BATCH = 64
UNFINISHED = "unfinished"
_CLOSED_BOX = re.compile(r"\\boxed\s*\{[^\n]*\}")


@dataclass(frozen=True)
class ScoredStep:
    """A step's P(right) and label; question: what was asked, by which steps of one problem are known; groups:
    what it is counted in: its task, its level, both together, its cut as `cut_8`, and `unfinished` where
    neither a line nor the box ends in it."""

    score: float
    label: int
    question: str
    groups: tuple[str, ...]


@torch.no_grad()
def scored_steps(
    reward: LoadedReward, rows: Sequence[LabelledSteps], max_length: int,
    on_progress: OnProgress = lambda done, count: None,
) -> list[ScoredStep]:  # fmt: skip
    """Every step of `rows` that fits in max_length tokens. on_progress: told how many rows are scored."""
    found: list[ScoredStep] = []
    device = next(reward.model.parameters()).device
    ordered = sorted(rows, key=lambda row: row.size)
    for start in range(0, len(ordered), BATCH):
        on_progress(start, len(ordered))
        chunk = ordered[start : start + BATCH]
        batch = moved(collate(chunk, reward, max_length), device)
        scored = batch.labels >= 0
        logits = reward.model.step_logits(batch.ids, batch.starts, scored)
        scores = iter(logits.softmax(-1)[:, 1].tolist())
        for row, count in zip(chunk, scored.sum(-1).tolist(), strict=True):
            for label, groups in list(zip(row.labels, _groups(row), strict=True))[:count]:
                found.append(ScoredStep(next(scores), label, row.question, groups))
    return found


def _groups(row: LabelledSteps) -> Iterator[tuple[str, ...]]:
    own = [row.task, f"{row.task}_{row.level}" if row.level else "", f"cut_{row.cut}" if row.cut else ""]
    if row.level:
        own.append(row.level)
    for finished in finishes(row.steps):
        unfinished = [] if finished else [UNFINISHED, f"{UNFINISHED}_{row.level}" if row.level else ""]
        yield tuple(name for name in (*own, *unfinished) if name)


def finishes(steps: Sequence[str]) -> list[bool]:
    """Of each step, whether a line, or the box, ends in it. Blank lines do not count."""
    text, found, start = "".join(steps), [], 0
    for step in steps:
        stop = start + len(step)
        line = text.rfind("\n", 0, start) + 1
        last_break = text.rfind("\n", start, stop)
        ends_line = last_break >= 0 and bool(text[line:last_break].strip())
        boxes = _CLOSED_BOX.finditer(text[line:stop])
        found.append(ends_line or any(box.end() > start - line for box in boxes))
        start = stop
    return found


def grouped(steps: Sequence[ScoredStep]) -> dict[str, list[ScoredStep]]:
    """All steps under "", then those of each group that has right and wrong ones."""
    groups = {"": list(steps)} | {
        name: [step for step in steps if name in step.groups]
        for name in sorted({name for step in steps for name in step.groups})
    }
    return {name: own for name, own in groups.items() if len({step.label for step in own}) == 2}


def step_figures(steps: Sequence[ScoredStep]) -> dict[str, float]:
    """AUROC over all steps and in each group that has right and wrong ones; calibration error over all."""
    figures = {}
    for name, own in grouped(steps).items():
        scores, labels = [step.score for step in own], [step.label for step in own]
        figures[f"auroc_{name}" if name else "auroc"] = auroc(scores, labels)
        if not name:
            figures["calibration_error"] = calibration_error(scores, labels)
    return figures
