"""The real app in a process of its own, and Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.browser.canvas_page import is_cut_off

ROOT = Path(__file__).parents[2]
CHROMIUM_OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip
# All files together take a browser a quarter of an hour of one core, more than the check of a change may:
# these are left to `make test-long`.
LONG = (
    "access", "engines", "evaluate", "explain", "export", "faults", "figures", "first_minute", "kept_forms",
    "measures", "models", "panels", "present", "repairs", "spoken", "traces", "train", "visualize",
)  # fmt: skip
NO_CHROMIUM = "no Chromium: set CHROMIUM, or put chromium on PATH"
STARTS_WITHIN = 300  # seconds; a machine that is shared with other work is slow
STEP_WITHIN = 120  # seconds that the page may take for one thing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the files that are left to `make test-long`."""
    for item in items:
        if item.path.stem.removeprefix("test_") in LONG and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.long)


def chromium() -> str | None:
    """$CHROMIUM, else a chromium on PATH."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


AS_IT_COMES = "try { localStorage['lz-pace'] ??= 'Infinity' } catch {}"
"""Of every page: runs are shown as fast as they come, or each test would wait for its frames."""


@contextmanager
def served(home: Path, **more: str) -> Iterator[str]:
    """The address of the app, served by `python app.py` on a free port. home: its LLADA_VIZ_HOME, and where
    app.txt has what it prints; more: of its environment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"GRADIO_SERVER_PORT": str(port), "HF_HUB_OFFLINE": "1", "LLADA_VIZ_HOME": str(home)}
    log, url = home / "app.txt", f"http://127.0.0.1:{port}"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=os.environ | own | more, stdout=out, stderr=out
        )
    try:
        wait_for(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def headless() -> Iterator[Browser]:
    """Chromium without a window; SystemExit: there is none."""
    if (path := chromium()) is None:
        raise SystemExit(NO_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app."""
    home = tmp_path_factory.mktemp("home")
    with served(home, PYTHONWARNINGS="default") as url:
        yield url
    said = (home / "app.txt").read_text()
    assert "Traceback" not in said, said


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the page answers; fails with the app's own words."""
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the app did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    if chromium() is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NO_CHROMIUM)
        pytest.skip(NO_CHROMIUM)
    with headless() as browser:
        yield browser


@pytest.fixture
def open_page(app: str, browser: Browser) -> Iterator[Any]:
    """open_page(width, height, dark, plays): a new tab. plays: the recorded run that it opens with. Outside
    requests and script errors fail the test."""
    contexts, wrong = [], []

    def complain(page: Page, message: ConsoleMessage) -> None:
        if message.type == "error" and not (is_cut_off(page, message.text)):
            wrong.append(f"console: {message.text}")

    def outside(url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(app).netloc

    def route(route: Any) -> None:
        if outside(route.request.url):
            wrong.append(f"request to {route.request.url}")
            route.abort()
        else:
            route.continue_()

    def open_one(
        width: int = 1360, height: int = 900, dark: bool = False, plays: bool = False, **options: Any
    ) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(STEP_WITHIN * 1000)
        context.route("**/*", route)
        context.add_init_script(AS_IT_COMES)
        page = context.new_page()
        page.on("console", lambda m: complain(page, m))
        page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
        still = "" if plays else "&still=1"
        page.goto(f"{app}/?__theme={'dark' if dark else 'light'}{still}")
        page.wait_for_function("document.querySelector('#canvas .c')?.isConnected")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: $LLADA_VIZ_SHOTS, or a temporary folder."""
    folder = Path(os.environ.get("LLADA_VIZ_SHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
