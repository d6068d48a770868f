"""Labelled steps from files and hub sets: columns by name, lists, what a bad row is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from evaluation.sets.columns import SetError
from training.prm.objective import log_weights
from training.prm.prm_data import LabelledSteps, open_labelled, read_labelled
from training.prm.settings import PRMSettings

GOOD: dict[str, Any] = {"question": "q", "steps": ["a", "b"], "labels": [1, 0]}
READ = LabelledSteps("q", ("a", "b"), (1, 0))


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def opened(name: object, allow: bool = False, **settings: Any) -> list[LabelledSteps]:
    return open_labelled([str(name)], PRMSettings(**settings), allow)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"steps": []}, "row 2 has no steps"), ({"steps": "ab"}, "row 2 has no steps"),
        ({"steps": {"a": 1}}, "row 2 has no steps"),
        ({"steps": ["a", ""]}, "row 2: step 2 is empty"), ({"steps": ["a", 3]}, "row 2: step 2 is empty or"),
        ({"labels": [1]}, "row 2 has 1 labels for 2 steps"), ({"labels": None}, "row 2 has no labels for 2"),
        ({"labels": [1, 2]}, "row 2: label 2 = '2'; allowed: 0 or 1"),
        ({"labels": [float("nan"), 1]}, "column 'labels' is NaN"),
        ({"labels": ["+", 1]}, "label 1"), ({"question": " "}, "row 2: question is empty"),
        ({"steps": '["\\ud800", "b"]'}, "row 2 has half a character"),
        ({"question": "x" * 100_001}, "row 2 has a text of more than"),
    ],
)  # fmt: skip
def test_bad_rows_are_named(tmp_path: Path, bad: dict[str, Any], says: str) -> None:
    path = written(tmp_path / "rows.jsonl", [GOOD, GOOD | bad])
    for read in (read_labelled, opened):
        with pytest.raises(SetError, match=f"rows.jsonl, .*{says}" if says[:3] == "row" else says):
            read(path)


def test_bad_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for text, says in ((b"\xff{}", "is not UTF-8"), (b"[1]", "row 1 of rows.jsonl is no object"),
                       (b"\n", "has no rows"), (b'{"question": "\\ud800", "steps": ["a"]}', "half a char"),
                       (b'{"steps": ["a"], "labels": [1]}', "rows.jsonl has no prompt_column; choose one"),
                       (b'{"prompt": "q", "labels": [1]}', "rows.jsonl has no steps_column"),
                       (b'{"prompt": "q", "steps": ["a"]}', "rows.jsonl has no labels_column")):  # fmt: skip
        path.write_bytes(text)
        with pytest.raises(SetError, match=says):
            opened(path)
    with pytest.raises(SetError, match="is neither a file nor a known set"):
        opened(tmp_path / "none.jsonl")
    with pytest.raises(SetError, match="data = 'word' is a task; allowed: labelled steps, which python -m"):
        opened("word")


def test_one_row_in_every_kind_of_file(tmp_path: Path) -> None:
    rows = [GOOD, GOOD]
    pd.DataFrame(rows).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text('question,steps,labels\nq,"[""a"", ""b""]","[1, 0]"\n')
    (tmp_path / "a.json").write_text(json.dumps(rows))
    for name in ("a.parquet", "a.csv", "a.json"):
        assert set(opened(tmp_path / name)) == {READ}
    with_task = GOOD | {"task": "word", "fields": {"a": 1}, "cut": 4}
    named = LabelledSteps("q", ("a", "b"), (1, 0), "word", "4")
    assert opened(written(tmp_path / "b.jsonl", [with_task])) == [named]
    stepwise = {"prompt": "q", "completions": ["a"], "labels": [True]}  # TRL's names
    assert opened(written(tmp_path / "c.jsonl", [stepwise])) == [LabelledSteps("q", ("a",), (1,))]
    with pytest.raises(SetError, match="0 wrong steps"):
        log_weights(opened(tmp_path / "c.jsonl"), 1.0)
    (tmp_path / "d.csv").write_text("question,steps,labels\nq,a,1\n")
    with pytest.raises(SetError, match="d.csv, row 1 has no steps; allowed: a list"):
        opened(tmp_path / "d.csv")


def test_columns_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"q": "q", "s": ["a", "b"], "l": [1, 0], "question": "no"}])
    named = {"prompt_column": "q", "steps_column": "s", "labels_column": "l"}
    assert opened(path, **named) == [READ]
    for name in named:
        with pytest.raises(SetError, match=f"{name} = 'x' is no column of a.jsonl; allowed: q, s, l, que"):
            opened(path, **named | {name: "x"})


def test_sets_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name: str, config: str, split: str) -> datasets.Dataset:
        asked.append((name, config, split))
        return datasets.Dataset.from_list([GOOD] * 5)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert opened("someone/steps:part", split="train[:5]") == [READ] * 5
    assert asked == [("someone/steps", "part", "train[:5]")]
    for name, settings in (("someone/steps", {"split": "test"}), ("someone/steps-test", {})):
        with pytest.raises(SetError, match="evaluation.*--allow-eval-data"):
            opened(name, **settings)
