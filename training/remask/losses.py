"""RemeDi's remask objective (2509.23653, eq. 5-7): a token loss and a policy loss on one pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.engine.recipe import Losses
from training.shared.losses import cell_cross_entropy, rows_mean


class RemaskBatch(NamedTuple):
    """All but fill [rows, length]. tokens: Int, without noise; input_ids: Int, with noise; answer: Bool,
    cells that are learned; masked: Bool, cells that are masked; p: Float, the probability with which a cell
    was masked; gumbel: Float, noise for the policy's draws. fill: Float[rows], the share of a row's masked
    cells that the model fills with its own predictions before the losses are computed; 0: none."""

    tokens: Tensor
    input_ids: Tensor
    answer: Tensor
    masked: Tensor
    p: Tensor
    gumbel: Tensor
    fill: Tensor


def policy_targets(tokens: Tensor, shown: Tensor, masked: Tensor, p_clean: Tensor, answer: Tensor) -> Tensor:
    """The targets y: 1 where the shown token is the right one, 0 where it is wrong, and on masks the model's
    probability of the right token, p_theta(x0 | x_t).

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
    """A backbone with its UPS head; the policy loss has no gradient in the backbone.

    tokens, policy: weights of the token loss and of the policy loss.
    """

    def __init__(self, model: Any, head: nn.Module, tokens: float, policy: float) -> None:
        super().__init__()
        self.model, self.head = model, head
        self.tokens_weight, self.policy_weight = tokens, policy

    def forward(self, batch: RemaskBatch) -> Losses:
        """L = L_TPS + lambda L_UPS; figures: each of the two, and the share of the answer that is wrong.

        Shapes at the lines: R rows of L cells, width D; M masked cells, A cells of answers, both row-major.
        """
        # 1. The model fills some masks with its own predictions: what is then shown, what is still masked.
        shown, masked = self.with_own(batch)  # Int[R, L], Bool[R, L]
        lengths = batch.answer.sum(-1)  # Int[R]
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.tokens_weight > 0):
            # 2. One pass for both losses: logits of the masked cells, hidden states of all.
            out = self.model(shown, output_last_hidden_state=True, cells=masked)
            cost = cell_cross_entropy(out.logits, batch.tokens[masked])  # Float[M]
            # 3. L_TPS: each cost is divided by the probability that its cell is still masked, and by the
            #    length of the answer.
            row = masked.nonzero()[:, 0]  # Int[M], the row of each masked cell
            left = masked.sum(-1) / batch.masked.sum(-1).clamp(min=1)  # Float[R], the share still masked
            weighted = cost / (batch.p[masked] * left[row]) / lengths[row]  # Float[M]
            token_loss = weighted.sum() / len(lengths)
        # 4. L_UPS: the head learns to keep right tokens (1) and not wrong ones (0); see policy_targets.
        y = policy_targets(batch.tokens, shown, masked, (-cost).exp().detach(), batch.answer)  # Float[A]
        keep = self.head(out.last_hidden_state.detach()[batch.answer])  # Float[A], logits, from [A, D]
        policy = policy_loss(keep, y, batch.answer.nonzero()[:, 0], len(lengths))
        # 5. Together; and the share of wrong tokens that the policy was shown.
        loss = self.tokens_weight * token_loss + self.policy_weight * policy
        wrong = (shown != batch.tokens) & batch.answer & ~masked  # Bool[R, L]
        share = (wrong.sum(-1) / lengths).mean()
        return Losses(loss, {"token_loss": token_loss, "policy_loss": policy, "wrong": share})

    @torch.no_grad()
    def with_own(self, batch: RemaskBatch) -> tuple[Tensor, Tensor]:
        """Input and masks after the model has made one decoding step: it writes the likeliest tokens, right
        or wrong, into masked cells that the policy draws (Plackett-Luce: log sigmoid(h) + Gumbel noise)."""
        shown, masked = batch.input_ids, batch.masked  # Int[R, L], Bool[R, L]
        if not bool(batch.fill.any()):
            return shown, masked
        # 1. The likeliest token of every masked cell, never the mask itself.
        out = self.model(shown, cells=masked, output_last_hidden_state=True)
        logits = out.logits.float()  # Float[M, vocabulary]
        logits[:, self.model.config.mask_token_id] = -torch.inf
        guess = shown.masked_scatter(masked, logits.argmax(-1))  # Int[R, L]
        # 2. The order in which the policy would write them: 0 first, cells without a mask last.
        scores = torch.full(masked.shape, -torch.inf, device=masked.device)
        scores[masked] = F.logsigmoid(self.head(out.last_hidden_state[masked])).float()
        rank = (scores + batch.gumbel).argsort(-1, descending=True).argsort(-1)  # Int[R, L]
        # 3. The first of them are written, as many as the row's share says.
        count = (batch.fill * masked.sum(-1)).round()  # Float[R]
        written = masked & (rank < count[:, None])  # Bool[R, L]
        return torch.where(written, guess, shown), masked & ~written
