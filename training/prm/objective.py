"""PRM: trains a process reward model on labelled steps. It gives each step a probability of being right
(Qwen2.5-Math-PRM, 2501.07301; Let's Verify Step by Step, 2305.20050)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from evaluation.sets.columns import SetError
from models.hub import snapshot
from models.reward import LoadedReward
from samplers.settings import SettingError
from training.data.examples import Example
from training.engine.recipe import Losses, Recipe, split
from training.engine.settings import RunArguments
from training.prm.prm_data import (
    Batches,
    LabelledSteps,
    RewardBatch,
    check_held_out,
    check_lengths,
    collate,
    columns_named,
    open_labelled,
    read_labelled,
    split_by_question,
)
from training.prm.prm_model import checkpoint_layers, new_reward, save_reward
from training.prm.scored_steps import scored_steps, step_figures
from training.prm.settings import HELD_OUT_ONE_IN, PRMSettings
from training.shared.losses import rows_mean


class PRMModule(nn.Module):
    """A reward model and its loss. odds: Float[2], log of the weights of a wrong and of a right step."""

    odds: Tensor

    def __init__(self, reward: LoadedReward, odds: Tensor) -> None:
        super().__init__()
        self.reward = reward.model
        self.register_buffer("odds", odds, persistent=False)

    def forward(self, batch: RewardBatch) -> Losses:
        """Cross-entropy of the steps' labels: mean over a row's steps, then over rows.

        Steps are weighted by class, and the log of the weights is added to the logits (logit
        adjustment, 2007.07314): the weighted loss is then least where softmax(logits) is the true
        probability, so that balancing costs no calibration.
        """
        scored = batch.labels >= 0
        labels = batch.labels[scored]
        logits = self.reward.step_logits(batch.ids, batch.starts, scored) + self.odds
        losses = F.cross_entropy(logits, labels, reduction="none") * self.odds.exp()[labels]
        row, rows = scored.nonzero()[:, 0], len(scored)
        accuracy = rows_mean((logits.argmax(-1) == labels).float(), row, rows)
        return Losses(rows_mean(losses, row, rows), {"accuracy": accuracy})


class PRM(Recipe):
    """All weights of a reward model learn. There are no samples, as it does not write text."""

    settings: PRMSettings

    def __init__(self, arguments: RunArguments, settings: PRMSettings) -> None:
        self.settings = settings
        s = settings
        base = arguments.model
        if arguments.revision:
            base = str(snapshot(base, arguments.revision))
        self.reward = new_reward(base, s.layers, s.form, s.init, s.system, s.seed)
        longest, _ = self.reward.model.limits
        if s.max_length > longest:
            raise SettingError("max_length", s.max_length, f"at most {longest}, the model's")
        check_held_out(s.held_out)
        self.notes: list[str] = []
        rows = open_labelled(arguments.data, s, arguments.allow_eval_data, self.notes)
        self.rows, self.held_out = train_and_held_out(rows, s)
        all_rows = [*rows, *self.held_out] if s.held_out else rows
        if cut := check_lengths(all_rows, self.reward, s.max_length):
            self.notes.append(f"{cut:,} of {len(all_rows):,} rows are longer than {s.max_length} tokens; "
                              "their last steps were left out")  # fmt: skip
        if s.gradient_checkpointing:
            checkpoint_layers(self.reward)
        self.data = Batches(self.rows, s.batch_size, s.seed)
        self.module = PRMModule(self.reward, log_weights(self.rows, s.balance))

    def batches(self, step: int) -> Sequence[RewardBatch]:
        """See Recipe."""
        return split(collate(self.data[step], self.reward, self.settings.max_length), self.parts)

    def example(self) -> Example:
        """The first row of the first step."""
        row = self.data[0][0]
        ids, _ = self.reward.encode(row.question, row.steps)
        raw = {"question": row.question, "steps": json.dumps(row.steps, ensure_ascii=False),
               "labels": json.dumps(row.labels)}  # fmt: skip
        return Example(raw, str(self.reward.tokenizer.decode(ids, clean_up_tokenization_spaces=False)), 0)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """A reward model's folder, for `--prm`."""
        weights = {n.removeprefix("reward."): t for n, t in state.items() if n.startswith("reward.")}
        save_reward(self.reward, folder, weights, self.settings.save_dtype)

    def evaluate(self) -> dict[str, float]:
        """On held-out steps: AUROC (how well the scores tell right from wrong steps) and calibration error;
        AUROC also by task, level and cut, and of unfinished lines."""
        on_progress = partial(self.progress, "evaluating")
        found = scored_steps(self.reward, self.held_out, self.settings.max_length, on_progress)
        return step_figures(found)


def train_and_held_out(
    rows: list[LabelledSteps], settings: PRMSettings
) -> tuple[list[LabelledSteps], list[LabelledSteps]]:
    """The rows that are trained on, and the held-out rows. SetError: a question would be in both, or none
    would be left to train on."""
    if not settings.held_out:
        train, held_out = split_by_question(rows, HELD_OUT_ONE_IN)
        if not train:
            raise SetError(f"{len(rows)} rows of too few questions: none is left to train on; allowed: more")
        return train, held_out
    held_out = read_labelled(Path(settings.held_out), columns_named(settings))
    trained_questions = {row.question for row in rows}
    for number, row in enumerate(held_out, 1):
        if row.question in trained_questions:
            raise SetError(f"held_out, row {number}: {row.question[:60]!r} is in the data; allowed: others")
    return rows, held_out


def log_weights(rows: Sequence[LabelledSteps], balance: float) -> Tensor:
    """The logs of the weights of wrong and right steps, Float[2]: log(n / (2 n_class)) * balance. SetError
    when the rows have no wrong or no right steps."""
    right = sum(sum(row.labels) for row in rows)
    total = sum(len(row.labels) for row in rows)
    if not 0 < right < total:
        raise SetError(f"data has {right} right and {total - right} wrong steps; allowed: some of each")
    return torch.log(total / (2 * torch.tensor([total - right, right], dtype=torch.float32))) * balance
