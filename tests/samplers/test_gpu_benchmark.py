"""benchmarks/gpu.py runs to its end on a CPU, with torch, transformers and safetensors alone."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from benchmarks import gpu

ROOT = Path(__file__).parents[2]
ALLOWED = ("torch", "transformers", "safetensors")


def install_only(folder: Path, names: tuple[str, ...]) -> None:
    """Links to these distributions and to all that they need, and to nothing else."""
    waiting, done = list(names), set()
    while waiting:
        name = waiting.pop()
        if name.lower() in done:
            continue
        done.add(name.lower())
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # of another system, or of CUDA
            continue
        needed = map(Requirement, distribution.requires or [])
        waiting += [n.name for n in needed if n.marker is None or n.marker.evaluate({"extra": ""})]
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))


@pytest.mark.long
def test_it_runs_small_on_a_bare_cpu(tmp_path: Path) -> None:
    """Every part is measured, or left out with what is missing; the numbers are in the JSON file."""
    (tmp_path / "site").mkdir()
    install_only(tmp_path / "site", ALLOWED)
    out = tmp_path / "found.json"
    place = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-S", "-m", "benchmarks.gpu", "--small", "--limit", "0.02", "--out", str(out)]
    done = subprocess.run(command, cwd=tmp_path, env=place, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(out.read_text())
    assert "threshold 1 with steps for 4 cells" in done.stdout
    assert found["notes"] == list(gpu.NOTES)
    assert found["small"] and found["card"]["bandwidth"] > 0 and found["card"]["peak"] > 0
    decoded = [row for row in found["rows"] if "tokens_per_second" in row]
    kinds = {(row["what"], row["batch"], row["answer"]) for row in decoded}
    ways = ("plain", "threshold", "prefix", "dual", "threshold, dual")
    assert kinds >= {(way, batch, answer) for way in ways for batch in (1, 2) for answer in (16, 32)}
    assert {"plain, eager", "dual, eager", "4-bit, ours: dual"} <= {what for what, _, _ in kinds}
    for row in decoded:
        check(row)
    others = {row["what"] for row in found["rows"]} - {row["what"] for row in decoded}
    assert others == {"dual, no consumer", "dual, frames and JSON", "train: remask sft"}
    left_out = dict(line.rsplit(": ", 1) for line in found["left_out"])
    assert left_out["train: sft lora"] in ("peft is not installed", "accelerate is not installed")
    assert set(left_out) == {"train: sft lora", "4-bit, gptqmodel"}


def check(row: dict[str, Any]) -> None:
    """Numbers that belong together."""
    assert row["tokens_per_second"] > 0 and 0 < row["steps"] <= row["nfe"]
    assert (row["replayed"] == 0) == ("eager" in row["what"])
    assert 0 < row["share"] < 1.5, "nothing is faster than the device"


def test_a_spent_budget_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Without time nothing is measured, and everything is reported."""
    assert gpu.main(["--small", "--budget", "0"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("left out: ") == 9 and "tokens/s" not in printed
