"""`repairs` for real: the bundled model with so few steps that plain decoding errs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.repairs.alone import difference
from evaluation.repairs.preset import PresetError, read_preset, trace_of, write_preset
from evaluation.runs.run_folder import RunFolder
from samplers.events import Finished
from samplers.recording.traces import read_trace

FLAGS = [
    "repairs", "--device", "cpu", "--tasks", "expression", "--level", "easy", "--steps", "8",
    "--blocks", "16", "--temperatures", "0.6", "--look", "3",
]  # fmt: skip
SET_UP, METHOD = "expression-easy-8-steps-blocks-of-16-T-0.6", "window_refine/prm"
NAME = "window_refine-prm-expression.json"


def search(out: Path, n: int, *more: str) -> int:
    """The command, with n problems; its exit code."""
    return main([*FLAGS, "--methods", METHOD, "--n", str(n), "--out", str(out / "runs"), *more])


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A search that goes on with more problems until it has a preset; its folder, and how many it took."""
    out = tmp_path_factory.mktemp("repairs")
    for n in (3, 6, 12, 24, 48):
        assert search(out, n, "--presets", str(out / "presets")) == 0
        if (out / "presets" / NAME).exists():
            return out, n
    pytest.fail("no error of plain decoding among 48 was mended where one could see it")


@pytest.fixture(scope="module")
def preset(searched: tuple[Path, int]) -> Path:
    """The file of the preset."""
    return searched[0] / "presets" / NAME


def test_a_search_pairs_rows_raises_the_steps_of_plain_decoding_and_goes_on_where_it_was(
    searched: tuple[Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    out, n = searched
    folder = RunFolder(out / "runs" / SET_UP)
    rows = folder.rows()
    assert {"plain", METHOD, "plain, 32 steps"} <= {row["line"] for row in rows}
    assert {row["row"] for row in rows if row["line"] == METHOD} == set(range(1, n + 1))
    assert {row["seed"] for row in rows if row["row"] == 2} == {2}
    drawn = RunFolder(folder.path / "drawn-anew").rows()
    assert len(drawn) == n and drawn[0]["seed"] == 10**6 + drawn[0]["row"]
    looked = RunFolder(folder.path / "clarity").rows()
    assert 0 < len(looked) <= 3 and any(row["clarity"] > 0 for row in looked)

    before = folder.results.read_bytes()
    with folder.results.open("ab") as file:
        file.write(b'{"cut')
    assert search(out, n) == 0
    assert folder.results.read_bytes().startswith(before) and folder.rows() == rows
    said = capsys.readouterr().out
    assert "errors of plain decoding and breaks" in said and "Plain decoding with" in said
    spent = {line: [row["nfe"] for row in rows if row["line"] == line] for line in {r["line"] for r in rows}}
    whole = {line: sum(nfe) for line, nfe in spent.items() if len(nfe) == n}
    most = max(nfe for line, nfe in whole.items() if line != METHOD)
    assert ("one token a step" in said) == (most < whole[METHOD]), "said where plain decoding can use no more"
    assert "### The clearest repair of each method" in said and "it takes back a wrong line in" in said


def test_a_preset_holds_all_that_its_run_needs_and_comes_again(
    searched: tuple[Path, int], preset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read_preset(preset)
    assert (found.sampler, found.scorer, found.task, found.level) == (
        "window_refine", "prm", "expression", "easy"
    )  # fmt: skip
    assert set(found.parts) == {"model", "prm"} and found.wrong and 0 < found.clarity <= 1
    set_up = "expression, easy; 8 steps, blocks of 16, T 0.6"
    assert found.sentence.startswith(f"On {searched[1]} problems ({set_up}) it mends")
    assert found.text != found.plain_text and found.rates.mended > 0
    trace = read_trace(trace_of(preset))
    assert isinstance(trace.events[-1], Finished) and difference(trace.events, trace.events) == ""
    assert main(["repairs", "--device", "cpu", "--reproduce", str(preset)]) == 0
    assert f"all {len(trace.events)} events agree" in capsys.readouterr().out


def test_what_does_not_come_again_is_said(preset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = read_preset(preset)
    other = write_preset(preset.parent / "other", replace(found, seed=found.seed + 1000))
    trace_of(other).write_bytes(trace_of(preset).read_bytes())
    assert main(["repairs", "--device", "cpu", "--reproduce", str(other)]) == 2
    assert "decoded again, event" in capsys.readouterr().err
    weights = {**found.parts, "model": replace(found.parts["model"], sha256="0" * 64)}
    write_preset(other.parent, replace(found, parts=weights))
    assert main(["repairs", "--device", "cpu", "--reproduce", str(other)]) == 2
    assert "was made with the model tiny-llada (000000000000…)" in capsys.readouterr().err


def test_files_that_are_no_presets_are_refused(preset: Path, tmp_path: Path) -> None:
    data = json.loads(preset.read_text())
    for change, words in (
        ({"format": "other"}, "has no format"), ({"seed2": 1}, "cannot be read"),
        ({"name": "../x"}, "name = '../x'"), ({"name": "another"}, "has the name 'another'"),
        ({"rates": {}}, "cannot be read"), ({"sampler": "luck"}, "cannot be read"),
    ):  # fmt: skip
        (tmp_path / preset.name).write_text(json.dumps(data | change))
        with pytest.raises(PresetError, match=words):
            read_preset(tmp_path / preset.name)


def test_an_estimate_decodes_a_few_problems_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs"
    assert main([*FLAGS, "--methods", "wino", "--n", "5", "--out", str(out), "--estimate"]) == 0
    said = capsys.readouterr().out
    assert "| expression | 10 | 0 |" in said and "hours in one process" in said and not out.exists()


@pytest.mark.parametrize("flags, words", [
    ([], "exactly one of --out and --reproduce"), (["--out", "x", "--level", "hard"], "level is 'hard'"),
    (["--out", "x", "--tasks", "chess"], "tasks = 'chess'"), (["--out", "x", "--n", "0"], "n = 0"),
    (["--out", "x", "--adapter", "y"], "adapter = 'y'"), (["--out", "x", "--blocks", "a"], "blocks = 'a'"),
])  # fmt: skip
def test_what_cannot_be_searched_is_refused(
    flags: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["repairs", *flags]) == 2
    assert words in capsys.readouterr().err
