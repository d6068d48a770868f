"""diffu-GRPO (d1, 2504.12216): policy gradients from one forward pass over a masked answer.

log p of every token of an answer comes from one pass in which the whole answer is masked, and each token
of the prompt with p = .15 (eq. 4 and algorithm 1). Every inner step has masks of its own, and the old
policy (which wrote the answers), the reference and the current policy are all computed under them. They
share the same draw of dropout too: so a ratio of probabilities is exactly 1 until the weights change, and
then shows that change alone.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from training.engine.recipe import Losses
from training.shared.losses import cell_cross_entropy, rows_mean
from training.shared.reference import own_draws, reference_of


class GroupBatch(NamedTuple):
    """tokens: Int[rows, length], prompts left-padded, answers of `cells` cells at the end; attention:
    Bool[rows, length], False on padding; hidden: Bool[rows, length], cells that are masked; counted:
    Bool[rows, cells], tokens in the loss; seed: Int[rows], of the dropout, where a pass uses its first
    row's; old, reference: Float[rows, cells], log-probabilities of the tokens by the policy that wrote them
    and by the reference (all 0 and not used with beta = 0), 0 where not counted; advantage, reward:
    Float[rows]. The first five fields are the arguments of log_probabilities."""

    tokens: Tensor
    attention: Tensor
    hidden: Tensor
    counted: Tensor
    seed: Tensor
    old: Tensor
    reference: Tensor
    advantage: Tensor
    reward: Tensor


def group_advantages(rewards: Tensor) -> Tensor:
    """Reward minus the group's mean, not divided by the group's deviation. rewards: Float[groups, size]."""
    return rewards - rewards.mean(-1, keepdim=True)


def through_first_end(tokens: Tensor, eos_id: int) -> Tensor:
    """Bool[rows, cells]: cells up to the first EOS, itself included. tokens: Int[rows, cells]."""
    ends = (tokens == eos_id).long()
    return ends.cumsum(-1) - ends == 0


def prompt_masks(prompt: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Bool[rows, length]: prompt tokens that are hidden, each with probability `share`.

    prompt: Bool[rows, length], True on the prompts' own tokens.
    """
    return prompt & (torch.rand(prompt.shape, generator=generator) < share)


def k3(logp: Tensor, reference: Tensor) -> Tensor:
    """exp(d) - d - 1 with d = reference - logp: an estimate of KL(policy || reference) that is
    unbiased and never below 0 (J. Schulman, 2020). Any shape."""
    d = reference - logp
    return torch.exp(d) - d - 1


def clipped_objective(logp: Tensor, old: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """min(ratio A, clip(ratio, 1 - clip, 1 + clip) A), ratio = exp(logp - old). All Float[n]."""
    ratio = torch.exp(logp - old)
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def log_probabilities(
    model: Any, tokens: Tensor, attention: Tensor, hidden: Tensor, counted: Tensor, seed: Tensor, mask_id: int
) -> Tensor:
    """log p of the counted tokens, Float[n counted], row-major; shapes as in GroupBatch. A network in
    training mode draws its dropout from `seed`; the random state is restored."""
    counted_cells = torch.zeros_like(hidden)
    counted_cells[:, -counted.shape[1] :] = counted
    padding = None if bool(attention.all()) else attention
    with own_draws(tokens.device):
        torch.manual_seed(int(seed[0]))
        out = model(tokens.masked_fill(hidden, mask_id), attention_mask=padding, cells=counted_cells)
    return -cell_cross_entropy(out.logits, tokens[counted_cells])


def step_context(order: Tensor, counted: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws, for each row, one of the steps in which its answer was decoded. Returns the cells written before
    that step, which are shown, and the counted cells written in it, both Bool[rows, cells]: so a token's
    probability is computed from what the sampler saw when it drew the token. Not in d1; TraceRL (2509.06949)
    does so.

    order: Int[rows, cells], the step that wrote each cell, -1 for cells that none wrote; counted:
    Bool[rows, cells]. A row without counted cells keeps none.
    """
    drawn_steps = torch.full((len(order), 1), -1)
    for row, share in enumerate(torch.rand(len(order), generator=generator).tolist()):
        steps = sorted(set(order[row][counted[row] & (order[row] >= 0)].tolist()))
        if steps:
            drawn_steps[row] = steps[int(share * len(steps))]
    return (order >= 0) & (order < drawn_steps), counted & (order == drawn_steps) & (drawn_steps >= 0)


class GroupModule(nn.Module):
    """The policy and, where all its weights learn and beta is above 0, a frozen copy of it as it was at
    first."""

    def __init__(self, model: Any, frozen: nn.Module | None, mask_id: int, clip: float, beta: float) -> None:
        super().__init__()
        self.model, self.frozen = model, frozen
        self.mask_id, self.clip, self.beta = mask_id, clip, beta

    def forward(self, batch: GroupBatch) -> Losses:
        """The loss: mean over rows of the mean over a row's tokens of -objective + beta KL (eq. 3). Figures:
        reward; moved, how far the ratios are from 1; clipped, the share of tokens whose ratio is clipped;
        kl, with beta above 0."""
        counted, rows = batch.counted, len(batch.tokens)
        logp = log_probabilities(self.model, *batch[:5], self.mask_id)
        row, old = counted.nonzero()[:, 0], batch.old[counted]
        gained = rows_mean(clipped_objective(logp, old, batch.advantage[row], self.clip), row, rows)
        ratio = torch.exp(logp.detach() - old)
        figures = {
            "reward": batch.reward.mean(),
            "moved": rows_mean((ratio - 1).abs(), row, rows),
            "clipped": rows_mean(((ratio - 1).abs() > self.clip).float(), row, rows),
        }  # fmt: skip
        if not self.beta:
            return Losses(-gained, figures)
        away = rows_mean(k3(logp, batch.reference[counted]), row, rows)
        return Losses(self.beta * away - gained, {**figures, "kl": away})

    def reference(self) -> AbstractContextManager[Any]:
        """Within it, the model that training began with, without gradients; see reference_of."""
        return reference_of(self.model, self.frozen)
