"""Objectives against sums written out by hand."""

from __future__ import annotations

import pytest
import torch

from training.objectives import cell_cross_entropy, masked_mean_loss, pretrain_loss, sft_loss


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
