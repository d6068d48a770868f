"""The last few of something: who stays, who goes, who is told."""

from __future__ import annotations

from llada_viz.decoding.recent import Recent


def test_the_one_that_was_longest_not_asked_for_goes_and_is_told_of() -> None:
    gone: list[str] = []
    recent: Recent[int, str] = Recent(2, gone.append)
    recent.put(1, "one")
    recent.put(2, "two")
    assert recent.get(1) == "one"
    recent.put(3, "three")
    assert gone == ["two"] and recent.values() == ["one", "three"]


def test_a_value_is_made_once() -> None:
    made: list[int] = []
    recent: Recent[str, int] = Recent(1)
    assert [recent.get_or_make("a", lambda: made.append(0) or len(made)) for _ in range(3)] == [1, 1, 1]


def test_anything_may_be_asked_for() -> None:
    recent: Recent[str, int] = Recent(1)
    assert recent.get(None) is None and recent.get(["a"]) is None and recent.get({}) is None
