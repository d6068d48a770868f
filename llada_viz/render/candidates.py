"""The candidates of a fork as its choice shows them: scores and texts, the rejected ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llada_viz.render.verdict import text_of
from models.text import cell_texts
from samplers.events import CandidateChosen

if TYPE_CHECKING:
    from llada_viz.render.frames import FrameMaker

MOST_CANDIDATES = 64


def tried(maker: FrameMaker, event: CandidateChosen) -> dict[str, Any] | None:
    """What a choice of the row shown chose among, before the fork is folded; None for a row whose
    candidates were not scored. before: the text that stood in a window that was opened again."""
    board, scored = maker.board, maker.scored
    if board.candidates is None or not scored or maker.row >= len(event.winners):
        return None
    first, end = min(scored), max(scored) + 1
    k, size, prompt = min(board.k, MOST_CANDIDATES), maker.layout.block_length, board.prompt_length
    place = slice(prompt + first * size, prompt + end * size)
    found = []
    for i in range(k):
        own = [scores[i] for scores in scored.values() if i < len(scores)]
        known = [score for score in own if score is not None]
        if not known:
            return None
        row = board.candidates[maker.row * board.k + i]
        found.append([round(min(known), 4), _text(maker, row[place])])
    before = board.tokens[maker.row][place]
    winner = event.winners[maker.row]
    return {
        "blocks": [first, end],
        "won": -1 if winner is None else winner,
        "before": None if board.mask_id in before else _text(maker, before),
        "list": found,
    }  # fmt: skip


def _text(maker: FrameMaker, tokens: list[int]) -> str:
    """The text of some cells, up to the first special token."""
    return text_of(cell_texts(maker.pieces, tokens, maker.board.mask_id))
