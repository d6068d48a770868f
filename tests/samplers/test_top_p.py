"""Drawing among the likeliest tokens (top_p, top_k) and drawing the order of cells (alg_temp)."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from samplers import SAMPLERS, collect, make, new_canvas
from samplers.drawing import Cut, draw_tokens, shuffled
from tests.networks import TableNetwork, TableScorer

MASK, EOS = 20, 21


@st.composite
def draws(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "logits": [draw(st.lists(st.floats(-8, 8), min_size=7, max_size=7)) for _ in range(3)],
        "temperature": draw(st.sampled_from([0.3, 1.0, 2.0])),
        "top_p": draw(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0])),
        "top_k": draw(st.integers(0, 8)),
        "crossing": draw(st.booleans()),
        "seed": draw(st.integers(0, 999)),
    }


def allowed_tokens(logits: list[float], run: dict[str, Any]) -> set[int]:
    """The definition, token by token: from the likeliest on, while the sum has not reached top_p."""
    weights = [math.exp(x / run["temperature"]) for x in logits]
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))
    allowed, before = set(), 0.0
    for rank, token in enumerate(order):
        share = weights[token] / sum(weights)
        reached = before if run["crossing"] else before + share
        inside = run["top_p"] >= 1 or reached <= run["top_p"] + 1e-12
        if rank == 0 or (inside and (not run["top_k"] or rank < run["top_k"])):
            allowed.add(token)
        before += share
    return allowed


@given(run=draws())
@settings(max_examples=150, deadline=None)
def test_f40_only_tokens_of_the_nucleus_are_drawn(run: dict[str, Any]) -> None:
    """And with nothing cut off, exactly what is drawn without a cut."""
    logits = torch.tensor(run["logits"], dtype=torch.float64)
    cut = Cut(run["top_p"], run["top_k"], run["crossing"])
    wanted = [allowed_tokens(row, run) for row in run["logits"]]
    stays = cut.stays(logits / run["temperature"])
    assert [set(row.nonzero()[:, 0].tolist()) for row in stays] == wanted

    def drawn(*cuts: Cut) -> list[int]:
        rng = torch.Generator().manual_seed(run["seed"])
        return draw_tokens(logits, run["temperature"], [0, 0, 0], (rng,), *cuts).tolist()

    tokens = drawn(cut)
    assert all(token in row for token, row in zip(tokens, wanted, strict=True))
    if all(len(row) == 7 for row in wanted):
        assert tokens == drawn()
    assert draw_tokens(logits, 0, [0] * 3, (torch.Generator(),), cut).tolist() == logits.argmax(-1).tolist()


def test_f40_the_nucleus_keeps_the_proportions() -> None:
    """top_p is after the temperature: at T = .5 the three likeliest of these make up more than .9."""
    logits = torch.tensor([2.0, 1.5, 1.0, 0.0, -1.0])
    p = (logits / 0.5).softmax(-1)
    assert float(p[:2].sum()) < 0.9 < float(p[:3].sum())
    args = (logits.expand(20_000, 5), 0.5, [0] * 20_000, (torch.Generator().manual_seed(1),))
    share = torch.bincount(draw_tokens(*args, Cut(0.9)), minlength=5) / 20_000
    assert share[3:].tolist() == [0, 0]
    assert (share[:3] - p[:3] / p[:3].sum()).abs().max() < 0.012
    without = draw_tokens(*args, Cut(0.9, crossing=False))
    assert set(without.tolist()) == {0, 1}, "ReMDM's nucleus leaves out the token that crosses"


def run_of(name: str, **plain: Any) -> tuple[list[Any], list[int]]:
    known = {d.name for d in SAMPLERS[name].settings}
    sizes = {"steps": 8, "gen_length": 8, "block_length": 4, "window": 1, "backmasking_lookback": 1}
    sampler = make(name, {k: v for k, v in (sizes | plain).items() if k in known})
    canvas = new_canvas([[1, 2]], 8, MASK, seeds=[5], eos_id=EOS)
    scorer = TableScorer() if sampler.needs.scorer else None
    events, final = collect(sampler(sampler.denoiser(TableNetwork()), canvas, scorer))
    return events[1:], final.tokens[0].tolist()


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_f40_every_sampler_takes_top_p_and_top_k(name: str) -> None:
    """Greedy runs do not change; off is off; one token left of each is the greedy token."""
    assert run_of(name, temperature=0.0) == run_of(name, temperature=0.0, top_p=0.3, top_k=2)
    drawn = {"temperature": 1.5, "edit_threshold": 1.0}
    assert run_of(name, **drawn) == run_of(name, **drawn, top_p=1.0, top_k=0)
    hot = {"temperature": 9.0, "edit_threshold": 1.0}
    assert run_of(name, **hot) != run_of(name, **hot, top_k=1)
    greedy = run_of(name, temperature=0.0, edit_threshold=1.0)
    for one_token in ({"top_k": 1}, {"top_p": 0.0}):
        if name != "remdm":  # there the draws of tokens and of cells share a stream
            assert run_of(name, **hot, **one_token) == greedy


def test_f40_remdm_uses_its_own_nucleus() -> None:
    assert make("remdm", {}).nucleus_crosses is False  # type: ignore[attr-defined]
    assert make("low_confidence", {}).nucleus_crosses is True  # type: ignore[attr-defined]


@pytest.mark.parametrize("confidence", ["probability", "margin", "entropy"])
def test_f40_alg_temp_draws_the_order(confidence: str) -> None:
    """Tokens at T = 0 stay the likeliest; only which cells fall first is drawn. Dream's alg_temp."""
    plain = {"temperature": 0.0, "confidence": confidence, "block_length": 8}
    assert run_of("low_confidence", **plain) == run_of("low_confidence", **plain, alg_temp=0.0)
    assert run_of("low_confidence", **plain)[0] != run_of("low_confidence", **plain, alg_temp=5.0)[0]
    assert run_of("low_confidence", **plain, alg_temp=5.0) == run_of("low_confidence", **plain, alg_temp=5.0)


def test_f40_alg_temp_is_a_draw_without_replacement() -> None:
    """As multinomial(softmax(score / alg_temp), k): the first cell's share is its softmax."""
    scores, n = torch.tensor([0.9, 0.5, 0.1]), 6000
    wanted = (scores / 0.3).softmax(-1)
    rng = (torch.Generator().manual_seed(3),)

    def first_two() -> Tensor:
        return shuffled(scores, 0.3, [0, 0, 0], rng).topk(2).indices

    picks = torch.stack([first_two() for _ in range(n)])
    share = torch.bincount(picks[:, 0], minlength=3) / n
    assert (share - wanted).abs().max() < 0.025
    after_0 = picks[picks[:, 0] == 0][:, 1]
    second = torch.bincount(after_0, minlength=3) / len(after_0)
    assert (second[1:] - wanted[1:] / wanted[1:].sum()).abs().max() < 0.03
