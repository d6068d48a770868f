"""The panel of drafts: what every undecided cell would have become after each pass, and when that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from llada_viz.render.figures import MOST_CELLS, PLOT_HEIGHT, styled, token_text
from llada_viz.render.ops import Pieces
from llada_viz.render.say_cells import counted
from models.text import cell_texts
from samplers.measuring.measures import Judge, Measures
from samplers.measuring.row_log import FullDraft, Recorder

KEPT, FLIPPED = "rgba(128, 128, 128, .32)", "#E69F00"
RIGHT, WRONG = "#2C9C72", "#D55E00"
HOW = "Set Drafts to 1 (under “Seed, constraints, guidance”) and run it again to see them."
NONE_RECORDED = "This run recorded no drafts."
CANNOT = "Its sampler records none."


@dataclass(frozen=True)
class DraftMap:
    """forwards: those that said drafts, in order; places: cells of the final answer that had some; flipped:
    [place][forward] 1 the likeliest token is another than before, 0 it is the same, None there was no draft;
    texts: what its hover says."""

    forwards: tuple[int, ...]
    places: tuple[int, ...]
    flipped: tuple[tuple[int | None, ...], ...]
    texts: tuple[tuple[str, ...], ...]

    @property
    def flips(self) -> int:
        """How often a draft changed."""
        return sum(line.count(1) for line in self.flipped)

    @property
    def last(self) -> int | None:
        """The last forward at which one did."""
        return max((f for line in self.flipped for f, z in zip(self.forwards, line, strict=True) if z == 1),
                   default=None)  # fmt: skip


def draft_map(recorder: Recorder, pieces: Pieces, row: int = 0) -> DraftMap | None:
    """Of the cells that stand at the end; None: the run recorded no drafts of them."""
    board = recorder.board
    ids = board.trunk[row].ids[board.prompt_length :]
    here = {cell: place for place, cell in enumerate(ids)}
    said: dict[int, dict[int, tuple[int, float]]] = {}  # place -> forward -> its likeliest token
    for guess in recorder.logs[row].guesses:
        if guess.id in here:
            said.setdefault(here[guess.id], {}).setdefault(guess.forward, (guess.token, guess.probability))
    if not said:
        return None
    forwards, places = sorted({f for line in said.values() for f in line}), sorted(said)
    lines = [_line(said[place], place, forwards, pieces, recorder.unsure) for place in places]
    return DraftMap(
        tuple(forwards), tuple(places),
        tuple(tuple(zs) for zs, _ in lines), tuple(tuple(ts) for _, ts in lines),
    )  # fmt: skip


def _line(
    drafts: dict[int, tuple[int, float]], place: int, forwards: Sequence[int], pieces: Pieces, unsure: bool
) -> tuple[list[int | None], list[str]]:
    """Of one cell, at each of the forwards."""
    flipped: list[int | None] = []
    texts: list[str] = []
    before: int | None = None
    for forward in forwards:
        if forward not in drafts:
            flipped.append(None)
            texts.append(f"cell {place}: no draft at pass {forward}")
            continue
        token, sure = drafts[forward]
        changed = before is not None and before != token
        was = f"{_shown(before, pieces)} → " if changed else ""
        known = "" if unsure else f"<br>probability {sure:.2f}"
        flipped.append(int(changed))
        texts.append(f"cell {place}, pass {forward}: {was}{_shown(token, pieces)}{known}")
        before = token
    return flipped, texts


def _shown(token: int | None, pieces: Pieces) -> str:
    return token_text("".join(cell_texts(pieces, [token], None))) if token is not None else ""


@dataclass(frozen=True)
class Judged:
    """After a forward: whether the answer as it would have ended is right; None: nobody can know."""

    forward: int
    right: bool | None


def judged_drafts(drafts: Sequence[FullDraft], judge: Judge | None) -> list[Judged]:
    """Each text is looked at once; without a judge nothing is known."""
    if judge is None:
        return []
    rights: dict[tuple[int, ...], bool | None] = {}
    for draft in drafts:
        if draft.tokens not in rights:
            rights[draft.tokens] = judge.check(judge.text_of(draft.tokens)).right
    return [Judged(draft.forward, rights[draft.tokens]) for draft in drafts]


def draft_words(found: DraftMap, measures: Measures, drafts: Sequence[FullDraft], final: Sequence[int],
                pieces: Pieces) -> str:  # fmt: skip
    """How often drafts changed; and whether the answer was right on the way. final: its tokens, up to the
    first end of the text."""
    count = counted(found.flips, "time")
    words = f"A draft changed {count}, in {counted(len(found.places), 'cell')}"
    words += f"; the last time in pass {found.last}." if found.last is not None else "."
    right = _right(measures)
    if measures.last_right is None or measures.finally_right is not False:
        return f"{words} {right}".rstrip()
    kept = next(draft for draft in reversed(drafts) if draft.forward == measures.last_right)
    return f"{words} {right}{_overwritten(kept.tokens, final, pieces)}"


def _right(measures: Measures) -> str:
    """Whether the whole draft was right on the way; "" where nobody can know."""
    if measures.ever_right is None:
        return ""
    if measures.first_right is None:
        return "No draft of the whole answer was right." if not measures.ever_right else ""
    if measures.finally_right is False:
        return f"The answer was right at pass {measures.last_right}, and then overwritten"
    if measures.right_drafts == 1:
        return "The draft of the whole answer was right from the first pass on."
    return f"The draft of the whole answer was first right at pass {measures.first_right}."


def _overwritten(kept: Sequence[int], final: Sequence[int], pieces: Pieces) -> str:
    """The first cell in which the answer is another than the draft that was right."""
    for place, (was, now) in enumerate(zip(kept, final, strict=False)):
        if was != now:
            return f": cell {place} was {_plain(was, pieces)} and became {_plain(now, pieces)}."
    return ": it became longer." if len(final) > len(kept) else ": it ended earlier."


def _plain(token: int, pieces: Pieces) -> str:
    return f"“{''.join(cell_texts(pieces, [token], None))}”".replace("\n", "⏎")


def drafts_figure(found: DraftMap, judged: Sequence[Judged]) -> go.Figure:
    """Passes across, cells down; a draft that changed is orange, one that stayed is grey, and without a draft
    there is nothing. Above: whether the whole draft was right, where that is known. Long runs show every n-th
    pass; a change between two that are shown is shown at the later one."""
    known = [each for each in judged if each.right is not None]
    figure = make_subplots(
        rows=2 if known else 1, cols=1, shared_xaxes=True, vertical_spacing=0.03,
        row_heights=[0.1, 0.9] if known else [1.0],
    )  # fmt: skip
    rows = 2 if known else 1
    columns = _columns(found)
    figure.add_trace(
        go.Heatmap(
            x=[found.forwards[span[-1]] for span in columns], y=list(found.places),
            z=[[_newest(line, span) for span in columns] for line in found.flipped],
            customdata=[[line[span[-1]] for span in columns] for line in found.texts],
            zmin=0, zmax=1, colorscale=[[0, KEPT], [0.5, KEPT], [0.5, FLIPPED], [1, FLIPPED]],
            showscale=False, hoverongaps=False, xgap=1, ygap=1,
            hovertemplate="%{customdata}<extra></extra>",
        ),
        row=rows, col=1,
    )  # fmt: skip
    if known:
        figure.add_trace(_strip(known), row=1, col=1)
        bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "fixedrange": True}
        figure.update_yaxes(row=1, col=1, **bare)
    figure.update_xaxes(title_text="pass", row=rows, col=1)
    figure.update_yaxes(title_text="cell of the answer", autorange="reversed", row=rows, col=1)
    return styled(figure, PLOT_HEIGHT + 20)


def _columns(found: DraftMap) -> list[range]:
    """The forwards of each column, so that no map is larger than MOST_CELLS."""
    every = max(-(-len(found.forwards) * len(found.places) // MOST_CELLS), 1)
    return [range(at, min(at + every, len(found.forwards))) for at in range(0, len(found.forwards), every)]


def _newest(line: Sequence[int | None], span: range) -> int | None:
    values = [line[at] for at in span if line[at] is not None]
    return max(values, default=None)  # type: ignore[type-var]


def _strip(known: Sequence[Judged]) -> go.Scatter:
    return go.Scatter(
        x=[each.forward for each in known], y=[0] * len(known), mode="markers", showlegend=False,
        marker={
            "symbol": ["circle" if each.right else "x-thin" for each in known], "size": 7,
            "color": [RIGHT if each.right else WRONG for each in known],
            "line": {"width": 1.5, "color": [RIGHT if each.right else WRONG for each in known]},
        },
        customdata=[f"pass {each.forward}: the whole draft is {'right' if each.right else 'wrong'}"
                    for each in known],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
