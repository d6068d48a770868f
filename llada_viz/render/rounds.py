"""The rounds of a conversation as HTML. Everything that somebody or a model wrote is escaped: it is text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llada_viz.decoding.chats import Asked

YOU = "You"


def rounds_html(asked: Asked | None) -> str:
    """All rounds before a run, with a line above those that the model still reads, and its question."""
    if asked is None:
        return ""
    parts = []
    for i, (question, answer) in enumerate(asked.before.rounds):
        if asked.left_out and i == asked.left_out:
            parts.append(_note(asked.note))
        parts += [_turn(YOU, "you", question), _turn(asked.model.name, "model", answer)]
    if asked.left_out and asked.left_out == len(asked.before.rounds):
        parts.append(_note(asked.note))
    parts.append(_turn(YOU, "you", asked.question))
    inside = "".join(parts)
    return f'<section class="lz-rounds" aria-label="Conversation" tabindex="0"><div>{inside}</div></section>'


def _turn(who: str, kind: str, text: str) -> str:
    return f'<div class="turn {kind}"><b>{escape(who)}</b><p>{escape(text)}</p></div>'


def _note(text: str) -> str:
    return f'<p class="left-out" role="status">{escape(text)}</p>'
