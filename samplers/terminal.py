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
from samplers.fold import Board, BoardRow

GLYPHS = {"\n": "⏎\n", " ": " "}
LINES = {"\n": "\n", "\t": "\t"}
"""For text that is read and not inspected: line breaks and tabs as they are."""


NOISE = -1  # stands for noise where words are decoded: no token has this id
UNSEEN = "▒"
"""Noise, where a terminal has no styles to tell it from words."""


def canvas_text(
    board: Board, pieces: Sequence[bytes] | Mapping[int, bytes], row: int = 0, styled: bool = True
) -> Text:
    """The answer of one row, new lines and special tokens made visible: masks as ░; noise in grey on a dim
    ground; the likeliest draft of an undecided cell, where there is one, slanted; what waits for its check
    underlined. styled: False where a terminal shows no styles: drafts are left out then."""
    shown, start = board.trunk[row], board.prompt_length
    answer, undecided = shown.tokens[start:], shown.undecided[start:]
    none = NOISE if board.mask_id is None else board.mask_id
    decided = [none if is_open else token for token, is_open in zip(answer, undecided, strict=True)]
    texts = cell_texts(pieces, decided, none)
    view = Text()
    for place, (text, is_open) in enumerate(zip(texts, undecided, strict=True), start):
        confidence, waits = shown.confidence[place], shown.ids[place] in shown.waiting
        if is_open:
            view.append(*_undecided(board, shown, place, pieces, styled))
        elif is_special(text):
            view.append("·", style="dim")
        else:
            style = "bold" if confidence is None or confidence > 0.9 else "yellow"
            view.append(printable(text), style=f"{style} underline" if waits else style)
    return view


def is_special(text: str) -> bool:
    """Whether a cell's text is the name of a special token."""
    return text.startswith("<|") and text.endswith("|>")


def _undecided(
    board: Board, row: BoardRow, place: int, pieces: Sequence[bytes] | Mapping[int, bytes], styled: bool
) -> tuple[str, str]:
    """(what stands for an undecided cell, its style)."""
    noise, draft = board.mask_id is None, row.drafts.get(row.ids[place])
    if not styled or (not noise and not draft):
        return UNSEEN if noise else "░", "dim"
    text = cell_texts(pieces, [draft[0][0] if draft else row.tokens[place]], None)[0]
    visible = "·" if is_special(text) else printable(text, {" ": " ", "\n": "⏎"})
    return visible, f"dim{' italic' * bool(draft)}{' reverse' * noise}"


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
            text = canvas_text(board, pieces, styled=console.color_system is not None)
            live.update(Group(text, counters(board, seconds)), refresh=True)
            if pause:
                time.sleep(pause)
    return board
