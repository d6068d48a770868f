"""A process reward model on a LLaDA: every token against what the network would have written there.

A masked-diffusion model predicts tokens at masks only. So each token of the answer gets a shadow: a mask
at the same position that sees the question and the tokens before it (as in WINO, 2507.18578, but of one
cell). A small judge compares what the shadow predicts with the token that stands there: is it right, if all
before it are? A step's score is the product over the answer so far, P(nothing is wrong up to its end). So it
depends neither on where the answer is cut nor on the text behind it. Our own; see docs/decisions/007.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM

TRUST = 4.0
"""Log-odds that a fresh judge gives a token of which the network is sure."""


class ShadowRewardModel(nn.Module):
    """`llada`: the network; `judge`: log-odds of a token, given the shadow's state, the token's row of
    the output head and its log-probability there. A fresh judge is TRUST + the log-probability."""

    def __init__(self, config: LLaDAConfig, judge_width: int) -> None:
        super().__init__()
        self.llada = LLaDAModelLM(config)
        last = nn.Linear(judge_width, 1)
        self.judge = nn.Sequential(nn.Linear(2 * config.d_model + 1, judge_width), nn.ReLU(), last)
        self.level = nn.Parameter(torch.tensor([1.0, TRUST]))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    @property
    def limits(self) -> tuple[int, int]:
        """Longest row, in tokens, and size of the vocabulary."""
        return int(self.llada.config.max_sequence_length), int(self.llada.config.vocab_size)

    def step_logits(self, ids: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """Logits of wrong and right, Float[n steps, 2], row-major: log(1 - P) and log P with P the
        product over the answer's tokens up to the end of the step.

        ids: Int[rows, length], padded on the right; starts: Int[rows], where answers begin; ends:
        Bool[rows, length], the last token of each step.
        """
        answer = torch.arange(ids.shape[1], device=ids.device) >= starts[:, None]
        token_scores = F.logsigmoid(self.token_logits(ids, starts)) * answer
        step_scores = token_scores.cumsum(-1)[ends].clamp(max=-1e-6)
        return torch.stack((torch.log(-torch.expm1(step_scores)), step_scores), -1)

    def token_logits(self, ids: Tensor, starts: Tensor) -> Tensor:
        """Log-odds that each token is right, given what stands before it: Float[rows, length], 0 before
        the first answer of the batch begins."""
        first, length = int(starts.min()), ids.shape[1]
        masks = ids.new_full((len(ids), length - first), int(self.llada.config.mask_token_id))
        place = torch.arange(length, device=ids.device)
        hidden = self.llada.hidden(
            torch.cat((ids, masks), -1),
            position_ids=torch.cat((place, place[first:]))[None],
            visible=visibility(starts, length, first)[:, None],
        )[:, length:]
        answer = ids[:, first:]
        surprise = F.cross_entropy(self.llada.head(hidden).float().transpose(1, 2), answer, reduction="none")
        rows = F.embedding(answer, self.llada.get_output_embeddings().weight)  # type: ignore[arg-type]
        features = torch.cat((hidden.float(), rows.float(), -surprise[..., None]), -1)
        judged = self.judge(features)[..., 0].float() - self.level[0] * surprise + self.level[1]
        return F.pad(judged, (first, 0))


def visibility(starts: Tensor, length: int, first: int) -> Tensor:
    """Who sees whom: Bool[rows, n, n], n = 2 length - first: cells 0 .. length, then the shadows of cells
    first .. length. Cells of a question see the whole question; a cell of the answer sees what stands
    before it, and itself; a shadow sees what stands before its cell, and itself. starts: Int[rows], where
    answers begin."""
    place = torch.arange(length, device=starts.device)
    question = place < starts[:, None]
    cells = (place <= place[:, None]) | question[:, None]
    shadows = (place < place[first:, None]) | question[:, None]
    own = torch.eye(length - first, dtype=torch.bool, device=starts.device)
    nobody = own.new_zeros(length, length - first)
    sees_cells = torch.cat((cells, shadows), 1)
    sees_shadows = torch.cat((nobody, own)).expand(len(starts), -1, -1)
    return torch.cat((sees_cells, sees_shadows), -1)
