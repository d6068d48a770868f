"""Runs as processes: killed, stopped, on a full disk, two at a time, in two processes, sharded."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.toy import lines, weights

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[3]
PYTHON = [sys.executable, "-m"]
# `accelerate launch --cpu` starts one process unless there is an mpirun; --device cpu makes these gloo.
TWO = [*PYTHON, "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
       "--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process", "1",
       "--main_process_port", "0"]  # fmt: skip
REMASK = {"max_steps": 10, "batch_size": 4, "learning_rate": 1e-3, "log_every": 1, "save_every": 3,
          "samples": 0, "precision": "no"}  # fmt: skip
TOY = {"max_steps": 20, "batch_size": 16, "learning_rate": 0.01, "log_every": 1, "save_every": 7,
       "samples": 0, "dropout": 0.0, "precision": "no"}  # fmt: skip


def command(out: Path, settings: dict[str, Any], *more: str) -> list[str]:
    pairs = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return ["--out", str(out), "--device", "cpu", *pairs, *more]


def remask(out: Path, *more: str) -> list[str]:
    named = ["training", "remask-sft", "--model", "assets/models/tiny-llada", "--data", "expression"]
    return [*named, *command(out, REMASK, *more)]


def toy(out: Path, *more: str, **changes: Any) -> list[str]:
    named = ["tests.training.toy_worker", "toy", "--model", "m", "--data", "d"]
    return [*named, *command(out, TOY | changes, *more)]


def begin(args: list[str], **environment: str) -> subprocess.Popen[str]:
    wanted = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"} | environment
    return subprocess.Popen(
        args, cwd=ROOT, env=wanted, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str], code: int) -> str:
    """What it printed. It is given three minutes: what waits for itself would wait for ever."""
    try:
        text, _ = process.communicate(timeout=180)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # and the processes it started
        pytest.fail(f"not done after three minutes: {process.communicate()[0]}")
    assert process.returncode == code, text
    return text


def done(args: list[str], code: int = 0, **environment: str) -> str:
    """What a command printed that was waited for."""
    return ended(begin(args, **environment), code)


def together(args: list[str], **environment: str) -> str:
    """What two processes of one run printed, one after the other: with the variables that `accelerate launch`
    sets, and without its own process, which imports torch for some seconds first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = environment | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared |= {"ACCELERATE_MIXED_PRECISION": "no"}
    processes = [begin([*PYTHON, *args], RANK=rank, LOCAL_RANK=rank, **shared) for rank in "01"]
    try:
        return "".join([ended(process, 0) for process in processes])
    finally:
        for process in processes:
            process.kill()
            process.wait()


def wait_for_line(process: subprocess.Popen[str], out: Path, count: int) -> None:
    log = out / "metrics.jsonl"
    while not (log.exists() and log.read_text().count("\n") >= count):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


def head(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "final" / "ups_head.safetensors")


def close(a: Path, b: Path, tolerance: float = 1e-4) -> None:
    """Every step once, and the same figures."""
    ours, theirs = lines(a), lines(b)
    assert [line["step"] for line in ours] == [line["step"] for line in theirs]
    for one, two in zip(ours, theirs, strict=True):
        assert one == pytest.approx(two, abs=tolerance)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("remask") / "whole"
    done([*PYTHON, *remask(out)])
    assert [line["step"] for line in lines(out)] == list(range(1, 11))
    return out


def test_killed_at_random_steps_it_ends_as_if_it_had_not_been(uninterrupted: Path, tmp_path: Path) -> None:
    steps = sorted(random.sample(range(1, 10), 2))
    print("killed after steps", steps)
    for step in steps:
        process = begin([*PYTHON, *remask(tmp_path, "--resume")])
        wait_for_line(process, tmp_path, step)
        process.kill()
        process.communicate()
    done([*PYTHON, *remask(tmp_path, "--resume")])
    close(tmp_path, uninterrupted)
    ours, theirs = head(tmp_path), head(uninterrupted)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_asked_to_end_it_saves_and_exits_with_0(uninterrupted: Path, tmp_path: Path) -> None:
    process = begin([*PYTHON, *remask(tmp_path)])
    wait_for_line(process, tmp_path, 4)
    process.send_signal(signal.SIGSTOP)
    refused = done([*PYTHON, *remask(tmp_path, "--resume")], code=2)
    assert "is in use by another run" in refused
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    text, _ = process.communicate()
    assert process.returncode == 0 and "stopped after step" in text and "--resume" in text
    assert "going on after step" in done([*PYTHON, *remask(tmp_path, "--resume")])
    close(tmp_path, uninterrupted)


def test_two_processes_give_the_curve_of_one(uninterrupted: Path, tmp_path: Path) -> None:
    text = done([*TWO, *["-m", *remask(tmp_path)]])
    assert text.count("step 10 of 10") == 1
    close(tmp_path, uninterrupted)
    ours, theirs = head(tmp_path), head(uninterrupted)
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-5) for name in theirs)


def test_killed_while_a_checkpoint_is_written_the_one_before_is_whole(tmp_path: Path) -> None:
    done([*PYTHON, *toy(tmp_path / "whole", dropout=0.3)])
    cut = toy(tmp_path / "cut", "--resume", dropout=0.3)
    done([*PYTHON, *cut], code=-signal.SIGKILL, TOY_DIES="2")
    names = sorted(path.name for path in (tmp_path / "cut" / "checkpoints").iterdir())
    assert names == ["step-14.new", "step-7"]
    assert "going on after step 7" in done([*PYTHON, *cut])
    close(tmp_path / "cut", tmp_path / "whole", 0)
    assert all(torch.equal(t, weights(tmp_path / "whole" / "final")[n])
               for n, t in weights(tmp_path / "cut" / "final").items())  # fmt: skip
    assert not list((tmp_path / "cut").rglob("*.new"))


@pytest.fixture(scope="module")
def toy_of_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("toy") / "one"
    done([*PYTHON, *toy(out)])
    return out


# Data-parallel alone goes on from a checkpoint in tests/deploy/test_two_machines.py too.
@pytest.mark.parametrize("sharded", [pytest.param("", marks=pytest.mark.long), "1"], ids=["ddp", "fsdp"])
def test_two_processes_stop_together_and_go_on(toy_of_one: Path, tmp_path: Path, sharded: str) -> None:
    """Between the two parts of the ninth step: the eighth is the last that was finished."""
    two = toy(tmp_path / "two", "--resume", accumulate=2)
    text = together(two, TOY_STOPS="9", TOY_FSDP=sharded)
    assert text.count("stopped after step 8") == 1
    state = tmp_path / "two" / "checkpoints" / "step-8" / "training"
    assert (state / "shards" / "process-1.safetensors").is_file() == bool(sharded)
    text = together(two, TOY_FSDP=sharded)
    assert text.count("going on after step 8") == 1
    close(tmp_path / "two", toy_of_one)
    ours, theirs = (weights(folder / "final") for folder in (tmp_path / "two", toy_of_one))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-4) for name in theirs)


def test_two_processes_that_fail_end_by_themselves(tmp_path: Path) -> None:
    """The wrapper goes before the process group here too: the worker looks."""
    text = done([*TWO, "-m", *toy(tmp_path, accumulate=2)], code=1, TOY_FAILS="9")
    assert "error: the rows of this step cannot be made" in text and "AssertionError" not in text
