"""diffu-GRPO: the ratio under one mask seed, advantages, EOS, k3 by brute force, prompt masks."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import dropout

from tests.training.tiny_predictor import TinyPredictor
from training.grpo.policy_gradient import (
    GroupBatch,
    GroupModule,
    clipped_objective,
    group_advantages,
    k3,
    log_probabilities,
    prompt_masks,
    step_context,
    through_first_end,
)

MASK, PROMPT, CELLS = 4, 5, 6


class Dropping(TinyPredictor):
    """With dropout of the logits, as an adapter has it before its first half."""

    def forward(self, *args: Any, **named: Any) -> Any:
        out = super().forward(*args, **named)
        return SimpleNamespace(logits=dropout(out.logits, 0.3, self.training))


def rows_under(network: TinyPredictor, reference: TinyPredictor, seed: int, rows: int = 4) -> GroupBatch:
    """Rows as an outer iteration makes them, under the masks of one seed."""
    draw = torch.Generator().manual_seed(99)
    tokens = torch.randint(4, (rows, PROMPT + CELLS), generator=draw)
    attention = torch.ones_like(tokens, dtype=torch.bool)
    attention[0, :2] = False
    counted = through_first_end(tokens[:, PROMPT:], 0)
    answer = (torch.arange(PROMPT + CELLS) >= PROMPT).expand(tokens.shape)
    seeded = torch.Generator().manual_seed(seed)
    hidden = answer | prompt_masks(attention & ~answer, 0.4, seeded)
    given = (tokens, attention, hidden, counted, torch.full((rows,), seed))
    empty = torch.zeros(counted.shape, dtype=torch.float64)
    with torch.no_grad():
        old, before = (
            empty.masked_scatter(counted, log_probabilities(net, *given, MASK))
            for net in (network, reference)
        )
    reward = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    return GroupBatch(*given, old, before, group_advantages(reward.view(1, -1)).view(-1), reward)


def ratios(network: TinyPredictor, batch: GroupBatch) -> Tensor:
    now = log_probabilities(network, *batch[:5], MASK)
    return torch.exp(now - batch.old[batch.counted])


def test_ratio_is_1_on_the_first_inner_step_and_leaves_1_on_later_ones() -> None:
    """Under each inner step's own mask seed; under another seed it would not be 1."""
    network = TinyPredictor()
    reference = copy.deepcopy(network)
    inner = [rows_under(network, reference, seed) for seed in range(3)]
    module = GroupModule(network, reference, MASK, clip=0.5, beta=0.04)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    assert bool((ratios(network, inner[0]) == 1).all())
    crossed = inner[0]._replace(hidden=inner[1].hidden)
    assert (ratios(network, crossed) - 1).abs().max() > 1e-3
    for step, batch in enumerate(inner):
        loss, figures = module(batch)
        assert (figures["moved"].item() == 0) == (step == 0)
        assert (figures["kl"].item() == 0) == (step == 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (ratios(network, inner[0]) - 1).abs().max() > 1e-3


def test_ratio_is_1_with_dropout_too_for_a_pass_has_a_seed_of_its_own() -> None:
    network = Dropping()
    batch = rows_under(network, network, 0)
    module = GroupModule(network, copy.deepcopy(network), MASK, clip=0.5, beta=0.04)
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    figures = module(batch).figures
    assert figures["moved"].item() == 0 and figures["kl"].item() == 0
    assert torch.equal(torch.rand(3), wanted)  # nothing outside was drawn
    assert module(batch._replace(seed=batch.seed + 1)).figures["moved"].item() > 1e-3
    assert module.eval()(batch).figures["moved"].item() > 1e-3


def test_first_gradient_is_the_policy_gradient() -> None:
    """At ratio 1 and KL 0 the loss's gradient is that of -mean over rows of A * mean log p."""
    network = TinyPredictor()
    batch = rows_under(network, copy.deepcopy(network), 0)
    GroupModule(network, copy.deepcopy(network), MASK, 0.5, 0.04)(batch).loss.backward()
    found = [p.grad.clone() for p in network.parameters()]
    network.zero_grad()
    logp = torch.zeros_like(batch.old).masked_scatter(
        batch.counted, log_probabilities(network, *batch[:5], MASK)
    )
    (-(batch.advantage * logp.sum(-1) / batch.counted.sum(-1)).mean()).backward()
    for grad, parameter in zip(found, network.parameters(), strict=True):
        assert torch.allclose(grad, parameter.grad, atol=1e-12)


def test_kl_is_zero_at_the_reference_and_positive_away_from_it() -> None:
    network, other = TinyPredictor(), TinyPredictor(seed=3)
    for reference, zero in ((copy.deepcopy(network), True), (other, False)):
        batch = rows_under(network, reference, 0)
        kl = GroupModule(network, reference, MASK, 0.5, 0.04)(batch).figures["kl"].item()
        assert (kl == 0) == zero and kl >= 0


def test_k3_is_an_unbiased_kl_by_brute_force() -> None:
    """Its mean under the policy, over every outcome, is the exact KL(policy || reference)."""
    draw = torch.Generator().manual_seed(0)
    policy, reference = torch.randn(2, 7, generator=draw, dtype=torch.float64).log_softmax(-1)
    each = k3(policy, reference)
    for i in range(7):
        d = reference[i].item() - policy[i].item()
        assert each[i].item() == pytest.approx(math.exp(d) - d - 1, abs=1e-12)
    exact = (policy.exp() * (policy - reference)).sum().item()
    assert (policy.exp() * each).sum().item() == pytest.approx(exact, abs=1e-12)
    assert each.min() >= 0


def test_advantage_is_reward_less_the_groups_mean() -> None:
    found = group_advantages(torch.tensor([[3.0, 1.0, 2.0], [5.0, 5.0, 5.0]]))
    assert found.tolist() == [[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize(("advantage", "log_ratio", "wanted"), [
    (2.0, math.log(1.2), 2.4), (2.0, math.log(3.0), 3.0),  # a gain counts up to 1 + clip
    (-1.0, math.log(0.2), -0.5), (-1.0, math.log(3.0), -3.0),  # a loss counts in full
])  # fmt: skip
def test_clipping(advantage: float, log_ratio: float, wanted: float) -> None:
    found = clipped_objective(torch.tensor(log_ratio), torch.tensor(0.0), torch.tensor(advantage), 0.5)
    assert found.item() == pytest.approx(wanted, rel=1e-6)


def test_tokens_behind_the_first_end_do_not_count() -> None:
    tokens = torch.tensor([[5, 6, 0, 7, 0], [5, 6, 7, 8, 9], [0, 1, 0, 0, 1]])
    assert through_first_end(tokens, 0).long().tolist() == [[1, 1, 1, 0, 0], [1] * 5, [1, 0, 0, 0, 0]]
    network = TinyPredictor()
    batch = rows_under(network, copy.deepcopy(network), 0)
    module = GroupModule(network, copy.deepcopy(network), MASK, 0.5, 0.04)
    behind = torch.cat([torch.zeros(4, PROMPT, dtype=torch.bool), ~batch.counted], 1)
    assert bool(behind.any())
    other = batch._replace(tokens=torch.where(behind, 3 - batch.tokens, batch.tokens))
    assert module(other).loss.item() == module(batch).loss.item()


def test_a_row_without_counted_tokens_teaches_nothing() -> None:
    network = TinyPredictor()
    batch = rows_under(network, copy.deepcopy(network), 0)
    counted = batch.counted.clone()
    counted[1:] = False
    loss = GroupModule(network, copy.deepcopy(network), MASK, 0.5, 0.0)(batch._replace(counted=counted)).loss
    assert loss.item() == pytest.approx(-0.75 / 4)  # row 0 alone, ratio 1, advantage .75, four rows


def test_prompt_masks_have_their_rate_and_their_place() -> None:
    prompt = (torch.arange(40) < 30).expand(2000, 40)
    masks = prompt_masks(prompt, 0.15, torch.Generator().manual_seed(0))
    assert not bool((masks & ~prompt).any())
    assert masks[:, :30].float().mean().item() == pytest.approx(0.15, abs=0.005)


def test_step_context_shows_what_the_sampler_saw() -> None:
    order = torch.tensor([2, 0, 0, 5, 2, -1, 7, -1]).expand(300, 8)
    counted = torch.tensor([True] * 6 + [False] * 2).repeat(300, 1)
    counted[0] = False
    shown, kept = step_context(order, counted, torch.Generator().manual_seed(0))
    assert not bool(kept[0].any()) and not bool(shown[0].any())
    kinds = {(tuple(s), tuple(k)) for s, k in zip(shown[1:].long().tolist(), kept[1:].long().tolist(),
                                                  strict=True)}  # fmt: skip
    assert kinds == {
        ((0,) * 8, (0, 1, 1, 0, 0, 0, 0, 0)),
        ((0, 1, 1, 0, 0, 0, 0, 0), (1, 0, 0, 0, 1, 0, 0, 0)),
        ((1, 1, 1, 0, 1, 0, 0, 0), (0, 0, 0, 1, 0, 0, 0, 0)),
    }
