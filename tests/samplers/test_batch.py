"""`python -m samplers batch`: parity through the file format, and one error line a bad request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.loading import LoadedModel, load
from samplers.__main__ import main
from samplers.batch import run_requests
from samplers.events import SCHEMA
from samplers.recording.traces import read_trace
from tests.networks import VECTORS
from tests.samplers.test_conformance import sampler_of

TINY = str(VECTORS / "tiny_llada")
CASES = json.loads((VECTORS / "tiny_llada" / "cases.json").read_text())
HEAD = str(VECTORS / "tiny_llada" / "ups_head.safetensors")
SHORT = {"steps": 8, "gen_length": 8, "block_length": 8}


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    return load(TINY, device="cpu")


def request(case: dict[str, Any]) -> str:
    name, plain = sampler_of(case)
    what = {"id": case["name"], "prompt_ids": case["prompt"][0], "sampler": name, "settings": plain}
    if plain.get("policy") == "ups":
        what["ups_head"] = str(VECTORS / "tiny_llada" / "ups_head.safetensors")
    return json.dumps(what)


def test_every_case_through_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("\n".join(map(request, CASES)) + "\n")
    out = tmp_path / "out.jsonl"
    assert main(["batch", "--model", TINY, "--requests", str(tmp_path / "in.jsonl"), "--out", str(out)]) == 0
    results = [json.loads(line) for line in out.read_text().splitlines()]
    assert [r["id"] for r in results] == [c["name"] for c in CASES]
    for case, result in zip(CASES, results, strict=True):
        assert case["prompt"][0] + result["output_ids"] == case["output"][0]
        assert result["nfe"] == (case["nfe"] or case["steps"] * (2 if case.get("cfg_scale") else 1))
        assert result["scorer_calls"] == 0 and result["seconds"] > 0


def test_a_batch_of_unequal_prompts_costs_and_says_what_each_row_does_alone(tiny: LoadedModel) -> None:
    lines = [
        json.dumps({"id": i, "prompt_ids": list(range(1, 3 + 4 * i)), "settings": SHORT}) for i in range(4)
    ]
    together = run_requests(tiny, lines)
    for line, result in zip(lines, together, strict=True):
        alone = run_requests(tiny, [line])[0]
        assert alone["output_ids"] == result["output_ids"] and alone["nfe"] == result["nfe"] == 8


@pytest.mark.parametrize(("bad", "words"), [
    ({"prompt_ids": []}, "prompt_ids"), ({"prompt_ids": [500]}, "0 to 127"), ({}, "exactly one of"),
    ({"prompt_ids": [1], "raw_prompt": "a"}, "exactly one of"), ({"prompt": "hi"}, "no tokenizer"),
    ({"prompt_ids": [1], "sampler": "nope"}, "sampler"), ({"prompt_ids": [1], "settings": [1]}, "settings"),
    ({"prompt_ids": [1], "settings": {"steps": 7, "gen_length": 8, "block_length": 4}}, "steps"),
    ({"prompt_ids": [1] * 300, "settings": SHORT}, "at most 256"), ({"prompt_ids": [1], "seed": -1}, "seed"),
    ({"prompt_ids": [1], "surprise": 1}, "surprise"), ({"prompt_ids": [1], "ups_head": "x"}, "is no file"),
    ({"prompt_ids": [1], "scorer": "checker"}, "not used"), ({"prompt_ids": [1], "scorer": "luck"}, "luck"),
    ({"prompt_ids": [1], "sampler": "backmask"}, "needs one"), ({"prompt_ids": [1], "scorer": 3}, "scorer"),
    ({"prompt_ids": [1], "sampler": "best_of_n", "scorer": "prm"}, "do not agree"),
    ({"prompt_ids": [1], "sampler": "best_of_n", "scorer": "checker", "settings": SHORT}, "no tokenizer"),
    ({"prompt_ids": [1], "sampler": "remedi", "settings": {"policy": "ups"}}, "ups_head"),
    ({"prompt_ids": [1], "ups_head": HEAD}, "policy ups"), ({"prompt_ids": [1], "prm": "x"}, "x"),
    ({"prompt_ids": [1], "sampler": "best_of_n", "settings": {"num_samples": 0}}, "num_samples"),
    ({"prompt_ids": [1], "sampler": "wino", "settings": {"cache": "dual"}}, "cache"),
    ({"prompt_ids": [1], "sampler": "window_refine", "settings": {"window": 99}}, "window"),
    ({"prompt_ids": [True]}, "prompt_ids"), ({"prompt_ids": [1], "settings": {"mystery": 1}}, "mystery"),
])  # fmt: skip
def test_one_bad_request_has_its_own_error(tiny: LoadedModel, bad: dict[str, Any], words: str) -> None:
    good = json.dumps({"id": "good", "prompt_ids": [1, 2], "settings": SHORT})
    results = run_requests(tiny, [json.dumps({"id": "bad"} | bad), "{cut", good])
    assert words in results[0]["error"] and results[0]["id"] == "bad"
    assert "JSON" in results[1]["error"]
    assert len(results[2]["output_ids"]) == 8


@pytest.mark.parametrize("arguments", [
    ["run", "--model", "no/such/folder", "--prompt", "hi"],
    ["run", "--model", TINY, "--prompt-ids", "[1]", "--set", "steps=7", "--set", "block_length=64"],
    ["run", "--model", TINY, "--prompt-ids", "[1]", "--set", "steps=many"],
    ["run", "--model", TINY, "--prompt-ids", "[1]", "--sampler", "nope"],
    ["replay", "no-such-trace"],
    ["batch", "--model", TINY, "--requests", "missing.jsonl", "--out", "out.jsonl"],
])  # fmt: skip
def test_bad_input_ends_in_a_sentence_and_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "Traceback" not in said


def test_run_saves_a_trace_that_replays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "run.trace"
    shape = ["--set", "steps=8", "--set", "gen_length=8", "--set", "block_length=8"]
    assert main(["run", "--model", TINY, "--prompt-ids", "[1, 2]", *shape, "--trace", str(trace)]) == 0
    assert main(["replay", str(trace), "--pause", "0"]) == 0
    assert capsys.readouterr().out.count("masks left 0") >= 2


def test_a_trace_of_the_first_version_is_printed_as_todays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = Path(__file__).parents[1] / "vectors" / "traces" / "v0.1" / "remedi.jsonl"
    assert main(["replay", str(old), "--json"]) == 0
    printed = capsys.readouterr().out
    header, *events = map(json.loads, printed.splitlines())
    assert (header["schema"], header["events"]) == (SCHEMA, len(events))
    assert read_trace(printed.encode()) == read_trace(old)
    (tmp_path / "cut").write_bytes(old.read_bytes()[:5000])
    assert main(["replay", str(tmp_path / "cut"), "--json"]) == 2
    assert "not JSON: it is cut short" in capsys.readouterr().err


def test_list_names_settings_and_aliases(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    found = {e["name"]: e for e in json.loads(capsys.readouterr().out)}
    assert "llada" in found["low_confidence"]["aliases"]
    assert {"steps", "gen_length", "block_length", "temperature", "cfg_scale", "confidence"} <= {
        s["name"] for s in found["low_confidence"]["settings"]
    }


def test_the_docs_page_is_what_the_registry_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--markdown"]) == 0
    page = Path(__file__).parents[2] / "docs" / "samplers.md"
    assert page.read_text() == capsys.readouterr().out
