"""Rates: what is counted of what, and how plain decoding gets to the NFE of a method."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.repairs.choosing import Seen, best_of_each, title_of
from evaluation.repairs.grid import FULL, METHODS, SetUp, chosen_methods, methods_for, set_ups, with_settings
from evaluation.repairs.pairing import Pairing
from evaluation.repairs.rates import Rates, rates_of, rates_table, reached, steps_to_try
from samplers.registry import make

OWN = {"gen_length": 32, "block_length": 8, "steps": 32, "early_stop": True}
UP = SetUp("expression", "easy", 8, 16, 0.6, 32)


def rows(right: str, nfe: float) -> dict[int, dict[str, Any]]:
    """Rows 1, 2, …; right: "1" or "0" each."""
    each = {"nfe": nfe, "scorer_calls": 2}
    return {n: {"row": n, "correct": answer == "1", **each} for n, answer in enumerate(right, 1)}


def example() -> Rates:
    """Eight problems, half of which plain decoding gets wrong."""
    plain = {8: rows("00001111", 8), 16: rows("00011111", 16), 32: rows("00111101", 32)}
    return rates_of("edit", rows("01110111", 20), plain, 8, rows("00100101", 8))


def test_rates_are_counted_of_the_same_errors_and_the_same_right_answers() -> None:
    rates = example()
    assert (rates.errors, rates.mended, rates.rights, rates.broken) == (4, 3, 4, 1)
    assert (rates.raised_steps, rates.raised_mended, rates.raised_broken) == (32, 2, 1)
    assert not rates.saturated and rates.gap == 0.25 and rates.low <= 0.25 <= rates.high
    assert rates.sentence == (
        "mends 3 of 4 errors of plain decoding and breaks 1 of its 4 right answers, with 20 NFE against 8. "
        "Plain decoding with 32 NFE mends 2; with another seed, 1"
    )
    table = rates_table([rates])
    assert (
        "| edit | 3 / 4 | 30.1% – 95.4% | 1 / 4 |" in table
        and "+25.0%" in table
        and "| 1, 2 | 4, 6, 5 of 8 |" in table
    )


def test_where_plain_decoding_cannot_use_as_much_this_is_said() -> None:
    rates = rates_of("edit", rows("11", 99), {8: rows("01", 8), 32: rows("01", 30)}, 8)
    assert rates.saturated and "with 30 NFE, one token a step and so its most, mends 0" in rates.sentence
    assert "30.0 (saturated)" in rates_table([rates])


def test_without_errors_there_is_nothing_to_mend() -> None:
    rates = rates_of("edit", rows("10", 8), {8: rows("11", 8)}, 8)
    assert (rates.errors, rates.mended_share, rates.broken_share, rates.gap) == (0, 0, 0.5, 0)
    assert "–" in rates_table([rates])


@given(st.floats(1, 400), st.floats(0.3, 1.0))
@settings(max_examples=40, deadline=None)
def test_steps_rise_in_whole_blocks_until_the_nfe_is_reached_or_a_token_a_step(
    target: float, used: float
) -> None:
    """used: the share of steps that are taken, for answers end early."""
    tried = {UP.steps: UP.steps * used}
    while (steps := steps_to_try(UP, tried, target)) is not None:
        assert steps not in tried and steps % UP.blocks == 0 and steps <= UP.gen_length
        tried[steps] = steps * used
    steps, saturated = reached(tried, target)
    assert saturated == (UP.gen_length * used < target)
    assert steps == UP.gen_length if saturated else tried[steps] >= target


def test_of_the_steps_tried_the_fewest_that_reach_the_nfe_are_compared() -> None:
    """More steps than a method needs stand there too, for a dearer method."""
    assert reached({8: 8.0, 32: 30.0, 16: 15.0}, 10) == (16, False)
    assert reached({8: 8.0, 32: 30.0, 16: 15.0}, 31) == (32, True)


def test_set_ups_have_whole_blocks_and_come_once() -> None:
    found = list(set_ups("expression", "easy", OWN, ["8", "16", "40", FULL], [16, 24], [0, 0.6]))
    assert len(found) == len(set(found)) == 14
    assert {(s.block_length, s.gen_length, s.steps) for s in found} == {
        (16, 32, 8), (16, 32, 16), (16, 32, 32), (24, 48, 8), (24, 48, 16), (24, 48, 40), (24, 48, 48)
    }  # fmt: skip
    assert found[0].name == "expression-easy-8-steps-blocks-of-16-T-0"
    for set_up in found:
        make("low_confidence", set_up.plain().settings)
        for method in methods_for(set_up, METHODS):
            assert method.line(set_up).needs.scorer == bool(method.scorer)
            assert not (method.draws and set_up.temperature == 0)


@pytest.mark.parametrize("steps, blocks, words", [
    (["few"], [16], "steps = 'few'"), (["0"], [16], "steps = '0'"), (["8"], [0], "blocks = 0"),
])  # fmt: skip
def test_what_is_no_set_up_is_refused(steps: list[str], blocks: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(set_ups("expression", "", OWN, steps, blocks, [0]))


def test_methods_are_chosen_by_label_or_sampler() -> None:
    assert [m.label for m in chosen_methods(["edit", "remedi/ups"])] == ["remedi/ups", "edit", "edit/t2m"]
    with pytest.raises(ValueError, match="methods = 'luck' is not known"):
        chosen_methods(["luck"])


def test_the_set_up_that_mends_most_is_chosen_among_those_that_break_little() -> None:
    method, row = METHODS[0], {"row": 1, "clarity": 0.5}

    def seen(mended: int, broken: int) -> Seen:
        rates = replace(example(), errors=100, mended=mended, rights=100, broken=broken)
        return Seen(cast(Pairing, None), method, rates, row)

    careful, good, harmful = seen(20, 0), seen(40, 4), seen(90, 6)
    assert best_of_each([careful, good, harmful]) == [good]
    assert best_of_each([harmful, seen(99, 50)]) == [harmful]
    clearer = replace(good, row={"row": 2, "clarity": 0.9})
    assert best_of_each([good, clearer]) == [clearer]


def test_every_method_has_a_short_title_of_its_own() -> None:
    titles = [title_of(method) for method in METHODS]
    assert len(set(titles)) == len(titles) and max(map(len, titles)) <= 32
    assert {"Back-masking, reward model", "RemeDi, UPS head", "WINO"} <= set(titles)


def test_methods_may_have_other_settings_but_not_another_set_up() -> None:
    methods = chosen_methods(["backmask", "edit"])
    pairs = ["backmask.backmasking_intensity=0.2", "edit/t2m.threshold=0.5", "backmask/prm.choice=random"]
    found = {m.label: m.line(UP).settings for m in with_settings(methods, pairs)}
    assert {found[f"backmask/{s}"]["backmasking_intensity"] for s in ("checker", "prm")} == {0.2}
    assert found["edit/t2m"]["threshold"] == 0.5 and "threshold" not in found["edit"]
    assert found["backmask/prm"]["choice"] == "random" and "choice" not in found["backmask/checker"]
    for pair, words in (
        ("wino.draft_threshold=0.5", "set = 'wino.draft_threshold=0.5' is not valid"),
        ("edit", "is not valid"), ("edit.luck=1", "luck"), ("edit.steps=4", "share steps"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            with_settings(methods, [pair])
