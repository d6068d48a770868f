"""MCP: said in words where the extra is missing; with it, the five endpoints are tools."""

from __future__ import annotations

import importlib.util
import json
import urllib.request
import warnings
from typing import Any

import pytest

from llada_viz import command
from llada_viz.endpoints import mcp
from llada_viz.endpoints.mcp import MISSING, VARIABLE, wanted_mcp

INSTALLED = importlib.util.find_spec("mcp") is not None


@pytest.mark.parametrize("value, wanted", [("", False), ("0", False), ("false", False), ("1", True)])
def test_it_is_off_until_asked_for(value: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "find_spec", lambda name: object())
    monkeypatch.delenv(VARIABLE, raising=False)
    assert not wanted_mcp()
    monkeypatch.setenv(VARIABLE, value)
    assert wanted_mcp() is wanted


def test_without_the_extra_it_is_a_sentence_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mcp, "find_spec", lambda name: None)
    monkeypatch.setenv(VARIABLE, "")
    command.read_flags(["--mcp"])
    with pytest.raises(SystemExit) as ending:
        command.build_page()
    assert ending.value.code == 2 and capsys.readouterr().err == f"error: {MISSING}\n"


def asked(url: str, method: str, **parameters: Any) -> dict[str, Any]:
    """The result of one JSON-RPC request."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(f"{url}gradio_api/mcp/", body, headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        lines = answer.read().decode().splitlines()
    found = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith(("data: ", "{"))]
    return next(message["result"] for message in found if "result" in message)


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="the extra mcp is not installed: it asks for an older pydantic")
@pytest.mark.filterwarnings("default")
def test_the_five_are_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from llada_viz.page import create_ui, launch_options
        from llada_viz.widgets.named_api import NAMES
    monkeypatch.setenv("LLADA_VIZ_HOME", str(tmp_path))
    monkeypatch.setenv("GRADIO_SERVER_NAME", "127.0.0.1")
    monkeypatch.setenv(VARIABLE, "1")
    page = create_ui()
    page.launch(**launch_options(page), prevent_thread_lock=True, quiet=True)
    try:
        tools = {tool["name"]: tool for tool in asked(page.local_url, "tools/list")["tools"]}
        assert sorted(tools) == sorted(NAMES)
        assert tools["decode"]["description"].startswith("Decode an answer")
        prompt = tools["decode"]["inputSchema"]["properties"]["prompt"]
        assert prompt["type"] == "string" and prompt["description"] == "The question."
        told = asked(page.local_url, "tools/call", name="decode", arguments={"prompt": "What is 12 + 9 - 6?"})
        assert "boxed{15}" in told["content"][0]["text"]
    finally:
        page.close()
