"""How a background job stands, as HTML. Everything that came from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

LOG_LINES = 12


def progress(state: str, said: str, share: float, label: str, log: Sequence[str] = ()) -> str:
    """The state, a sentence, a bar (share in [0, 1]; label: what it counts), and the end of a log."""
    bar = f"<progress max='1' value='{share:.4f}' aria-label='{escape(label)}'></progress>"
    text = f"<p class='lz-state' role='status'><b>{escape(state)}</b> {escape(said)}</p>{bar}"
    return text + (log_box(log[-LOG_LINES:]) if log else "")


def log_box(lines: Sequence[str]) -> str:
    """Lines of a log in a box that scrolls by itself and begins at its end."""
    text = escape("\n".join(lines))
    return f"<pre class='lz-log' tabindex='0' role='region' aria-label='Log'><code>{text}</code></pre>"


def duration(seconds: float) -> str:
    """Seconds in the unit that a person would use: 45 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
