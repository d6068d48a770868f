"""Drawing tokens, confidences and orderings: the small pure functions every sampler shares."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from samplers.canvas import Canvas

ORDERINGS = ("probability", "random", "margin", "entropy")
_CHUNK_BYTES = 64 * 2**20  # float64 noise is drawn in pieces of at most this size


def quota(masks: int, steps: int) -> list[int]:
    """Commits a step: masks // steps, and one more in the first masks % steps steps."""
    base, extra = divmod(masks, steps)
    return [base + (step < extra) for step in range(steps)]


def transfer_schedule(cells: Tensor, steps: int) -> Tensor:
    """Int[rows, steps] for the masked cells, Bool[rows, length], of a block."""
    return torch.tensor([quota(n, steps) for n in cells.sum(-1).tolist()])


def draw_tokens(
    logits: Tensor, temperature: float, row: Sequence[int], rng: Sequence[torch.Generator]
) -> Tensor:
    """One token a cell, Int[n]: argmax, or at T > 0 a draw from softmax(logits / T).

    logits: Float[n, vocab], cells in row-major order; row: Int[n], the row of each cell. The
    Gumbel-max draw argmax(logits + T * g) is done in float64, in log form, u clamped.
    """
    if temperature == 0:
        return logits.argmax(-1)
    drawn = torch.empty(len(logits), dtype=torch.long, device=logits.device)
    piece = max(1, _CHUNK_BYTES // (8 * logits.shape[-1]))
    start = 0
    while start < len(logits):
        stop = start + 1
        while stop < len(logits) and row[stop] == row[start] and stop - start < piece:
            stop += 1
        uniform = torch.rand(
            (stop - start, logits.shape[-1]), generator=rng[row[start]], dtype=torch.float64
        ).clamp_(1e-300, 1 - 1e-16)
        noise = -torch.log(-torch.log(uniform)).to(logits.device)
        drawn[start:stop] = (logits[start:stop].double() + temperature * noise).argmax(-1)
        start = stop
    return drawn


def probability_of(logits: Tensor, tokens: Tensor) -> Tensor:
    """softmax(logits) at the tokens, Float[n]: raw logits, no temperature, no noise."""
    chosen = logits.gather(-1, tokens[:, None])[:, 0]
    return (chosen - logits.logsumexp(-1)).exp().clamp(0, 1)


def ordering_scores(
    kind: str,
    logits: Tensor,
    probability: Tensor,
    row: Sequence[int],
    rng: Sequence[torch.Generator],
) -> Tensor:
    """Float[n], higher is committed earlier. `margin` and `entropy` as in Dream (2508.15487)."""
    if kind == "probability":
        return probability
    if kind == "random":
        counts = [(r, row.count(r)) for r in dict.fromkeys(row)]
        return torch.cat([torch.rand(n, generator=rng[r]) for r, n in counts]).to(logits.device)
    if kind == "margin":
        top = logits.softmax(-1).topk(2, -1).values
        return top[:, 0] - top[:, 1]
    logs = logits.log_softmax(-1)
    return (logs.exp() * logs.masked_fill(logs == -torch.inf, 0)).sum(-1)


def top_cells(cells: Tensor, scores: Tensor, k: Tensor) -> Tensor:
    """Bool[rows, length]: in each row the k[row] cells of highest score; ties go to the left.

    cells: Bool[rows, length]; scores: Float[n], row-major over cells; k: Int[rows].
    """
    spread = torch.full(cells.shape, -torch.inf, dtype=scores.dtype)
    spread[cells] = scores
    order = torch.sort(spread, dim=-1, descending=True, stable=True).indices
    rank = torch.empty_like(order).scatter_(
        -1, order, torch.arange(cells.shape[1]).expand(cells.shape)
    )
    return cells & (rank < k[:, None])


def finished_rows(canvas: Canvas) -> Tensor:
    """Bool[rows]: an EOS stands in the answer with no mask before it."""
    if canvas.eos_id is None:
        return torch.zeros(canvas.rows, dtype=torch.bool)
    answer = canvas.tokens[:, canvas.prompt_length :]
    masks_before = canvas.masked[:, canvas.prompt_length :].long().cumsum(-1)
    return ((answer == canvas.eos_id) & (masks_before == 0)).any(-1)
