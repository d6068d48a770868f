"""What the page asks to have exported, checked: anything may be in a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llada_viz.decoding.comparison import Comparisons
from llada_viz.decoding.recent import Recent
from llada_viz.decoding.runs import Run, Runs, recorded
from llada_viz.export.moving import CannotDraw
from llada_viz.export.writing import FORMS, Wanted
from llada_viz.gallery.shelf import CANNOT, Shelf
from samplers.settings import sentence_of

THEMES = {"light": False, "dark": True}
PACES = (2, 4, 8, 12, 24)
SCALES = {"usual": 1.25, "small": 0.75}
GONE = "The server no longer has this run: run it again to export it."
GOES_ON = "This run is still going on: press Stop first, or wait for its end."
Find = Callable[[Any], "Found"]


class Found:
    """The runs of an id. measure: what keeps several in step."""

    def __init__(self, runs: Sequence[Run], measure: str = "NFE") -> None:
        self.runs, self.measure = list(runs), measure
        if not all(run.ended for run in self.runs):
            raise CannotDraw(GOES_ON)
        if not all(run.frames and run.events for run in self.runs):
            raise CannotDraw("A run that has not begun cannot be exported.")


def wanted_of(asked: Mapping[str, Any], found: Found) -> Wanted:
    """What is to be written. CannotDraw: a sentence about the first thing that is not allowed."""
    form = _choice(asked, "form", FORMS)
    theme = _choice(asked, "theme", tuple(THEMES))
    pace, scale = _choice(asked, "pace", PACES), _choice(asked, "size", tuple(SCALES))
    frames = asked.get("frames")
    if frames is None:
        frames = [-1]
    whole = isinstance(frames, list) and len(frames) in (1, len(found.runs))
    if not whole or not all(type(frame) is int and frame >= -1 for frame in frames):
        raise CannotDraw("frames: one whole number for each run is allowed.")
    return Wanted(form, "", found.measure, tuple(frames), THEMES[theme], float(pace), SCALES[scale])


def _choice(asked: Mapping[str, Any], name: str, allowed: Sequence[Any]) -> Any:
    """A value that is allowed, the first one where none was given (of pace: 8)."""
    value = asked.get(name, 8 if allowed is PACES else allowed[0])
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value not in allowed:
        raise CannotDraw(f"{name}: that is not known; allowed: {', '.join(map(str, allowed))}.")
    return value


# ---- where the runs come from ------------------------------------------------------------------


def run_finder(runs: Runs) -> Find:
    """Of a run on the board."""

    def find(id: Any) -> Found:
        run = runs.get(id)
        if run is None:
            raise CannotDraw(GONE)
        return Found([run])

    return find


def comparison_finder(comparisons: Comparisons) -> Find:
    """Of the boards of a comparison."""

    def find(id: Any) -> Found:
        comparison = comparisons.get(id)
        if comparison is None:
            raise CannotDraw("The server no longer has this comparison: compare again to export it.")
        return Found(comparison.runs, comparison.measure)

    return find


def kept_finder(shelf: Shelf) -> Find:
    """Of a kept trace; the last few stay read."""
    read: Recent[str, Run] = Recent(4)

    def find(id: Any) -> Found:
        try:
            shelf.gallery.card(id if isinstance(id, str) else "")  # it may be gone meanwhile
            run = read.get(id) or read.put(id, recorded(shelf.trace(id), shelf.gallery.golds))
        except CANNOT as error:
            raise CannotDraw(sentence_of(error)) from None
        return Found([run])

    return find
