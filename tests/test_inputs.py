"""Small files as people have them, tests/inputs/, through the entry points that would meet them.

expected.csv says of every file and command what is read of it (how many rows, the first one, the sentences
that go with it) or with which sentence it is refused. The page must say the same.
"""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import parser
from evaluation.cli.run import plan_of
from evaluation.sets.columns import SetError
from models.checkpoint import ModelError
from models.loading import load
from tests.models.test_loading import shards
from tests.training.small_model import small_folder, tokenizer
from training.data.chat import Chat
from training.data.sources import open_data, open_records
from training.data.table_examples import TableExamples, choose_columns
from training.dpo.pair_rows import open_pairs
from training.dpo.settings import DPOSettings
from training.grpo.objective import GRPOSettings
from training.prm.prm_data import open_labelled
from training.prm.settings import PRMSettings
from training.registry import objective
from training.sft.objective import SFTSettings
from training.shared.questions import LengthLimit, RowQuestions, open_questions

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    from llada_viz.jobs.trainings import TrainingRequest
    from llada_viz.tabs.evaluate_form import UPLOADED, EvaluateForm
    from llada_viz.tabs.train_data import choose, shown
    from llada_viz.tabs.train_example import example_of

INPUTS = Path(__file__).parent / "inputs"
WITH_MODEL = ("max_length", "at least 2")
"""What only a run can know, which has the model's tokens and all rows."""


class Read:
    """rows: how many; first: the first of them; notes: what was said of the file."""

    def __init__(self, rows: int, first: Any, notes: Sequence[str]) -> None:
        self.rows, self.first, self.notes = rows, first, list(notes)


@cache
def chat() -> Chat:
    return Chat(tokenizer())


def evaluate(path: str) -> Read:
    flags = ["run", "--data", path, "--samplers", "low_confidence", "--out", "unused"]
    problems = plan_of(parser().parse_args(flags)).problems
    first = problems.problems[0]
    return Read(len(problems.problems), [first.question, first.answer], problems.notes)


def sft(path: str) -> Read:
    settings = SFTSettings(max_length=512)
    data = open_data([path], chat(), settings)
    records = open_records(path, "train", False)
    first = TableExamples(records, choose_columns(records, settings), chat()).conversation(0)
    size = data.mixture.sets[0].size or 0
    turns = [[turn["role"], turn["content"]] for turn in first.turns]
    return Read(size + len(data.held_out), [turns, first.answer], data.notes)


def dpo(path: str) -> Read:
    notes: list[str] = []
    pairs = open_pairs([path], DPOSettings(), False, notes)
    turns = [[turn["role"], turn["content"]] for turn in pairs[0].turns]
    return Read(len(pairs), [turns, pairs[0].chosen, pairs[0].rejected], notes)


def grpo(path: str) -> Read:
    notes: list[str] = []
    (questions,) = open_questions([path], chat(), GRPOSettings(), LengthLimit(512, len), False, notes)
    assert isinstance(questions, RowQuestions)
    first = questions.records[questions.fitting[0]]
    return Read(
        len(questions.fitting), [first[questions.columns.question], first[questions.columns.answer]], notes
    )


def prm(path: str) -> Read:
    notes: list[str] = []
    rows = open_labelled([path], PRMSettings(), False, notes)
    return Read(len(rows), [rows[0].question, list(rows[0].steps), list(rows[0].labels)], notes)


COMMANDS: dict[str, Callable[[str], Read]] = {
    "evaluate": evaluate, "sft": sft, "dpo": dpo, "grpo": grpo, "prm": prm,
}  # fmt: skip


def expected() -> list[dict[str, str]]:
    with (INPUTS / "expected.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["command"] in COMMANDS]


def test_every_file_has_its_row() -> None:
    named = {row["file"] for row in expected()}
    assert named == {path.name for path in INPUTS.iterdir()} - {"expected.csv"} and len(named) == 58


@pytest.mark.parametrize("row", expected(), ids=lambda row: f"{row['file']}-{row['command']}")
def test_files_are_read_or_refused_with_a_sentence(row: dict[str, str]) -> None:
    path, notes = str(INPUTS / row["file"]), row["said"].split(" | ") if row["said"] else []
    if row["outcome"] == "refused":
        with pytest.raises(SetError) as error:
            COMMANDS[row["command"]](path)
        assert str(error.value) == row["said"]
        return
    read = COMMANDS[row["command"]](path)
    assert read.notes == notes and read.rows == int(row["rows"])
    first = json.dumps(read.first, ensure_ascii=False)
    assert first == row["first"] or (row["first"].endswith("…") and first.startswith(row["first"][:-1]))


@pytest.mark.parametrize("row", expected(), ids=lambda row: f"{row['file']}-{row['command']}")
def test_the_page_says_the_same(row: dict[str, str]) -> None:
    path, refused = str(INPUTS / row["file"]), row["outcome"] == "refused"
    if row["command"] == "evaluate":
        facts = EvaluateForm(lambda kind: {}).look(UPLOADED, path)
        html = facts.shown
        if refused:
            assert "alert" in html and escape(row["said"]) in html
            return
        asked, gold = json.loads(row["first"]) if not row["first"].endswith("…") else ("", "")
        assert f">{row['rows']} row" in html and facts.question and facts.answer
        for text in (*asked.splitlines(), gold.splitlines()[0] if gold else "", *row["said"].split(" | ")):
            assert escape(" ".join(text.split())) in html
        return
    entry, uploads = objective(row["command"]), {row["file"]: path}
    value = [f"upload:{row['file']}"]
    if refused and not any(part in row["said"] for part in WITH_MODEL):
        with pytest.raises(SetError) as error:
            entry.data.check(choose(value, uploads, entry), entry.settings())
        assert str(error.value) == row["said"]
    else:
        entry.data.check(replace(choose(value, uploads, entry), whole=False), entry.settings())
        assert "alert" not in shown(value, uploads, entry)


def test_f22_the_page_shows_how_many_rows_are_left_out(tmp_path: Path) -> None:
    model, path = small_folder(tmp_path / "model"), str(INPUTS / "sft_some_too_long.jsonl")
    html = example_of(Path(model), TrainingRequest("sft", (path,), {"max_length": 256, "batch_size": 2}))
    assert "sft_some_too_long.jsonl: 10 of 20 rows are longer than 256 tokens and were left out" in html


def test_a_stray_copy_of_a_tensor_is_an_error(tmp_path: Path) -> None:
    """stale_shard.py, which wrote such a folder: the index decides, and what it does not name is refused."""
    with (INPUTS / "expected.csv").open(encoding="utf-8", newline="") as file:
        (row,) = [row for row in csv.DictReader(file) if row["file"] == "stale_shard.py"]
    shards(Path(small_folder(tmp_path)), stray=True)
    with pytest.raises(ModelError, match=row["said"]):
        load(str(tmp_path), device="cpu")
