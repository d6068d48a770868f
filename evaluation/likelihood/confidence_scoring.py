"""How likely a model writes an answer, without random masks: for multiple choice.

iLLaDA (2606.25331) introduces "confidence-based scoring" for multiple choice; its abstract gives no
formula, so what is done here is ours. Two ways, both exact sums without a random number:

- `confidence`: from a fully masked answer, the cell whose prediction is surest (as LLaDA's sampler
  ranks cells) is filled with *the answer's* token, and the log-probability of that token is added;
  so on until the answer stands. Because the choice of the cell never looks at the answer's token,
  the scores of all answers of one length are the logarithms of probabilities that sum to one.
  As many forwards as the answer has tokens.
- `one_pass`: the log-probabilities of all tokens of the fully masked answer, in one forward.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from evaluation.likelihood.monte_carlo import LogLikelihood, answer_canvas, log_probabilities
from samplers.denoiser import Denoiser


@torch.no_grad()
def one_pass(denoise: Denoiser, prompt: Sequence[int], answer: Sequence[int], mask_id: int) -> LogLikelihood:
    """Sum of the answer tokens' log-probabilities when all of them are masked."""
    canvas, target = answer_canvas(prompt, len(answer), 1, mask_id), torch.tensor(list(answer))
    masked = torch.ones(1, len(answer), dtype=torch.bool)
    return LogLikelihood(float(log_probabilities(denoise, canvas, target, masked).sum()), 0.0)


@torch.no_grad()
def in_order_of_confidence(
    denoise: Denoiser, prompt: Sequence[int], answer: Sequence[int], mask_id: int
) -> LogLikelihood:
    """Sum of log-probabilities while the answer is filled in, the surest cell first."""
    canvas, target = answer_canvas(prompt, len(answer), 1, mask_id), torch.tensor(list(answer))
    total = 0.0
    while bool((cells := canvas.masked).any()):
        logits = denoise(canvas, cells)
        surest = int(logits.softmax(-1).amax(-1).argmax())  # ranked as samplers rank
        position = int(cells.nonzero()[surest, 1])
        token = target[position - canvas.prompt_length]
        total += float(logits[surest].log_softmax(-1)[token])
        canvas.tokens[0, position] = token
    return LogLikelihood(total, 0.0)
