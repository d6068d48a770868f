"""The words that a recorded run was given, as the form's field for them has them."""

from __future__ import annotations

import json

from llada_viz.render.ops import Pieces
from models.text import cell_texts
from samplers.events import Started


def given_words(started: Started, pieces: Pieces) -> str:
    """`cell:"exact text", …` of the cells of the first answer that are decided from the start, for
    `samplers.requests.parse_constraints`; "" where there are none."""
    first, row = started.prompt_length, started.tokens[0]
    open_cells = started.noise[0] if started.noise else [token == started.mask_id for token in row]
    if started.pinned:
        open_cells = [not pinned for pinned in started.pinned[0]]
    answer = [None if is_open else token for token, is_open in zip(row, open_cells, strict=True)][first:]
    parts, begun = [], None
    for cell, token in enumerate(answer):
        begun = cell if begun is None and token is not None else begun
        text = "" if begun is None else _text(answer[begun : cell + 1], pieces)
        if token is None or text:
            parts += [f"{begun}:{json.dumps(text, ensure_ascii=False)}"] if text else []
            begun = None
    return ", ".join(parts)


def _text(tokens: list[int | None], pieces: Pieces) -> str:
    """Of cells that hold whole characters together; "" where they do not, or one is undecided."""
    decided = [token for token in tokens if token is not None]
    text = "".join(cell_texts(pieces, decided, None))
    return text if len(decided) == len(tokens) and "\ufffd" not in text else ""
