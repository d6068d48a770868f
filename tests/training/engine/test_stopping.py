"""SIGTERM at a random moment of each kind of work, to real trainings with the shipped presets for the
bundled model: what was learned is saved, soon."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.engine.checkpoints import latest
from training.engine.progress import FILE, read_progress

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[3]
LIMIT = 15.0  # seconds of the processor (one thread), so that other work on the machine does not count
# What comes often enough to be met, and no checkpoint that is not asked for; rows, networks, masks, rollouts
# and evaluations are as large as the presets have them.
OFTEN = {"max_steps": 400, "save_every": 400, "log_every": 1, "eval_every": 2, "samples": 1}
MOMENTS = [
    ("remask-sft-tiny", "evaluating", OFTEN),
    *(pytest.param(*moment, marks=pytest.mark.long) for moment in [
        ("remask-sft-tiny", "", OFTEN), ("sft-tiny", "evaluating", OFTEN),
        ("sft-tiny", "decoding a sample", OFTEN | {"save_every": 2}),
        ("grpo-tiny", "decoding answers", OFTEN),
        ("grpo-tiny", "", OFTEN), ("grpo-tiny", "evaluating", OFTEN),
        ("dpo-tiny", "decoding pairs", OFTEN), ("dpo-tiny", "evaluating", OFTEN | {"problems": 200}),
        ("remask-lora-tiny", "evaluating", OFTEN), ("pretrain-tiny", "", OFTEN),
    ]),
]  # fmt: skip


def begin(preset: str, settings: dict[str, int], out: Path) -> subprocess.Popen[bytes]:
    config = f"training/configs/{preset}.yaml"
    pairs = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    argv = [sys.executable, "-m", "training", preset.removesuffix("-tiny"), "--config", config]
    out.mkdir()
    with (out / "said").open("wb") as said:
        return subprocess.Popen(
            [*argv, "--out", str(out), "--device", "cpu", *pairs], cwd=ROOT, stdout=said,
            stderr=subprocess.STDOUT, env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip


def until_doing(process: subprocess.Popen[bytes], out: Path, doing: str) -> int:
    """Wait until this is being done; returns the steps that are finished by then."""
    give_up = time.monotonic() + 600
    while True:
        assert process.poll() is None, (out / "said").read_text()
        assert time.monotonic() < give_up, f"never {doing}: {(out / 'said').read_text()}"
        now = read_progress(out / FILE)
        if now is not None and now.doing == doing and (now.step or doing == "decoding pairs"):
            return now.step
        time.sleep(0.02)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("preset", "doing", "settings"), MOMENTS)
def test_m17_a_stop_leaves_the_last_finished_step_within_seconds(
    tmp_path: Path, preset: str, doing: str, settings: dict[str, int]
) -> None:
    out = tmp_path / "run"
    process = begin(preset, settings, out)
    try:
        seen = until_doing(process, out, doing)
        time.sleep(random.random())
        before, began = processor_seconds(process.pid), time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
    took, said = usage.ru_utime + usage.ru_stime - before, (out / "said").read_text()
    print(f"{preset}, {doing or 'a step'}: {took:.1f} s of the processor, {time.monotonic() - began:.1f} s")
    folder = latest(out)
    step = int(folder.name.removeprefix("step-")) if folder else 0
    assert process.returncode == 0 and took < LIMIT, said
    assert step >= seen and (f"stopped after step {step};" in said or not step), said
    if doing != "decoding pairs":
        assert step > 0
    else:
        assert "stopped before the first step" in said
