"""The words that a run was given are read off its first event, and pin the same tokens again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import llada_viz as lv
from llada_viz.decoding.branches import setup_of_run
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.given_words import given_words
from llada_viz.decoding.runs import recorded
from samplers.events import Started
from samplers.requests import parse_constraints

BUNDLED = Bundled()
CELLS = 24


def started(pins: dict[int, int], pinned: bool) -> Started:
    """A canvas with a prompt of two cells, and tokens at some cells of the answer."""
    loaded = BUNDLED.loaded
    assert loaded is not None and loaded.mask_id is not None
    answer = [pins.get(cell, loaded.mask_id) for cell in range(CELLS)]
    fixed = (True, True, *(cell in pins for cell in range(CELLS)))
    return Started(
        nfe=0, tokens=((5, 6, *answer),), attention_mask=((True,) * (CELLS + 2),), mask_id=loaded.mask_id,
        prompt_length=2, settings={}, pinned=(fixed,) if pinned else (),
    )  # fmt: skip


WORDS = ["pens", "it's", "3, 4: 5", 'she said "no"', "é", "日本", "\n", "a\\b", "  two", "<|eot_id|>"]


@given(words=st.lists(st.tuples(st.integers(0, 7), st.sampled_from(WORDS)), max_size=4), pinned=st.booleans())
@settings(deadline=None, max_examples=40)
def test_they_pin_the_same_tokens_again(words: list[tuple[int, str]], pinned: bool) -> None:
    loaded = BUNDLED.loaded
    assert loaded is not None
    text, taken = "", set()
    for place, word in words:
        escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        part = f'{place * 3}:"{escaped}"'
        cells = set(parse_constraints(loaded, part, 10_000))
        if not cells & taken and max(cells) < CELLS:
            text, taken = f"{text}, {part}" if text else part, taken | cells
    pins = parse_constraints(loaded, text, CELLS)
    again = given_words(started(pins, pinned), BUNDLED.pieces)
    assert parse_constraints(loaded, again, CELLS) == pins
    assert bool(again) == bool(pins)


def test_a_saved_run_says_what_it_was_given() -> None:
    assert BUNDLED.loaded is not None
    sizes = {"gen_length": 8, "block_length": 8, "steps": 8}
    decoded = lv.decode(
        BUNDLED.loaded, "What is 3 + 4?", "low_confidence", constraints='2:pens, 5:"="', **sizes
    )
    assert setup_of_run(recorded(decoded.trace)).constraints == '2:" pens", 5:"="'
