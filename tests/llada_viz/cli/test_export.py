"""`llada-viz export`: pages and tables from traces; what cannot be exported is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from llada_viz import command

SAVED = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"
ONE, OTHER = str(SAVED / "backmask.jsonl"), str(SAVED / "remedi.jsonl")


def test_a_page_of_one_and_of_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.html"
    assert command.main(["export", ONE, "--out", str(out)]) == 0
    assert out.read_text().startswith("<!doctype html>") and "What is" in out.read_text().split("</title>")[0]
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size:,} bytes\n"
    both = ["export", ONE, OTHER, "--out", str(out), "--title", "Two <b>", "--by", "time"]
    assert command.main(both) == 0
    assert "<title>Two &lt;b&gt;</title>" in out.read_text() and '"measure":"time"' in out.read_text()


def test_a_table(tmp_path: Path) -> None:
    assert command.main(["export", ONE, "--out", str(tmp_path / "run.csv")]) == 0
    assert (tmp_path / "run.csv").read_text().startswith("event,kind,nfe")


def test_a_still(tmp_path: Path) -> None:
    out = tmp_path / "run.svg"
    assert command.main(["export", ONE, "--out", str(out), "--frame", "3", "--dark"]) == 0
    assert out.read_text().startswith("<svg") and "step" in out.read_text()


@pytest.mark.parametrize("arguments, part", [
    ([ONE, "--out", "run.doc"], "allowed: a file whose name ends in .html, .csv, .gif"),
    ([ONE, OTHER, "--out", "run.csv"], "2 traces; allowed: at most 1 for .csv"),
    ([ONE] * 5 + ["--out", "run.html"], "5 traces; allowed: at most 4 for .html"),
    (["nowhere.jsonl", "--out", "run.html"], "nowhere.jsonl"),
    ([__file__, "--out", "run.html"], "not a trace saved by LLaDA Viz"),
])  # fmt: skip
def test_what_cannot_be_exported(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        command.main(["export", *arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and part in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
