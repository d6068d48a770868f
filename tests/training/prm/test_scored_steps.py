"""What of a step is known beside its score."""

from __future__ import annotations

from training.prm.scored_steps import finishes


def test_where_a_line_or_the_box_ends() -> None:
    steps = ["3 + ", "4 = 7\n", "7", " *", " 2 = 14\n\\bo", "xed{14}", "\n", "\n", "x"]
    assert finishes(steps) == [False, True, False, False, True, True, True, False, False]
