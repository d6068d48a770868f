"""The panel under the canvas: what a run did, in numbers and words. All of it is text, and is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from llada_viz.render.panels.order import order_name
from llada_viz.render.say_cells import percent
from samplers.measuring.measures_table import COLUMNS, Data, text_of

FORMS = {column.name: column for column in COLUMNS}
TITLE = "What this run did"


def panel(data: Data, can_draft: bool = False) -> str:
    """The card. can_draft: the sampler has a setting `drafts`, which a run without drafts may be told of."""
    tiles = [_pace(data), _order(data), *_drafts(data, can_draft)]
    stopped = "" if data["finished"] else "<p>The run was stopped: this is as far as it came.</p>"
    facts = f"<h3>{TITLE}</h3>{stopped}<dl>{''.join(tiles)}</dl>"
    return f'<section class="lz-did" aria-label="{TITLE}">{facts}</section>'


def _tile(title: str, number: str, words: str) -> str:
    parts = (escape(part) for part in (title, number, words))
    return "<div><dt>{}</dt><dd><b>{}</b> <span>{}</span></dd></div>".format(*parts)


def _number(data: Mapping[str, Any], name: str) -> str:
    return text_of(FORMS[name], data[name])


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's' if not what.endswith('s') else 'es'}"


def _pace(data: Data) -> str:
    words = f"{_many(data['tokens'], 'token')} in {_many(data['forwards'] or 0, 'pass')}"
    return _tile("Tokens per pass", _number(data, "tpf"), words)


def _order(data: Data) -> str:
    tau = data["tau"]
    if tau is None:
        return _tile("Order", "–", "all at once" if data["cells"] > 1 else "fewer than two cells")
    words = order_name(tau)
    if data["local_ar_1"] is not None:
        local, first = data["local_ar_1"], data["global_ar_1"]
        words += f"; {percent(local)} right after the cell before, {percent(first)} at the first open cell"
    return _tile("Order (Kendall’s τ)", _number(data, "tau"), words)


def _drafts(data: Data, can_draft: bool) -> list[str]:
    if data["flips"] is None:
        hint = "Not recorded: set Drafts to 1 to see what it would have written on the way."
        return [_tile("Drafts", "–", hint)] if can_draft else []
    last = data["last_flip"]
    when = f"the last time at pass {last} of {data['forwards']}" if last else "not once"
    tiles = [_tile("Drafts changed", _number(data, "flips"), f"times a cell, {when}")]
    if data.get("ever_right") is not None:
        tiles.append(_tile("Right on the way", *_right(data)))
    if data["end_pressure"] is not None:
        tiles.append(
            _tile("End of the text", _number(data, "end_pressure"), "likely in an open cell, on average")
        )
    return tiles


def _right(data: Data) -> tuple[str, str]:
    share, first, last = data["right_drafts"], data["first_right"], data["last_right"]
    number = "–" if share is None else percent(share)
    if not data["ever_right"]:
        return number, "of its drafts: never"
    if data["finally_right"]:
        return (
            number,
            f"of its drafts, from pass {first} on" if share == 1 else f"of its drafts, first at pass {first}",
        )
    lost = "thrown away" if data["finally_right"] is False else "no answer yet"
    return number, f"of its drafts, from pass {first} to {last}; {lost}" if first else "of its drafts"
