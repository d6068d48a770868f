"""Scoring without random masks: a true distribution over answers, in the order of decoding."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from evaluation.likelihood.answer_scores import Scoring
from evaluation.likelihood.confidence_scoring import in_order_of_confidence, one_pass
from samplers import GuidedDenoiser, decode, make, new_canvas
from tests.networks import TableNetwork

VOCABULARY, MASK = 5, 4
PROMPT = [1, 3]


def network() -> TableNetwork:
    return TableNetwork(vocab=VOCABULARY)


@pytest.mark.parametrize("cfg", [0.0, 1.0])
@pytest.mark.parametrize("score", [in_order_of_confidence, one_pass])
def test_all_answers_of_a_length_sum_to_one(score: Any, cfg: float) -> None:
    answers = itertools.product(range(VOCABULARY - 1), repeat=3)
    denoise = GuidedDenoiser(network(), cfg)
    total = sum(math.exp(score(denoise, PROMPT, answer, MASK).log_likelihood) for answer in answers)
    assert total == pytest.approx(1.0)


def test_the_greedy_answer_scores_the_product_of_its_confidences() -> None:
    sampler = make("low_confidence", {"gen_length": 4, "block_length": 4, "steps": 4})
    confidences: list[float] = []
    canvas = new_canvas([PROMPT], 4, MASK)

    def note(board: Any, step: Any, nfe: Any, said: Any) -> None:
        confidences.extend(cell.confidence for cell in said["event"].cells)

    final = decode(sampler, GuidedDenoiser(network()), canvas, note)
    answer = final.tokens[0, 2:].tolist()
    denoise = GuidedDenoiser(network())
    found = in_order_of_confidence(denoise, PROMPT, answer, MASK)
    assert found.log_likelihood == pytest.approx(sum(map(math.log, confidences)), rel=1e-5)
    assert found.standard_error == 0.0 and denoise.nfe == 4


def test_one_pass_takes_one_forward() -> None:
    denoise = GuidedDenoiser(network())
    canvas = new_canvas([PROMPT], 2, MASK)
    log_p = GuidedDenoiser(network())(canvas, canvas.masked).log_softmax(-1)
    found = one_pass(denoise, PROMPT, [0, 3], MASK)
    assert denoise.nfe == 1
    assert found.log_likelihood == pytest.approx(float(log_p[0, 0] + log_p[1, 3]))


def test_no_gradients_are_kept() -> None:
    in_order_of_confidence(GuidedDenoiser(network()), PROMPT, [0, 1], MASK)
    assert torch.is_grad_enabled()


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="monte_carlo, confidence, one_pass"):
        Scoring("best")
