"""From where in an answer a step is judged, so that what is unfinished belongs to what stands before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_CLOSED_BOX = re.compile(r"\\boxed\s*\{[^\n]*\}")


class Stretch(NamedTuple):
    """since: the character of the joined text from which a step is judged; finished: a line, or the box, ends
    in the step."""

    since: int
    finished: bool


def stretches(steps: Sequence[str]) -> list[Stretch]:
    """Of each step, where it is judged from: the beginning of the line in which it begins; where neither a
    line nor the box ends in it, the beginning of the line before that. Blank lines do not count."""
    text, found, start = "".join(steps), [], 0
    for step in steps:
        stop = start + len(step)
        line = text.rfind("\n", 0, start) + 1
        last_break = text.rfind("\n", start, stop)
        ends_line = last_break >= 0 and bool(text[line:last_break].strip())
        finished = ends_line or any(m.end() > start - line for m in _CLOSED_BOX.finditer(text[line:stop]))
        before = text[:line].rstrip()
        since = line if finished or not before else before.rfind("\n") + 1
        found.append(Stretch(since, finished))
        start = stop
    return found
