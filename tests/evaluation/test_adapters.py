"""A LoRA adapter through every command and suite: other answers, its name and its digest."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from evaluation.__main__ import main
from evaluation.runs.run_folder import RunFolder
from evaluation.suites.text_model import Arguments, TextModel, TextRequest
from models.adapters import adapter_digest
from tests.random_adapter import write_adapter

ROOT = Path(__file__).parents[2]
MODEL = str(ROOT / "assets" / "models" / "tiny-llada")
SHAPE = {"gen_length": 16, "block_length": 8}
SHORT = ["--set", "gen_length=16", "--set", "block_length=8", "--set", "steps=4"]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("adapter") / "mine"
    return str(write_adapter(folder, MODEL, ["q_proj", "ff_proj"], lora_alpha=256))


def test_a_run_says_its_adapter_and_goes_on_with_no_other(
    adapter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*more: str) -> int:
        data = ["--data", str(ROOT / "assets" / "data" / "arithmetic.csv"), "--limit", "2"]
        out = ["--out", str(tmp_path), "--device", "cpu"]
        return main(["run", "--model", MODEL, *data, "--samplers", "threshold", *SHORT, *out, *more])

    assert run("--adapter", adapter) == 0
    manifest = RunFolder(tmp_path).manifest()
    assert manifest["model"]["name"] == "tiny-llada + mine"
    assert manifest["identity"]["adapter"] == manifest["model"]["adapter_sha256"] == adapter_digest(adapter)
    assert "tiny-llada + mine" in (tmp_path / "report.html").read_text()
    other = write_adapter(tmp_path / "other", MODEL, ["v_proj"])
    for more in ((), ("--adapter", str(other))):
        assert run(*more) == 2 and "its adapter differs" in capsys.readouterr().err
    assert run("--adapter", adapter) == 0 and len(RunFolder(tmp_path).rows()) == 2


def test_a_run_from_before_there_were_adapters_goes_on(tmp_path: Path) -> None:
    flags = ["run", "--model", MODEL, "--data", "linear", "--limit", "1", "--samplers", "threshold"]
    assert main([*flags, "--out", str(tmp_path)]) == 0
    manifest = RunFolder(tmp_path).manifest()
    del manifest["identity"]["adapter"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert main([*flags, "--out", str(tmp_path)]) == 0


def test_compare(adapter: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["compare", "--model", MODEL, "--prompt", "What is 3 + 4?", "--samplers", "llada", *SHORT]
    assert main(flags) == 0 and "\\boxed{7}" in capsys.readouterr().out
    assert main([*flags, "--adapter", adapter]) == 0
    assert "\\boxed{7}" not in capsys.readouterr().out


def test_likelihood(adapter: str, tmp_path: Path) -> None:
    rows = tmp_path / "in.jsonl"
    rows.write_text(json.dumps({"id": 1, "prompt": "What is 3 + 4?", "answer": "3 + 4 = 7"}) + "\n")
    found = []
    for number, more in enumerate(([], ["--adapter", adapter])):
        out = tmp_path / f"{number}.jsonl"
        flags = ["likelihood", "--model", MODEL, "--in", str(rows), "--out", str(out), "--mc-num", "16"]
        assert main([*flags, "--device", "cpu", *more]) == 0
        found.append(json.loads(out.read_text())["log_likelihood"])
    assert found[0] > found[1] + 1


def test_the_tables_of_the_bundled_model(
    adapter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--model", MODEL, "--n", "4", "--set", "linear", "--adapter", adapter, "--out", str(tmp_path)]
    assert (
        main(["bundled", *chosen[:-1], str(tmp_path / "levels")]) == 0
        and "| linear | easy | 0 / 4 |" in capsys.readouterr().out
    )
    assert main(["samplers", *chosen, "--only", "klass"]) == 0
    assert "| klass | 0 / 4 |" in capsys.readouterr().out
    assert RunFolder(tmp_path / "linear").manifest()["identity"]["adapter"] == adapter_digest(adapter)


def test_reversal(adapter: str, tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("first,second\none,two\n")
    flags = ["reversal", "--model", MODEL, "--pairs", str(pairs), "--adapter", adapter]
    assert main([*flags, "--out", str(tmp_path)]) == 0
    assert main([*flags[:-1], "nowhere", "--out", str(tmp_path)]) == 2


@pytest.mark.parametrize("given", [{}, {"load_lora": True}, {"load_lora": False}])
def test_the_suites(adapter: str, given: dict[str, Any]) -> None:
    """load_lora or not, a path is an adapter to load, as LLaDA's own lm-eval model has it."""
    named = {"model_path": MODEL, "adapter_path": adapter, "device": "cpu"}
    model = TextModel(Arguments.of(named | SHAPE | given))
    assert model.loaded.name == "tiny-llada + mine"
    turn = [{"role": "user", "content": "What is 3 + 4?"}]
    prompt = str(model.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
    asked = TextRequest(prompt)
    assert dict(model.generate([asked]))[0] != "3 + 4 = 7\n\\boxed{7}"


def test_lm_eval(adapter: str) -> None:
    pytest.importorskip("lm_eval", reason="lm_eval is not installed (extra suites)")
    from evaluation.suites.harness import LLaDAHarness

    flags = {"adapter_path": adapter, "load_lora": True, "is_check_greedy": False, "mc_num": 4}
    harness = LLaDAHarness(MODEL, device="cpu", **flags, **SHAPE)
    assert harness.model.loaded.name == "tiny-llada + mine"
    [(likelihood, _)] = harness.loglikelihood([SimpleNamespace(args=("What is 3 + 4?", " 7"))], True)
    assert likelihood < 0


def test_opencompass(adapter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("opencompass", "opencompass.models", "opencompass.models.base")
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    base = type("Base", (), {"__init__": lambda self, **given: None})
    monkeypatch.setattr(sys.modules[names[-1]], "BaseModel", base, raising=False)
    monkeypatch.delitem(sys.modules, "evaluation.suites.opencompass", raising=False)
    wrapper = importlib.import_module("evaluation.suites.opencompass").LLaDAViz
    monkeypatch.delitem(sys.modules, "evaluation.suites.opencompass")
    model = wrapper(MODEL, adapter_path=adapter, device="cpu", **SHAPE)
    assert model.suite_model.loaded.name == "tiny-llada + mine"
