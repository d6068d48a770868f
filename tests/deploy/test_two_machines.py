"""`accelerate launch --num_machines 2`, as two "machines" on the loopback address: two launches, a rank and a
folder each, and nothing shared but the network. CPUs and gloo."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluation.__main__ import main
from evaluation.runs.run_folder import RunFolder
from tests.served import free_port
from tests.training.toy import ToySettings, lines, weights, whole
from training.engine.settings import RunArguments
from training.run import Request

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
WITHIN = 150  # seconds, for both machines together; what waits for itself would wait for ever
TOY = {"max_steps": 14, "batch_size": 16, "learning_rate": 0.01, "warmup": 3, "log_every": 1, "save_every": 7,
       "samples": 0, "dropout": 0.0, "precision": "no"}  # fmt: skip
EVALUATE = ["run", "--model", "tiny-llada", "--limit", "4", "--samplers", "threshold", "--set", "steps=8",
            "--threads", "1"]  # fmt: skip


def launch(rank: int, port: int, words: list[str], log: Path) -> subprocess.Popen[bytes]:
    """One machine's command, in a session of its own; what it says goes to a file."""
    machine = ["--num_machines", "2", "--num_processes", "2", "--machine_rank", str(rank)]
    place = ["--main_process_ip", "127.0.0.1", "--main_process_port", str(port)]
    plain = ["--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process", "1"]
    start = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--multi_gpu",
        *machine,
        *place,
        *plain,
        "-m",
    ]
    env = os.environ | {
        "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "GLOO_SOCKET_IFNAME": "lo",
    }  # fmt: skip
    with log.open("wb") as said:
        return subprocess.Popen(
            [*start, *words], cwd=ROOT, env=env, stdout=said, stderr=said, start_new_session=True
        )


def two_machines(tmp_path: Path, words: Callable[[Path], list[str]]) -> list[tuple[int, str]]:
    """Exit code and words of both. words: the command of the machine with a folder."""
    port, folders = free_port(), [tmp_path / "first", tmp_path / "second"]
    logs = [tmp_path / f"{folder.name}.log" for folder in folders]
    started = [launch(rank, port, words(folders[rank]), logs[rank]) for rank in (0, 1)]
    until = time.monotonic() + WITHIN
    try:
        for process in started:
            process.wait(max(until - time.monotonic(), 1))
    except subprocess.TimeoutExpired:
        pytest.fail(f"not done after {WITHIN} s:\n" + "\n\n".join(log.read_text() for log in logs))
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return [(p.returncode, log.read_text()) for p, log in zip(started, logs, strict=True)]


def toy(out: Path, *more: str) -> list[str]:
    settings = [part for key, value in TOY.items() for part in ("--set", f"{key}={value}")]
    named = ["tests.training.toy_worker", "toy", "--model", "m", "--data", "d", "--device", "cpu"]
    return [*named, "--out", str(out), *settings, *more]


def answers(folder: Path) -> list[dict[str, Any]]:
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in RunFolder(folder).rows()]
    return sorted(rows, key=lambda row: int(row["row"]))


def test_training_goes_on_from_the_folder_of_the_first_machine(tmp_path: Path) -> None:
    """Stopped after the checkpoint of step 7; the second machine has no folder, and needs none."""
    whole(tmp_path / "one", **{k: v for k, v in TOY.items()})
    shutil.copytree(tmp_path / "one", tmp_path / "first")
    for later in ("final", "checkpoints/step-14"):
        shutil.rmtree(tmp_path / "first" / later)
    (first, said), (second, silent) = two_machines(tmp_path, lambda out: toy(out, "--resume"))
    assert (first, second) == (0, 0), said + silent
    assert "going on after step 7" in said and "going on" not in silent
    ours, theirs = lines(tmp_path / "first"), lines(tmp_path / "one")
    assert [line["step"] for line in ours] == list(range(1, 15))
    for line, wanted in zip(ours, theirs, strict=True):
        assert line == pytest.approx(wanted, abs=1e-4)
    ends = [weights(tmp_path / name / "final") for name in ("first", "one")]
    assert all(torch.allclose(ends[0][name], ends[1][name], atol=1e-4) for name in ends[1])
    assert not (tmp_path / "second").exists()


def test_an_evaluation_ends_in_the_folder_of_the_first_machine(tmp_path: Path) -> None:
    """A row that the second machine did before a stop is in its own folder only, and is not done again."""
    flags = [*EVALUATE, "--data", "linear"]
    assert main([*flags, "--device", "cpu", "--out", str(tmp_path / "one")]) == 0
    done = RunFolder(tmp_path / "one").rows()[0]
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "results.jsonl").write_text(json.dumps(done | {"text": "kept"}) + "\n")
    (first, said), (second, silent) = two_machines(
        tmp_path, lambda out: ["evaluation", *flags, "--out", str(out)]
    )
    assert (first, second) == (0, 0), said + silent
    rows = answers(tmp_path / "first")
    assert len(rows) == 4 and [row["row"] for row in rows if row["text"] == "kept"] == [done["row"]]
    wanted = [row for row in answers(tmp_path / "one") if row["row"] != done["row"]]
    assert [row for row in rows if row["row"] != done["row"]] == wanted
    assert len(answers(tmp_path / "second")) in (2, 3)  # its own, and nothing of the other's
    assert (tmp_path / "first" / "report.md").is_file() and not (tmp_path / "second" / "report.md").exists()
    assert "4 of 4" in said + silent or "3 of 4" in said + silent


@pytest.mark.long
def test_what_the_first_machine_refuses_ends_both(tmp_path: Path) -> None:
    """Its folder holds a run, and nobody said --resume; then it is finished."""
    whole(tmp_path / "first", **TOY)
    arguments = RunArguments(model="m", data=("d",), device="cpu")
    config = Request("toy", arguments, ToySettings(**TOY), tmp_path / "first").as_config()  # type: ignore[arg-type]
    (tmp_path / "first" / "config.yaml").write_text(json.dumps(config))
    ended = two_machines(tmp_path, lambda out: toy(out))
    assert [code for code, _ in ended] == [1, 1], ended  # of the launcher; the training's own is 2
    assert all("holds a run; allowed: --resume" in said for _, said in ended)
    ended = two_machines(tmp_path, lambda out: toy(out, "--resume"))
    assert [code for code, _ in ended] == [0, 0], ended
    assert "is finished already" in ended[0][1]


@pytest.mark.long
def test_what_the_second_machine_lacks_ends_both(tmp_path: Path) -> None:
    """Here its data, which is another file."""
    (tmp_path / "first.csv").write_text("prompt,answer\nWhat is 1 + 1?,2\n")
    ended = two_machines(tmp_path, lambda out: [
        "training", "sft", "--model", "tiny-llada", "--data", str(tmp_path / f"{out.name}.csv"),
        "--out", str(out), "--device", "cpu",
    ])  # fmt: skip
    for code, said in ended:
        assert code == 1 and "data differ from those of process 0: first.csv had 1 rows" in said
