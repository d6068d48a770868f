"""Pretraining on packed text, and longer contexts (LLaDA, 2502.09992, eq. 3; LLada-Reasoning)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from training.data.chat import Chat
from training.data.examples import Example
from training.data.sources import parse_weights
from training.engine.recipe import Losses, Recipe, moved, rows_of, split, step_generator
from training.engine.settings import RunArguments
from training.pretrain.context import extend
from training.pretrain.curriculum import window, window_cells
from training.pretrain.packing import Packed, PackedRows, same_document
from training.pretrain.settings import PretrainSettings
from training.pretrain.texts import open_texts
from training.shared.adapters import attach, export_learned, lora_on
from training.shared.answers import load_model, record_samples
from training.shared.losses import cell_cross_entropy, pretrain_loss, rows_mean
from training.shared.noise import uniform_noise

EVALUATED, AT_ONCE = 32, 8


class PackedBatch(NamedTuple):
    """tokens: Int[rows, length], without masks; input_ids: the same with masks; masked: Bool[rows, length];
    p: Float[rows, length], the probability with which a cell was masked; document, position: Int[rows,
    length], see packing.Packed; maskable: Int[rows], how many cells of a row could be masked."""

    tokens: Tensor
    input_ids: Tensor
    masked: Tensor
    p: Tensor
    document: Tensor
    position: Tensor
    maskable: Tensor


class PackedModule(nn.Module):
    """A network whose forward is the pretraining loss; attention stays within a document."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: PackedBatch) -> Losses:
        """L = sum_masked (CE / p) / (rows * maskable cells); figures: the plain mean of CE over the masked
        cells of a row, and how many of them are predicted right."""
        one = not bool(batch.document.any())  # a document a row: every cell sees every other one
        visible = None if one else same_document(batch.document)
        hidden = self.model.hidden(batch.input_ids, position_ids=batch.position, visible=visible)
        logits = self.model.head(hidden[batch.masked])
        targets, row = batch.tokens[batch.masked], batch.masked.nonzero()[:, 0]
        cost, count = cell_cross_entropy(logits, targets), len(batch.tokens)
        loss = pretrain_loss(cost, batch.p[batch.masked], count, int(batch.maskable[0]))
        right = (logits.argmax(-1) == targets).float()
        return Losses(loss, {"cross_entropy": rows_mean(cost.detach(), row, count),
                             "accuracy": rows_mean(right, row, count)})  # fmt: skip


class Pretrain(Recipe):
    """Learns text, with all weights or with an adapter."""

    settings: PretrainSettings

    def __init__(self, arguments: RunArguments, settings: PretrainSettings) -> None:
        self.settings, self.loaded = settings, load_model(arguments, settings)
        s, loaded = settings, self.loaded
        assert loaded.tokenizer is not None and loaded.eos_id is not None
        self.extended = extend(loaded.model, s.max_length, s.rope_theta, s.yarn, s.yarn_scale)
        weights, self.chat = parse_weights(s.weights, len(arguments.data)), Chat(loaded.tokenizer)
        self.notes: list[str] = []
        sets = [open_texts(name, self.chat, loaded.eos_id, s, arguments.allow_eval_data, self.notes)
                for name in arguments.data]  # fmt: skip
        self.texts = PackedRows([learned for learned, _ in sets], weights, s.seed, s.max_length, s.joined)
        self.held_out = PackedRows([held_out for _, held_out in sets], weights, 0, s.max_length, s.joined)
        attach(loaded.model, settings, arguments.load_lora)
        self.module = PackedModule(loaded.model)

    def batches(self, step: int) -> Sequence[PackedBatch]:
        """See Recipe."""
        s, draw = self.settings, step_generator(self.settings.seed, step)
        rows = self.texts.rows(step, s.batch_size)
        if float(torch.rand((), generator=draw)) < s.truncated:
            length = int(torch.randint(1, s.max_length + 1, (), generator=draw))
            rows = Packed(*(part[:, :length] for part in rows))
        return split(self._noised(rows, step, draw), self.parts)

    def _noised(self, rows: Packed, step: int, draw: torch.Generator) -> PackedBatch:
        s, (count, length) = self.settings, rows.tokens.shape
        cells = length
        if s.curriculum:
            cells = window_cells(step, s.max_steps, length, s.curriculum_first, s.curriculum_share)
        maskable = window(count, length, cells, draw)
        masked, p = uniform_noise(maskable, draw, at_least_one=False)
        shown = rows.tokens.masked_fill(masked, self.loaded.mask_id)
        return PackedBatch(
            rows.tokens, shown, masked, p, rows.document, rows.position, torch.full((count,), cells)
        )

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """See Recipe: the model with its tokenizer, or an adapter. An adapter for a longer context has
        beside it the config.json with that context."""
        export_learned(self.loaded, self.settings, folder, state)
        if self.extended and lora_on(self.loaded.model):
            self.loaded.model.config.save_pretrained(folder)

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """The loss and its figures on held-out rows, masks anywhere and the same ones every time."""
        draw, device = step_generator(0, 0, salt=2), self.loaded.model.device
        batch = self._noised(self.held_out.rows(0, EVALUATED), self.settings.max_steps, draw)
        sums: dict[str, float] = {}
        for start in range(0, EVALUATED, AT_ONCE):
            self.progress("evaluating", start, EVALUATED)
            part = rows_of(batch, slice(start, start + AT_ONCE))
            loss, figures = self.module(moved(part, device))
            for name, value in {"loss": loss, **figures}.items():
                sums[name] = sums.get(name, 0.0) + float(value) * AT_ONCE / EVALUATED
        return sums

    def example(self) -> Example:
        """The first piece of the first row of the first step; packed rows have no prompt."""
        documents, index = self.texts.first(0)
        return Example(documents.raw(index), self.chat.decode(documents[index]), 0)

    def sample(self, folder: Path) -> None:
        """Record traces in which the model continues held-out texts: the first half of each is the prompt,
        128 tokens at most."""
        prompts = []
        for place in range(self.settings.samples):
            documents, index = self.held_out.first(place)
            ids = documents[index]
            prompts.append(ids[: min(128, max(1, len(ids) // 2))])
        record_samples(self, self.loaded, prompts, folder)
