"""assets/llada_viz.ipynb: kept without outputs, run on the bundled model, and true of what it says."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
PATH = ROOT / "assets" / "llada_viz.ipynb"


def notebook() -> Any:
    """The file, checked against the notebook format."""
    read: Any = nbformat.read(PATH, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(read)
    return read


def sources() -> str:
    return "\n".join(cell.source for cell in notebook().cells if cell.cell_type == "code")


def test_it_is_kept_without_outputs() -> None:
    for cell in notebook().cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None


def test_nothing_is_downloaded_until_it_is_switched_on() -> None:
    code = sources()
    assert re.search(r"^BIG = False", code, re.M) and re.search(r'^REPOSITORY = ""', code, re.M)
    for line in code.splitlines():
        if "/" in line and "lv.load(" in line or "pip install" in line:
            assert line.startswith("    "), f"not behind a switch: {line}"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_runs_to_its_end(tmp_path: Path) -> None:
    """In a kernel of its own, which is ended with it; what the text says of the runs is so."""
    from nbclient import NotebookClient

    read = notebook()
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        patch.setenv("JUPYTER_PATH", str(Path(sys.prefix) / "share" / "jupyter"))
        for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(tmp_path / name.lower()))
        patch.setenv("OMP_NUM_THREADS", "1")
        client = NotebookClient(
            read, timeout=200, kernel_name="python3", shutdown_kernel="immediate",
            resources={"metadata": {"path": str(tmp_path)}},
        )  # fmt: skip
        client.execute()
    said = "\n".join(
        output.get("text") or str(output.get("data", {}).get("text/plain", ""))
        for cell in read.cells if cell.cell_type == "code" for output in cell.outputs
    )  # fmt: skip
    assert said.count(r"\boxed{2}") == 2 and said.count(r"\boxed{13}") >= 1
    opened = re.search(r"windows opened: (\d+) for the easy question, (\d+) for the harder one", said)
    assert opened is not None and opened[1] == "0" and int(opened[2]) >= 1
    assert "Left out: set BIG = True above." in said
    figures = [output for cell in read.cells if cell.cell_type == "code" for output in cell.outputs
               if "application/vnd.plotly.v1+json" in output.get("data", {})]  # fmt: skip
    assert len(figures) == 1
    assert not client.km or not client.km.has_kernel
