"""Questions of rollouts: rows and problems that a row has no room for, and the column that is graded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import pytest

from evaluation.sets.columns import SetError
from tests.training.small_model import tokenizer
from training.data.chat import Chat
from training.shared.questions import LengthLimit, QuestionSet, open_questions

CHAT = Chat(tokenizer())
SETTINGS = SimpleNamespace(seed=0, split="train", prompt_column="", answer_column="")


def opened(name: object, most: int = 1000, **changes: Any) -> QuestionSet:
    """A set whose rows hold `most` characters of a prompt."""
    settings = SimpleNamespace(**(vars(SETTINGS) | changes))
    (found,) = open_questions([str(name)], CHAT, settings, LengthLimit(most, len))
    return found


def sums(path: Path, count: int = 10) -> Path:
    rows = [f"{'long ' * (n > 6)}{n} + 1?,{n + 1}\n" for n in range(count)]
    path.write_text("question,answer\n" + "".join(rows))
    return path


def test_rows_that_are_too_long_are_never_asked(tmp_path: Path) -> None:
    found = opened(sums(tmp_path / "sums.csv"), most=8)
    asked = [found.at(place).prompt for place in range(70)]
    assert set(asked) == {f"{n} + 1?" for n in range(7)}
    for epoch in range(10):
        assert len(set(asked[7 * epoch : 7 * epoch + 7])) == 7  # every row that fits, once an epoch


def test_without_a_row_that_is_too_long_the_order_is_as_it_was(tmp_path: Path) -> None:
    path = sums(tmp_path / "sums.csv")
    whole, exact = opened(path), opened(path, most=len("long 9 + 1?"))
    assert [whole.at(place) for place in range(20)] == [exact.at(place) for place in range(20)]


def test_when_every_row_is_too_long_it_says_so_before_a_step(tmp_path: Path) -> None:
    said = r"every row of sums.csv .* longer than max_length = 5 \(the shortest has 6 .*\); allowed: a larger"
    with pytest.raises(SetError, match=said):
        opened(sums(tmp_path / "sums.csv"), most=5)
    with pytest.raises(SetError, match="every row of linear .* longer than max_length = 5"):
        opened("linear", most=5)


def test_problems_of_a_task_that_are_too_long_give_their_place_to_others() -> None:
    free = opened("linear")
    lengths = [len(free.at(place).prompt) for place in range(50)]
    most = sorted(lengths)[25]
    assert max(lengths) > most
    found = opened("linear", most=most)
    for place, length in enumerate(lengths):
        asked = found.at(place)
        assert len(asked.prompt) <= most and asked == found.at(place)
        assert (asked == free.at(place)) == (length <= most)
    assert 0 < len(found.held_out(50)) < 50
    assert all(len(question.prompt) <= most for question in found.held_out(50))


@pytest.mark.parametrize(("name", "answer_column", "graded"), [
    ("s1K-1.1", "", "solution"), ("s1K-1.1", "deepseek_attempt", "deepseek_attempt"), ("gsm8k", "", "answer"),
    ("someone/things", "", "answer"),
])  # fmt: skip
def test_answers_are_graded_against_the_gold_column(
    name: str, answer_column: str, graded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ("question", "answer", "solution", "deepseek_attempt")
    rows = datasets.Dataset.from_list([{column: column for column in columns}])
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows)
    assert opened(name, answer_column=answer_column).at(0).answer == graded
