"""Plotly figures of the page, made from results and events. Labels and tokens stay text, never markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from evaluation.charts import COLOURS
from evaluation.runs.pareto import SHAPES, Point, best, spread
from evaluation.runs.report import COSTS
from evaluation.runs.summary import Summary
from llada_viz.render.ops import NOISE
from llada_viz.render.order import joined
from models.text import cell_texts
from samplers.events import Event, Started, Unmasked
from samplers.fold import Board

INK, GRID = "#767676", "rgba(128, 128, 128, .25)"  # legible on light and on dark
SYMBOLS = {"circle": "circle", "square": "square", "diamond": "diamond", "triangle": "triangle-up"}
PLOT_HEIGHT = 300
MOST_CELLS = 100_000
"""Most cells of a confidence map. A run with more shows every second, third, … step only."""


def pareto(summaries: Sequence[Summary]) -> go.Figure | None:
    """Accuracy against every cost that was paid, one plot below the other; None without an accuracy.

    One mark for each sampler, with its 95% interval; a dashed line joins the samplers that no other
    beats in both accuracy and cost.
    """
    shown = [s for s in summaries if s.accuracy is not None]
    costs = [(name, title) for name, title in COSTS if any(getattr(s, name) for s in shown)]
    if not costs:
        return None
    figure = make_subplots(rows=len(costs), cols=1, vertical_spacing=0.3 / len(costs))
    for row, (name, title) in enumerate(costs, 1):
        points = [Point(s.label, getattr(s, name), s.accuracy or 0.0, *s.interval) for s in shown]
        front = best(points)
        figure.add_trace(
            go.Scatter(
                x=[p.cost for p in front], y=[p.accuracy for p in front], mode="lines", showlegend=False,
                line={"color": INK, "dash": "dash", "width": 1}, hoverinfo="skip",
            ),
            row=row, col=1,
        )  # fmt: skip
        most = max(p.cost for p in points)
        for place, (point, moved) in enumerate(zip(points, spread(points), strict=True)):
            drawn = _mark(point, place, title, legend=row == 1, beside=moved * most)
            figure.add_trace(drawn, row=row, col=1)
        figure.update_xaxes(title_text=title, rangemode="tozero", row=row, col=1)
    figure.update_yaxes(title_text="accuracy", tickformat=".0%", rangemode="tozero")
    return styled(figure, PLOT_HEIGHT * len(costs) + 40)


def _mark(point: Point, place: int, cost: str, legend: bool, beside: float) -> go.Scatter:
    """The mark of one sampler. place: its number, which gives its colour and its shape; cost: its title;
    beside: how far from its cost it is drawn, so that it covers no other."""
    colour = COLOURS[place % len(COLOURS)]
    label = escape(point.label)
    hover = f"{label}<br>accuracy {point.accuracy:.1%} ({point.low:.1%} to {point.high:.1%})"
    return go.Scatter(
        x=[point.cost + beside], y=[point.accuracy], mode="markers", name=label, legendgroup=str(place),
        showlegend=legend, cliponaxis=False,
        marker={"color": colour, "size": 11, "symbol": SYMBOLS[SHAPES[place % len(SHAPES)]],
                "line": {"color": INK, "width": 1}},
        error_y={"array": [point.high - point.accuracy], "arrayminus": [point.accuracy - point.low],
                 "color": colour, "width": 0},
        customdata=[[f"{hover}<br>{cost} {point.cost:.4g}"]], hovertemplate="%{customdata[0]}<extra></extra>",
    )  # fmt: skip


def confidence_map(
    events: Iterable[Event], pieces: Sequence[bytes] | Mapping[int, bytes], row: int = 0
) -> go.Figure:
    """A heat map of one row: cells of the answer down, steps across, and as colour how sure the network was
    of the token that stands in the cell after the step. An undecided cell has no colour, and none has a cell
    that was given, or filled in after an early stop: the network was not asked about it.

    Cells count from 0, steps from 1. Every cell that ever stood has a line of its own, which is empty before
    it was inserted and once it was deleted. While candidates are open no step is shown, only the canvas they
    were forked from and the one that was chosen. Long runs show every n-th step, and the last.
    """
    steps, order, given = _after_steps(events, row)
    kept = _thinned(sorted(steps), len(order))
    columns = [_column(steps[step], order, given, pieces) for step in kept]
    certainty, texts, sure = ([column[part] for column in columns] for part in range(3))
    moves = any(list(steps[step].cells) != order for step in kept)
    where = "step %{x}" if moves else "cell %{y}, step %{x}"
    figure = go.Figure(
        go.Heatmap(
            x=[str(step) for step in kept], z=_transposed(certainty), customdata=_transposed(texts),
            text=_transposed(sure), zmin=0, zmax=1,
            colorscale="Cividis", colorbar={"title": "confidence"}, hoverongaps=True,
            hovertemplate=where + "<br>%{customdata}<br>%{text}<extra></extra>",
        )
    )  # fmt: skip
    every = f" (every {kept[1] - kept[0]} steps)" if len(kept) > 1 and len(kept) < len(steps) else ""
    figure.update_xaxes(title_text=f"step{every}", type="category", nticks=12)
    lines = "cell of the answer" if not moves else "every cell that ever stood"
    figure.update_yaxes(title_text=lines, autorange="reversed")
    return styled(figure, PLOT_HEIGHT + 80)


@dataclass(frozen=True)
class Snapshot:
    """The answer after a step. cells: id -> (token, confidence, whether it is undecided), in their order;
    mask_id: None under uniform noise; unsure: no probabilities are known."""

    cells: dict[int, tuple[int, float | None, bool]]
    mask_id: int | None
    unsure: bool = False


def _column(
    snapshot: Snapshot, order: Sequence[int], given: set[int], pieces: Sequence[bytes] | Mapping[int, bytes]
) -> tuple[list[float | None], list[str], list[str]]:
    """(confidences, texts, what is said of the confidence) of every cell of `order` after a step."""
    cells, moves = snapshot.cells, list(snapshot.cells) != list(order)
    hidden = NOISE if snapshot.mask_id is None else snapshot.mask_id
    decided = [hidden if is_open else token for token, _, is_open in cells.values()]
    text_of = dict(zip(cells, cell_texts(pieces, decided, hidden), strict=True))
    position_of = {cell: position for position, cell in enumerate(cells)}
    certainty: list[float | None] = []
    texts, sure = [], []
    for cell in order:
        _, confidence, is_open = cells.get(cell, (0, None, True))
        word = "noise" if snapshot.mask_id is None else "mask"
        text = word if is_open else token_text(text_of[cell])
        if moves:
            text = f"cell {position_of[cell]}: {text}" if cell in cells else "no cell at this step"
        certainty.append(None if is_open else confidence)
        texts.append(text)
        sure.append("" if is_open else _sure(confidence, cell in given, snapshot.unsure))
    return certainty, texts, sure


def _after_steps(events: Iterable[Event], row: int) -> tuple[dict[int, Snapshot], list[int], set[int]]:
    """({step: the answer after it}, the ids of all cells that ever stood, those that were given from the
    start)."""
    board, steps, unasked, given = Board(), dict[int, Snapshot](), set[int](), set[int]()
    unsure = False
    order: list[int] = []
    for event in events:
        board.apply(event)
        shown, start = board.trunk[row], board.prompt_length
        ids = shown.ids[start:]
        if isinstance(event, Started):
            unsure = event.settings.get("confidence") == "unknown"
            given = {cell for cell, is_open in zip(ids, shown.undecided[start:], strict=True) if not is_open}
        if isinstance(event, Unmasked) and not event.forked:
            written = {shown.ids[cell.position] for cell in event.cells if cell.row == row}
            unasked = unasked | written if event.step < 0 else unasked - written
        if board.candidates is None and board.steps:
            values = zip(
                ids, shown.tokens[start:], shown.confidence[start:], shown.undecided[start:], strict=True
            )
            cells = {
                i: (token, None if unsure or i in unasked else sure, is_open)
                for i, token, sure, is_open in values
            }
            order = joined(order, ids)
            steps[board.steps] = Snapshot(cells, board.mask_id, unsure)
    return steps, order, given


def _sure(confidence: float | None, given: bool, unsure: bool) -> str:
    """How sure the network was of a token that stands, for its hover. given: the cell was not a mask."""
    if unsure and not given:
        return "confidence unknown"
    if confidence is None:
        return "given from the start" if given else "filled in after an early stop"
    return f"confidence {confidence:.3f}"


def _thinned(steps: Sequence[int], cells: int) -> list[int]:
    """Every n-th step and the last one, so that a map of so many cells each stays under MOST_CELLS."""
    every = -(-len(steps) * max(cells, 1) // MOST_CELLS)
    kept = list(steps[:: max(every, 1)])
    return kept if not kept or kept[-1] == steps[-1] else [*kept, steps[-1]]


def _transposed(columns: list[list[Any]]) -> list[list[Any]]:
    return [list(line) for line in zip(*columns, strict=True)]


def token_text(text: str) -> str:
    """A token as text: plotly would read markup, and a line end would break the line."""
    return f"“{escape(text)}”".replace("\n", "⏎") if text else "part of a character"


def styled(figure: go.Figure, height: int) -> go.Figure:
    """Transparent, so that it fits the light and the dark page."""
    figure.update_layout(
        height=height, margin={"l": 60, "r": 20, "t": 30, "b": 50}, font={"color": INK},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02}, template="none",
    )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=GRID)
    return figure
