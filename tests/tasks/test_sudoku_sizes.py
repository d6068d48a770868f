"""Sudoku of both sizes: rules, drawing, completions, step by step, and what is refused."""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter

import pytest

from tasks import LEVELS, MIDDLE, SudokuSettings, SudokuTask, generate
from tasks.checks.step_check import check_steps
from tasks.checks.truth import true_answer
from tasks.sudoku_grids import (
    all_grids,
    base_grids,
    can_be_completed,
    completions,
    draw_grid,
    is_solved,
    keeps_rules,
)

GRID = "345261126453452316613524264135531642"
PUZZLE = "005261106053050316610524064135531040"
BIG = LEVELS["sudoku"][MIDDLE]


def test_all_6x6_grids_can_be_drawn() -> None:
    assert len(base_grids()) * 8 * 6 * 720 == 28_200_960
    assert all(is_solved("".join(rows)) for rows in base_grids())
    rng = random.Random(1)
    drawn = [draw_grid(rng, 6) for _ in range(3000)]
    assert all(map(is_solved, drawn))
    assert len(set(drawn)) > 2990
    for cell in (0, 7, 21, 35):
        counts = Counter(grid[cell] for grid in drawn)
        assert set(counts) == set("123456")
        assert all(400 < count < 600 for count in counts.values())


def test_4x4_problems_of_a_seed_stay() -> None:
    problems = generate("sudoku", "train", 50, 11)
    assert len({p.prompt for p in problems if p.prompt.startswith("Solve this 4x4 sudoku: ")}) > 25
    told = "|".join(p.prompt + p.solution for p in problems)
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "45ba7810037d9eef"


def test_6x6_problems() -> None:
    problems = generate("sudoku", "train", 400, 5, MIDDLE)
    assert {p.key.count("0") for p in problems} == set(range(12, 27))
    assert all("6x6" in p.prompt and p.fields["puzzle"] in p.prompt for p in problems)
    assert len({p.prompt.replace(p.key, "") for p in problems}) == 5
    for p in problems[:60]:
        assert BIG.check(p.fields, p.solution).correct
        assert [len(line) for line in p.solution.splitlines()[:-1]] == [6] * 6
        steps = check_steps(BIG, p.fields, p.solution)
        assert len(steps) == 7 and all(step.right for step in steps)


def test_printed_speed() -> None:
    rng = random.Random(0)
    BIG.generate(rng, "train")
    start = time.perf_counter()
    for _ in range(1000):
        BIG.generate(rng, "train")
    print(f"{(time.perf_counter() - start) * 1000:.1f} us a problem")


@pytest.mark.parametrize(
    ("grid", "correct", "reason"),
    [
        (GRID, True, "keeps"),
        ("\n".join(GRID[i : i + 6] for i in range(0, 36, 6)), True, "keeps"),
        ("5" + GRID[1:], False, "repeats"),
        (GRID[:2] + "4" + GRID[3:], False, "clue"),
        (GRID[:-1], False, "36 digits from 1 to 6"),
        (GRID[:-1] + "7", False, "36 digits from 1 to 6"),
        ("1234341221434321", False, "36 digits from 1 to 6"),
    ],
)
def test_check(grid: str, correct: bool, reason: str) -> None:
    for task in (SudokuTask(), BIG):  # the puzzle says the size
        verdict = task.check({"puzzle": PUZZLE}, f"\\boxed{{{grid}}}")
        assert verdict.correct is correct
        assert reason in verdict.reason


@pytest.mark.parametrize("puzzle", ["", "0" * 25, "5" + "0" * 15, "7" + "0" * 35, "x" + "0" * 35])
def test_other_puzzles_are_refused(puzzle: str) -> None:
    with pytest.raises(ValueError, match=r"puzzle is .*; allowed: 16 digits 0 to 4 or 36 digits 0 to 6"):
        BIG.check({"puzzle": puzzle}, "\\boxed{1}")
    with pytest.raises(ValueError, match="puzzle is"):
        check_steps(BIG, {"puzzle": puzzle}, "")
    with pytest.raises(ValueError, match="puzzle is"):
        true_answer("sudoku", {"puzzle": puzzle})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 9}, "size is 9; allowed: 4 or 6"),
        ({"hidden_max": 17}, r"hidden_max is 17; allowed: hidden_min \(4\)..16"),
        ({"size": 6, "hidden_max": 37}, r"hidden_max is 37; allowed: hidden_min \(4\)..36"),
        ({"size": 6, "hidden_min": 0}, "hidden_min is 0; allowed: 1..36"),
    ],
)
def test_settings_outside_the_grid_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SudokuSettings(**settings)


def test_wrong_rows_are_found() -> None:
    assert keeps_rules(GRID[:12], PUZZLE)
    assert not keeps_rules(GRID + "1", PUZZLE)
    wrong = "345261\n126354\n452316\n"  # the second row changes a clue
    rights = [step.right for step in check_steps(BIG, {"puzzle": PUZZLE}, wrong)]
    assert rights == [True, False, False]
    seven = "\n".join([*(GRID[i : i + 6] for i in range(0, 36, 6)), "123456", ""])
    assert [step.right for step in check_steps(BIG, {"puzzle": PUZZLE}, seven)] == [True] * 6 + [False]


def test_completions() -> None:
    assert completions(PUZZLE, 2) == [GRID]
    assert sorted(completions("0" * 16, 1000) or []) == list(all_grids())
    assert len(completions("0" * 36, 50) or []) == 50
    assert completions("11" + "0" * 34, 2) == []
    assert completions("12" + "0" * 34, 2, most_placed=20) is None
    # The first row needs a 6 in its last cell, whose column has one.
    assert completions("123450" + "0" * 11 + "6" + "0" * 18, 1) == []


def test_true_answer() -> None:
    assert true_answer("sudoku", {"puzzle": PUZZLE}) == GRID
    assert true_answer("sudoku", {"puzzle": GRID}) == GRID
    assert true_answer("sudoku", {"puzzle": "0" * 36}) is None
    assert true_answer("sudoku", {"puzzle": "11" + "0" * 34}) is None
    assert true_answer("sudoku", {"puzzle": "1234341200000000"}) is None


def test_what_can_be_completed() -> None:
    assert all(can_be_completed(GRID[:n], PUZZLE) for n in range(37))
    assert can_be_completed("", PUZZLE)
    assert not can_be_completed("7", PUZZLE)
    assert not can_be_completed(GRID + "1", PUZZLE)
    late_six = "0" * 17 + "6" + "0" * 18  # in the last column: the first row has to place its 6 before
    assert keeps_rules("12345", late_six) and not can_be_completed("12345", late_six)
    assert can_be_completed("612345", late_six)
