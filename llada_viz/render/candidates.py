"""The candidates of a fork, rejected ones too: the scores and texts that the page shows once one is chosen.

"Fork": a row stands k times for a while, each copy (a candidate) is decoded on its own, one is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llada_viz.render.verdict import text_of
from models.text import cell_texts
from samplers.events import CandidateChosen

if TYPE_CHECKING:
    from llada_viz.render.frames import FrameMaker

MOST_CANDIDATES = 64


def tried(maker: FrameMaker, event: CandidateChosen) -> dict[str, Any] | None:
    """The field `tried` of a frame (see render.frames): what the row shown was chosen from.

    To be called before the board applies the event, while it still has the candidates. None for a row
    whose candidates were not scored. In what is returned, "before" is the text that stood there until its
    window was opened again, None where there were masks.
    """
    board, scored = maker.board, maker.scored
    if board.candidates is None or not scored or maker.row >= len(event.winners):
        return None
    first, end = min(scored), max(scored) + 1
    k, prompt, start_of = min(board.k, MOST_CANDIDATES), board.prompt_length, maker.layout.start_of
    place = slice(prompt + start_of(first), prompt + start_of(end))
    candidates = []
    for i in range(k):
        block_scores = [scores[i] for scores in scored.values() if i < len(scores)]
        given_scores = [score for score in block_scores if score is not None]
        if not given_scores:
            return None
        row = board.candidates[maker.row * board.k + i].tokens
        candidates.append([round(min(given_scores), 4), _text(maker, row[place])])
    before, opened = board.tokens[maker.row][place], any(board.trunk[maker.row].undecided[place])
    winner = event.winners[maker.row]
    return {
        "blocks": [first, end],
        "won": -1 if winner is None else winner,
        "before": None if opened else _text(maker, before),
        "list": candidates,
    }  # fmt: skip


def _text(maker: FrameMaker, tokens: list[int]) -> str:
    """The text of some cells, up to the first special token."""
    return text_of(cell_texts(maker.pieces, tokens, maker.board.mask_id))
