"""The order panel: in which forward each cell of the answer got the token that stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from llada_viz.render.figures import INK, PLOT_HEIGHT, styled, token_text
from llada_viz.render.ops import NOISE, Pieces
from llada_viz.render.say_cells import percent
from models.text import cell_texts
from samplers.measuring.commit_order import global_ar, kendall_tau, local_ar
from samplers.measuring.measures import final_writes
from samplers.measuring.row_log import UNASKED, Recorder

ORDERS = (
    (0.95, "from left to right"), (0.5, "mostly from left to right"), (-0.5, "back and forth"),
    (-0.95, "mostly from right to left"), (-2, "from right to left"),
)  # fmt: skip
FADED = "rgba(128, 128, 128, .6)"


@dataclass(frozen=True)
class Commit:
    """place: of the cell in the answer, from 0; forward: the pass that wrote its token, from 1; confidence:
    None where the run holds none."""

    place: int
    forward: int
    text: str
    confidence: float | None


def commits_of(recorder: Recorder, pieces: Pieces, row: int = 0) -> list[Commit]:
    """Every cell of the answer that a forward decided, from left to right: not the given ones, nor those that
    were filled in after an early stop."""
    board = recorder.board
    state, start = board.trunk[row], board.prompt_length
    hidden = NOISE if board.mask_id is None else board.mask_id
    tokens = [
        hidden if is_open else token
        for token, is_open in zip(state.tokens[start:], state.undecided[start:], strict=True)
    ]
    texts = cell_texts(pieces, tokens, hidden)
    return [
        Commit(place, write.forward, text, None if recorder.unsure else write.confidence)
        for place, (write, text) in enumerate(
            zip(final_writes(recorder.logs[row], state, start), texts, strict=True)
        )
        if write is not None and write.forward != UNASKED
    ]


def order_name(tau: float) -> str:
    """Kendall's tau in words."""
    return next(text for least, text in ORDERS if tau >= least)


def order_words(commits: Sequence[Commit]) -> str:
    """The order in a sentence."""
    if not commits:
        return "No pass has decided a cell yet."
    times = [commit.forward for commit in commits]
    tau = kendall_tau(times)
    if tau is None:
        return "One cell alone has no order." if len(times) == 1 else "All cells were written in one pass."
    words = f"Kendall’s τ {tau:+.2f}: {order_name(tau)}.".replace("-", "−")
    local, first = local_ar(times, 1), global_ar(times, 1)
    if local is None or first is None:
        return words
    words += f" {percent(local)} right after the cell before, {percent(first)} at the first open cell"
    return f"{words} (AR-ness@1)."


def order_figure(commits: Sequence[Commit]) -> go.Figure:
    """A mark a cell: passes across, cells of the answer down, colour: how sure. The line has the same pace,
    from left to right."""
    known = [commit.confidence for commit in commits if commit.confidence is not None]
    colours = [commit.confidence for commit in commits] if len(known) == len(commits) else INK
    scale = {"colorscale": "Cividis", "cmin": 0, "cmax": 1, "colorbar": {"title": "confidence"}}
    figure = go.Figure(
        [
            go.Scatter(
                x=sorted(commit.forward for commit in commits), y=[commit.place for commit in commits],
                mode="lines", name="from left to right", line={"color": FADED, "width": 1.5, "dash": "dot"},
                hoverinfo="skip",
            ),
            go.Scatter(
                x=[commit.forward for commit in commits], y=[commit.place for commit in commits],
                mode="markers", name="this run", cliponaxis=False,
                marker={"color": colours, "size": 8, "line": {"color": INK, "width": 0.5}}
                | (scale if colours is not INK else {}),
                customdata=[_hover(commit) for commit in commits],
                hovertemplate="%{customdata}<extra></extra>",
            ),
        ]
    )  # fmt: skip
    figure.update_xaxes(title_text="pass", rangemode="tozero")
    figure.update_yaxes(title_text="cell of the answer", autorange="reversed")
    return styled(figure, PLOT_HEIGHT)


def _hover(commit: Commit) -> str:
    sure = "" if commit.confidence is None else f"<br>confidence {commit.confidence:.3f}"
    return f"cell {commit.place}: {token_text(commit.text)}<br>written in pass {commit.forward}{sure}"
