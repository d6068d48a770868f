"""`llada-viz chat` as a person has it: through a pseudo-terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
WITHIN = 90  # seconds that the program may take for one thing
ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\r")
SLOW = "/set gen_length=256 block_length=8 early_stop=false threshold=1"


class Terminal:
    """A program in a pseudo-terminal."""

    def __init__(self, *command: str) -> None:
        self.own, theirs = pty.openpty()
        env = os.environ | {"TERM": "xterm-256color", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=_own_terminal,
        )  # fmt: skip
        os.close(theirs)
        self.raw, self.seen = b"", 0

    def until(self, part: str) -> str:
        """Wait for a text, and return what was written from the last one on, without escape codes."""
        end = time.monotonic() + WITHIN
        while (at := self.text().find(part, self.seen)) < 0:
            assert time.monotonic() < end, f"no {part!r} in:\n{self.text()[self.seen :][-2000:]}"
            if select.select([self.own], [], [], 0.5)[0]:
                self.raw += os.read(self.own, 65536)
        before, self.seen = self.seen, at + len(part)
        return self.text()[before : self.seen]

    def text(self) -> str:
        return ESCAPES.sub(b"", self.raw).decode(errors="replace")

    def press(self, key: str, part: str) -> str:
        """Press a key until a text is there: one that comes between two waits of the program is lost."""
        end = time.monotonic() + WITHIN
        while self.text().find(part, self.seen) < 0:
            assert time.monotonic() < end, f"no {part!r} in:\n{self.text()[self.seen :][-2000:]}"
            self.send(key)
            again = time.monotonic() + 10
            while self.text().find(part, self.seen) < 0 and time.monotonic() < again:
                if select.select([self.own], [], [], 0.5)[0]:
                    self.raw += os.read(self.own, 65536)
        return self.until(part)

    def send(self, text: str) -> None:
        os.write(self.own, text.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait(20)
        os.close(self.own)


def _own_terminal() -> None:
    """In the child: the pseudo-terminal is its terminal, so Ctrl-C reaches it."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal() -> Iterator[Any]:
    opened = Terminal(sys.executable, "-m", "llada_viz.command", "chat", "--device", "cpu")
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_chat(terminal: Terminal, tmp_path: Path) -> None:
    terminal.until("> ")
    terminal.send("What is 12 + 9 - 6?\n")
    first = terminal.until("\n> ")
    assert "░" in first and "masks left" in first, "masks are seen"
    assert first.count("\\boxed{15}") >= 1 and "12 + 9 = 21" in first
    terminal.send(f"{SLOW}\n")
    terminal.until("gen_length=256")
    terminal.send("And <|eot_id|> 3 + 4?\n")
    terminal.until("step 12 ")
    terminal.send("\x03")
    terminal.until("Stopped.")
    terminal.until("> ")
    saved = tmp_path / "talk.json"
    terminal.send(f"/save {saved}\n")
    terminal.until("The conversation")
    messages = json.loads(saved.read_text())["messages"]
    assert [turn["role"] for turn in messages] == ["user", "assistant"] * 2
    assert messages[2]["content"] == "And <|eot_id|> 3 + 4?" and messages[3]["content"]
    terminal.until("> ")
    terminal.press("\x03", "/quit leaves.")
    terminal.send("\x04")
    assert terminal.process.wait(WITHIN) == 0
