"""RemeDi's remask objective (2509.23653, eq. 5-7): a token loss and a policy loss on one pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.objectives import cell_cross_entropy, rows_mean
from training.recipe import Losses


class RemaskBatch(NamedTuple):
    """Int / Bool / Float[rows, length]. tokens: clean; input_ids: noised; answer: cells that are
    learned; masked: cells shown as masks; p: probability of the mask; own: masked cells that get the
    model's own prediction before the losses are taken; noise: Gumbel noise's seed, Int[rows]."""

    tokens: Tensor
    input_ids: Tensor
    answer: Tensor
    masked: Tensor
    p: Tensor
    own: Tensor


def policy_targets(
    tokens: Tensor, shown: Tensor, masked: Tensor, p_clean: Tensor, answer: Tensor
) -> Tensor:
    """y: 1 where the shown token is the clean one, 0 where it is not, and p_theta(x0 | x_t) on masks.

    tokens, shown: Int[rows, length]; masked, answer: Bool[rows, length]; p_clean: Float[n masked],
    detached, row-major. Returns Float[n answer], row-major.
    """
    y = (tokens == shown).to(p_clean.dtype)
    y = y.masked_scatter(masked, p_clean)
    return y[answer]


def policy_loss(keep_logits: Tensor, y: Tensor, row: Tensor, rows: int) -> Tensor:
    """Mean over rows of the mean binary cross-entropy of a row's answer cells.

    keep_logits, y: Float[n]; row: Int[n], the row of each cell.
    """
    each = F.binary_cross_entropy_with_logits(keep_logits.float(), y.float(), reduction="none")
    return rows_mean(each, row, rows)


class RemaskModule(nn.Module):
    """A backbone with its UPS head; the policy's gradient never reaches the backbone.

    weights: how much of the token loss and of the policy loss is learned.
    """

    def __init__(self, model: Any, head: nn.Module, tokens: float, policy: float) -> None:
        super().__init__()
        self.model, self.head, self.tokens_weight, self.policy_weight = model, head, tokens, policy

    def forward(self, batch: RemaskBatch) -> Losses:
        """L = L_TPS + lambda L_UPS; figures: both apart, and how much of the answer was wrong."""
        shown, masked = self._with_own(batch)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tokens_weight > 0):
            hidden = self.model(shown, output_last_hidden_state=True, cells=masked)
            row = masked.nonzero()[:, 0]
            cost = cell_cross_entropy(hidden.logits, batch.tokens[masked])
            lengths = batch.answer.sum(-1)
            token_loss = (cost / batch.p[masked] / lengths[row]).sum() / len(lengths)
        y = policy_targets(batch.tokens, shown, masked, (-cost).exp().detach(), batch.answer)
        keep = self.head(hidden.last_hidden_state.detach()[batch.answer])
        policy = policy_loss(keep, y, batch.answer.nonzero()[:, 0], len(lengths))
        loss = self.tokens_weight * token_loss + self.policy_weight * policy
        wrong = (shown != batch.tokens) & batch.answer & ~masked
        share = (wrong.sum(-1) / lengths).mean()
        return Losses(loss, {"token_loss": token_loss, "policy_loss": policy, "wrong": share})

    @torch.no_grad()
    def _with_own(self, batch: RemaskBatch) -> tuple[Tensor, Tensor]:
        """The input with the model's own predictions (a draw from its softmax) in the `own` cells,
        and what is still masked."""
        if not bool(batch.own.any()):
            return batch.input_ids, batch.masked
        logits = self.model(batch.input_ids, cells=batch.own).logits.float()
        logits[:, self.model.config.mask_token_id] = -torch.inf
        drawn = torch.distributions.Categorical(logits=logits).sample()
        return batch.input_ids.masked_scatter(batch.own, drawn), batch.masked & ~batch.own
