"""The generators: splits, exclusions, determinism, formats and speed."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import tasks
from tasks import (
    HELD_OUT_TEMPLATES,
    TASKS,
    CountdownTask,
    ExpressionSettings,
    LinearSettings,
    LinearTask,
    Problem,
    SudokuSettings,
    SudokuTask,
    generate,
    is_excluded,
    split_of,
)
from tasks import __main__ as cli
from tasks.exclude import countdown_key, published_keys, write_excluded
from tasks.linear import solve
from tasks.sudoku_grids import all_grids
from tasks.word.templates import NAMES, OBJECTS, TEMPLATES

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("LLADA_VIZ_DATA") or ROOT.parent / "shared" / "data")
ALL = [(name, split) for name, task in TASKS.items() for split in task.splits]
N = 1500


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[str, str], list[Problem]]:
    """Problems of every task and split."""
    return {(name, split): generate(name, split, N if split == "train" else 300, 3) for name, split in ALL}


@pytest.mark.parametrize(("name", "split"), ALL)
def test_keys_belong_to_their_split(
    drawn: dict[tuple[str, str], list[Problem]], name: Any, split: Any
) -> None:
    for problem in drawn[name, split]:
        assert problem.task == name
        assert not is_excluded(name, problem.key)
        if split != "heldout_templates":
            assert split_of(name, problem.key) == split


@pytest.mark.parametrize("name", TASKS)
def test_train_and_held_out_are_disjoint(drawn: dict[tuple[str, str], list[Problem]], name: Any) -> None:
    train = {p.key for p in drawn[name, "train"]}
    held_out = [p.key for p in drawn[name, "heldout"]]
    assert len(set(held_out)) == len(held_out) == 300
    assert not train & set(held_out)


@pytest.mark.parametrize(("name", "split"), ALL)
def test_solutions_pass_their_own_check(
    drawn: dict[tuple[str, str], list[Problem]], name: Any, split: Any
) -> None:
    for p in drawn[name, split]:
        verdict = TASKS[name].check(p.fields, p.solution, answer=p.answer)
        assert verdict.correct, (p, verdict)
        assert verdict.answer == p.answer
        assert p.solution.endswith(f"\\boxed{{{p.answer}}}")


@pytest.mark.parametrize(("name", "split"), ALL)
def test_untrained_prompts_are_the_template(
    drawn: dict[tuple[str, str], list[Problem]], name: Any, split: Any
) -> None:
    for p in drawn[name, split]:
        if split != "train":
            assert p.prompt == TASKS[name].template.format(**p.fields)


@pytest.mark.parametrize(("name", "split"), ALL)
def test_same_seed_same_problems(name: Any, split: Any) -> None:
    first = generate(name, split, 30, 7)
    assert first == generate(name, split, 30, 7)
    assert first != generate(name, split, 30, 8)


@pytest.mark.parametrize(("name", "split"), ALL)
def test_printed_speed(name: Any, split: Any) -> None:
    rng, task = random.Random(0), TASKS[name]
    task.generate(rng, split)
    start = time.perf_counter()
    for _ in range(1000):
        task.generate(rng, split)
    print(f"{name} {split}: {(time.perf_counter() - start) * 1000:.1f} us a problem")


@pytest.mark.parametrize(
    ("name", "problem_lines"),
    [("sudoku", 5), ("countdown", 3)],
)
def test_solution_lines(drawn: dict[tuple[str, str], list[Problem]], name: str, problem_lines: int) -> None:
    assert {len(p.solution.splitlines()) for p in drawn[name, "train"]} == {problem_lines}


def test_published_problems_are_excluded() -> None:
    folder = DATA / "reasoning"
    if not folder.is_dir():
        pytest.skip(f"no {folder}; set LLADA_VIZ_DATA to the data folder to run this test")
    for name, keys in published_keys(folder).items():
        assert len(keys) == 128
        assert all(is_excluded(name, key) for key in keys)


def test_exclude_writes_hashes(tmp_path: Path) -> None:
    (tmp_path / "sudoku4x4_test.csv").write_text("Puzzle,Solution\n0102200002100320,x\n")
    (tmp_path / "countdown3_test.jsonl").write_text('{"input": "30,100,93", "output": "23"}\n')
    assert write_excluded(tmp_path, tmp_path / "out.json") == 2
    written = json.loads((tmp_path / "out.json").read_text())
    assert {name: [len(d) for d in found] for name, found in written.items()} == {
        "sudoku": [16],
        "countdown": [16],
    }
    assert countdown_key([30, 100, 93], 23) == "30,93,100=23"
    (tmp_path / "sudoku4x4_test.csv").write_text("Puzzle,Solution\n12,x\n")
    with pytest.raises(ValueError, match="Puzzle"):
        write_excluded(tmp_path, tmp_path / "out.json")


def test_excluded_problem_is_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    task = SudokuTask(SudokuSettings(hidden_min=1, hidden_max=1))
    keys = {task.generate(random.Random(i), "train").key for i in range(200)}
    banned = frozenset(tasks.core.excluded_digest("sudoku", key) for key in keys)
    monkeypatch.setattr(tasks.core, "_excluded", lambda: banned)
    assert not keys & {task.generate(random.Random(i), "train").key for i in range(200)}


def test_sudoku_grids_and_hidden_cells(drawn: dict[tuple[str, str], list[Problem]]) -> None:
    assert len(set(all_grids())) == 288
    hidden = Counter(p.key.count("0") for p in drawn["sudoku", "train"])
    assert set(hidden) == set(range(4, 14))
    assert sum(hidden[n] for n in range(7, 11)) > N / 2


def test_linear_phrasings(drawn: dict[tuple[str, str], list[Problem]]) -> None:
    problems = drawn["linear", "train"]
    for p in problems:
        assert solve(p.fields["equation"]) == int(p.answer)
    share = sum("number" in p.prompt for p in problems) / N
    assert 0.09 < share < 0.18
    assert any(p.fields["equation"].count("*") for p in problems)
    assert any("y" in p.fields["equation"] for p in problems)


@pytest.mark.parametrize(
    ("abc", "text"),
    [
        ((2, 3, 7), "7 - 3 = 4\n2x = 4\n4 / 2 = 2\n\\boxed{2}"),
        ((2, -3, 7), "7 + 3 = 10\n2x = 10\n10 / 2 = 5\n\\boxed{5}"),
        ((1, 3, 7), "7 - 3 = 4\nx = 4\n\\boxed{4}"),
        ((1, 7, 3), "3 - 7 = -4\nx = -4\n\\boxed{-4}"),
        ((1, 0, 4), "x = 4\n\\boxed{4}"),
        ((2, 0, 8), "8 / 2 = 4\n\\boxed{4}"),
        ((-2, 3, 7), "7 - 3 = 4\n-2x = 4\n4 / -2 = -2\n\\boxed{-2}"),
        ((-2, 13, -5), "5 + 13 = 18\n-2x = -18\n-18 / -2 = 9\n\\boxed{9}"),
        ((-1, 3, 7), "7 - 3 = 4\n-x = 4\nx = -4\n\\boxed{-4}"),
        ((3, 5, 5), "5 - 5 = 0\n3x = 0\n0 / 3 = 0\n\\boxed{0}"),
        ((2, 4, 0), "0 - 4 = -4\n2x = -4\n-4 / 2 = -2\n\\boxed{-2}"),
        ((-1, 0, 4), "x = -4\n\\boxed{-4}"),
    ],
)
def test_linear_solutions(abc: Any, text: str) -> None:
    assert tasks.linear.solution_text(*abc, "x") == text


def test_expressions_stay_in_range(drawn: dict[tuple[str, str], list[Problem]]) -> None:
    problems = drawn["expression", "train"]
    for p in problems:
        steps = p.solution.splitlines()[:-1]
        assert all(abs(int(s.rsplit(" ", 1)[1])) <= 200 for s in steps)
    longer = [p for p in problems if len(p.solution.splitlines()) > 2]
    assert 0.35 < sum("(" in p.key for p in longer) / len(longer) < 0.45


def test_word_problems(drawn: dict[tuple[str, str], list[Problem]]) -> None:
    held_out = {t.name for t in HELD_OUT_TEMPLATES}
    assert len(held_out) == 4
    assert len(TEMPLATES) >= 24
    assert len(set(NAMES)) >= 40
    assert len(set(OBJECTS)) >= 25
    names = [t.name for t in (*TEMPLATES, *HELD_OUT_TEMPLATES)]
    assert len(set(names)) == len(names)
    for split in TASKS["word"].splits:
        problems = drawn["word", split]
        for p in problems:
            assert (p.template_id in held_out) == (split == "heldout_templates")
            assert 15 <= len(p.prompt.split()) <= 50, p.prompt
            assert "{" not in p.prompt
    assert {p.template_id for p in drawn["word", "train"]} == {t.name for t in TEMPLATES}
    assert {p.template_id for p in drawn["word", "heldout"]} == {t.name for t in TEMPLATES}
    steps = Counter(len(p.solution.splitlines()) - 1 for p in drawn["word", "train"])
    assert [round(steps[n] / N, 1) for n in range(1, 6)] == [0.1, 0.3, 0.3, 0.2, 0.1]


def test_word_steps_are_right(drawn: dict[tuple[str, str], list[Problem]]) -> None:
    for split in TASKS["word"].splits:
        for p in drawn["word", split]:
            for line in p.solution.splitlines()[:-1]:
                label, step = line.split(": ")
                left, result = step.split(" = ")
                assert " " not in label
                assert tasks.arithmetic.parse(left).value == int(result)
                assert 0 < int(result) <= 200


def test_settings_refuse_bad_values() -> None:
    with pytest.raises(ValueError, match="a_max is 0"):
        LinearSettings(a_max=0)
    with pytest.raises(ValueError, match="hidden_max is 17"):
        SudokuSettings(hidden_max=17)
    with pytest.raises(ValueError, match="times is 1"):
        ExpressionSettings(times=1.0)
    with pytest.raises(ValueError, match="split is 'test'"):
        CountdownTask().generate(random.Random(0), "test")
    with pytest.raises(ValueError, match="task is 'chess'"):
        generate("chess", "train", 1, 0)


def test_a_split_without_problems_says_so() -> None:
    narrow = LinearTask(LinearSettings(a_max=1, b_max=0, x_min=0, x_max=0))
    with pytest.raises(ValueError, match="leave no"):
        for split in ("train", "heldout"):
            narrow.generate(random.Random(0), split)


def test_more_held_out_problems_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = LinearTask(LinearSettings(a_max=1, b_max=3, x_min=0, x_max=9))
    monkeypatch.setitem(TASKS, "linear", narrow)
    with pytest.raises(ValueError, match="n is 500"):
        generate("linear", "heldout", 500, 0)


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["sample", "--task", "linear", "--n", "2"])
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["task"] for line in lines] == ["linear", "linear"]
