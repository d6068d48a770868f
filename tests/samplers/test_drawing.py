"""Drawing: one number a cell, looked up in the cumulated distribution; confidences that do not tie."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from samplers import drawing
from samplers.drawing import draw_tokens, probability_of

LOGITS = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=12)
FORBIDDEN = -math.inf


def cumulated(logits: list[float], temperature: float) -> list[float]:
    """The distribution function of softmax(logits / T), by plain arithmetic."""
    masses = [math.exp((value - max(logits)) / temperature) for value in logits]
    total = math.fsum(masses)
    return list(accumulate(mass / total for mass in masses))


@given(logits=LOGITS, temperature=st.floats(0.05, 5), seed=st.integers(0, 999), holes=st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_a_draw_is_the_inverse_of_the_distribution(
    logits: list[float], temperature: float, seed: int, holes: int
) -> None:
    """Which is what makes equally likely numbers into tokens as likely as softmax(logits / T) says."""
    logits = [FORBIDDEN] * holes + logits + [FORBIDDEN] * holes
    drawn = draw_tokens(
        torch.tensor([logits] * 9), temperature, [0] * 9, (torch.Generator().manual_seed(seed),)
    )
    chances = torch.rand(9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).tolist()
    below = [0.0, *cumulated(logits, temperature)]
    for token, chance in zip(drawn.tolist(), chances, strict=True):
        assert logits[token] > FORBIDDEN
        assert below[token] - 1e-9 <= chance <= below[token + 1] + 1e-9


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_shares_of_many_draws_are_those_of_the_distribution(temperature: float) -> None:
    n, logits = 200_000, torch.tensor([0.0, 1.0, 2.0, -1.0, FORBIDDEN, 0.5])
    tokens = draw_tokens(logits.expand(n, 6), temperature, [0] * n, (torch.Generator().manual_seed(1),))
    share = torch.bincount(tokens, minlength=6) / n
    wanted = (logits.double() / temperature).softmax(-1)
    assert ((share - wanted).abs() <= 4.5 * (wanted * (1 - wanted) / n).sqrt()).all()


def test_rows_draw_alone_what_they_draw_together_in_pieces_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logits = torch.randn(30, 17, generator=torch.Generator().manual_seed(0))
    row = [0] * 11 + [2] * 19

    def streams() -> tuple[torch.Generator, ...]:
        return tuple(torch.Generator().manual_seed(seed) for seed in (5, 6, 7))

    together = draw_tokens(logits, 0.8, row, streams())
    assert together[:11].tolist() == draw_tokens(logits[:11], 0.8, row[:11], streams()).tolist()
    assert together[11:].tolist() == draw_tokens(logits[11:], 0.8, row[11:], streams()).tolist()
    monkeypatch.setattr(drawing, "_CHUNK_BYTES", 4 * 17 * 8)
    assert draw_tokens(logits, 0.8, row, streams()).tolist() == together.tolist()


def test_one_number_a_cell_and_the_logits_stay_as_they_are() -> None:
    for dtype in (torch.float32, torch.float64):
        logits = torch.randn(4, 50, dtype=dtype)
        before, generator = logits.clone(), torch.Generator().manual_seed(3)
        draw_tokens(logits, 1.0, [0] * 4, (generator,))
        other = torch.Generator().manual_seed(3)
        torch.rand(4, generator=other, dtype=torch.float64)
        assert torch.equal(generator.get_state(), other.get_state())
        assert torch.equal(logits, before)
    assert draw_tokens(torch.empty(0, 50), 1.0, [], ()).tolist() == []


def test_f39_sure_cells_do_not_tie() -> None:
    """Two cells of which the second is surer: exp(logit - logsumexp) in float32 gives both 1."""
    logits = torch.full((2, 100), 1.0)
    logits[0, 7], logits[1, 7] = 20.0, 20.5
    tokens = torch.tensor([7, 7])
    old = (logits[:, 7] - logits.logsumexp(-1)).exp()
    assert old[0] == old[1]
    new = probability_of(logits, tokens)
    assert new[0] < new[1] <= 1
    assert torch.equal(new, logits.softmax(-1)[:, 7])
