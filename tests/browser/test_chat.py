"""The chat of Visualize in a real browser, and the API that is served beside the page."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)> What is 3 + 4?"


def said(tab: CanvasPage, prompt: str) -> str:
    """Send a prompt, wait for its answer, and return the rounds as they are then shown."""
    page, before = tab.page, tab.canvas("timeline?.run")
    page.fill("#prompt textarea", prompt)
    tab.run()
    tab.wait(f"line && line.run !== {json.dumps(before)} && line.ended")
    page.wait_for_selector("#run:not([disabled])")
    page.wait_for_function("document.querySelector('#prompt textarea').value === ''")
    return str(page.inner_text("#rounds"))


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_chat(open_page: Any, shots: Any, width: int, dark: bool) -> None:
    tab = CanvasPage(open_page(width, 844, dark))
    page = tab.page
    page.check("#chat input")
    page.wait_for_selector("#new-chat")
    said(tab, "What is 12 + 9 - 6?")
    rounds = said(tab, HOSTILE)
    assert "\\boxed{15}" in rounds and HOSTILE in rounds and page.locator("#rounds img").count() == 0
    assert rounds.count("You") == 2 and rounds.count("tiny-llada") == 1
    assert "12 + 9 - 6" in tab.canvas("timeline.meta.prompt"), "the trace carries the conversation"
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    tab.shot(shots, f"chat-{width}-{'dark' if dark else 'light'}")
    page.click("#new-chat")
    page.wait_for_function("!document.querySelector('#rounds section')")
    assert said(tab, "What is 5 + 4?").count("You") == 1


def test_the_api_is_there(app: str) -> None:
    with urllib.request.urlopen(f"{app}/v1/models", timeout=60) as response:
        assert json.load(response)["data"][0]["id"] == "tiny-llada"
    asked = {
        "model": "tiny-llada",
        "stream": True,
        "messages": [{"role": "user", "content": "What is 3 + 4?"}],
    }
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{app}/v1/chat/completions", json.dumps(asked).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        text = response.read().decode()
    assert text.count("data: ") > 2 and text.endswith("data: [DONE]\n\n")
