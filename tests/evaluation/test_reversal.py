"""Couplets forward and backward: reading, asking, counting, the chart."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from evaluation import reversal
from evaluation.reversal import LinePair, counts, picture, plain, read_pairs, table, templates
from evaluation.reversal_chart import Bar, chart
from evaluation.statistics import wilson_interval

BUNDLED = Path(__file__).parents[2] / "assets" / "models" / "tiny-llada"
SVG = "{http://www.w3.org/2000/svg}"
LINES = [{"first": "窈窕淑女", "second": "君子好逑"}, {"first": "a, b", "second": "c"}]


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".csv"):
        text = "source,first,second\n" + "".join(f'x,"{r["first"]}",{r["second"]}\n' for r in LINES)
    elif name.endswith(".jsonl"):
        text = "\n".join(json.dumps(r) for r in LINES) + "\n"
    else:
        text = json.dumps([r | {"source": "x"} for r in LINES], ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["pairs.json", "pairs.jsonl", "pairs.csv"])
def test_any_file_of_pairs(name: str, tmp_path: Path) -> None:
    assert read_pairs(written(tmp_path, name)) == [LinePair("窈窕淑女", "君子好逑"), LinePair("a, b", "c")]


@pytest.mark.parametrize(("name", "text", "said"), [
    ("a.txt", "", "allowed: .json, .jsonl, .csv"), ("a.json", "{", "is not JSON"),
    ("a.json", "{}", "holds no list"), ("a.json", "[]", "is empty"), ("a.json", "[1]", "row 1"),
    ("a.jsonl", '{"first": "a", "second": "b"}\n{"first": "a"}', "row 2"),
    ("a.csv", "first,second\nx,\n", "row 1"), ("a.csv", "one,two\nx,y\n", "row 1"),
])  # fmt: skip
def test_files_that_are_no_pairs(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=said):
        read_pairs(tmp_path / name)


def test_plain_text() -> None:
    assert plain("「君子 好逑。」\n") == plain("君子好逑") and plain("A b.") == "ab" and plain("…!") == ""


def test_templates() -> None:
    assert all("{line}" in t for t in [*templates("en").values(), *templates("zh").values()])
    assert templates("en", backward="before {line}?")["backward"] == "before {line}?"
    with pytest.raises(ValueError, match="forward template"):
        templates("en", forward="what next?")
    with pytest.raises(ValueError, match="language = 'de'"):
        templates("de")


def test_both_ways_are_asked_and_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile text is no template; answers come from a stand-in for the decoder."""
    pairs = [LinePair("{0} {line}", "two"), LinePair("three", "four")]
    said = {"next {0} {line}": "Two.", "next three": "it is four", "prev two": "no", "prev four": "THREE"}

    def decode(loaded: Any, lines: list[str], batch_size: int) -> list[dict[str, Any]]:
        return [{"id": r["id"], "text": said[r["prompt"]]} for r in map(json.loads, lines)]

    monkeypatch.setattr(reversal, "run_requests", decode)
    asked = {"forward": "next {line}", "backward": "prev {line}"}
    rows = reversal.ask(None, pairs, asked)  # type: ignore[arg-type]
    assert [(r["direction"], r["exact"], r["contains"]) for r in rows] == [
        ("forward", True, True), ("forward", False, True), ("backward", False, False),
        ("backward", True, True),
    ]  # fmt: skip
    found = counts(rows)
    assert [(c.direction, c.measure, c.correct, c.total) for c in found] == [
        ("forward", "exact", 1, 2), ("forward", "contains", 2, 2), ("backward", "exact", 1, 2),
        ("backward", "contains", 1, 2),
    ]  # fmt: skip
    assert (found[0].low, found[0].high) == wilson_interval(1, 2)
    assert "| forward | exact | 1 / 2 | 50.0% | 9.5% – 90.5% |" in table(found)
    drawn = picture(found)
    assert "forward, exact" in drawn and "backward, contains" in drawn


def test_a_failed_question_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reversal, "run_requests", lambda *_: [{"id": 0, "error": "too long"}] * 2)
    with pytest.raises(ValueError, match="question 0 .forward.: too long"):
        reversal.ask(None, [LinePair("a", "b")], templates("en"))  # type: ignore[arg-type]


def test_the_chart_is_right_and_harmless() -> None:
    bars = [Bar("one <b>", "x", 0.25, 0.1, 0.5), Bar("two", "y", 1.0, 0.7, 1.0)]
    root = ElementTree.fromstring(chart("<script>", "share & interval", bars))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert {"<script>", "one <b>", "25.0%", "100.0%", "share & interval"} <= set(texts)
    assert not list(root.iter(f"{SVG}script")) and root.get("role") == "img"
    ground, first, second = root.iter(f"{SVG}rect")
    assert float(first.get("width", 0)) * 4 == float(second.get("width", 0))
    assert first.get("fill") != second.get("fill") != ground.get("fill")
    whiskers = [p.get("d", "") for p in root.iter(f"{SVG}path")]
    assert [w.split("M")[1] for w in whiskers] == ["216 76H400", "492 122H630"]
    described = root.find(f"{SVG}desc")
    assert described is not None and "two: 100.0%, 70.0% to 100.0%" in (described.text or "")


@pytest.mark.parametrize("extra", [[], ["--language", "zh", "--sampler", "threshold"]])
def test_the_command(extra: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The bundled model has read no poem: all is counted, nothing is right."""
    parser = argparse.ArgumentParser()
    reversal.add_reversal(parser.add_subparsers())
    size = [f for key in ("gen_length", "steps", "block_length") for f in ("--set", f"{key}=8")]
    flags = ["--model", str(BUNDLED), "--pairs", str(written(tmp_path, "pairs.json")), "--device", "cpu"]
    flags += ["--out", str(tmp_path / "out"), "--limit", "1", *size, *extra]
    args = parser.parse_args(["reversal", *flags])
    args.run(args)
    rows = [json.loads(line) for line in (tmp_path / "out" / "rows.jsonl").read_text().splitlines()]
    assert [(r["direction"], r["given"]) for r in rows] == [("forward", "窈窕淑女"), ("backward", "君子好逑")]
    found = json.loads((tmp_path / "out" / "counts.json").read_text())
    assert [(c["correct"], c["total"]) for c in found] == [(0, 1)] * 4
    ElementTree.parse(tmp_path / "out" / "chart.svg")
    assert "| backward | contains | 0 / 1 |" in capsys.readouterr().out


def test_public_couplets() -> None:
    folder = os.environ.get("LLADA_VIZ_DATA")
    if not folder:
        pytest.skip("LLADA_VIZ_DATA does not name the folder of public data")
    pairs = read_pairs(Path(folder) / "couplets" / "poem_data.json")
    assert len(pairs) > 400 and pairs[0] == LinePair("窈窕淑女", "君子好逑")
