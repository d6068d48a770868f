"""Objectives against sums written out by hand."""

from __future__ import annotations

import pytest
import torch

from training.shared.losses import cell_cross_entropy, masked_mean_loss, pretrain_loss, sft_loss
from training.shared.noise import uniform_noise


def test_losses_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 1.0]])
    ce = cell_cross_entropy(logits, torch.tensor([0, 1, 0]))
    assert ce.tolist() == pytest.approx([0.126928, 0.693147, 1.313262], abs=1e-5)
    p, row = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0, 0, 1])
    weighted = [0.126928 / 0.5, 0.693147 / 0.25, 1.313262 / 0.25]
    assert float(pretrain_loss(ce, p, 2, 10)) == pytest.approx(sum(weighted) / 20, abs=1e-5)
    by_hand = ((weighted[0] + weighted[1]) / 4 + weighted[2] / 8) / 2
    assert float(sft_loss(ce, p, row, torch.tensor([4, 8]))) == pytest.approx(by_hand, abs=1e-5)
    assert float(masked_mean_loss(ce)) == pytest.approx(sum(ce.tolist()) / 3)


def test_pretrain_loss_is_unbiased_in_t() -> None:
    """The expectation over masks of CE / p is the sum of CE: the weights do what they are for."""
    generator = torch.Generator().manual_seed(0)
    ce = torch.rand(40, generator=generator)
    total = 0.0
    for _ in range(4000):
        p = float(torch.rand(1, generator=generator)) * 0.8 + 0.2
        masked = torch.rand(40, generator=generator) < p
        total += float(pretrain_loss(ce[masked], torch.full((int(masked.sum()),), p), 1, 40))
    assert total / 4000 == pytest.approx(float(ce.mean()), rel=0.02)


CELLS, EPS = 3, 1e-3


def cost_of(cell: int, masked: frozenset[int]) -> float:
    """The cross-entropy of a masked cell: any function of which cells are masked will do."""
    return 0.3 + 0.2 * cell + 0.7 * len(masked) + 0.05 * sum(masked) * cell


def exact_elbo() -> float:
    """E over p ~ U(eps, 1) and all masks of sum CE / p: every mask with its probability, p by the
    trapezoid rule on a grid that is fine near eps."""
    grid = torch.logspace(-3, 0, 20_001, dtype=torch.float64)
    total = torch.zeros_like(grid)
    for bits in range(1, 2**CELLS):
        masked = frozenset(i for i in range(CELLS) if bits >> i & 1)
        costs = sum(cost_of(cell, masked) for cell in masked)
        total += grid ** len(masked) * (1 - grid) ** (CELLS - len(masked)) * costs / grid
    return float(torch.trapezoid(total, grid) / (1 - EPS))


def estimate(at_least_one: bool, rows: int = 200_000) -> float:
    """The same by the noise and the loss that training uses; two prompt cells in front."""
    answer = torch.tensor([[False] * 2 + [True] * CELLS]).expand(rows, -1)
    masked, p = uniform_noise(answer, torch.Generator().manual_seed(0), EPS, at_least_one)
    table = torch.zeros(2**CELLS, CELLS)
    for bits in range(1, 2**CELLS):
        chosen = frozenset(i for i in range(CELLS) if bits >> i & 1)
        table[bits] = torch.tensor([cost_of(i, chosen) for i in range(CELLS)])
    bits = (masked[:, 2:] * torch.tensor([1, 2, 4])).sum(-1)
    row, cell = masked.nonzero().unbind(-1)
    loss = sft_loss(table[bits[row], cell - 2], p[masked], row, answer.sum(-1))
    return float(loss) * CELLS


def test_the_weighted_loss_equals_exact_enumeration() -> None:
    """Unbiased over p ~ U(eps, 1); a cell masked by force, for rows without one, would not be."""
    wanted = exact_elbo()
    assert estimate(at_least_one=False) == pytest.approx(wanted, rel=0.02)
    assert estimate(at_least_one=True) > 1.5 * wanted


def test_masked_cells_are_as_many_as_the_rate_says() -> None:
    """E[masked] = (1 - eps) t + eps; t comes one from each stratum, so its mean is known."""
    answer = torch.zeros(2000, 30, dtype=torch.bool)
    answer[:, 10:] = True
    for eps in (1e-3, 0.3):
        masked, p = uniform_noise(answer, torch.Generator().manual_seed(1), eps, at_least_one=False)
        t = ((p[:, 0] - eps) / (1 - eps)).sort().values
        place = t * 2000 - torch.arange(2000)
        assert -0.01 < float(place.min()) and float(place.max()) < 1.01
        rate = masked[:, 10:].float().mean(-1)
        assert float((rate - p[:, 0]).mean().abs()) < 0.01
        assert float((rate - p[:, 0]).std()) < 0.1
        assert not bool(masked[:, :10].any())
