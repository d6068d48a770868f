"""Importing the page's components leaves nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_gradio_writes_no_files_beside_the_components(tmp_path: Path) -> None:
    for package in ("llada_viz", "samplers", "models", "tasks", "evaluation"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.pyi", "__pycache__")
        )
    script = "import llada_viz.widgets.canvas, llada_viz.widgets.compare_canvas as c; print(c.__file__)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=tmp_path, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0 and str(tmp_path) in done.stdout, done.stderr[-2000:]
    assert list(tmp_path.rglob("*.pyi")) == []
