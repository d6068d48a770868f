"""lm-eval's own command line runs our model on local task files, alone and with two processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="lm_eval is not installed (extra suites)")

from evaluation.suites.harness import LLaDAHarness, present_device, sampler_changes  # noqa: E402
from evaluation.suites.text_model import Arguments  # noqa: E402

ROOT = Path(__file__).parents[3]
MODEL = "assets/models/tiny-llada"
START = "import sys; from evaluation.suites.lm_eval_command import run; run(sys.argv[1:])"
TASKS = "tests/evaluation/tasks"


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Offline; caches go to a folder of the test."""
    home = {"HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return os.environ | home | {"CUDA_VISIBLE_DEVICES": ""} | more


def lm_eval(folder: Path, *flags: str) -> list[str]:
    args = ["--include_path", TASKS, "--apply_chat_template", "--batch_size", "4", "--device", "cpu"]
    return [sys.executable, "-c", START, *args, "--output_path", str(folder), "--log_samples", *flags]


def results(folder: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Metrics, and samples by task."""
    found = json.loads(next(folder.glob("*/results_*.json")).read_text())["results"]
    samples = {
        task: [json.loads(line) for line in next(folder.glob(f"*/samples_{task}_*")).read_text().splitlines()]
        for task in found
    }
    return found, samples


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)  # lm-eval reads its 14,000 task files first
def test_lm_evals_command_line(tmp_path: Path) -> None:
    arguments = f"model_path={MODEL},gen_length=16,block_length=8,temperature=0,mc_num=16,cfg=0.0"
    flags = ["--model", "llada_viz", "--model_args", arguments]
    tasks = ["--tasks", "small_sums_choice,small_sums_write"]
    command = lm_eval(tmp_path, *flags, *tasks)
    done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "small_sums_choice" in done.stdout and "small_sums_write" in done.stdout
    found, samples = results(tmp_path)
    assert found["small_sums_choice"]["acc,none"] == found["small_sums_write"]["exact_match,boxed"] == 1.0
    assert [s["resps"][0][0] for s in samples["small_sums_write"]][0] == "3 + 4 = 7\n\\boxed{7"
    (likelihood, greedy), *_ = samples["small_sums_choice"][0]["resps"][0]
    assert float(likelihood) < 0 and str(greedy) in ("True", "False")


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)  # lm-eval reads its 14,000 task files first
def test_two_processes_share_the_work(tmp_path: Path) -> None:
    """With the variables that `accelerate launch --num_processes 2` sets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    arguments = f"model_path={MODEL},gen_length=16,block_length=8,mc_num=4,is_check_greedy=False"
    command = lm_eval(tmp_path / "out", "--model", "llada_dist", "--model_args", arguments,
                      "--tasks", "small_sums_choice,small_sums_write")  # fmt: skip
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared["ACCELERATE_USE_CPU"] = "true"
    running = []
    for rank in "01":
        env = environment(tmp_path, RANK=rank, LOCAL_RANK=rank, **shared)
        running.append(subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True))
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert len(list((tmp_path / "out").glob("*/results_*.json"))) == 1
    found, samples = results(tmp_path / "out")
    for task in ("small_sums_choice", "small_sums_write"):
        assert sorted(s["doc_id"] for s in samples[task]) == [0, 1, 2, 3]
    assert found["small_sums_write"]["exact_match,boxed"] == 1.0


@pytest.fixture(scope="module")
def harness() -> LLaDAHarness:
    shape = {"gen_length": 16, "block_length": 8}
    return LLaDAHarness(str(ROOT / MODEL), batch_size="4", device="cpu", mc_num=8, **shape)


def request(*args: Any) -> SimpleNamespace:
    return SimpleNamespace(args=args)


def chat(harness: LLaDAHarness, question: str) -> str:
    return harness.apply_chat_template([{"role": "user", "content": question}])


def test_loglikelihood_and_greedy(harness: LLaDAHarness) -> None:
    context = chat(harness, "What is 3 + 4?")
    asked = [request(context, "3"), request(context, "9")]
    (right, first), (wrong, second) = harness.loglikelihood(asked)
    assert right > wrong and (first, second) == (True, False)


def test_rolling_sums_over_windows(harness: LLaDAHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = []

    def score(prompt: list[int], answer: list[int]) -> float:
        windows.append((prompt, answer))
        return -1.0

    monkeypatch.setattr(harness.model, "log_likelihood", score)
    text = "What is 3 + 4? " * 300
    tokens = harness.model.encode(text)
    assert harness.loglikelihood_rolling([request(text)]) == [-float(len(windows))]
    assert sum((answer for _, answer in windows), []) == tokens and len(windows) > 1
    assert windows[0][0] == [harness.model.start_id]
    assert all(len(p) + len(a) <= harness.max_length for p, a in windows)


def test_generate_until_keeps_the_order(harness: LLaDAHarness) -> None:
    asked = [
        request(chat(harness, f"What is {sum_}?"), {"until": "\n", "do_sample": False, "temperature": 0.0})
        for sum_ in ("8 + 15", "3 + 4")
    ]
    assert harness.generate_until(asked) == ["8 + 15 = 23", "3 + 4 = 7"]


def test_unfinished_turns_stay_open(harness: LLaDAHarness) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "The answer is"}]
    assert harness.apply_chat_template(turns, add_generation_prompt=False).endswith("The answer is")
    assert harness.chat_template(True) and harness.chat_template(False) is None
    with pytest.raises(ValueError, match="allowed: no name"):
        harness.chat_template("other")


@pytest.mark.parametrize(("kwargs", "set_", "expected"), [
    ({"until": ["x"], "do_sample": False, "temperature": 0.7}, {}, {}),
    ({"do_sample": True, "temperature": 0.7, "top_p": 0.95}, {}, {"temperature": 0.7}),
    ({"do_sample": True, "temperature": 0.7}, {"temperature": 0.1}, {}),
    ({"max_gen_toks": 64, "steps": 8, "cfg": 1.0}, {}, {"steps": 8, "cfg_scale": 1.0}),
])  # fmt: skip
def test_what_a_task_may_change(
    kwargs: dict[str, Any], set_: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert sampler_changes(kwargs, Arguments.of({"model_path": "m"} | set_)) == expected


def test_unknown_generation_kwargs_are_refused() -> None:
    with pytest.raises(ValueError, match="typical_p = 1"):
        sampler_changes({"typical_p": 1}, Arguments.of({"model_path": "m"}))


@pytest.mark.parametrize(("given", "said"), [
    ({"batch_size": "auto"}, "batch_size = 'auto'"), ({"max_batch_size": 4}, "max_batch_size = 4"),
    ({"load_lora": True}, "load_lora"),
])  # fmt: skip
def test_arguments_of_lm_eval_that_cannot_be_met(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LLaDAHarness(str(ROOT / MODEL), device="cpu", **given)


def test_devices(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert present_device(None) == "auto" and present_device("cpu") == "cpu"
    assert present_device("cuda:0") == "cpu" and "cuda:0 is not there" in caplog.text
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert present_device("cuda:0") == "cuda:0"


def test_without_lm_eval_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluation.suites import lm_eval_command

    monkeypatch.setitem(sys.modules, "lm_eval.__main__", None)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(ValueError, match=r"llada-viz\[suites\]"):
        lm_eval_command.run([])
