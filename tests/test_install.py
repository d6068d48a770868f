"""Installed outside the clone, without a compiler or an extra: the five ways in work from another folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest
import torch

from tests.served import Page, free_port, served
from tests.test_readme import python_lines

ROOT = Path(__file__).parents[1]
# Waiting for a package index or a loaded machine takes as long as it takes; everything ends by itself.
INSTALLS_WITHIN, COMMAND_WITHIN = 1500, 300
SHORT = ("--set", "gen_length=32", "--set", "block_length=8", "--set", "steps=32")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(INSTALLS_WITHIN + 600)]


def put_torch_into(packages: Path) -> None:
    """The torch that runs these tests, which is that of constraints.txt, by links: unpacking a second one of
    700 MB would show nothing."""
    here = Path(torch.__file__).parents[1]
    info = next(here.glob("torch-*.dist-info"))
    for name in ("torch", "torchgen", "functorch", info.name):
        if (here / name).exists():
            (packages / name).symlink_to(here / name)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of a fresh environment with the clone installed: torch first, then the rest."""
    folder = tmp_path_factory.mktemp("fresh") / "environment"
    venv.create(folder, with_pip=True)
    put_torch_into(next(folder.glob("lib/python*/site-packages")))
    install: list[str | Path] = [
        folder / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",  # bytecode of all of torch takes longer than what is used of it here
        "-c",
        ROOT / "constraints.txt",
    ]
    nothing = shutil.which("false") or "/bin/false"
    env = {**clean(), "CC": nothing, "CXX": nothing, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        [*install, str(ROOT)], env=env, capture_output=True, text=True, timeout=INSTALLS_WITHIN, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def clean() -> dict[str, str]:
    """This environment without what leads Python to the clone; what is imported is compiled once."""
    not_ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    return {k: v for k, v in os.environ.items() if k not in not_ours} | {
        "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip


def said_by(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env=clean(), capture_output=True, text=True, timeout=COMMAND_WITHIN
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_readmes_python_lines(programs: Path, tmp_path: Path) -> None:
    said = said_by([programs / "python", "-c", python_lines()], tmp_path)
    assert said.startswith("Started 0\n") and "Finished" in said
    where = said_by([programs / "python", "-c", "import llada_viz; print(llada_viz.__file__)"], tmp_path)
    assert Path(where.strip()).is_relative_to(programs.parent)


def test_llada_samplers_run(programs: Path, tmp_path: Path) -> None:
    run = ["run", "--model", "tiny-llada", "--sampler", "threshold", "--prompt", "What is 12 + 9 - 6?"]
    said_by([programs / "llada-samplers", *run, *SHORT, "--trace", "run.jsonl"], tmp_path)
    header = json.loads((tmp_path / "run.jsonl").read_text().splitlines()[0])
    assert header["format"] == "llada-viz-trace" and header["model"] == "tiny-llada"


def test_llada_eval_run_on_a_bundled_csv(programs: Path, tmp_path: Path) -> None:
    data = ["--data", "assets/data/arithmetic.csv", "--limit", "2", "--samplers", "threshold"]
    said = said_by([programs / "llada-eval", "run", *data, *SHORT, "--out", "runs"], tmp_path)
    assert "| threshold |" in said
    assert {"rows.csv", "report.html"} <= {path.name for path in (tmp_path / "runs").iterdir()}


def test_llada_viz_models_list(programs: Path, tmp_path: Path) -> None:
    """The catalog is in the wheel."""
    listed = json.loads(said_by([programs / "llada-viz", "models", "list", "--json"], tmp_path))
    assert "GSAI-ML/LLaDA-8B-Instruct" in {model["id"] for model in listed}


def test_llada_train_sft_for_three_steps(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"prompt": f"What is {n} + 1?", "answer": f"{n + 1}"}) + "\n" for n in range(40))
    )
    asked = ["sft", "--model", "tiny-llada", "--data", "rows.jsonl", "--out", "trained", "--device", "cpu"]
    few = ["--set", "max_steps=3", "--set", "batch_size=2", "--set", "samples=0", "--set", "eval_every=0"]
    said_by([programs / "llada-train", *asked, *few], tmp_path)
    assert (tmp_path / "trained" / "final" / "model.safetensors").is_file()


def test_llada_viz_serves_a_page_that_decodes(programs: Path, tmp_path: Path) -> None:
    options = ["--port", str(port := free_port()), "--home", str(tmp_path / "home")]
    with served([programs / "llada-viz", *options], tmp_path, clean(), port) as url:
        assert "Finished" in Page(url).run()
