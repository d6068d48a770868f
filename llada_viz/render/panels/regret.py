"""The panel of regret: what committing cells together cost, a bar a pass."""

from __future__ import annotations

import plotly.graph_objects as go

from llada_viz.render.figures import INK, PLOT_HEIGHT, styled, token_text
from llada_viz.render.ops import Pieces
from llada_viz.render.say_cells import counted
from models.text import cell_texts
from samplers.measuring.regret import Regret, StepRegret

COST, GAIN = "#D55E00", "#3B8FC4"
MOST_TOKENS = 12
"""Of a pass that are named."""


def regret_words(regret: Regret) -> str:
    """What it was in all."""
    if not regret.steps:
        return "Every pass committed one cell: nothing was committed together, so nothing was lost by it."
    cells, count = counted(regret.cells, "cell"), len(regret.steps)
    passes = "1 pass" if count == 1 else f"{count} passes"
    words = (
        f"{_nats(regret.total)}: {cells} were committed beside others, in {passes}. "
        f"Asked again, each given the others, they are {'less' if regret.total > 0 else 'no less'}"
        " likely together than they looked alone."
    )
    dearest = max(regret.steps, key=lambda step: step.total)
    return f"{words} The dearest was pass {dearest.forward}." if dearest.total >= 0.01 else words


def regret_figure(regret: Regret, start: int, pieces: Pieces) -> go.Figure:
    """A bar for every pass that committed at least two cells. start: where the answer begins."""
    figure = go.Figure(
        go.Bar(
            x=[step.forward for step in regret.steps], y=[step.total for step in regret.steps],
            marker={
                "color": [COST if step.total > 0 else GAIN for step in regret.steps],
                "line": {"color": INK, "width": 0.5},
            },
            customdata=[_hover(step, start, pieces) for step in regret.steps],
            hovertemplate="%{customdata}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(title_text="pass")
    figure.update_yaxes(title_text="nats", zeroline=True)
    return styled(figure, PLOT_HEIGHT)


def _nats(value: float) -> str:
    return f"{value:+.2f} nats".replace("-", "−")


def _hover(step: StepRegret, start: int, pieces: Pieces) -> str:
    """The cells of a pass, dearest first."""
    costs = sorted(
        zip(step.cell_regrets, step.cells, step.written, strict=True), key=lambda each: -each[0]
    )  # fmt: skip
    lines = [
        f"cell {place - start}: {token_text(''.join(cell_texts(pieces, [token], None)))} {_nats(cost)}"
        for cost, place, token in costs[:MOST_TOKENS]
    ]
    more = len(costs) - MOST_TOKENS
    lines += [f"and {counted(more, 'cell')} more"] if more > 0 else []
    return "<br>".join([f"pass {step.forward}: {_nats(step.total)}", *lines])
