"""How a background job stands, as HTML. Everything that came from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

LOG_LINES = 12


def progress(state: str, sentence: str, share: float, label: str, log: Sequence[str] = ()) -> str:
    """The state with a sentence on it, a progress bar and the end of a log (none when log is empty).

    share: how much is done, in [0, 1]; label: what the bar counts, for screen readers.
    """
    bar = f"<progress max='1' value='{share:.4f}' aria-label='{escape(label)}'></progress>"
    end = ":" if sentence else "."
    text = (
        f"<p class='lz-state' role='status'><b>{escape(state.capitalize())}{end}</b> {escape(sentence)}</p>"
    )
    return text + bar + (log_box(log[-LOG_LINES:]) if log else "")


def log_box(lines: Sequence[str]) -> str:
    """Lines of a log in a box with its own scroll bar."""
    text = escape("\n".join(lines))
    return f"<pre class='lz-log' tabindex='0' role='region' aria-label='Log'><code>{text}</code></pre>"
