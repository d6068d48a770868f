"""DPO for masked diffusion: closed forms at policy = reference, brute force, and the laws of masks."""

from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
from torch import Tensor

from tests.training.tiny_predictor import TinyPredictor
from training.dpo.preference import (
    PreferenceBatch,
    PreferenceModule,
    draw_block_masks,
    draw_masks,
    evidence,
    preference_loss,
    timesteps,
)

MASK, BETA = 4, 0.3


def drawn(rows: int = 3, n: int = 4, seed: int = 0) -> PreferenceBatch:
    """Pairs of 4 prompt tokens and 6 answer tokens."""
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.randint(4, (rows * 2, 10), generator=draw)
    answer = (torch.arange(10) >= 4).expand(rows * 2, 10)
    masked, weight = draw_masks(answer, n, draw)
    sides = (t.view(rows, 2, *t.shape[1:]) for t in (tokens, masked, weight.double()))
    return PreferenceBatch(*sides, lengths=torch.full((rows,), 6))


def module(policy: TinyPredictor, reference: TinyPredictor, sft: float = 0.0) -> PreferenceModule:
    return PreferenceModule(policy, reference.requires_grad_(False), MASK, BETA, sft)


def test_at_the_reference_the_loss_is_log_2_and_the_margin_exactly_0() -> None:
    policy = TinyPredictor()
    loss, figures = module(policy, copy.deepcopy(policy))(drawn())
    assert loss.item() == pytest.approx(math.log(2), abs=1e-15)
    assert figures["margin"].item() == 0.0
    assert figures["preferred"].item() == 0.0


def test_gradient_at_the_reference_is_minus_half_beta_of_the_evidence_gap() -> None:
    """Finite differences of mean(B(y_w) - B(y_l)), weight by weight."""
    policy, batch = TinyPredictor(), drawn()
    around = module(policy, copy.deepcopy(policy))
    around(batch).loss.backward()

    def gap() -> float:
        with torch.no_grad():
            b = around.evidence(policy, batch)
        return float((b[:, 0] - b[:, 1]).mean())

    step = 1e-6
    for parameter in policy.parameters():
        flat, grad = parameter.data.view(-1), parameter.grad.view(-1)
        for i in range(0, len(flat), 2):
            kept = flat[i].item()
            flat[i] = kept + step
            high = gap()
            flat[i] = kept - step
            slope = (high - gap()) / (2 * step)
            flat[i] = kept
            assert grad[i].item() == pytest.approx(-BETA / 2 * slope, abs=1e-7)


def test_policy_and_reference_see_the_same_masks() -> None:
    """Another draw for the reference would leave a margin; and both get the very same input."""
    seen: list[Tensor] = []

    class Spy(TinyPredictor):
        def forward(self, input_ids: Tensor, **how: Tensor) -> object:  # type: ignore[override]
            seen.append(input_ids)
            return super().forward(input_ids, **how)

    policy, batch = Spy(), drawn()
    module(policy, copy.deepcopy(policy))(batch)
    assert torch.equal(*seen)
    other = drawn(seed=1)._replace(tokens=batch.tokens)
    around = module(policy, copy.deepcopy(policy))
    assert (around.evidence(policy, batch) - around.evidence(policy, other)).abs().min() > 1e-3


def test_evidence_is_summed_and_averaged_over_masks_only() -> None:
    cost, weight = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([1.0, 0.5, 2.0, 1.0])
    place = torch.tensor([0, 0, 1, 3])  # answer 0: masks 0 and 1, answer 1: masks 2 (empty) and 3
    assert evidence(cost, weight, place, 2, 2).tolist() == [-(1 + 1 + 6) / 2, -4 / 2]


def test_estimates_are_averaged_inside_the_sigmoid() -> None:
    """By hand: one sigmoid of the mean over masks, not a mean of sigmoids."""
    policy, reference, batch = TinyPredictor(), TinyPredictor(seed=7), drawn(rows=2, n=3)
    around = module(policy, reference)
    found = around(batch).loss.item()
    gains = torch.zeros(2, 2, 3, dtype=torch.float64)
    for row, side, j in itertools.product(range(2), range(2), range(3)):
        tokens, masked = batch.tokens[row, side], batch.masked[row, side, j]
        shown = tokens.masked_fill(masked, MASK)[None]
        for sign, network in ((1, policy), (-1, reference)):
            logp = network(shown).logits[0].log_softmax(-1)[torch.arange(10), tokens]
            gains[row, side, j] += sign * float((logp.detach() * batch.weight[row, side, j]).sum())
    margin = gains.mean(-1)[:, 0] - gains.mean(-1)[:, 1]
    assert found == pytest.approx(float(-torch.log(torch.sigmoid(BETA * margin)).mean()), abs=1e-12)
    outside = -torch.log(torch.sigmoid(BETA * (gains[:, 0] - gains[:, 1]))).mean()
    assert abs(found - float(outside)) > 1e-3


def test_the_chosen_answers_sft_loss_can_be_added() -> None:
    policy, reference, batch = TinyPredictor(), TinyPredictor(seed=7), drawn()
    plain = module(policy, reference)(batch).loss.item()
    loss, figures = module(policy, reference, sft=0.5)(batch)
    chosen = module(policy, reference).evidence(policy, batch)[:, 0]
    assert figures["dpo_loss"].item() == plain
    assert loss.item() == pytest.approx(plain - 0.5 * chosen.mean().item() / 6, abs=1e-12)


def test_loss_falls_with_the_margin_and_beta_scales_it() -> None:
    policy, reference = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.0, 0.0]])
    loss, margin = preference_loss(policy, reference, 0.5)
    assert margin.tolist() == [3.0]
    assert loss.item() == pytest.approx(math.log1p(math.exp(-1.5)))


def test_masks_stay_in_the_answer_and_weights_are_one_over_p() -> None:
    answer = (torch.arange(20) >= 8).expand(500, 20)
    masked, weight = draw_masks(answer, 8, torch.Generator().manual_seed(0))
    assert not bool((masked & ~answer[:, None]).any())
    assert torch.equal(weight > 0, masked)
    # E[masked / p] = 1 for every answer cell: B is unbiased.
    mean = weight[:, :, 8:].mean((0, 1))
    assert (mean - 1).abs().max() < 0.2
    p = timesteps(500, 8, torch.Generator().manual_seed(0))
    strata = ((p - 1e-3) / (1 - 1e-3) * 8).long()
    assert torch.equal(strata, torch.arange(8).expand(500, 8))


def test_block_masks_are_a_block_wise_samplers() -> None:
    answer = (torch.arange(30) >= 6).expand(2000, 30)
    text = answer & (torch.arange(30) < 23)  # 17 cells: blocks of 8, 8 and 1
    masked, weight = draw_block_masks(answer, text, 2, 8, torch.Generator().manual_seed(0))
    block = torch.div(torch.arange(30) - 6, 8, rounding_mode="floor")
    for row in range(200):
        learned = weight[row, 0] > 0
        if not bool(learned.any()):
            continue
        (current,) = set(block[learned].tolist())
        assert current in (0, 1, 2)
        assert bool(masked[row, 0][block > current].all())
        assert not bool(masked[row, 0][(block < current) | ~answer[row]].any())
    # The sum over blocks of their evidence: every cell of the three blocks counts once on average.
    assert (weight.mean((0, 1))[6:] - 1).abs().max() < 0.35
