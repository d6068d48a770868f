"""Noise: prompts stay clean, rates are right, blocks look as a block-wise sampler meets them."""

from __future__ import annotations

import torch

from training.shared.noise import block_noise, stratified_times, uniform_noise


def maps(rows: int = 64, prompt: int = 5, text: int = 20, tail: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    answer = torch.zeros(rows, prompt + text + tail, dtype=torch.bool)
    answer[:, prompt:] = True
    is_text = answer.clone()
    is_text[:, prompt + text :] = False
    return answer, is_text


def test_stratified_times_has_one_in_each_stratum() -> None:
    times = stratified_times(10, torch.Generator().manual_seed(0))
    assert sorted((times * 10).long().tolist()) == list(range(10))


def test_uniform_noise_rate_is_p_and_prompt_is_clean() -> None:
    answer, _ = maps(rows=4000)
    masked, p = uniform_noise(answer, torch.Generator().manual_seed(0))
    assert not bool((masked & ~answer).any())
    assert bool(masked.any(-1).all())
    high = p[:, 0] > 0.5
    for rows in (high, ~high):
        rate = masked[rows][:, 5:].float().mean()
        assert abs(rate - p[rows, 0].mean()) < 0.01


def test_block_noise_is_clean_before_and_masked_behind() -> None:
    answer, text = maps()
    lengths = torch.tensor([8, 16] * 32)
    masked, _, current = block_noise(answer, text, lengths, torch.Generator().manual_seed(0))
    blocks = set()
    for row in range(64):
        cells = current[row].nonzero()[:, 0]
        first, last = int(cells[0]), int(cells[-1])
        blocks.add((int(lengths[row]), (first - 5) // int(lengths[row])))
        assert (first - 5) % int(lengths[row]) == 0 and bool(text[row, first])
        assert not bool(masked[row, :first].any())
        assert bool(masked[row, first : last + 1].any())
        assert bool(masked[row, last + 1 :].all())
    assert blocks == {(8, 0), (8, 1), (8, 2), (16, 0), (16, 1)}
