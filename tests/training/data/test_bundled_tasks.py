"""Bundled tasks by name, with a level or without, for every objective that reads them."""

from __future__ import annotations

import pytest

from evaluation.sets.columns import SetError
from tasks import HELD_OUT, LEVELS, TASKS, TRAIN, USUAL_LEVELS, split_of
from tests.training.small_model import tokenizer
from training.data.answer_settings import AnswerSettings
from training.data.bundled_tasks import (
    BUNDLED,
    bundled_task,
    held_out_problems,
    is_bundled,
    level_of,
    task_and_level,
)
from training.data.chat import Chat
from training.data.examples import TaskExamples
from training.data.sources import open_data
from training.pretrain.settings import PretrainSettings
from training.pretrain.texts import open_texts
from training.prm.prm_data import open_labelled
from training.prm.settings import PRMSettings
from training.shared.questions import TaskQuestions

CHAT = Chat(tokenizer())


def test_a_name_with_a_level_is_the_task_at_that_level() -> None:
    for name, levels in LEVELS.items():
        assert bundled_task(name) is TASKS[name] and task_and_level(name) == (name, "")
        assert BUNDLED.count(name) == 1 and level_of(name) == USUAL_LEVELS[name]
        assert all(level_of(f"{name}:{level}") == level for level in levels)
        assert all(bundled_task(f"{name}:{level}") is task for level, task in levels.items())


@pytest.mark.parametrize("name", ["word:hard", "word:", "word:middle:easy"])
def test_a_level_that_does_not_exist_is_refused_by_name(name: str) -> None:
    assert is_bundled(name)
    said = f"data = '{name}' has no level .*; allowed: word, word:easy, word:middle"
    with pytest.raises(SetError, match=said):
        open_data([name], CHAT, AnswerSettings())
    with pytest.raises(SetError, match=said):
        open_texts(name, CHAT, 0, PretrainSettings())
    with pytest.raises(SetError, match=said):
        TaskQuestions(name, CHAT, 0)


def test_other_names_are_files_or_sets() -> None:
    assert not is_bundled("words:middle") and not is_bundled("owner/word:middle")
    with pytest.raises(SetError, match="is no bundled task; allowed: sudoku"):
        bundled_task("middle")
    with pytest.raises(SetError, match="'word:middle' is a task; allowed: labelled steps"):
        open_labelled(["word:middle"], PRMSettings(), False)


def test_examples_of_a_level_are_its_problems_and_never_held_out() -> None:
    plain, easy, middle = (TaskExamples(name, CHAT) for name in ("linear", "linear:easy", "linear:middle"))
    assert middle.problem(5) == middle.problem(5) != easy.problem(5)
    bound = LEVELS["linear"]["middle"].settings.b_max  # type: ignore[attr-defined]
    assert bound > LEVELS["linear"]["easy"].settings.b_max  # type: ignore[attr-defined]
    keys = [examples.problem(i).key for examples in (plain, easy, middle) for i in range(40)]
    assert all(split_of("linear", key) == TRAIN for key in keys)
    assert all(split_of("linear", p.key) == HELD_OUT for p in held_out_problems("linear:middle", 20))


def test_every_task_has_a_name_at_every_level() -> None:
    assert len(BUNDLED) == len(set(BUNDLED)) == sum(map(len, LEVELS.values()))
    assert {id(bundled_task(name)) for name in BUNDLED} == {
        id(t) for ts in LEVELS.values() for t in ts.values()
    }


def test_a_run_may_mix_levels() -> None:
    data = open_data(["expression", "expression:middle"], CHAT, AnswerSettings(weights="1,3"))
    half = len(data.prompts) // 2
    texts = [turns[-1]["content"] for turns in data.prompts]
    wanted = [p.prompt for p in held_out_problems("expression:middle", half)]
    assert texts[half:] == wanted != texts[:half]
    assert data.mixture.raw(0)["prompt"]


def test_questions_of_a_level_are_graded_by_the_task() -> None:
    questions = TaskQuestions("sudoku:middle", CHAT, 0)
    question = questions.at(0)
    assert question.task == "sudoku"
    assert TASKS[question.task].check(question.fields, question.solution, answer=question.answer).correct
    assert [q.prompt for q in questions.held_out(3)] == [
        p.prompt for p in held_out_problems("sudoku:middle", 3)
    ]
