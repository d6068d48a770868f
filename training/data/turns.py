"""Reads conversations from cells: a list of turns, or a single turn. A turn is {role, content}, as chat
templates take it (content: a text, or a list of text parts), or {from, value}, as ShareGPT has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evaluation.sets.cells import Record, looks_like_turns
from evaluation.sets.columns import SetError
from models.text import half_character
from training.data.list_cells import cell_value

Turn = Mapping[str, str]
"""{role, content}"""
ROLES = ("system", "user", "assistant")
SHAREGPT = {"human": "user", "gpt": "assistant"}
FORMS = ({"role", "content"}, {"from", "value"})
"""The keys that mark a JSON object as a turn; an object without them is text that happens to be JSON."""


def turns_in(where: str, cell: str) -> list[Turn] | None:
    """The turns of a conversation; None for text. SetError: a conversation that cannot be read."""
    value = cell_value(cell)
    turns = value if isinstance(value, list) else [value]
    if any(isinstance(turn, dict) and any(form <= turn.keys() for form in FORMS) for turn in turns):
        return [_turn(where, turn) for turn in turns]
    if value is None and looks_like_turns(cell):
        raise SetError(f"{where} is a conversation that cannot be read; allowed: a JSON list of turns")
    return None


def _turn(where: str, turn: Any) -> Turn:
    fields: Mapping[str, Any] = turn if isinstance(turn, dict) else {}
    role, content = fields.get("role", fields.get("from")), fields.get("content", fields.get("value"))
    role = SHAREGPT.get(role, role) if isinstance(role, str) else role
    if role not in ROLES:
        raise SetError(f"{where} has role = {role!r}; allowed: {', '.join((*ROLES, *SHAREGPT))}")
    if isinstance(content, list):
        content = "".join(_part(where, part) for part in content)
    if not isinstance(content, str) or not content.strip():
        raise SetError(f"{where} has an empty turn; every turn needs its content")
    if half_character(content):
        raise SetError(f"{where} has half a character (a lone surrogate); allowed: Unicode text")
    return {"role": role, "content": content}


def _part(where: str, part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type", "text") == "text" else part
    if not isinstance(text, str):
        kind = part.get("type") if isinstance(part, dict) else part
        raise SetError(f"{where} has a part of type {str(kind)[:40]!r}; allowed: text")
    return text


def earlier_turns(where: str, record: Record, system: str, history: str) -> list[Turn]:
    """The turns of a row's system and history columns ("": there is no such column). A history is a list of
    [question, answer] pairs or of turns. where: the row's name, for errors."""
    turns: list[Turn] = []
    if system and record[system].strip():
        turns.append({"role": "system", "content": record[system]})
    if history and record[history].strip():
        column_name = f"{where}, column {history!r}"
        value = cell_value(record[history])
        if not isinstance(value, list):
            raise SetError(f"{column_name} is no history; allowed: a list of [question, answer], or of turns")
        for entry in value:
            pair = [("user", entry[0]), ("assistant", entry[1])] if _is_pair(entry) else []
            turns += [_turn(column_name, {"role": role, "content": text}) for role, text in pair]
            turns += [] if pair else [_turn(column_name, entry)]
    return turns


def _is_pair(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) == 2


def with_earlier(where: str, earlier: list[Turn], turns: list[Turn]) -> list[Turn]:
    """`earlier`, then `turns`, with a system turn first. SetError: both have one."""
    if earlier and turns and earlier[0]["role"] == turns[0]["role"] == "system":
        raise SetError(f"{where} has two system turns, one in a column of its own; allowed: one of them")
    if turns and turns[0]["role"] == "system":
        return [turns[0], *earlier, *turns[1:]]
    return [*earlier, *turns]
