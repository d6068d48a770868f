"""Worked examples come from the training side, and are never asked themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.runs.plan import Line, Plan
from evaluation.sets import worked
from evaluation.sets.columns import SetError
from evaluation.sets.problem_sets import Problem, ProblemSet, bundled_set, load_set
from evaluation.sets.tables import Table
from evaluation.sets.worked import with_examples
from tasks import TASKS

SMALL = {"gen_length": 16, "block_length": 8, "steps": 4}


def file_of(folder: Path, name: str, rows: int, first: int = 1) -> str:
    path = folder / name
    lines = [f"What is {n} + {n}?,{2 * n}" for n in range(first, first + rows)]
    path.write_text("\n".join(["question,answer", *lines]) + "\n")
    return str(path)


@pytest.mark.parametrize("task", TASKS)
def test_examples_of_a_bundled_task_show_the_way_and_are_not_asked(task: str) -> None:
    problems = bundled_set(task, 20, 2026)
    kept, shots = with_examples(problems, task, 3)
    assert kept is problems and len({shot.question for shot in shots}) == 3
    assert not {shot.question for shot in shots} & {p.question for p in problems.problems}
    for shot in shots:
        assert "\\boxed" in shot.answer or task == "sudoku", "the whole solution, not the answer alone"


def test_of_a_file_the_first_rows_are_left_out_of_the_questions(tmp_path: Path) -> None:
    data = file_of(tmp_path, "mine.csv", 4)
    kept, shots = with_examples(load_set(data), data, 1)
    assert [p.number for p in shots] == [1] and [p.number for p in kept.problems] == [2, 3, 4]
    for count, part in ((4, "0 to 3"), (-1, "0 to 32"), (33, "0 to 32")):
        with pytest.raises(SetError, match=part):
            with_examples(load_set(data), data, count)


def test_another_file_gives_only_rows_that_are_not_asked(tmp_path: Path) -> None:
    data, other = file_of(tmp_path, "mine.csv", 3), file_of(tmp_path, "other.csv", 3, first=3)
    kept, shots = with_examples(load_set(data), data, 2, other)
    assert len(kept.problems) == 3
    assert [shot.question for shot in shots] == ["What is 4 + 4?", "What is 5 + 5?"]
    with pytest.raises(SetError, match="2 rows that are not asked themselves"):
        with_examples(load_set(data), data, 3, other)


def test_a_test_set_gives_no_examples(tmp_path: Path) -> None:
    data, test = file_of(tmp_path, "mine.csv", 3), file_of(tmp_path, "my_test.csv", 9, first=9)
    with pytest.raises(SetError, match="my_test.csv is a test set"):
        with_examples(load_set(data), data, 1, test)
    with pytest.raises(SetError, match="math500 has no training side"):
        with_examples(load_set(data), data, 1, "math500")


def test_a_set_of_the_hub_gives_its_training_split(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def hub(name: str, public: object, split: str, limit: int | None = None) -> Table:
        asked.append(split)
        return Table(
            name, ("question", "answer"), [{"question": "2 + 2?", "answer": "2 + 2 = 4 #### 4"}], public
        )  # type: ignore[arg-type]

    monkeypatch.setattr(worked, "hub_table", hub)
    problems = ProblemSet("gsm8k", (Problem(1, "1 + 1?", "2"),))
    _, shots = with_examples(problems, "gsm8k", 1)
    assert asked == ["train"] and shots[0].answer == "2 + 2 = 4 #### 4"


def test_a_plan_refuses_an_example_that_it_asks() -> None:
    problem = Problem(1, "1 + 1?", "2")
    with pytest.raises(ValueError, match="a worked example is evaluated itself"):
        Plan(ProblemSet("x", (problem,)), (Line("a", "threshold", SMALL),), shots=(problem,))
