"""DPO for masked diffusion (VRPO, LLaDA 1.5, 2505.19223): preferences between two answers.

The log-likelihood of an answer y cannot be computed; B(y), a lower bound of it, takes its place:
B(y) = - mean over n timesteps, one mask each, of sum over masked cells of CE / p, not divided by length.
Policy and reference see the same (t, mask), and the n estimates are averaged inside the sigmoid. Both
lower the variance of the estimate, which would bias the loss (theorems 2 and 3). For the same reason both
get the same draw of an adapter's dropout: where policy and reference are equal, the margin is exactly 0.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.engine.recipe import Losses
from training.shared.losses import cell_cross_entropy
from training.shared.noise import block_noise
from training.shared.reference import reference_of


class PreferenceBatch(NamedTuple):
    """tokens: Int[rows, 2, length], the chosen and the rejected answer behind their prompt, clean;
    masked: Bool[rows, 2, n, length], cells shown as masks; weight: Float[rows, 2, n, length], 1 / p
    of the masked cells that are learned, 0 elsewhere; lengths: Int[rows], cells of the chosen answer."""

    tokens: Tensor
    masked: Tensor
    weight: Tensor
    lengths: Tensor


def timesteps(answers: int, n: int, generator: torch.Generator, eps: float = 1e-3) -> Tensor:
    """p = (1 - eps) t + eps of n timesteps an answer, one t in each of n equal strata of (0, 1).
    Float[answers, n]."""
    t = (torch.arange(n) + torch.rand(answers, n, generator=generator)) / n
    return (1 - eps) * t + eps


def draw_masks(
    answer: Tensor, n: int, generator: torch.Generator, eps: float = 1e-3
) -> tuple[Tensor, Tensor]:
    """n independent masks an answer, over its cells alone: masked, Bool, and weight = masked / p,
    Float, both [answers, n, length]. No mask is drawn again because it is empty: that would bias B.

    answer: Bool[answers, length].
    """
    p = timesteps(len(answer), n, generator, eps)[..., None]
    draws = torch.rand(len(answer), n, answer.shape[-1], generator=generator)
    masked = answer[:, None] & (draws < p)
    return masked, masked / p


def draw_block_masks(
    answer: Tensor, text: Tensor, n: int, block_length: int, generator: torch.Generator, eps: float = 1e-3
) -> tuple[Tensor, Tensor]:
    """The same as draw_masks, with masks as a block-wise sampler sees them (Blockwise SFT, 2508.19529): one
    block that holds text is current, those before it are clean, those after it masked and not learned.
    weight = blocks / p in the current block, blocks being how many hold text: B then estimates the sum
    over all blocks.

    answer, text: Bool[answers, length], text being the answer without the EOS behind it.
    """
    cells, words = answer.repeat_interleave(n, 0), text.repeat_interleave(n, 0)
    lengths = torch.full((len(cells),), block_length)
    _, _, current = block_noise(cells, words, lengths, generator)
    p = timesteps(len(answer), n, generator, eps).view(-1, 1)
    masked = current & (torch.rand(cells.shape, generator=generator) < p)
    blocks = torch.div(words.sum(-1, keepdim=True) - 1, block_length, rounding_mode="floor") + 1
    later = cells & ~current & (current.cumsum(-1) > 0)
    shape = (len(answer), n, answer.shape[-1])
    return (masked | later).view(shape), (masked * blocks / p).view(shape)


def evidence(cross_entropy: Tensor, weight: Tensor, place: Tensor, answers: int, n: int) -> Tensor:
    """B of each answer, Float[answers].

    cross_entropy, weight: Float[cells], of the learned cells; place: Int[cells], answer * n + mask.
    """
    sums = torch.zeros(answers * n, dtype=cross_entropy.dtype, device=cross_entropy.device)
    return -sums.index_add(0, place, cross_entropy * weight).view(answers, n).mean(-1)


def preference_loss(policy: Tensor, reference: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """L = mean over rows of -log sigmoid(beta * margin), and margin, Float[rows],
    = (B_theta - B_ref)(y_w) - (B_theta - B_ref)(y_l).

    policy, reference: Float[rows, 2], B of the chosen and of the rejected answer.
    """
    gain = policy - reference
    margin = gain[:, 0] - gain[:, 1]
    return -F.logsigmoid(beta * margin).mean(), margin


class PreferenceModule(nn.Module):
    """The policy (the model that is trained) and, where all its weights learn, a frozen copy of it as it
    was at first."""

    def __init__(self, model: Any, frozen: nn.Module | None, mask_id: int, beta: float, sft: float) -> None:
        super().__init__()
        self.model, self.frozen = model, frozen
        self.mask_id, self.beta, self.sft_weight = mask_id, beta, sft

    def forward(self, batch: PreferenceBatch) -> Losses:
        """The loss. Figures: margin; preferred, the share of pairs with a margin above 0; chosen_gain, how
        much B of the chosen answer has risen over the reference; with sft_weight both parts of the loss."""
        with self.reference() as reference:
            before = self.evidence(reference, batch)
        policy = self.evidence(self.model, batch)
        loss, margin = preference_loss(policy, before, self.beta)
        right = (margin > 0).float().mean()
        gain = (policy - before)[:, 0].mean()
        figures = {"margin": margin.mean(), "preferred": right, "chosen_gain": gain}
        if not self.sft_weight:
            return Losses(loss, figures)
        likely = -(policy[:, 0] / batch.lengths).mean()
        return Losses(loss + self.sft_weight * likely, {**figures, "dpo_loss": loss, "sft_loss": likely})

    def reference(self) -> AbstractContextManager[Any]:
        """Within it, the model that training began with, without gradients; see reference_of."""
        return reference_of(self.model, self.frozen)

    def evidence(self, model: Any, batch: PreferenceBatch) -> Tensor:
        """B of both answers under a network, Float[rows, 2]: one pass for all masks."""
        rows, _, n, length = batch.masked.shape
        clean = batch.tokens[:, :, None].expand(batch.masked.shape).reshape(-1, length)
        shown = clean.masked_fill(batch.masked.view(-1, length), self.mask_id)
        weight = batch.weight.view(-1, length)
        learned = weight > 0
        cost = cell_cross_entropy(model(shown, cells=learned).logits, clean[learned])
        place = learned.nonzero()[:, 0]
        return evidence(cost, weight[learned], place, rows * 2, n).view(rows, 2)
