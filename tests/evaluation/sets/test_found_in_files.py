"""Faults of files that were found outside (F19 to F29): columns, separators, encodings, digits."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import datasets
import pyarrow
import pytest
from pyarrow import parquet

from evaluation.sets.cells import looks_like_turns
from evaluation.sets.columns import JOINED, SetError, guess
from evaluation.sets.csv_rows import delimiter_of
from evaluation.sets.hub import hub_table
from evaluation.sets.json_rows import Decimals, as_text
from evaluation.sets.problem_sets import ProblemSet, load_set
from evaluation.sets.public_sets import PublicSet
from evaluation.sets.tables import Table, read_table


def loaded(folder: Path, data: str | bytes, name: str = "set.csv") -> ProblemSet:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return load_set(str(path))


def asked(problems: ProblemSet) -> list[tuple[str, str]]:
    return [(problem.question, problem.answer) for problem in problems.problems]


def test_f19_instruction_and_input_are_joined(tmp_path: Path) -> None:
    found = loaded(tmp_path, "Instruction,Input,output\nAdd.,3 and 4,7\nWhat is 2?,,2\n,only,1\n")
    assert asked(found) == [("Add.\n\n3 and 4", "7"), ("What is 2?", "2"), ("only", "1")]
    assert found.mapping is not None and found.mapping.question == JOINED
    assert "joined to the column 'instruction + input'" in found.notes[0]


def test_f19_a_column_that_is_named_is_asked_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("instruction,input,output,prompt\nAdd.,3 and 4,7,why\n")
    assert load_set(str(path)).problems[0].question == "why"
    assert load_set(str(path), question="input").problems[0].question == "3 and 4"


def test_f19_sets_of_the_hub_are_joined_row_by_row_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = datasets.Dataset.from_list(
        [{"instruction": f"Add {i}.", "input": "4", "output": "7"} for i in range(3)]
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows)
    table = hub_table("a/b", PublicSet("a/b"), "train")
    assert table[1][JOINED] == "Add 1.\n\n4" and [row[JOINED][:6] for row in table] == [
        "Add 0.",
        "Add 1.",
        "Add 2.",
    ]
    assert len(hub_table("a/b", PublicSet("a/b"), "train", limit=2)) == 2


@pytest.mark.parametrize("cell", [
    '[{"role": "user", "content": "why"}]', "[{'role': 'user', 'content': 'why'}]",
    "array([{'content': 'why', 'role': 'user'}], dtype=object)", '{"from": "human", "value": "why"}',
])  # fmt: skip
def test_f20_a_conversation_is_not_asked_as_text(tmp_path: Path, cell: str) -> None:
    with pytest.raises(
        SetError, match="row 1, column 'question' holds a conversation; allowed: the question as"
    ):
        loaded(tmp_path, json.dumps({"question": cell, "answer": "1"}), "set.jsonl")


def test_f21_columns_that_are_not_asked_are_named(tmp_path: Path) -> None:
    found = loaded(tmp_path, "system,question,answer,history\nBe brief.,why,so,[]\n")
    assert found.notes == ("columns that are not read: system, history",)


@pytest.mark.parametrize(("data", "rows", "said"), [
    (",question,answer\n0,a,1\n1,b,2\n", [("a", "1"), ("b", "2")], "column 1 has no name and was left out"),
    (",question,answer\n9,a,1\n10,b,2\n", [("a", "1"), ("b", "2")], "column 1 has no name and was left out"),
    (",question,answer\n,a,1\n,b,2\n", [("a", "1"), ("b", "2")], "column 1 has no name and was left out"),
    ("question,answer,,\na,1,,\n", [("a", "1")], "empty cells at the end of lines"),
    ("question,answer\na,1,\nb,2\n", [("a", "1"), ("b", "2")], "empty cells at the end of lines"),
    ("sep=;\r\nquestion;answer\r\na, b;1\r\n", [("a, b", "1")], ""),
    ('"question";"note (x, y, or z)";answer\na;n;1\n', [("a", "1")], "not read: note (x, y, or z)"),
    ("question|answer\na, b|1\n", [("a, b", "1")], ""),
    ("question,answer\n\n , \na,1\n,\n", [("a", "1")], "2 rows without any text were left out"),
    ("\ufeff\ufeffquestion,answer\na,1\n", [("a", "1")], ""),
    ("question,answer\ra,1\rb,2\r", [("a", "1"), ("b", "2")], ""),
    ("question,answer\na,1\n".encode("utf-16"), [("a", "1")], "read as UTF-16"),
    ("question,answer\na,1\n".encode("utf-16-le"), [("a", "1")], "read as UTF-16"),
    ("question,answer\na,1\n".encode("utf-16-be"), [("a", "1")], "read as UTF-16"),
])  # fmt: skip
def test_f25_tables_as_programs_write_them(
    tmp_path: Path, data: str | bytes, rows: list[tuple[str, str]], said: str
) -> None:
    found = loaded(tmp_path, data)
    assert asked(found) == rows
    assert said in " ".join(found.notes) and bool(said) == bool(found.notes)


@pytest.mark.parametrize(("data", "said"), [
    (",question,answer\nx,a,1\n", "column 1 has no name"),
    (",question,answer\n42,a,1\n7,b,2\n", "column 1 has no name and does not count the rows (one cell"),
    (",question,answer\n,a,1\n7,b,2\n", "does not count the rows (one cell is '7')"),
    (",question,answer\n7,a,1\n,b,2\n", "does not count the rows (one cell is '')"),
    (f",question,answer\n{'9' * 5000},a,1\n", "column 1 has no name and does not count the rows"),
    ("question,,answer\na,5,1\n", "column 2 has no name"),
    ("question,answer\na,1,5\n", "row 1 (line 2) has 3 cells, the header 2"),
    ("question,answer\na,1\n".encode("utf-16")[:-1], "is not UTF-8, and no whole UTF-16 either"),
])  # fmt: skip
def test_f25_what_may_be_data_is_not_left_out(tmp_path: Path, data: str | bytes, said: str) -> None:
    with pytest.raises(SetError) as error:
        loaded(tmp_path, data)
    assert said in str(error.value)


def test_f25_the_separator_is_told_by_rows_that_fit_the_header() -> None:
    assert delimiter_of("a, b;c\nd;e\n") == ";"
    assert delimiter_of("a,b\nx;y;z,2\n") == ","
    assert delimiter_of("a\tb\n1,5\t2\n") == "\t"
    assert delimiter_of("one column\n") == ","
    assert delimiter_of("a;b\n" + '"x;y";2\n' * 50_000) == ";"


SWALLOWED = 'question\tanswer\nfirst\t4\n"What is 5\t5\nwhat is 6"\t6\nx\t7\n'


@pytest.mark.parametrize("data", [SWALLOWED, SWALLOWED.replace("\n", "\r"), SWALLOWED.replace("\n", "\r\n")])
@pytest.mark.parametrize("name", ["set.tsv", "set.csv"])
def test_f25_a_mark_that_hides_rows_of_a_tab_file_is_refused(tmp_path: Path, data: str, name: str) -> None:
    with pytest.raises(SetError, match=r"row 2 \(line 3\), column 'question' has tabs and line breaks"):
        loaded(tmp_path, data, name)


def test_f25_line_breaks_or_tabs_in_a_cell_are_read(tmp_path: Path) -> None:
    found = loaded(tmp_path, 'question\tanswer\n"two\nlines"\t"a\tb"\n"""quoted"""\t5\n', "set.tsv")
    assert asked(found) == [("two\nlines", "a\tb"), ('"quoted"', "5")]
    assert asked(loaded(tmp_path, 'question,answer\n"two\n\tlines",5\n')) == [("two\n\tlines", "5")]


@pytest.mark.parametrize("order", [1, -1])
def test_f26_a_field_may_be_missing(tmp_path: Path, order: int) -> None:
    rows = [{"question": "a", "answer": "1", "note": "x"}, {"question": "b", "answer": "2"}][::order]
    found = loaded(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "set.jsonl")
    assert sorted(asked(found)) == [("a", "1"), ("b", "2")]
    assert found.notes[0] == "'note' is in 1 of 2 rows, and empty in the others"
    with pytest.raises(SetError, match="row 2, column 'answer' is empty; every row needs its answer"):
        loaded(tmp_path, '{"question": "a", "answer": 1}\n{"question": "b"}\n', "set.jsonl")


def test_f26_what_was_left_out_is_said_of_the_first_rows_too(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text(",question,answer\n" + "".join(f"{i},q,1\n" for i in range(50)))
    table = read_table(path, limit=5)
    assert len(table) == 5 and "column 1 has no name" in table.notes[0]


def test_f27_columns_that_differ_in_case_are_said(tmp_path: Path) -> None:
    found = loaded(tmp_path, "Question,question,answer\nlarge,small,5\n")
    assert asked(found) == [("small", "5")]
    assert "'question' is meant unless another is chosen" in found.notes[0]
    assert guess(["Question", "answer"]).question == "Question"


@pytest.mark.parametrize(("value", "text"), [
    ("0.12345678901234567890", "0.12345678901234567890"), ("1.10", "1.10"), ("5.0", "5.0"), ("1e3", "1e3"),
    ("12345678901234567890123", "12345678901234567890123"), ("true", "true"), ("null", ""),
    ('[1.10, {"a": 2.50}]', '[1.10, {"a": 2.50}]'),
])  # fmt: skip
def test_f27_numbers_keep_their_digits(tmp_path: Path, value: str, text: str) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(f'{{"question": "q", "answer": {value}}}\n')
    assert read_table(path)[0]["answer"] == text


def test_f27_a_field_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="row 1 is not JSON: the field 'answer' stands there twice"):
        loaded(tmp_path, '{"question": "q", "answer": 1, "answer": 2}\n', "set.jsonl")


def test_f27_a_field_that_stands_twice_but_for_spaces_is_refused(tmp_path: Path) -> None:
    for name, form in (("set.jsonl", "{}\n"), ("set.json", "[{}]")):
        data = form.replace("{}", '{"question": "a", "answer": "1", " answer": "2"}')
        with pytest.raises(SetError, match="row 1: the field 'answer' stands there twice"):
            loaded(tmp_path, data, name)


def test_f26_a_field_is_the_same_with_spaces_around_its_name(tmp_path: Path) -> None:
    data = '{"question": "a", "answer": "1"}\n{"question": "b", "answer ": "2"}\n'
    found = loaded(tmp_path, data, "set.jsonl")
    assert asked(found) == [("a", "1"), ("b", "2")] and not found.notes


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("form", ["{}", "[{}, 1]", '{"a": [1, {}]}', '[[1.5], {"b": {}}]'])
def test_f27_what_json_does_not_have_is_refused_wherever_it_stands(
    tmp_path: Path, value: str, form: str
) -> None:
    row = '{"question": "q", "answer": VALUE}\n'.replace("VALUE", form.replace("{}", value))
    with pytest.raises(SetError, match=f"row 1, column 'answer' is {value}; no JSON has that"):
        loaded(tmp_path, row, "set.jsonl")


BYTES = [{"question": "Où?".encode(), "answer": [b"1", "é".encode()]}, {"question": b"b", "answer": [b"2"]}]
NO_TEXT = [{"question": b"What?", "answer": b"1"}, {"question": b"\xff\xd8", "answer": b"2"}]
REFUSED = "row 2, column 'question' holds bytes that are no UTF-8"


def test_f27_bytes_of_parquet_are_text(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(BYTES), path)
    assert asked(load_set(str(path))) == [("Où?", '["1", "é"]'), ("b", '["2"]')]
    parquet.write_table(pyarrow.Table.from_pylist(NO_TEXT), path)
    with pytest.raises(SetError, match=REFUSED):
        load_set(str(path))
    later = [{"question": "a", "answer": [b"1"]}] * 40 + [{"question": "b", "answer": [b"1", b"\xff"]}]
    parquet.write_table(pyarrow.Table.from_pylist(later), path)
    with pytest.raises(SetError, match="row 41, column 'answer' holds bytes that are no UTF-8"):
        load_set(str(path))


def test_f27_bytes_of_hub_sets_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def table(rows: list[dict[str, Any]]) -> Table:
        monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.Dataset.from_list(rows))
        return hub_table("a/b", PublicSet("a/b"), "train")

    assert list(table(BYTES))[0] == table(BYTES)[0] == {"question": "Où?", "answer": '["1", "é"]'}
    broken = table(NO_TEXT)
    for read in (lambda: list(broken), lambda: broken[1], lambda: broken[-1]):
        with pytest.raises(SetError, match=REFUSED):
            read()


def test_f20_a_conversation_is_told_in_linear_time() -> None:
    for start in ("", "[", "array(", "array([", "{", "[{", "[{'role'", "[{'role':", "array( [ { 'role' :"):
        for blank in (" ", "\n", "\t \n"):
            began = time.process_time()
            assert not looks_like_turns(start + blank * 300_000 + "x")
            assert time.process_time() - began < 2
    assert looks_like_turns(" \n array( [ { 'role' : 'user', 'content' : 'why' } ] )")
    assert looks_like_turns(' { "from": "human", "value": "why"}')


def test_values_that_are_no_json_are_text(tmp_path: Path) -> None:
    import datetime
    import decimal

    values: list[tuple[Any, str]] = [
        (decimal.Decimal("1.10"), "1.10"), (datetime.date(2026, 1, 2), "2026-01-02"),
        (Decimals("2.0"), "2.0"),
        (float("nan"), ""), ([decimal.Decimal("1.10")], '["1.10"]'), ({"é": None}, '{"é": null}'),
    ]  # fmt: skip
    for value, text in values:
        assert as_text(value) == text
