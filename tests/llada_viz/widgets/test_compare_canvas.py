"""Which boards of a comparison can be copied as code, and what is copied."""

from __future__ import annotations

import json

import pytest

from llada_viz.decoding.comparison import Comparison, Comparisons
from llada_viz.decoding.runs import Run
from llada_viz.decoding.setups import Setup
from llada_viz.widgets.compare_canvas import lane_functions, message
from tests.llada_viz.script import PIECES

SETUP = Setup("What is 3 + 4?", "threshold", {"threshold": 0.05}, seed=3)


@pytest.fixture
def comparison() -> Comparison:
    """A run from its prompt, a branch of another run, and a recorded one."""
    branch = Run(PIECES, setup=SETUP, parent="another run", branched=3)
    return Comparison([Run(PIECES, setup=SETUP), branch, Run(PIECES)])


def test_only_what_was_decoded_from_its_prompt_is_copied(comparison: Comparison) -> None:
    assert json.loads(message(comparison, [[], [], []])["copies"]) == [True, False, False]
    kept = Comparisons()
    kept.add(comparison)
    copied = lane_functions(kept)[-1]
    assert copied([comparison.id, 0, "Command"]).startswith("python -m samplers run")
    assert "lv.decode(" in copied([comparison.id, 0, "Python"])
    assert copied([comparison.id, 1, "Python"]) is None and copied([comparison.id, 2, "Python"]) is None


@pytest.mark.parametrize("asked", [None, [], ["?", 0, "Python"], ["id", 9, "Python"], ["id", 0, "Pickle"],
                                   ["id", 0, ["Python"]], ["id", True, "Python"]])  # fmt: skip
def test_what_a_page_may_not_ask_is_nothing(comparison: Comparison, asked: object) -> None:
    kept = Comparisons()
    kept.add(comparison)
    request = (
        [comparison.id if part == "id" else part for part in asked] if isinstance(asked, list) else asked
    )
    assert lane_functions(kept)[-1](request) is None
