"""The page and a browser for it, for the scripts that take pictures of it or walk it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import CHROMIUM_OPTIONS, ROOT, chromium, wait_for


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of the page; home: its LLADA_VIZ_HOME."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1", "LLADA_VIZ_HOME": str(home)}
    log = home / "app.txt"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env, stdout=out, stderr=out)
    try:
        wait_for(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def headless() -> Iterator[Browser]:
    """Chromium ($CHROMIUM, or chromium on PATH) without a window."""
    if (path := chromium()) is None:
        raise SystemExit("There is no Chromium: set CHROMIUM, or put chromium on PATH.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()
