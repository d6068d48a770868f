"""Conversations in cells: a list of turns {role, content}, or a single one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evaluation.columns import SetError
from evaluation.tables import HALF

Turn = Mapping[str, str]
"""{role, content}"""
ROLES = ("system", "user", "assistant")
FORMS = ({"role", "content"}, {"from", "value"})
"""Keys of an object that is meant as a turn (only the first form is read); others are an answer in JSON."""


def cell_value(cell: str) -> Any:
    """What a cell holds as JSON; None for what is no JSON."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None


def turns_in(where: str, cell: str) -> list[Turn] | None:
    """The turns of a conversation; None for text. SetError: a turn that cannot be read."""
    value = cell_value(cell)
    turns = value if isinstance(value, list) else [value]
    if not any(isinstance(turn, dict) and any(form <= turn.keys() for form in FORMS) for turn in turns):
        return None
    return [_turn(where, turn) for turn in turns]


def _turn(where: str, turn: Any) -> Turn:
    held: Mapping[str, Any] = turn if isinstance(turn, dict) else {}
    role, content = held.get("role"), held.get("content")
    if role not in ROLES:
        raise SetError(f"{where} has role = {role!r}; allowed: {', '.join(ROLES)}")
    if not isinstance(content, str) or not content.strip():
        raise SetError(f"{where} has an empty turn; every turn needs its content")
    if HALF.search(content):
        raise SetError(f"{where} has half a character (a lone surrogate); allowed: Unicode text")
    return {"role": role, "content": content}
