"""What is left of a run is split evenly over processes, however unevenly it was done before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.runs.execute import Share, work_left
from evaluation.runs.plan import Line, Plan
from evaluation.runs.run_folder import RunFolder
from evaluation.sets.problem_sets import Problem, ProblemSet
from tests.evaluation.runs.test_runs import TWO

ROOT = Path(__file__).parents[3]
SMALL = {"gen_length": 16, "block_length": 8, "steps": 4}
LINES = (Line("a", "low_confidence", SMALL), Line("b", "threshold", SMALL))
PROBLEMS = tuple(Problem(n, f"What is {n} + {n}?", str(2 * n)) for n in range(1, 42))


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("done", [
    [], [("a", n) for n in range(1, 42)], [("a", n) for n in range(2, 42, 2)] + [("b", n) for n in (1, 5)],
    [(label, n) for label in "ab" for n in range(1, 42)],
])  # fmt: skip
def test_everything_left_is_done_once_in_equal_parts(
    tmp_path: Path, processes: int, done: list[tuple[str, int]]
) -> None:
    folder = RunFolder(tmp_path)
    folder.append({"line": label, "row": number} for label, number in done)
    plan = Plan(ProblemSet("set", PROBLEMS), LINES)
    parts = [work_left(plan, folder, Share(n, processes)) for n in range(processes)]
    given = [[(label, p.number) for label, ps in part.problems.items() for p in ps] for part in parts]
    everything = {(label, n) for label in "ab" for n in range(1, 42)}
    assert sorted(sum(given, [])) == sorted(everything - set(done))
    assert {part.done for part in parts} == {len(done)}
    for sizes in (map(len, given), *([len(part.problems[label]) for part in parts] for label in "ab")):
        assert max(counted := list(sizes)) - min(counted) <= 1


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_processes_end_a_run_of_which_one_part_is_done(tmp_path: Path) -> None:
    """Rows with even numbers are done, which were all of one process's when rows went by number."""
    flags = ["run", "--model", str(ROOT / "assets" / "models" / "tiny-llada"), "--data", "linear"]
    flags += ["--limit", "12", "--samplers", "threshold", "--set", "steps=8", "--threads", "1"]
    assert main([*flags, "--device", "cpu", "--out", str(tmp_path / "one")]) == 0
    whole, half = RunFolder(tmp_path / "one"), tmp_path / "two"
    half.mkdir()
    for name in ("manifest.json", "set.jsonl"):
        (half / name).write_text((whole.path / name).read_text())
    RunFolder(half).append(row for row in whole.rows() if row["row"] % 2 == 0)
    launch = [sys.executable, "-m", "accelerate.commands.launch", *TWO]
    command = [*launch, "-m", "evaluation", *flags, "--out", str(half)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("9 of 12\n") == 2  # three of the six that were left, in each process
    rows = [
        sorted(json.dumps({k: v for k, v in row.items() if k != "seconds"}) for row in folder.rows())
        for folder in (whole, RunFolder(half))
    ]
    assert rows[0] == rows[1] and len(rows[1]) == 12
