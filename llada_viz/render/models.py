"""The Models tab as HTML: what is loaded, and the memory that a choice will take. All text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from models.memory import Memory, gigabytes

PARTS = (("weights", "Weights"), ("cache", "Cache"), ("activations", "Activations"))


def facts_table(rows: Sequence[tuple[str, str]]) -> str:
    """(label, value) rows as a list of terms."""
    items = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in rows
    )  # fmt: skip
    return f"<dl class='lz-loaded'>{items}</dl>"


def note(text: str, role: str = "status") -> str:
    """A sentence; "" for none."""
    return f"<p class='lz-hint' role='{role}'>{escape(text)}</p>" if text else ""


def memory_bar(
    memory: Memory, free: int, precision: str, device: str, fitting: Sequence[tuple[str, int]] = ()
) -> str:
    """A bar of what the parts take, as long as what is free (or as all of them, where they do not fit), and
    the same in words. fitting: (precision, bytes) of others that would fit."""
    scale = max(memory.total, free, 1)
    parts = [(key, label, getattr(memory, key)) for key, label in PARTS]
    pieces = "".join(
        f"<i class='lz-{key}' style='width:{100 * size / scale:.3f}%'></i>" for key, _, size in parts if size
    )
    end = f"<b style='left:{100 * free / scale:.3f}%'></b>" if memory.total > free else ""
    words = memory_words(memory, free, precision, device, fitting)
    legend = "".join(
        f"<li><i class='lz-{key}'></i>{label} {gigabytes(size)}</li>" for key, label, size in parts if size
    )
    state = "" if memory.total <= free else " lz-over"
    return (
        f"<div class='lz-memory{state}'><div class='lz-bar' role='img' aria-label='{escape(words)}'>"
        f"{pieces}{end}</div><ul>{legend}</ul><p role='status'>{escape(words)}</p></div>"
    )


def memory_words(
    memory: Memory, free: int, precision: str, device: str, fitting: Sequence[tuple[str, int]] = ()
) -> str:
    """What is needed, whether that is free, and what would fit instead."""
    place = "memory" if device == "cpu" else device
    asks = f"{gigabytes(memory.total)} as {precision}"
    if memory.total <= free:
        return f"Takes {asks}; {gigabytes(free)} of {place} are free."
    said = f"Does not fit: it takes {asks}, and {gigabytes(free)} of {place} are free."
    others = ", ".join(f"{name} ({gigabytes(total)})" for name, total in fitting)
    return f"{said} What would fit: {others}." if others else said


def loading(sentence: str, share: float | None = None) -> str:
    """How far a load is. share: of the bytes that are fetched, in [0, 1]; None: not known."""
    value = "" if share is None else f" max='1' value='{share:.4f}'"
    bar = f"<progress{value} aria-label='{escape(sentence)}'></progress>"
    return f"<p class='lz-state' role='status'><b>Loading:</b> {escape(sentence)}</p>{bar}"
