"""Faults of JSON lines and exports that were found outside (F24, F28)."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import main as evaluation
from evaluation.runs.report import MARK, Report, as_csv
from evaluation.runs.run_folder import RunFolder
from evaluation.sets.harmless import harmless
from evaluation.sets.problem_sets import Problem, ProblemSet
from samplers.__main__ import main as samplers
from tests.training.small_model import small_folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("small"))


def marked(folder: Path, *rows: dict[str, Any], mark: str = MARK) -> str:
    path = folder / "in.jsonl"
    path.write_text(
        mark + "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return str(path)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_f24_answers_to_grade_may_begin_with_a_mark(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    source = marked(tmp_path, {"response": "The answer is 5.", "answer": "5"})
    assert evaluation(["grade", "--in", source, "--out", str(out), "--workers", "1"]) == 0
    assert lines(out)[0]["correct"] is True


def test_f24_half_a_character_in_an_answer_is_graded(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(
        '{"response": "\\ud800 the answer is 5", "answer": "5"}\n{"response": "6", "answer": "5\\ud800"}\n'
    )
    assert evaluation(["grade", "--in", str(source), "--out", str(out), "--workers", "1"]) == 0
    assert [row["correct"] for row in lines(out)][0] is True and lines(out)[1]["correct"] is not True


def test_f24_requests_and_pairs_may_begin_with_a_mark(tmp_path: Path, model: str) -> None:
    out = tmp_path / "out.jsonl"
    shape = {"gen_length": 4, "steps": 1, "block_length": 4}
    source = marked(
        tmp_path,
        {"id": 1, "prompt": "a\u2028b", "settings": shape},
        {"id": 2, "prompt": "c", "settings": shape},
    )
    assert samplers(["batch", "--model", model, "--requests", source, "--out", str(out)]) == 0
    assert [(row["id"], "error" in row) for row in lines(out)] == [(1, False), (2, False)]
    source = marked(tmp_path, {"id": 1, "prompt": "a", "answer": "b"})
    flags = ["--in", source, "--out", str(out), "--mc-num", "1", "--batch-size", "1"]
    assert evaluation(["likelihood", "--model", model, *flags]) == 0
    assert lines(out)[0]["id"] == 1


@pytest.mark.parametrize("number", ["-5", "+5", "-5.25", "- 5", "-1,234.5", "-5%", "-1e-3"])
def test_f28_numbers_stay_numbers(number: str) -> None:
    assert harmless(number) == number


@pytest.mark.parametrize(
    "formula", ["=1+1", "@x", "-1+1", "+cmd|' /C calc'!A0", "-A1", "\t=1", "\r=1", "-", "-5 apples"]
)
def test_f28_what_may_be_a_formula_is_guarded(formula: str) -> None:
    assert harmless(formula) == f"'{formula}"


def test_f28_rows_are_marked_as_utf_8_and_keep_numbers(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    facts = {"identity": {}, "lines": [{"label": "a", "sampler": "a", "settings": {}}], "data": {"name": "s"}}
    folder.open(facts, ProblemSet("s", (Problem(1, "Wie viel € sind −5?", "-5"),)))
    folder.append([{"line": "a", "row": 1, "text": "=5", "correct": True, "extracted": "-5", "reason": "",
                    "nfe": 1, "scorer_calls": 0, "tokens": 1, "seconds": 1.0, "seed": 1}])  # fmt: skip
    folder.write("rows.csv", as_csv(Report(folder)))
    data = (tmp_path / "rows.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and data.count(b"\xef\xbb\xbf") == 1
    (row,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert (row["question"], row["answer"], row["extracted"], row["text"]) == (
        "Wie viel € sind −5?", "-5", "-5", "'=5")  # fmt: skip
