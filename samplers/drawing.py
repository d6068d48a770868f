"""Drawing tokens, confidences and orderings: the small pure functions every sampler shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.canvas import Canvas
from samplers.forwards.transfer import spread, to_device

ORDERINGS = ("probability", "random", "margin", "entropy", "origin")
_CHUNK_BYTES = 64 * 2**20  # float64 probabilities are computed in pieces of at most this size


def quota(masks: int, steps: int) -> list[int]:
    """Commits a step: masks // steps, and one more in the first masks % steps steps."""
    base, extra = divmod(masks, steps)
    return [base + (step < extra) for step in range(steps)]


def transfer_schedule(cells: Tensor, steps: int | Tensor) -> Tensor:
    """Int[rows, steps] for the masked cells, Bool[rows, length]; steps: one, or Int[rows] (the
    schedules of rows with fewer steps end in zeros)."""
    each = torch.as_tensor(steps).expand(len(cells)).tolist()
    plans = [quota(n, s) for n, s in zip(cells.sum(-1).tolist(), each, strict=True)]
    most = max(each, default=0)
    return torch.tensor([plan + [0] * (most - len(plan)) for plan in plans])


@dataclass(frozen=True)
class Cut:
    """Which tokens may be drawn, after the temperature: the likeliest until their probabilities
    reach top_p, and of these at most top_k (0: no limit); the likeliest always.

    crossing: the token that carries the sum over top_p may be drawn (as in Dream and elsewhere), or
    may not (as in ReMDM's code).
    """

    top_p: float = 1.0
    top_k: int = 0
    crossing: bool = True

    def off(self, logits: Tensor, temperature: float) -> Tensor:
        """Logits, Float[n, vocab], with -inf at the tokens that may not be drawn."""
        if self.top_p >= 1 and not self.top_k:
            return logits
        return logits.masked_fill(~self.stays(logits.double() / temperature), -torch.inf)

    def stays(self, logits: Tensor) -> Tensor:
        """Bool[n, vocab]: the tokens that may be drawn. logits: the same shape, over the temperature."""
        ordered, token = logits.sort(dim=-1, descending=True, stable=True)
        share = ordered.softmax(-1).cumsum(-1)
        if self.crossing:  # what stood before the token decides
            share = share.roll(1, -1)
            share[:, 0] = 0
        stays = share <= self.top_p if self.top_p < 1 else torch.ones_like(share, dtype=torch.bool)
        if self.top_k:
            stays[:, self.top_k :] = False
        stays[:, 0] = True
        return torch.zeros_like(stays).scatter_(-1, token, stays)


EVERY_TOKEN = Cut()


def draw_tokens(
    logits: Tensor,
    temperature: float,
    row: Sequence[int],
    rng: Sequence[torch.Generator],
    cut: Cut = EVERY_TOKEN,
) -> Tensor:
    """One token a cell, Int[n]: argmax, or at T > 0 a draw from softmax(logits / T) cut off.

    logits: Float[n, vocab], cells in row-major order; row: Int[n], the row of each cell. One uniform
    number a cell, looked up in the cumulated float64 softmax (docs/decisions/010).
    """
    if temperature == 0:
        return logits.argmax(-1)
    chance = to_device(uniform(row, rng, torch.float64)[:, None], logits.device)
    piece = max(1, _CHUNK_BYTES // (8 * logits.shape[-1]))
    parts = [
        _inverse(
            cut.off(logits[start : start + piece], temperature), temperature, chance[start : start + piece]
        )
        for start in range(0, len(logits), piece)
    ]
    return torch.cat(parts) if parts else logits.argmax(-1)


def _inverse(logits: Tensor, temperature: float, chance: Tensor) -> Tensor:
    """Int[n]: the first token at which the cumulated softmax(logits / T) exceeds chance, Float[n, 1]."""
    mass = logits.to(torch.float64, copy=True)  # [n, vocab], becomes the cumulated mass in place
    likeliest = mass.max(-1, keepdim=True)
    mass -= likeliest.values
    mass.div_(temperature).exp_()
    torch.cumsum(mass, -1, out=mass)
    drawn = torch.searchsorted(mass, chance * mass[:, -1:], right=True)[:, 0].clamp(max=mass.shape[-1] - 1)
    # Where rounding lets a sum grow at a forbidden token (once in 2^50 draws, on a GPU): the likeliest.
    forbidden = logits.gather(-1, drawn[:, None])[:, 0] == -torch.inf
    return torch.where(forbidden, likeliest.indices[:, 0], drawn)


def uniform(row: Sequence[int], rng: Sequence[torch.Generator], dtype: torch.dtype) -> Tensor:
    """Float[n] in [0, 1), on the CPU: a number a cell, from the stream of its row. row: Int[n]."""
    counts = [(r, row.count(r)) for r in dict.fromkeys(row)]
    drawn = [torch.rand(n, generator=rng[r], dtype=dtype) for r, n in counts]
    return torch.cat(drawn) if drawn else torch.empty(0, dtype=dtype)


def probability_of(logits: Tensor, tokens: Tensor) -> Tensor:
    """softmax(logits) at the tokens, Float[n]: raw logits, no temperature, no noise.

    The published arithmetic, which decides the order of commits: exp(logit - logsumexp) ties where
    softmax does not (near 1 its steps are those of the logits, 2e-6 at 16 to 32, not 6e-8).
    """
    return logits.softmax(-1).gather(-1, tokens[:, None])[:, 0]


def ordering_scores(
    kind: str,
    logits: Tensor,
    probability: Tensor,
    row: Sequence[int],
    rng: Sequence[torch.Generator],
) -> Tensor:
    """Float[n], higher is committed earlier. `margin` and `entropy` as in Dream (2508.15487)."""
    if kind in ("probability", "origin"):
        return probability
    if kind == "random":
        return to_device(uniform(row, rng, torch.float32), logits.device)
    if kind == "margin":
        top = logits.softmax(-1).topk(2, -1).values
        return top[:, 0] - top[:, 1]
    return -entropy(logits)


def entropy(logits: Tensor) -> Tensor:
    """Float[n], in nats, of softmax(logits)."""
    logs = logits.log_softmax(-1)
    return -(logs.exp() * logs.masked_fill(logs == -torch.inf, 0)).sum(-1)


def shuffled(
    scores: Tensor, temperature: float, row: Sequence[int], rng: Sequence[torch.Generator]
) -> Tensor:
    """Scores, Float[n], whose k highest are a draw of k cells without replacement from
    softmax(scores / temperature) of each row (Gumbel top-k); 0 leaves them as they are."""
    if temperature == 0:
        return scores
    noise = -torch.log(-torch.log(uniform(row, rng, torch.float64).clamp_(1e-300, 1 - 1e-16)))
    return scores.double() / temperature + to_device(noise, scores.device)


def fair_share(masks: Tensor, steps: int | Tensor) -> Tensor:
    """Int[rows]: ceil(masks / steps), the least a step commits so that `steps` suffice."""
    return -(-masks // steps)


def random_cells(cells: Tensor, p: float | Tensor, rng: Sequence[torch.Generator]) -> Tensor:
    """Each cell of Bool[rows, length] with probability p (one, or Float[n] row-major)."""
    counts = cells.sum(-1).tolist()
    drawn = [torch.rand(n, generator=rng[r], dtype=torch.float64) for r, n in enumerate(counts) if n]
    chosen = cells.clone()
    if drawn:
        chosen[cells] = torch.cat(drawn) < p
    return chosen


def ranks(cells: Tensor, scores: Tensor) -> Tensor:
    """Int[rows, length]: the rank of each cell in its row, 0 for the highest score; ties go to the
    left; other positions come last. cells: Bool[rows, length] on the host; scores: Float[n], row-major, on
    any device, where the ranks are then."""
    order = torch.sort(spread(cells, scores, -torch.inf), dim=-1, descending=True, stable=True).indices
    counted = torch.arange(cells.shape[1], device=order.device).expand(cells.shape)
    return torch.empty_like(order).scatter_(-1, order, counted)


def top_cells(cells: Tensor, scores: Tensor, k: Tensor) -> Tensor:
    """Bool[rows, length], on the device of the scores: in each row the k[row], Int[rows], cells of highest
    score. cells and k on the host."""
    rank = ranks(cells, scores)
    return to_device(cells, rank.device) & (rank < to_device(k, rank.device)[:, None])


def finished_rows(canvas: Canvas) -> Tensor:
    """Bool[rows]: an EOS stands in the answer with no mask before it."""
    if canvas.eos_id is None:
        return torch.zeros(canvas.rows, dtype=torch.bool)
    answer = canvas.tokens[:, canvas.prompt_length :]
    masks_before = canvas.masked[:, canvas.prompt_length :].long().cumsum(-1)
    real = canvas.attention_mask[:, canvas.prompt_length :]
    return ((answer == canvas.eos_id) & real & (masks_before == 0)).any(-1)
