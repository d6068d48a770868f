"""The app as a Space runs it: what requirements.txt installs, host and port from the environment, strangers,
and a home that cannot be written."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

import pytest

from llada_viz.host import PUBLIC, public_host
from llada_viz.jobs.home import VARIABLE, home_folder
from tests.deploy.as_a_space import closure
from tests.served import Page, free_port, served

ROOT = Path(__file__).parents[2]
NOWHERE = "/proc/nobody"  # not even root can make a folder there
EXTRAS = {
    "lm_eval",
    "openai",
    "bitsandbytes",
    "modal",
    "pytest",
    "playwright",
    "spaces",
    "nbclient",
}


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Space whose home is read-only, and nothing said of another."""
    monkeypatch.setenv("SPACE_ID", "somebody/llada-viz")
    monkeypatch.setenv("HOME", NOWHERE)
    for name in (VARIABLE, "XDG_DATA_HOME"):
        monkeypatch.setenv(name, "")


def test_a_read_only_home_is_said_and_jobs_go_to_a_temporary_folder(
    space: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = home_folder()
    said = capsys.readouterr().err
    assert f"kept in {folder}, and are gone when the Space restarts" in said and VARIABLE in said
    assert folder.stat().st_mode & 0o777 == 0o700
    assert home_folder() == folder and capsys.readouterr().err == ""
    folder.rmdir()


def test_a_named_home_and_one_of_ones_own_machine_are_never_exchanged(
    space: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{NOWHERE}/home")
    with pytest.raises(OSError, match="cannot be made"):
        home_folder()
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv("SPACE_ID")
    with pytest.raises(OSError, match="cannot be made"):
        home_folder()


@pytest.mark.parametrize(("name", "value", "public"), [
    ("SPACE_ID", "me/space", True), (PUBLIC, "1", True), (PUBLIC, "0", False), (PUBLIC, "", False),
])  # fmt: skip
def test_a_public_host_is_a_space_or_says_so(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, public: bool
) -> None:
    for variable in ("SPACE_ID", PUBLIC):
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv(name, value)
    assert public_host() is public


def test_the_closure_follows_extras_and_markers() -> None:
    names = closure(["gradio>=6", "pytest; sys_platform == 'nowhere'"])
    assert {"gradio", "fastapi", "starlette", "numpy"} <= names and "datasets" not in names
    assert "pytest" not in closure(["pandas"]) and "pytest" in closure(["pandas[test]"])


@pytest.mark.slow
def test_a_space(tmp_path: Path) -> None:
    port = free_port("0.0.0.0")
    (tmp_path / "tmp").mkdir()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LLADA_VIZ_", "SPACE", "XDG_"))} | {
        "SPACE_ID": "somebody/llada-viz", "GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(port),
        "HOME": NOWHERE, "TMPDIR": str(tmp_path / "tmp"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.deploy.as_a_space"]
    with served(command, tmp_path, env, port, cwd=ROOT) as url:
        # Served to everybody, not to this machine only: 127.0.0.2 is another address of it.
        page = Page(url.replace("127.0.0.1", "127.0.0.2"))
        assert b"LLaDA Viz" in urllib.request.urlopen(url, timeout=60).read()
        assert "Finished" in page.run()
        refused = page.click("train-run")
        assert not refused[-1]["success"] and "Training is off on this public host" in json.dumps(refused)
        buttons = {c["props"].get("elem_id"): c["props"] for c in page.config["components"]}
        assert buttons["train-run"]["interactive"] is False
        removers = [name for name in buttons if name and name.endswith("-delete")]
        assert removers and not any(buttons[name]["visible"] for name in removers)
    said = (tmp_path / "log.txt").read_text()
    assert set(said.split("hidden:")[1].splitlines()[0].split()) >= EXTRAS
    assert "gone when the Space restarts" in said and [p.name for p in (tmp_path / "tmp").glob("llada-viz-*")]
