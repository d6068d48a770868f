"""Reading files that grow: whole lines only, none twice, none missed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llada_viz.jobs.tailing import read_new, tail


def test_a_cut_last_line_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_new(path) == ([], 0)
    path.write_bytes(b'{"a": 1}\n{"b"')
    lines, offset = read_new(path)
    assert (lines, offset) == (['{"a": 1}'], 9)
    assert read_new(path, offset) == ([], 9)
    with path.open("ab") as file:
        file.write(b": 2}\n")
    assert read_new(path, offset) == (['{"b": 2}'], 18)


@settings(deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))),
    st.lists(st.integers(1, 9)),
    st.integers(1, 20),
)
def test_every_line_once_however_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, lines: Any, cuts: Any, most_bytes: Any
) -> None:
    path = tmp_path_factory.mktemp("tail") / "rows"
    data = "".join(line + "\n" for line in lines).encode()
    found, offset = [], 0
    with path.open("ab", buffering=0) as file:
        while data:
            size = cuts.pop() if cuts else len(data)
            file.write(data[:size])
            data = data[size:]
            new, offset = read_new(path, offset, most_bytes)
            found += new
    while (step := read_new(path, offset, most_bytes))[0]:
        found, offset = found + step[0], step[1]
    assert found == lines and offset == path.stat().st_size


def test_a_line_longer_than_the_limit_is_whole(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("x" * 100 + "\ny\n")
    assert read_new(tmp_path / "rows", 0, 10) == (["x" * 100], 101)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b"a\xff\n")
    assert read_new(tmp_path / "rows")[0] == tail(tmp_path / "rows") == ["a\ufffd"]


def test_a_file_that_was_replaced(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("a\n")
    with pytest.raises(ValueError, match="offset = 5; allowed: 0 to 2"):
        read_new(tmp_path / "rows", 5)
    with pytest.raises(FileNotFoundError):
        read_new(tmp_path / "gone", 5)


def test_tail(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    assert tail(path) == []
    path.write_text("")
    assert tail(path) == []
    path.write_text("one\n\ntwo\nthree")
    assert tail(path, 1) == ["three"]
    assert tail(path, 3) == ["", "two", "three"]
    assert tail(path, 9) == ["one", "", "two", "three"]
    assert tail(path, 9, most_bytes=10) == ["two", "three"]
    assert tail(path, 9, most_bytes=3) == ["ree"]
    with pytest.raises(ValueError, match="lines = 0"):
        tail(path, 0)


def test_tail_of_a_progress_bar(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_bytes(b"start\r\n\r 10%\r 20%\r 30%")
    assert tail(tmp_path / "log.txt") == ["start", " 30%"]
