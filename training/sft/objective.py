"""SFT: learn answers to prompts, with all weights or LoRA (LLaDA, 2502.09992, eq. 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from training.data.answer_settings import AnswerSettings
from training.data.examples import AnswerRows
from training.data.sources import Answers
from training.engine.recipe import Losses, Recipe, moved, split, step_generator
from training.engine.settings import RunArguments
from training.sft.think_tokens import ensure_think_tokens
from training.shared.adapters import LoraSettings, attach, export_learned
from training.shared.answers import load_model, record_samples
from training.shared.losses import cell_cross_entropy, rows_mean, sft_loss
from training.shared.noise import uniform_noise

EVALUATED_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class SFTSettings(LoraSettings, AnswerSettings):
    """No settings of its own: AnswerSettings say what is learned, LoraSettings which weights learn."""


class SFTBatch(NamedTuple):
    """All [rows, length]. tokens: Int, without masks; input_ids: Int, with masks; answer: Bool, the cells
    of answers, with the EOS behind them; masked: Bool, those of them that are masked and learned; p: Float,
    the probability with which a cell was masked."""

    tokens: Tensor
    input_ids: Tensor
    answer: Tensor
    masked: Tensor
    p: Tensor


def sft_batch(rows: AnswerRows, mask_id: int, generator: torch.Generator) -> SFTBatch:
    """Mask answer cells with one p ~ U(eps, 1) a row; the prompt stays clean."""
    masked, p = uniform_noise(rows.answer, generator, at_least_one=False)
    shown = rows.tokens.masked_fill(masked, mask_id)
    return SFTBatch(rows.tokens, shown, rows.answer, masked, p)


class SFTModule(nn.Module):
    """A network whose forward is the SFT loss."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: SFTBatch) -> Losses:
        """L = mean over rows of sum_masked (CE / p) / answer length; figures: the plain mean of CE over
        the masked cells of a row, and how many of them are predicted right."""
        logits = self.model(batch.input_ids, cells=batch.masked).logits
        targets, row = batch.tokens[batch.masked], batch.masked.nonzero()[:, 0]
        cost, count = cell_cross_entropy(logits, targets), len(batch.tokens)
        loss = sft_loss(cost, batch.p[batch.masked], row, batch.answer.sum(-1))
        right = (logits.argmax(-1) == targets).float()
        return Losses(loss, {"cross_entropy": rows_mean(cost.detach(), row, count),
                             "accuracy": rows_mean(right, row, count)})  # fmt: skip


class SFT(Recipe):
    """Learns answers, with all weights or with an adapter."""

    settings: SFTSettings

    def __init__(self, arguments: RunArguments, settings: SFTSettings) -> None:
        self.settings, self.loaded = settings, load_model(arguments, settings)
        if settings.think:
            ensure_think_tokens(self.loaded, all_learn=not (settings.lora_r or arguments.load_lora))
        attach(self.loaded.model, settings, arguments.load_lora)
        self.answers = Answers(self.loaded, arguments, settings)
        self.notes = self.answers.data.notes
        self.module = SFTModule(self.loaded.model)

    def batches(self, step: int) -> Sequence[SFTBatch]:
        """See Recipe."""
        draw = step_generator(self.settings.seed, step)
        return split(sft_batch(self.answers.rows(step), self.loaded.mask_id, draw), self.parts)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """See Recipe: an adapter, or the model with its tokenizer."""
        export_learned(self.loaded, self.settings, folder, state)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """The loss and its figures on held-out examples, under the same masks every time."""
        held_out, device = self.answers.data.held_out, self.loaded.model.device
        sums: dict[str, float] = {}
        for start in range(0, len(held_out), EVALUATED_AT_ONCE):
            self.progress("evaluating", start, len(held_out))
            rows = self.answers.collated(held_out[start : start + EVALUATED_AT_ONCE])
            batch = sft_batch(rows, self.loaded.mask_id, step_generator(0, start, salt=2))
            loss, figures = self.module(moved(batch, device))
            for name, value in {"loss": loss, **figures}.items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(rows.tokens)
        return {name: total / len(held_out) for name, total in sums.items()}

    def sample(self, folder: Path) -> None:
        """Record traces for held-out prompts, decoded by low_confidence."""
        record_samples(self, self.loaded, self.answers.data.prompts[: self.settings.samples], folder)
