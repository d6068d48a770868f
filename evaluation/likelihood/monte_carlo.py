"""How likely a masked-diffusion model finds an answer: LLaDA's Monte Carlo estimate.

LLaDA (2502.09992), equation 14 (appendix A.2): mask a random number of answer tokens, sum their
cross-entropy, divide by the share that was masked. Masks are drawn as algorithm 3 has it, with the
numbers of masked tokens stratified over the batch. Deviation: exact halves are rounded up, not to
the even neighbour, so that every number of masks is equally likely whatever the batch.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from samplers.canvas import Canvas, new_canvas
from samplers.denoiser import Denoiser


@dataclass(frozen=True)
class LogLikelihood:
    """A log-likelihood in nats and its standard error: 0 when it is exact, None when there was one batch
    only."""

    log_likelihood: float
    standard_error: float | None


def mask_counts(first: int, rows: int, length: int) -> list[int]:
    """Masked tokens of each row, in 1 .. length: `first` (k), then on in even strides, from 1 again after
    length.

    x_i = ((round(k + i * length / rows) - 1) mod length) + 1; uniform in every row when k is.
    """
    return [(first + (2 * i * length + rows) // (2 * rows) - 1) % length + 1 for i in range(rows)]


def answer_canvas(prompt: Sequence[int], length: int, rows: int, mask_id: int) -> Canvas:
    """`rows` copies of the prompt, each with `length` masked cells after it."""
    return new_canvas([prompt] * rows, length, mask_id)


def log_probabilities(denoise: Denoiser, canvas: Canvas, answer: Tensor, masked: Tensor) -> Tensor:
    """Of the masked answer tokens, Float[n], row-major; one denoiser call.

    answer: Int[length]; masked: Bool[rows, length]. Unmasked answer cells hold the answer. Logits
    are the denoiser's own: mask token at -inf, guidance as in decoding.
    """
    assert canvas.mask_id is not None
    canvas.tokens[:, canvas.prompt_length :] = torch.where(masked, canvas.mask_id, answer)
    cells = torch.zeros(canvas.tokens.shape, dtype=torch.bool)
    cells[:, canvas.prompt_length :] = masked
    logits = denoise(canvas, cells)
    targets = answer.expand(masked.shape)[masked].to(logits.device)
    return (logits.gather(-1, targets[:, None])[:, 0] - logits.logsumexp(-1)).double().cpu()


@torch.no_grad()
def monte_carlo(
    denoise: Denoiser,
    prompt: Sequence[int],
    answer: Sequence[int],
    mask_id: int,
    mc_num: int = 128,
    batch_size: int = 16,
    seed: int = 0,
) -> LogLikelihood:
    """log p(answer | prompt), estimated from mc_num masked copies in batches of batch_size rows.

    An answer of one token is exact, and takes one copy. The standard error is that of the mean over
    batches. Answers of one length get the same masks for the same seed, which makes differences
    between them steadier.
    """
    length = len(answer)
    rows, batches = (1, 1) if length == 1 else (batch_size, checked_batches(mc_num, batch_size))
    rng = torch.Generator().manual_seed(seed)
    canvas, target = answer_canvas(prompt, length, rows, mask_id), torch.tensor(list(answer))
    means = []
    for _ in range(batches):
        first = int(torch.randint(1, length + 1, (1,), generator=rng))
        counts = torch.tensor(mask_counts(first, rows, length))
        masked = torch.rand(rows, length, generator=rng).argsort(-1) < counts[:, None]
        log_p = log_probabilities(denoise, canvas, target, masked)
        sums = torch.zeros(rows, dtype=torch.double).index_add(0, masked.nonzero()[:, 0], log_p)
        means.append(float((sums * length / counts).mean()))
    return LogLikelihood(statistics.fmean(means), 0.0 if length == 1 else error_of_mean(means))


def checked_batches(mc_num: int, batch_size: int) -> int:
    """How many full batches make mc_num copies; ValueError if they are not full."""
    if batch_size < 1:
        raise ValueError(f"batch_size = {batch_size!r} is not valid; allowed: at least 1")
    if mc_num < 1 or mc_num % batch_size:
        allowed = f"a multiple of batch_size = {batch_size}, above 0"
        raise ValueError(f"mc_num = {mc_num!r} is not valid; allowed: {allowed}")
    return mc_num // batch_size


def error_of_mean(values: Sequence[float]) -> float | None:
    """Standard deviation of the mean; None of a single value."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
