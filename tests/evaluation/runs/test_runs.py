"""Runs: every row once, resumed where they were cut, the same rows by one process and by two."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import main
from evaluation.grading.grades import Grade
from evaluation.runs.execute import ALL, Share, manifest, run, work_left
from evaluation.runs.plan import Line, Plan, recorded_plan
from evaluation.runs.report import Report, as_csv, as_html, as_json, as_markdown
from evaluation.runs.run_folder import RunError, RunFolder, whole_lines
from evaluation.sets.problem_sets import Problem, ProblemSet, load_set
from models.loading import LoadedModel, load

ROOT = Path(__file__).parents[3]
MODEL = str(ROOT / "assets" / "models" / "tiny-llada")
SMALL = {"gen_length": 16, "block_length": 8, "steps": 4}
# --cpu would start one process, whatever their number; this starts two, CPUs or not.
TWO = ["--multi_gpu", "--num_processes", "2", "--num_machines", "1", "--main_process_port", "0"]
LINES = (Line("a", "low_confidence", SMALL), Line("b", "threshold", {**SMALL, "threshold": 0.5}))
ASKED = tuple(Problem(n, f"What is {n} + {n}?", str(2 * n)) for n in range(1, 41))
HOSTILE = "<script>alert(1)</script>"


class ByText:
    """Grades by whether the text holds the answer; counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def grade_many(self, pairs: str) -> Any:
        self.asked += len(pairs)
        return [Grade(answer in text, answer if answer in text else None, "") for text, answer in pairs]


@pytest.fixture(scope="module")
def loaded() -> Any:
    return load(MODEL)


def begin(loaded: LoadedModel, folder: str, problems: Any = ASKED, lines: Any = LINES, **more: Any) -> Any:
    plan = Plan(ProblemSet("set", problems), lines, **more)
    run_folder = RunFolder(folder)
    run_folder.open(manifest(loaded, MODEL, plan), plan.problems)
    return plan, run_folder


def keys(folder: str) -> Any:
    return [(row["line"], row["row"]) for row in folder.rows()]


def timeless(rows: Path) -> Any:
    kept = ({k: v for k, v in row.items() if k != "seconds"} for row in rows)
    return sorted(json.dumps(row, sort_keys=True) for row in kept)


def test_a_run_that_is_cut_anywhere_ends_with_every_row_once(loaded: LoadedModel, tmp_path: Path) -> None:
    grader = ByText()
    plan, folder = begin(loaded, tmp_path)
    steps = run(loaded, plan, folder, grader)
    assert [next(steps), next(steps), next(steps)] == [0, 8, 16]  # both lines of the first chunk
    steps.close()
    assert {line for line, _ in keys(folder)} == {"a", "b"}
    text = folder.results.read_text()
    folder.results.write_text(text[:-7])  # the last line was being written
    plan, folder = begin(loaded, tmp_path)
    assert list(run(loaded, plan, folder, grader)) == [15, *range(23, 80, 8), 80]
    assert sorted(keys(folder)) == sorted((line, n) for line in "ab" for n in range(1, 41))
    assert len(whole_lines(folder.results)) == 80 and grader.asked == 81
    assert list(run(loaded, plan, folder, grader)) == [80]


def test_a_cut_line_is_dropped_before_anything_is_added(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.override("a", 1, True)
    with folder.overrides.open("a") as file:
        file.write('{"line": "a", "ro')
    folder.override("a", 2, False)
    assert [row["row"] for row in whole_lines(folder.overrides)] == [1, 2]
    folder.overrides.write_text("no\n")
    with pytest.raises(RunError, match="overrides.jsonl has a line that is not JSON"):
        folder.judged()


def test_two_processes_cannot_do_one_run(tmp_path: Path) -> None:
    with RunFolder(tmp_path).alone():
        with pytest.raises(RunError, match="is being run by another process"):
            RunFolder(tmp_path).alone()
    RunFolder(tmp_path).alone().release()


def test_a_machine_that_fails_is_no_answer(
    loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = [{"id": 1, "error": "RuntimeError: out of memory"}]
    monkeypatch.setattr("evaluation.runs.execute.run_requests", lambda *_, **more: failed)
    plan, folder = begin(loaded, tmp_path, ASKED[:1])
    with pytest.raises(RunError, match="row 1, a: RuntimeError"):
        list(run(loaded, plan, folder, ByText()))
    assert folder.rows() == []


def test_shares_add_up_to_the_whole(loaded: LoadedModel, tmp_path: Path) -> None:
    plan, whole = begin(loaded, tmp_path / "one")
    list(run(loaded, plan, whole, ByText()))
    plan, split = begin(loaded, tmp_path / "two")
    for work in [work_left(plan, split, Share(process, 2)) for process in range(2)]:
        list(run(loaded, plan, split, ByText(), work))
    assert timeless(whole.rows()) == timeless(split.rows()) and ALL == Share(0, 1)


def test_rows_of_all_lines_have_the_same_seed(loaded: LoadedModel, tmp_path: Path) -> None:
    plan, folder = begin(loaded, tmp_path, ASKED[:3], seed=5)
    list(run(loaded, plan, folder, ByText()))
    assert {(row["row"], row["seed"]) for row in folder.rows()} == {(1, 6), (2, 7), (3, 8)}


def test_a_row_that_fails_is_a_row_with_its_error(loaded: LoadedModel, tmp_path: Path) -> None:
    long = Problem(1, "word " * 5000, "1")
    plan, folder = begin(loaded, tmp_path, (long, ASKED[1]))
    list(run(loaded, plan, folder, ByText()))
    failed = [row for row in folder.rows() if "error" in row]
    assert {row["row"] for row in failed} == {1} and "allowed: at most 1024" in failed[0]["error"]
    report = Report(folder)
    assert [s.failed for s in report.summaries] == [1, 1] and "have no answer: 1." in " ".join(report.notes())


def test_another_run_does_not_go_into_the_same_folder(loaded: LoadedModel, tmp_path: Path) -> None:
    begin(loaded, tmp_path)
    with pytest.raises(RunError, match="its seed differs"):
        begin(loaded, tmp_path, seed=1)
    with pytest.raises(RunError, match="its row 2 differs"):
        begin(loaded, tmp_path, (ASKED[0], Problem(2, "other", "2")))
    with pytest.raises(RunError, match="its line 'a' differs"):
        begin(loaded, tmp_path, lines=(Line("a", "threshold", SMALL),))


def test_lines_and_rows_may_be_added(loaded: LoadedModel, tmp_path: Path) -> None:
    plan, folder = begin(loaded, tmp_path, ASKED[:2], LINES[:1])
    list(run(loaded, plan, folder, ByText()))
    plan, folder = begin(loaded, tmp_path, ASKED[:3], LINES[1:])
    list(run(loaded, plan, folder, ByText()))
    assert keys(folder) == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)]
    again = recorded_plan(folder.manifest(), folder.problems())
    assert again.lines == LINES and again.problems.problems == ASKED[:3]


def hostile_report(loaded: LoadedModel, folder: str) -> Any:
    problems = (Problem(1, f"=cmd() {HOSTILE}", "@1"), ASKED[1])
    plan, run_folder = begin(loaded, folder, problems)
    list(run(loaded, plan, run_folder, ByText()))
    run_folder.override("a", 1, True)
    return Report(run_folder)


def test_reports_escape_what_came_from_elsewhere(loaded: LoadedModel, tmp_path: Path) -> None:
    report = hostile_report(loaded, tmp_path)
    html = as_html(report)
    assert HOSTILE not in html and "&lt;script&gt;" in html and "default-src 'none'" in html
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
    rows = list(csv.DictReader(io.StringIO(as_csv(report))))
    assert rows[0]["question"].startswith("'=cmd()") and rows[0]["answer"] == "'@1" and len(rows) == 4
    assert json.loads(as_json(report))["rows"][0]["question"] == f"=cmd() {HOSTILE}"
    assert "| a |" in as_markdown(report)


def test_grades_set_by_hand_are_marked_and_leave_the_results_alone(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    report = hostile_report(loaded, tmp_path)
    assert report.summaries[0].by_hand == 1 and "grades set by hand: 1." in " ".join(report.notes())
    assert report.rows["a"][1]["correct"] is True and RunFolder(tmp_path).rows()[0]["correct"] is False
    assert "(set by hand)" in as_html(report)


def test_near_zero_is_said_plainly(loaded: LoadedModel, tmp_path: Path) -> None:
    problems = tuple(Problem(n, "Why?", "no such answer") for n in range(1, 4))
    plan, folder = begin(loaded, tmp_path, problems)
    steps = run(loaded, plan, folder, ByText())
    next(steps)
    next(steps)
    notes = Report(folder).notes()
    assert notes[0] == "Not finished: 3 of 6 rows." and notes[1].startswith("Near zero")


def command(folder: str, *more: Any) -> list[Any]:
    return [
        "run", "--model", MODEL, "--data", str(ROOT / "assets" / "data" / "arithmetic.csv"),
        "--samplers", "low_confidence,threshold", "--set", "gen_length=16", "--set", "block_length=8",
        "--set", "steps=4", "--out", str(folder), *more,
    ]  # fmt: skip


def test_the_command_line_runs_reports_and_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path / "r", "--limit", "3", "--shots", "1", "--device", "cpu")) == 0
    said = capsys.readouterr().out
    assert "| low_confidence |" in said and "| threshold |" in said
    assert {p.name for p in (tmp_path / "r").glob("*.*")} >= {"report.html", "report.md", "rows.csv"}
    assert {row["row"] for row in RunFolder(tmp_path / "r").rows()} == {2, 3}
    assert main(["report", str(tmp_path / "r")]) == 0 and "threshold" in capsys.readouterr().out
    for arguments, part in (
        (command(tmp_path / "x", "--set", "luck=1"), "luck"),
        (command(tmp_path / "x", "--template", "no"), "{question}"),
        (command(tmp_path / "x", "--question", "no"), "choose one of: question, answer"),
        (command(tmp_path / "x", "--adapter", "a"), "adapter = 'a' is no folder"),
        (["report", str(tmp_path)], "holds no run"),
        (["compare", "--prompt", "1 + 1?", "--samplers", "luck"], "sampler = 'luck'"),
    ):
        assert main(arguments) == 2
        assert part in capsys.readouterr().err


def test_compare_prints_answers_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--set", "gen_length=16", "--set", "block_length=8", "--set", "steps=4"]
    prompts = ["--prompt", "What is 3 + 4?", "--prompt", "[bold]What is 2 + 2?"]
    assert main(["compare", "--model", MODEL, *prompts, "--samplers", "low_confidence,klass", *flags]) == 0
    said = capsys.readouterr().out
    assert said.count("low_confidence") == 2 and said.count("klass") == 2 and "[bold]What" in said
    assert "\\boxed{7}" in said


def test_compare_scores_a_bundled_problem_with_its_checker(capsys: pytest.CaptureFixture[str]) -> None:
    """The prompt says which problem it is; any other needs a reward model."""
    flags = ["--set", "gen_length=32", "--set", "block_length=8", "--set", "steps=32"]
    begin = ["compare", "--model", MODEL, "--samplers", "best_of_n,low_confidence", *flags]
    assert main([*begin, "--prompt", "Solve for x: 3x + 5 = 20"]) == 0
    said = capsys.readouterr().out
    assert "best_of_n" in said and "error" not in said and said.count("boxed{5}") == 2
    assert main([*begin, "--prompt", "Why is the sky blue?"]) == 2
    assert "best_of_n needs scores" in capsys.readouterr().err


def test_a_bundled_task_is_graded_by_its_own_checker(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    flags = ["run", "--model", MODEL, "--data", "linear", "--limit", "4", "--samplers", "low_confidence"]
    assert main([*flags, "--out", str(folder)]) == 0
    report = Report(RunFolder(folder))
    assert load_set("linear", limit=4).problems == tuple(report.problems)
    assert report.summaries[0].correct >= 2 and report.manifest["lines"][0]["settings"]["gen_length"] == 32


@pytest.mark.long  # tests/deploy/test_two_machines.py splits an evaluation too
@pytest.mark.timeout(900)
def test_two_processes_give_the_same_rows_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(tmp_path / "one", "--threads", "1", "--device", "cpu")) == 0
    assert capsys.readouterr().err.splitlines().count("0 of 16") == 1
    launch = [sys.executable, "-m", "accelerate.commands.launch", *TWO, "-m", "evaluation"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    where = [*launch, *command(tmp_path / "two", "--threads", "1")]
    done = subprocess.run(where, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines().count("0 of 16") == 2
    one, two = (RunFolder(tmp_path / name) for name in ("one", "two"))
    assert timeless(one.rows()) == timeless(two.rows()) and len(two.rows()) == 16
