"""How a background job stands, as HTML. Everything that came from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

LOG_LINES = 12


def progress(state: str, said: str, share: float, label: str, log: Sequence[str] = ()) -> str:
    """The state, what is said of it, a bar (share in [0, 1]; label: what it counts), and the end of a log."""
    bar = f"<progress max='1' value='{share:.4f}' aria-label='{escape(label)}'></progress>"
    end = ":" if said else "."
    text = f"<p class='lz-state' role='status'><b>{escape(state.capitalize())}{end}</b> {escape(said)}</p>"
    return text + bar + (log_box(log[-LOG_LINES:]) if log else "")


def log_box(lines: Sequence[str]) -> str:
    """Lines of a log in a box that scrolls by itself and begins at its end."""
    text = escape("\n".join(lines))
    return f"<pre class='lz-log' tabindex='0' role='region' aria-label='Log'><code>{text}</code></pre>"
