"""The benchmark of loading, on a checkpoint of a fifth of a gigabyte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_load_takes_no_more_anonymous_memory_than_its_weights(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.loading", "--gigabytes", "0.2", "--json"]
    done = subprocess.run(
        [*command, "--folder", str(tmp_path)], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["way"] for one in found] == ["as stored", "to float32", "half on disk"]
    for one in found:
        assert 0.98 < one["end"] / one["weights"] and one["ratio"] < 1.1
    assert not any(tmp_path.iterdir())
