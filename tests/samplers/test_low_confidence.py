"""What LLaDA's sampler does beyond parity: orderings, EOS options, early stop, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from samplers import GuidedDenoiser, collect, decode, make, new_canvas
from samplers.drawing import ordering_scores, quota, top_cells
from samplers.events import Unmasked
from samplers.settings import SettingError

MASK, EOS, EOT = 6, 5, 4


class Fixed:
    """The same hand-made logits for each answer cell, whatever the canvas. Float[length, vocab]."""

    def __init__(self, answer: list[list[float]]) -> None:
        self.answer = torch.tensor(answer)

    def head(self, states: Tensor) -> Tensor:
        return states

    def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        prompt = tokens.shape[1] - len(self.answer)
        padded = torch.cat((torch.zeros(prompt, self.answer.shape[1]), self.answer))
        return padded.expand(len(tokens), -1, -1)[cells].clone()

    def describe(self) -> dict[str, Any]:
        return {"model": "fixed"}


def peaked(*peaks: tuple[int, float]) -> list[list[float]]:
    return [[height if v == token else 0.0 for v in range(7)] for token, height in peaks]


def order_of(answer: list[list[float]], **settings: Any) -> list[int]:
    length = len(answer)
    sampler = make("llada", {"steps": length, "gen_length": length, "block_length": length} | settings)
    canvas = new_canvas([[0]], length, MASK, eos_id=EOS, eot_id=EOT)
    events, _ = collect(sampler(GuidedDenoiser(Fixed(answer)), canvas))
    return [c.position - 1 for e in events if isinstance(e, Unmasked) for c in e.cells]


@pytest.mark.parametrize(("masks", "steps", "wanted"), [
    (32, 8, [4] * 8), (10, 4, [3, 3, 2, 2]), (3, 5, [1, 1, 1, 0, 0]), (0, 2, [0, 0]),
])  # fmt: skip
def test_quota(masks: int, steps: int, wanted: list[int]) -> None:
    assert quota(masks, steps) == wanted


def test_surest_first() -> None:
    assert order_of(peaked((1, 2.0), (2, 5.0), (3, 3.0))) == [1, 2, 0]


def test_eos_deferred_not_forbidden() -> None:
    answer = peaked((EOS, 9.0), (2, 1.0), (3, 3.0))
    assert order_of(answer) == [0, 2, 1]
    assert order_of(answer, confidence_eos_eot_inf=True) == [2, 1, 0]


def test_eos_forbidden_by_logits() -> None:
    sampler = make("llada", {"steps": 2, "gen_length": 2, "block_length": 2, "logits_eos_inf": True})
    canvas = new_canvas([[0]], 2, MASK, eos_id=EOS)
    _, final = collect(sampler(GuidedDenoiser(Fixed(peaked((EOS, 9.0), (EOS, 5.0)))), canvas))
    assert EOS not in final.tokens[0].tolist()


def test_mask_is_never_predicted() -> None:
    sampler = make("llada", {"steps": 1, "gen_length": 2, "block_length": 2})
    _, final = collect(
        sampler(GuidedDenoiser(Fixed(peaked((MASK, 50.0), (MASK, 50.0)))), new_canvas([[0]], 2, MASK))
    )
    assert MASK not in final.tokens[0, 1:].tolist()


def test_early_stop_skips_later_blocks() -> None:
    answer = peaked((1, 9.0), (EOS, 9.0), (2, 9.0), (2, 9.0))
    plain = {"steps": 4, "gen_length": 4, "block_length": 2}
    for early, wanted, nfe in ((False, [1, EOS, 2, 2], 4), (True, [1, EOS, EOS, EOS], 2)):
        sampler = make("llada", plain | {"early_stop": early})
        canvas = new_canvas([[0]], 4, MASK, eos_id=EOS)
        events, final = collect(sampler(GuidedDenoiser(Fixed(answer)), canvas))
        assert final.tokens[0, 1:].tolist() == wanted
        assert events[-1].nfe == nfe
        assert events[-1].stop_reasons == ("eos" if early else "steps",)  # type: ignore[attr-defined]


def test_orderings_by_hand() -> None:
    logits = torch.tensor([[0.6, 0.4, 0.0], [0.5, 0.25, 0.25]]).log()
    probability = logits.softmax(-1).amax(-1)
    args = (logits, probability, [0, 0], (torch.Generator().manual_seed(0),))
    assert ordering_scores("margin", *args).tolist() == pytest.approx([0.2, 0.25])
    assert ordering_scores("entropy", *args).tolist() == pytest.approx([-0.6730, -1.0397], abs=1e-4)
    assert ordering_scores("probability", *args).tolist() == pytest.approx([0.6, 0.5])


def test_top_cells_ties_go_left_and_never_to_other_cells() -> None:
    cells = torch.tensor([[False, True, True, True]])
    low = torch.finfo(torch.float32).min
    assert top_cells(cells, torch.tensor([0.5, 0.5, 0.5]), torch.tensor([2])).tolist() == [
        [False, True, True, False]
    ]
    assert top_cells(cells, torch.full((3,), low), torch.tensor([1])).tolist() == [
        [False, True, False, False]
    ]


def test_callback_stops_the_run() -> None:
    sampler = make("llada", {"steps": 4, "gen_length": 4, "block_length": 4})
    canvas = new_canvas([[0]], 4, MASK)
    seen: list[int] = []

    def stop_after_two(board: Any, step: int, nfe: int, extra: dict[str, Any]) -> bool:
        seen.append(nfe)
        return step < 1

    denoise = GuidedDenoiser(Fixed(peaked((1, 1.0), (1, 2.0), (1, 3.0), (1, 4.0))))
    final = decode(sampler, denoise, canvas, callback_on_step_end=stop_after_two)
    assert seen == [1, 2]
    assert int(final.masked.sum()) == 2


@pytest.mark.parametrize(("bad", "name"), [
    ({"steps": 5}, "steps"), ({"block_length": 3}, "block_length"), ({"temperature": -1}, "temperature"),
    ({"temperature": float("nan")}, "temperature"), ({"confidence": "best"}, "confidence"),
    ({"gen_length": 0}, "gen_length"), ({"steps": 2.5}, "steps"), ({"nope": 1}, "nope"),
    ({"early_stop": "yes"}, "early_stop"), ({"remasking": "random", "confidence": "margin"}, "confidence"),
])  # fmt: skip
def test_bad_settings_name_field_value_and_allowed(bad: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingError) as error:
        make("llada", {"steps": 4, "gen_length": 8, "block_length": 4} | bad)
    assert name in str(error.value) and "allowed" in str(error.value)
