"""Files as rows of text: every bad file ends in a sentence that says what to change."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from evaluation.sets.cells import MOST_CHARACTERS, MOST_ROWS
from evaluation.sets.columns import ColumnMapping, SetError, guess
from evaluation.sets.problem_sets import from_table, load_set
from evaluation.sets.tables import read_table

CELLS = f"allowed: at most {MOST_CHARACTERS:,}"


def write(folder: Path, text: str | bytes, name: str = "set.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "has no rows"),
        ("question,answer\n", "has no rows"),
        ("question\n1\n", "one column ('question') is not enough"),
        ("question,answer,question\n1,2,3\n", "columns 1 and 3 are both called 'question'; rename one"),
        ("question,,answer\n1,2,3\n", "column 2 has no name"),
        (",".join(f"c{i}" for i in range(300)) + "\n", "300 columns are too many"),
        ("question,answer\n1,2\n3,4,5\n", "row 2 (line 3) has 3 cells, the header 2"),
        ('question,answer\n"1,2\n', "row 1 (line 2) is not CSV"),
        ("question,answer\n1,\0\n", "row 1, column 'answer' holds a NUL"),
        (b"question,answer\nwhy,\xe9t\xe9\n", "is not UTF-8: byte 0xe9 in line 2; save it as UTF-8"),
        ("a,b\n" + "x" * (5 * 2**20) + ",2\n", f"row 1, column 'a' has 5,242,880 characters; {CELLS}"),
    ],
)  # fmt: skip
def test_a_bad_csv_says_what_to_change(tmp_path: Path, data: str | bytes, said: str) -> None:
    with pytest.raises(SetError) as error:
        read_table(write(tmp_path, data))
    assert said in str(error.value)


def test_200_000_rows_are_refused_and_a_limit_reads_the_first(tmp_path: Path) -> None:
    path = write(tmp_path, "question,answer\n" + "1 + 1,2\n" * 200_000)
    with pytest.raises(SetError, match=f"more than {MOST_ROWS:,} rows; split it, or set a limit"):
        read_table(path)
    assert len(read_table(path, limit=5).rows) == 5


def test_a_good_csv_with_a_mark_quotes_semicolons_and_formulas(tmp_path: Path) -> None:
    text = '\ufeffProblem;Final Answer\n"two\nlines; and a ""quote""";=1+1\n\nnext;"-3"\n'
    table = read_table(write(tmp_path, text))
    assert table.columns == ("Problem", "Final Answer")
    assert table.rows[0] == {"Problem": 'two\nlines; and a "quote"', "Final Answer": "=1+1"}
    found = from_table(table)
    assert found.mapping == ColumnMapping("Problem", "Final Answer")
    assert [(p.number, p.answer) for p in found.problems] == [(1, "=1+1"), (2, "-3")]


def test_100_columns_are_read_and_their_mapping_guessed(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(98)] + ["prompt", "target"]
    table = read_table(write(tmp_path, ",".join(names) + "\n" + ",".join(map(str, range(100))) + "\n"))
    assert from_table(table).problems[0].question == "98"


def test_jsonl_json_and_parquet(tmp_path: Path) -> None:
    rows = [{"question": "1 + 1", "answer": 2}, {"question": "list", "answer": [1, None]}]
    texts = [{"question": "1 + 1", "answer": "2"}, {"question": "list", "answer": "[1, null]"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    assert list(read_table(write(tmp_path, lines, "set.jsonl")).rows) == texts
    assert list(read_table(write(tmp_path, json.dumps(rows), "set.json")).rows) == texts
    pd.DataFrame(texts).to_parquet(tmp_path / "set.parquet")
    assert list(read_table(tmp_path / "set.parquet").rows) == texts


def test_lists_and_objects_in_parquet_are_json(tmp_path: Path) -> None:
    rows = [{"steps": ["a", "b"], "turns": [{"role": "user", "content": "why"}], "labels": [True, False]}] * 3
    path = tmp_path / "set.parquet"
    pd.DataFrame(rows).to_parquet(path)
    for record in read_table(path).rows:
        assert {name: json.loads(cell) for name, cell in record.items()} == rows[0]
    pd.DataFrame([{"a": "1", "turns": [{"content": "x" * 300_000}]}] * 9).to_parquet(path)
    with pytest.raises(SetError, match="column 'turns' has cells of 300,000 bytes"):
        read_table(path)


@pytest.mark.parametrize("kind", ["list", "fixed", "map", "object"])
def test_a_text_in_many_places_is_measured_before_it_is_unpacked(tmp_path: Path, kind: str) -> None:
    """A kilobyte of Parquet that would be a hundred megabytes of text."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    text, many = "x" * 49_000, 2_000
    inside = {
        "list": (pyarrow.list_(pyarrow.string()), [text] * many),
        "fixed": (pyarrow.list_(pyarrow.string(), many), [text] * many),
        "map": (pyarrow.map_(pyarrow.string(), pyarrow.string()), [(str(n), text) for n in range(many)]),
        "object": (pyarrow.list_(pyarrow.struct([("a", pyarrow.string())])), [{"a": text}] * many),
    }
    form, cell = inside[kind]
    table = pyarrow.table({"a": ["1"], "b": pyarrow.array([cell], form)})
    parquet.write_table(table, path := tmp_path / "set.parquet")
    assert path.stat().st_size < 100_000
    with pytest.raises(SetError, match="column 'b' has cells of [0-9,]+ bytes; allowed: at most 50,000"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (
            "a.jsonl",
            '{"question": 1, "answer": 2}\n{"question": 1}\n',
            "row 2, column 'answer' is empty; every row needs its answer",
        ),
        ("a.jsonl", '{"question": 1, "answer": 2}\n[1]\n', "row 2 of a.jsonl is no object"),
        ("a.jsonl", "{\n", "row 1 is not JSON"),
        ("a.json", '{"question": 1}', "a.json is no list"),
        ("a.json", "[" * 100_000, "row 1 is not JSON"),
        ("a.jsonl", '{"question": "\\ud800", "answer": 2}', "column 'question' holds half a character"),
        ("a.parquet", "PAR1 no", "a.parquet is no Parquet file"),
        ("a.xlsx", "PK", "a.xlsx is no set; allowed: a file ending in"),
    ],
)
def test_other_bad_files(tmp_path: Path, name: str, data: str, said: str) -> None:
    with pytest.raises(SetError) as error:
        from_table(read_table(write(tmp_path, data, name)))
    assert said in str(error.value)


def test_the_mapping_is_guessed_shown_and_changeable() -> None:
    assert guess(["id", "solution", "Problem", "answer"]) == ColumnMapping("Problem", "answer")
    assert guess(["a", "b"], "b", "a") == ColumnMapping("b", "a")
    with pytest.raises(SetError, match="the question column was not found; choose one of: a, b"):
        guess(["a", "b"])
    with pytest.raises(SetError, match="the answer column = 'c' is no column"):
        guess(["question", "b"], answer="c")
    with pytest.raises(SetError, match="both 'a'"):
        guess(["a", "b"], "a", "a")


def test_an_empty_cell_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "question,answer\n1,2\n3, \n")
    with pytest.raises(SetError, match="row 2, column 'answer' is empty"):
        load_set(str(path))


def test_sets_by_name() -> None:
    found = load_set("linear", limit=3)
    assert len(found.problems) == 3 and found.problems[0].task == "linear"
    assert found.problems[0].question.startswith("What is the value of")
    with pytest.raises(SetError, match="neither a file nor a known set; allowed: .*sudoku.*gsm8k"):
        load_set("gsm9k")
    with pytest.raises(SetError, match="limit = 0"):
        load_set("linear", limit=0)
