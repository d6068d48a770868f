"""Machines of one run: what they must share, and whose rows are taken over. Two real ones: tests/deploy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evaluation.runs import machines
from evaluation.runs.machines import open_run, take_over
from evaluation.runs.run_folder import RunError, RunFolder
from evaluation.sets.problem_sets import Problem, ProblemSet

PROBLEMS = ProblemSet("set", tuple(Problem(n, f"What is {n} + {n}?", str(2 * n)) for n in (1, 2, 3)))
ALONE = SimpleNamespace(num_processes=1, is_main_process=True, is_local_main_process=True)
OTHER = SimpleNamespace(num_processes=2, is_main_process=False, is_local_main_process=True)


def manifest(model: str = "a") -> dict[str, Any]:
    return {"identity": {"model": model}, "data": {}, "lines": []}


@pytest.fixture
def first(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "first")
    lock = open_run(ALONE, folder, manifest, PROBLEMS)
    assert lock is not None
    with pytest.raises(RunError, match="is being run by another process"):
        open_run(ALONE, RunFolder(folder.path), manifest, PROBLEMS)
    lock.release()
    return folder


def answering(monkeypatch: pytest.MonkeyPatch, *before: list[Any]) -> None:
    """What machine 0 sends in each exchange, before what this machine sends."""
    sent: Iterator[list[Any]] = iter(before)
    monkeypatch.setattr(machines, "gathered", lambda state, own: [*next(sent), *own])


@pytest.mark.parametrize(("model", "problems", "other"), [
    ("a", PROBLEMS, ""), ("b", PROBLEMS, "model"), ("a", ProblemSet("set", PROBLEMS.problems[:2]), "data"),
])  # fmt: skip
def test_another_model_or_other_rows_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str, problems: ProblemSet, other: str
) -> None:
    verdicts: list[Any] = []

    def noted(state: Any, own: list[Any]) -> list[Any]:
        verdicts.extend(own)
        return own

    monkeypatch.setattr(machines, "gathered", noted)
    open_run(OTHER, RunFolder(tmp_path / "zero"), manifest, PROBLEMS)
    answering(monkeypatch, verdicts)
    second = RunFolder(tmp_path / "one")
    if not other:
        assert open_run(OTHER, second, lambda: manifest(model), problems) is None
        return
    with pytest.raises(RunError, match=f"machine 1 has another {other} than machine 0; allowed: the same"):
        open_run(OTHER, second, lambda: manifest(model), problems)


def test_one_machine_that_cannot_stops_all(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: RunFolder
) -> None:
    answering(monkeypatch, [("its disk is full", {})], [("", {"model": "a", "data": ""})])
    with pytest.raises(RunError, match="^its disk is full"):
        open_run(OTHER, RunFolder(tmp_path / "second"), manifest, PROBLEMS)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="machine 1: "):
        open_run(OTHER, RunFolder(tmp_path / "file"), manifest, PROBLEMS)


def test_rows_of_other_machines_are_taken_over_once(
    monkeypatch: pytest.MonkeyPatch, first: RunFolder
) -> None:
    first.append([{"line": "a", "row": 1}])
    rows = [{"line": "a", "row": 1, "text": "later"}, {"line": "a", "row": 2}]
    state = SimpleNamespace(num_processes=2, is_main_process=True, is_local_main_process=True)
    answering(monkeypatch, rows, [])
    assert take_over(state, first) == {("a", 1), ("a", 2)}
    assert first.rows() == [{"line": "a", "row": 1}, {"line": "a", "row": 2}]
    assert take_over(ALONE, first) == {("a", 1), ("a", 2)}
