"""`llada-viz` and `python app.py`: what cannot be used is one sentence, and no traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz import address, command
from llada_viz.api.access import VARIABLE
from llada_viz.decoding.bundled import Bundled

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    from llada_viz import page

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own address; what a test sets is taken back."""
    for name in ("SPACE_ID", address.IPV6_HOST, *command.VARIABLES.values()):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def refused(capsys: pytest.CaptureFixture[str], act: Any) -> str:
    """What was said before exit code 2."""
    with pytest.raises(SystemExit) as ended:
        act()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    return said


def test_a_taken_port_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def launch(**options: Any) -> None:
        raise OSError(f"Cannot find empty port in range: {options['server_port']}")

    os.environ["GRADIO_SERVER_PORT"] = "7999"
    said = refused(capsys, lambda: command.serve(SimpleNamespace(launch=launch)))
    assert said == "error: Cannot find empty port in range: 7999\n"


def test_an_unusable_home_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_ui() -> None:
        raise ValueError("home = 'x' lies in the program's own folder")

    monkeypatch.setattr(page, "create_ui", create_ui)
    assert "error: home = 'x'" in refused(capsys, lambda: command.main([]))


def test_app_py_says_so_too() -> None:
    env = os.environ | {"LLADA_VIZ_HOME": str(ROOT / "runs"), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stderr.startswith("error: home = "), ended.stderr


@pytest.mark.parametrize("port", ["", "9999"])
@pytest.mark.parametrize("host", ["no such host", "nosuch.invalid", "192.0.2.1", "2001:db8::1", "h" * 99])
def test_a_host_that_is_not_here_is_a_sentence(host: str, port: str) -> None:
    if port:
        os.environ["GRADIO_SERVER_PORT"] = port
    with pytest.raises(ValueError, match="is no address of this machine; allowed: 127"):
        address.free_port(host)


@pytest.mark.skipif(not address.can_bind(socket.AF_INET6, "::1", 0), reason="needs IPv6")
def test_an_ipv6_address_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    for flag in ("::1", "[::1]"):
        command.read_flags([f"--host={flag}"])
        command.prepare_environment()
        assert "GRADIO_SERVER_NAME" not in os.environ, "gradio would read it as IPv4"
        assert page.launch_options()["server_name"] == "[::1]" and 7860 <= address.free_port("::1") < 7960


def test_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A name of the table runs its module; the page is served without one; other words are refused."""
    seen: list[Any] = []
    for name, outcome in (("good", 3), ("bad", ValueError("steps = 0")), ("cut", KeyboardInterrupt())):

        def run(argv: list[str], outcome: Any = outcome) -> int:
            seen.append(argv)
            if isinstance(outcome, BaseException):
                raise outcome
            return int(outcome)

        monkeypatch.setitem(command.COMMANDS, name, (f"llada_viz.cli.{name}", "for a test"))
        monkeypatch.setitem(sys.modules, f"llada_viz.cli.{name}", SimpleNamespace(main=run))
    assert command.main(["good", "--flag", "x"]) == 3 and seen == [["--flag", "x"]]
    assert refused(capsys, lambda: command.main(["bad"])) == "error: steps = 0\n"
    assert command.main(["cut"]) == 130 and capsys.readouterr().err == "stopped\n"
    with pytest.raises(SystemExit) as ended:
        command.main(["nothing"])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "command = 'nothing'; allowed: models, " in said
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert all(f"\n  {name} " in capsys.readouterr().out for name in ("models",))


def test_no_command_imports_the_page() -> None:
    """A command starts without gradio."""
    code = "import sys; from llada_viz import command; command.main(['models', 'list', '--json']);"
    code += "sys.exit('gradio' in sys.modules or 'torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


def test_the_api_is_beside_the_page_where_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine, or with a key; never on ZeroGPU."""
    key = "k" * 16
    monkeypatch.delenv(VARIABLE, raising=False)
    bundled = Bundled()
    api = page.api_of(bundled)
    assert api is not None and api.defaults["gen_length"] == 64 and api.key == ""
    assert page.launch_options(SimpleNamespace(api=api))["app_kwargs"]["routes"]
    assert page.launch_options()["app_kwargs"]["routes"] == []
    for name, value in (("GRADIO_SERVER_NAME", "0.0.0.0"), ("SPACE_ID", "me/space")):
        monkeypatch.setenv(name, value)
        assert page.api_of(bundled) is None
        monkeypatch.setenv(VARIABLE, key)
        api = page.api_of(bundled)
        assert api is not None and api.key == key
        monkeypatch.setenv("SPACES_ZERO_GPU", "true")
        assert page.api_of(bundled) is None
        for variable in (name, VARIABLE, "SPACES_ZERO_GPU"):
            monkeypatch.delenv(variable)
