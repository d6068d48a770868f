"""Files that are written whole, whoever else writes them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from models.whole_file import write_whole


def test_many_may_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    texts = [f"{number}\n" * 20_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_whole(path, text), texts * 4))
    assert path.read_text() in texts and list(tmp_path.iterdir()) == [path]


def test_what_breaks_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_whole(path, "old")
    with pytest.raises(ZeroDivisionError):
        write_whole(path, (str(1 // n) for n in (1, 0)))
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
