"""The panel of dependencies: who looks at whom among the undecided cells of a canvas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from llada_viz.render.figures import PLOT_HEIGHT, styled
from llada_viz.render.say_cells import counted, percent
from samplers.measuring.dependencies import Dependencies

GREYS = [[0, "rgba(128, 128, 128, 0)"], [1, "rgba(128, 128, 128, .45)"]]
MOST_SHOWN = 256
"""Undecided cells: a map of them has as many squares as their number squared."""


def dependency_words(found: Dependencies, start: int, noise: bool = False) -> str:
    """What is to be seen. start: where the answer begins; noise: undecided cells hold noise."""
    if not found.cells:
        return "no cell is undecided; choose an earlier frame."
    layers = ", ".join(_spans([layer + 1 for layer in found.layers]))
    what = counted(len(found.cells), "undecided cell" if noise else "mask")
    decided = sum(found.decided) / len(found.decided)
    words = f"{what}, layer{'s' if len(found.layers) > 1 else ''} {layers}. "
    words += f"{percent(decided)} of a look goes to decided cells, the prompt too."
    if (strongest := _strongest(found)) is not None:
        share, who, whom = strongest
        words += f" Most of all cell {found.cells[who] - start} looks at"
        words += f" cell {found.cells[whom] - start}: {percent(share)}."
    if found.sinks:
        cells = ", ".join(str(cell - start) for cell in found.sinks)
        words += f" Dimmed, as all look there: {cells}."
    return words


def _spans(numbers: Sequence[int]) -> list[str]:
    """1, 2, 3, 5 as 1 to 3, 5."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return [str(span[0]) if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in spans]


def _others(found: Dependencies) -> list[tuple[float, int, int]]:
    """(weight, who, whom) of different cells, sinks left out."""
    sinks = set(found.sinks)
    return [
        (weight, i, j)
        for i, line in enumerate(found.weights)
        for j, weight in enumerate(line)
        if i != j and found.cells[j] not in sinks
    ]


def _strongest(found: Dependencies) -> tuple[float, int, int] | None:
    return max(_others(found), default=None)


def _matrix(found: Dependencies, shown: Callable[[int], bool]) -> list[list[float | None]]:
    """The weights at the columns that are shown; a cell's look at itself is not."""
    return [
        [weight if i != j and shown(j) else None for j, weight in enumerate(line)]
        for i, line in enumerate(found.weights)
    ]


def dependency_figure(found: Dependencies, start: int) -> go.Figure:
    """Cells that look down, those that are looked at across; sinks are grey, looks at oneself left out."""
    names = [str(cell - start) for cell in found.cells]
    sinks = set(found.sinks)
    strongest = _strongest(found)
    bright = _matrix(found, lambda j: found.cells[j] not in sinks)
    dim = _matrix(found, lambda j: found.cells[j] in sinks)
    common: dict[str, object] = {"x": names, "y": names, "hoverongaps": False, "xgap": 1, "ygap": 1}
    hover = "cell %{y} looks at cell %{x}<br>%{z:.1%} of its look"
    figure = go.Figure(
        go.Heatmap(
            z=bright, zmin=0, zmax=strongest[0] if strongest else 1, colorscale="Cividis",
            colorbar={"title": "share", "tickformat": ".0%"}, hovertemplate=f"{hover}<extra></extra>",
            **common,
        )
    )  # fmt: skip
    if sinks:
        figure.add_trace(
            go.Heatmap(
                z=dim, zmin=0, zmax=1, colorscale=GREYS, showscale=False,
                hovertemplate=f"{hover}<br>all look at it<extra></extra>", **common,
            )
        )  # fmt: skip
    figure.update_xaxes(title_text="is looked at", type="category", nticks=16)
    figure.update_yaxes(title_text="looks", type="category", autorange="reversed", nticks=16)
    return styled(figure, PLOT_HEIGHT + 40)
