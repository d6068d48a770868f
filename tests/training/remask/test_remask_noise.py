"""RemeDi's noise: rates by count, prompts clean, wrong tokens always wrong and never special."""

from __future__ import annotations

import pytest
import torch

from training.remask.remask_noise import (
    RemaskNoise,
    mask_rate,
    ordinary_ids,
    other_tokens,
    remask_noise,
    wrong_rate,
)

VOCABULARY, MASK, SPECIAL = 40, 7, [0, 7, 8, 39]
ORDINARY = ordinary_ids(VOCABULARY, SPECIAL)
PROMPT = 5


def clean(rows: int, length: int = 105) -> tuple[torch.Tensor, torch.Tensor]:
    """Ordinary tokens and an EOS (0) tail, which is learned; the first cells are the prompt."""
    draw = torch.Generator().manual_seed(3)
    tokens = ORDINARY[torch.randint(len(ORDINARY), (rows, length), generator=draw)]
    tokens[:, -10:] = 0
    answer = torch.zeros(rows, length, dtype=torch.bool)
    answer[:, PROMPT:] = True
    return tokens, answer


def noised(t: float, r: float = 0.1, rows: int = 2000) -> tuple[torch.Tensor, torch.Tensor, RemaskNoise]:
    tokens, answer = clean(rows)
    draw = torch.Generator().manual_seed(0)
    return tokens, answer, remask_noise(tokens, answer, torch.full((rows,), t), r, MASK, ORDINARY, draw)


@pytest.mark.parametrize("t", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("r", [0.1, 0.2])
def test_the_rates_are_the_papers(t: float, r: float) -> None:
    _, answer, noise = noised(t, r)
    masked, wrong = noise.masked[answer].float(), noise.wrong[answer].float()
    rho_mask, rho_wrong = 0.999 * t + 0.001, 4 * r * t * (1 - t)
    assert float(masked.mean()) == pytest.approx(rho_mask, abs=0.004)
    assert float(wrong.mean()) == pytest.approx((1 - rho_mask) * rho_wrong, abs=0.003)
    assert torch.allclose(noise.p, torch.tensor(rho_mask))
    if 0 < t < 1:  # of those left
        assert float(wrong.sum() / (1 - masked).sum()) == pytest.approx(rho_wrong, abs=0.015)


def test_rates_at_both_ends() -> None:
    t = torch.tensor([0.0, 0.5, 1.0])
    assert mask_rate(t).tolist() == pytest.approx([0.001, 0.5005, 1.0])
    assert wrong_rate(t, 0.1).tolist() == pytest.approx([0.0, 0.1, 0.0])


def test_every_cell_is_what_the_maps_say() -> None:
    tokens, answer, noise = noised(0.5)
    shown, masked, wrong = noise.input_ids, noise.masked, noise.wrong
    assert torch.equal(shown[:, :PROMPT], tokens[:, :PROMPT])
    assert not bool((masked & wrong).any()) and not bool(((masked | wrong) & ~answer).any())
    assert bool((shown[masked] == MASK).all())
    assert bool((shown[wrong] != tokens[wrong]).all())
    assert bool(torch.isin(shown[wrong], ORDINARY).all())
    assert torch.equal(shown[~masked & ~wrong], tokens[~masked & ~wrong])
    assert bool(wrong[:, -10:].any()), "the EOS tail can be wrong too"


@pytest.mark.parametrize("there", range(VOCABULARY))
def test_other_tokens_are_uniform_over_what_is_left(there: int) -> None:
    drawn = other_tokens(torch.full((12_000,), there), ORDINARY, torch.Generator().manual_seed(there))
    allowed = [i for i in ORDINARY.tolist() if i != there]
    counts = torch.bincount(drawn, minlength=VOCABULARY)
    assert counts[allowed].sum() == 12_000
    share = 12_000 / len(allowed)
    assert (counts[allowed] - share).abs().max() < 5 * share**0.5


def test_ordinary_ids_leave_out_special_ones_and_ids_beyond_the_vocabulary() -> None:
    assert ordinary_ids(6, [0, 3, 99, -1]).tolist() == [1, 2, 4, 5]


def test_the_same_generator_gives_the_same_noise() -> None:
    first, again = noised(0.4)[2], noised(0.4)[2]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
