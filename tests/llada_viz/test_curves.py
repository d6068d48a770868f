"""The curves of a training: which are drawn, on which axes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from llada_viz.render.curves import (
    MOST_POINTS,
    Curve,
    chart,
    decades,
    figures,
    paired,
    short,
    smooth,
    span,
    thin,
    ticks_between,
)

HOSTILE = "<img src=x onerror=alert(1)>"


def test_thinning_keeps_the_last_step_and_the_mean() -> None:
    points = [(step, float(step % 10)) for step in range(1, 10_001)]
    found = thin(points)
    assert len(found) <= MOST_POINTS and found[-1][0] == 10_000
    assert all(3 < value <= 6 for _, value in found)
    assert thin(points[:5]) == points[:5]


@pytest.mark.parametrize("values", [(0.0, 0.0), (3.0, 3.0), (-2.0, -2.0), (0.0, 1.0), (-1.0, 1.0), (5, 6)])
def test_the_axis_holds_the_values_and_is_never_empty(values: Any) -> None:
    low, high = span(*values)
    assert low <= values[0] <= values[1] < high and low < high
    assert low == 0 or values[0] != 0


def test_curves_stand_losses_first_and_names_are_escaped() -> None:
    curves = {name: [(5, 0.25)] for name in (HOSTILE, "learning_rate", "policy_loss", "loss")}
    drawn = figures(curves)
    assert HOSTILE not in drawn and drawn.count("<svg") == 4
    order = [drawn.index(name) for name in ("<b>loss", "<b>policy loss", "<b>&lt;img", "<b>learning rate")]
    assert order == sorted(order)
    assert 'aria-label="loss: 0.25 at step 5"' in chart(Curve("loss", curves["loss"]))


def test_m49_the_loss_is_drawn_once_and_held_out_rows_beside_it() -> None:
    loss = [(1, 2.0), (2, 1.0)]
    curves = {"loss": loss, "cross_entropy": list(loss), "wrong": [(1, 0.1)],
              "eval_cross_entropy": [(2, 1.5)], "eval_accuracy": [(2, 0.5)],
              "learning_rate": [(1, 1e-4)]}  # fmt: skip
    found = {curve.name: curve for curve in paired(curves)}
    assert list(found) == ["loss", "wrong", "eval_accuracy", "learning_rate"]
    assert found["loss"].held_out == [(2, 1.5)] and found["wrong"].held_out == ()
    assert found["eval_accuracy"].title == "accuracy, held out"
    drawn = chart(found["loss"])
    assert "held out (dashed) 1.5" in drawn and drawn.count("<polyline") == 2


def test_m49_the_axis_ends_at_the_last_step_and_ticks_are_round() -> None:
    drawn = chart(Curve("loss", [(step, 1 + step / 100) for step in range(1, 56)]))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert texts[-3:] == ["0", "20", "40"] and "300" not in texts
    assert ticks_between(0.9, 1.7) == [1.0, 1.2, 1.4, 1.6] and ticks_between(-0.3, 0.3) == [-0.2, 0.0, 0.2]
    assert [short(value) for value in (0.005, 2e-5, 100_000.0)] == ["0.005", "2e-5", "1e5"]


def test_m49_values_far_apart_stand_on_a_logarithmic_axis() -> None:
    drawn = chart(Curve("loss", [(1, 10.0), (2, 0.01)]))
    assert ", logarithmic" in drawn and ">0.1<" in drawn
    assert list(decades(0.008, 13)) == pytest.approx([0.01, 0.1, 1, 10])
    assert "logarithmic" not in chart(Curve("loss", [(1, 10.0), (2, 0.0)]))


def test_m49_many_points_have_a_smooth_line() -> None:
    noisy = [(step, float(step % 2)) for step in range(1, 101)]
    assert chart(Curve("loss", noisy)).count("<polyline") == 2
    assert smooth([1.0, 1.0, 1.0]) == [1.0, 1.0, 1.0] and 0.4 < smooth([0.0, 1.0] * 50)[-1] < 0.6
    assert chart(Curve("loss", [(1, 5.0)])).count("<circle") == 1
