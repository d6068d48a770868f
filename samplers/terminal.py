"""The live view in the terminal: a run, or a recorded one, step by step."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from models.text import cell_texts
from samplers.events import Event, Started
from samplers.fold import Board

GLYPHS = {"\n": "⏎\n", " ": " "}
LINES = {"\n": "\n", "\t": "\t"}
"""For text that is read and not inspected: line breaks and tabs as they are."""


def canvas_text(board: Board, pieces: Sequence[bytes] | Mapping[int, bytes], row: int = 0) -> Text:
    """The answer of one row: masks as ░, new lines and special tokens made visible."""
    answer = board.tokens[row][board.prompt_length :]
    texts = cell_texts(pieces, answer, board.mask_id)
    view = Text()
    for token, text, confidence in zip(
        answer, texts, board.confidence[row][board.prompt_length :], strict=True
    ):
        if token == board.mask_id:
            view.append("░", style="dim")
        elif text.startswith("<|") and text.endswith("|>"):
            view.append("·", style="dim")
        else:
            style = "bold" if confidence is None or confidence > 0.9 else "yellow"
            view.append(printable(text), style=style)
    return view


def printable(text: str, kept: Mapping[str, str] = GLYPHS) -> str:
    """Model text is hostile: control characters (escape codes too) are written out, not sent. kept: what
    stands for some of them."""
    visible = (kept.get(c, c if c.isprintable() else f"\\x{ord(c):02x}") for c in text)
    return "".join(visible)


def counters(board: Board, seconds: float) -> Text:
    """Step, NFE, masks left and speed, one line."""
    masks = sum(board.masks_left(row) for row in range(len(board.tokens)))
    rate = board.steps / seconds if seconds > 0 else 0.0
    return Text(f"step {board.steps}  NFE {board.nfe}  masks left {masks}  {rate:.1f} steps/s", style="cyan")


def show(
    events: Iterable[Event],
    pieces: Sequence[bytes] | Mapping[int, bytes],
    console: Console | None = None,
    pause: float = 0.0,
    passing: bool = False,
) -> Board:
    """Follow the events in the terminal; `pause` seconds after each (for a replay). passing: nothing of it
    is left at the end, and what is higher than the terminal is cut."""
    console = console or Console()
    board, began = Board(), time.perf_counter()
    overflow: Any = "ellipsis" if passing else "visible"
    with Live(console=console, auto_refresh=False, vertical_overflow=overflow, transient=passing) as live:
        for event in events:
            board.apply(event)
            if isinstance(event, Started) and not board.tokens[0][board.prompt_length :]:
                continue
            seconds = time.perf_counter() - began
            live.update(Group(canvas_text(board, pieces), counters(board, seconds)), refresh=True)
            if pause:
                time.sleep(pause)
    return board
