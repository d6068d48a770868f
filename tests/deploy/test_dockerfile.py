"""deploy/Dockerfile: what it copies is there and enough; built where LLADA_VIZ_DOCKER asks for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_house import PACKAGES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def stages() -> dict[str, tuple[str, list[str]]]:
    """Name -> what it begins from, and its instructions, continued lines joined."""
    lines = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", TEXT)).splitlines()
    found: dict[str, tuple[str, list[str]]] = {}
    for line in filter(None, lines):
        if line.startswith("ARG"):
            continue
        if match := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            name = match[2]
            found[name] = (match[1], [])
        else:
            found[name][1].append(line)
    return found


def whole(device: str, name: str = "app") -> list[str]:
    """A stage's instructions with those of the stages it begins from. device: the build argument."""
    begins, own = stages()[name]
    begins = begins.replace("${DEVICE}", device)
    return [*(whole(device, begins) if begins in stages() else []), *own]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_image_has_all_that_the_page_needs(device: str) -> None:
    lines = whole(device)
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    assert all((ROOT / name).exists() for name in copied), copied
    assert copied == {"app.py", "assets", "requirements.txt", "constraints.txt", *PACKAGES}
    seen = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert copied == {line[1:] for line in seen if line.startswith("!")}
    assert lines.index("USER viz") > max(i for i, line in enumerate(lines) if line.startswith("RUN"))
    assert lines[-1] == 'CMD ["python", "app.py"]' and "EXPOSE 7860" in lines
    assert any(line.startswith("HEALTHCHECK") and "7860" in line for line in lines)
    env = dict(pair.split("=", 1) for line in lines if line.startswith("ENV") for pair in line.split()[1:])
    assert env["GRADIO_SERVER_NAME"] == "0.0.0.0" and env["GRADIO_SERVER_PORT"] == "7860"
    # What a user who is not root writes lies in the volume.
    assert all(env[name].startswith("/data") for name in ("HOME", "HF_HOME", "LLADA_VIZ_HOME"))
    assert "RUN pip install -r requirements.txt -c constraints.txt" in lines


def test_only_the_image_for_cpus_takes_the_small_torch() -> None:
    assert any("download.pytorch.org/whl/cpu" in line for line in whole("cpu"))
    assert not any("download.pytorch.org" in line for line in whole("cuda"))
    assert "ARG DEVICE=cpu" in TEXT and list(stages())[-1] == "app"


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not os.environ.get("LLADA_VIZ_DOCKER"), reason="LLADA_VIZ_DOCKER=1 builds the container")
def test_it_builds_and_is_healthy() -> None:
    docker = shutil.which("docker")
    assert docker and subprocess.run([docker, "info"], capture_output=True).returncode == 0, "no docker here"
    build = [docker, "build", "-f", "deploy/Dockerfile", "-t", "llada-viz:test", "."]
    subprocess.run(build, cwd=ROOT, check=True, timeout=3000)
    page = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:7860').status)"
    wait = f'python app.py & for i in $(seq 60); do sleep 2; python -c "{page}" && exit 0; done; exit 1'
    run = [docker, "run", "--rm", "llada-viz:test", "sh", "-c", wait]
    assert subprocess.run(run, timeout=300, capture_output=True, text=True).stdout.strip().endswith("200")
