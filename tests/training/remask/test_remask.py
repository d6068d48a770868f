"""The remask objective against hand-written sums; its gradients reach only what they should."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.llada import LLaDAModelLM
from models.loading import load
from models.ups_head import UPSHead
from tests.networks import VECTORS
from training.remask.losses import RemaskBatch, RemaskModule, policy_loss, policy_targets

TINY = str(VECTORS / "tiny_llada")
MASK = 119


@pytest.fixture
def model() -> LLaDAModelLM:
    return load(TINY, device="cpu", dtype=torch.float32).model


def batch(fill: float = 0.0) -> RemaskBatch:
    """Two rows: 4 prompt cells, then answers of 6 and of 4 cells (the rest is no part of the loss)."""
    tokens = torch.arange(20, 40).reshape(2, 10)
    answer = torch.zeros(2, 10, dtype=torch.bool)
    answer[0, 4:], answer[1, 4:8] = True, True
    masked = torch.zeros_like(answer)
    masked[0, [4, 6, 9]], masked[1, 5] = True, True
    shown = tokens.masked_fill(masked, MASK)
    shown[0, 5], shown[1, 7] = 77, 78
    p = torch.tensor([[0.5], [0.25]]).expand(2, 10)
    return RemaskBatch(tokens, shown, answer, masked, p, torch.zeros(2, 10), torch.full((2,), fill))


def head_of(width: int = 64) -> UPSHead:
    torch.manual_seed(1)
    return UPSHead(width, 8)


def gradients(model: LLaDAModelLM, head: UPSHead, tokens: float, policy: float) -> dict[str, Tensor | None]:
    module = RemaskModule(model, head, tokens, policy)
    module.zero_grad()
    module(batch()).loss.backward()
    return {n: None if p.grad is None else p.grad.clone() for n, p in module.named_parameters()}


def test_targets_are_clean_wrong_or_the_models_own_probability() -> None:
    b = batch()
    p_clean = torch.tensor([0.1, 0.2, 0.3, 0.4])
    y = policy_targets(b.tokens, b.input_ids, b.masked, p_clean, b.answer)
    wanted = torch.tensor([0.1, 0.0, 0.2, 1.0, 1.0, 0.3] + [1.0, 0.4, 1.0, 0.0])
    assert torch.equal(y, wanted)


def test_the_policy_loss_is_a_mean_over_rows_of_row_means() -> None:
    y = torch.tensor([1.0, 0.0, 0.3])
    h = torch.tensor([0.5, -1.0, 2.0])
    each = [-(v * math.log(s) + (1 - v) * math.log(1 - s))
            for v, s in zip(y.tolist(), h.sigmoid().tolist(), strict=True)]  # fmt: skip
    found = policy_loss(h, y, torch.tensor([0, 0, 1]), 2)
    assert float(found) == pytest.approx(((each[0] + each[1]) / 2 + each[2]) / 2, abs=1e-6)


def test_both_losses_by_hand(model: LLaDAModelLM) -> None:
    head, b = head_of(), batch()
    found = RemaskModule(model, head, 1.0, 0.3)(b)
    hidden = model.hidden(b.input_ids)
    probabilities = torch.softmax(model.head(hidden), -1)
    keep = head(hidden).sigmoid()
    tokens, policy = torch.zeros(()), torch.zeros(())
    for row, cells in enumerate(b.answer):
        for i in cells.nonzero()[:, 0].tolist():
            clean = probabilities[row, i, b.tokens[row, i]]
            if b.masked[row, i]:
                tokens = tokens - clean.log() / b.p[row, i] / cells.sum() / 2
            y = clean if b.masked[row, i] else (b.input_ids[row, i] == b.tokens[row, i]).float()
            policy = policy + F.binary_cross_entropy(keep[row, i], y.detach()) / cells.sum() / 2
    torch.testing.assert_close(found.figures["token_loss"], tokens)
    torch.testing.assert_close(found.figures["policy_loss"], policy)
    torch.testing.assert_close(found.loss, tokens + 0.3 * policy)
    assert float(found.figures["wrong"]) == pytest.approx((1 / 6 + 1 / 4) / 2)


def test_the_policys_gradient_on_the_backbone_is_exactly_zero(model: LLaDAModelLM) -> None:
    head = head_of()
    both, tokens_only = gradients(model, head, 1.0, 5.0), gradients(model, head, 1.0, 0.0)
    backbone = [name for name in both if name.startswith("model.")]
    assert all(torch.equal(both[n], tokens_only[n]) for n in backbone)
    assert all(bool(both[n].abs().sum() > 0) for n in both if n.startswith("head."))
    policy = RemaskModule(model, head, 1.0, 1.0)(batch()).figures["policy_loss"]
    alone = torch.autograd.grad(policy, list(model.parameters()), allow_unused=True)
    assert alone == (None,) * len(alone)


def test_without_weight_the_token_loss_has_no_graph(model: LLaDAModelLM) -> None:
    found = gradients(model, head_of(), 0.0, 1.0)
    assert {name for name, g in found.items() if g is not None} == {n for n in found if n.startswith("head.")}


def test_cells_outside_the_answer_do_not_matter(model: LLaDAModelLM) -> None:
    """The clean tokens of the prompt are input only: other targets there change nothing."""
    module, b = RemaskModule(model, head_of(), 1.0, 1.0), batch()
    other = b._replace(tokens=torch.where(b.answer, b.tokens, 3))
    assert torch.equal(module(b).loss, module(other).loss)


def test_own_predictions_can_fill_all_masks(model: LLaDAModelLM) -> None:
    b = batch(fill=1.0)
    shown, masked = RemaskModule(model, head_of(), 0.0, 1.0).with_own(b)
    assert not bool(masked.any())
    assert torch.equal(shown[~b.masked], b.input_ids[~b.masked])
    logits = model(b.input_ids, cells=b.masked).logits
    logits[:, MASK] = -torch.inf
    assert torch.equal(shown[b.masked], logits.argmax(-1))


def test_the_policy_draws_which_masks_are_filled(model: LLaDAModelLM) -> None:
    """2 of row 0's 3 masked cells are filled: not the one scored lowest. What was shown stays."""
    head, b = head_of(), batch()._replace(fill=torch.tensor([0.67, 0.0]))
    module = RemaskModule(model, head, 0.0, 1.0)
    shown, masked = module.with_own(b)
    scores = head(model.hidden(b.input_ids))[0].masked_fill(~b.masked[0], torch.inf)
    assert masked[0].nonzero().tolist() == [[int(scores.argmin())]]
    assert torch.equal(shown[~b.masked], b.input_ids[~b.masked])
    assert torch.equal(shown[1], b.input_ids[1]) and torch.equal(masked[1], b.masked[1])
    assert bool((shown[masked] == MASK).all()) and torch.equal(shown[~b.answer], b.input_ids[~b.answer])
    noise = torch.zeros(2, 10)
    last = int(b.masked[0].nonzero()[-1])
    noise[0, last] = -1e4  # Gumbel noise decides instead
    assert module.with_own(b._replace(gumbel=noise))[1][0].nonzero().tolist() == [[last]]
