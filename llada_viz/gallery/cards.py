"""A card: what a kept trace is, so that a gallery needs not open it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from llada_viz.decoding.runs import recorded
from llada_viz.render.frames import NO_GOLDS
from llada_viz.render.question import question_of
from llada_viz.render.verdict import Golds, text_of
from samplers.events import Finished, Started
from samplers.fold import Board, BoardRow
from samplers.recording.traces import Trace

LONGEST_NAME, LONGEST_TEXT, LONGEST_ABOUT = 80, 400, 200
MOST_TAGS, LONGEST_TAG = 8, 24
PICTURES, PICTURE_CELLS = 20, 96
"""Moments of a moving picture, and cells of each at most."""
OPEN, DECIDED, FRESH, TAKEN_BACK = ".", "#", "*", "!"
"""A cell in a picture: undecided, decided, decided since the moment before, undecided again since then."""


class CardError(ValueError):
    """A card that cannot be kept so; the message is a sentence."""


@dataclass(frozen=True)
class Card:
    """Of one trace. version: grows with every change; created: seconds since 1970; about: one line on what it
    shows; prompt, answer: their begins; right: the verdict, None where nobody knows; picture: moments of the
    answer, a character a cell; parent: id of the trace that it branches from, at event `seq`, "" for none."""

    id: str
    name: str
    created: float
    version: int = 1
    tags: tuple[str, ...] = ()
    pinned: bool = False
    owner: str = ""
    bundled: bool = False
    about: str = ""
    model: str = ""
    sampler: str = ""
    prompt: str = ""
    answer: str = ""
    right: bool | None = None
    nfe: int = 0
    events: int = 0
    picture: tuple[str, ...] = ()
    parent: str = ""
    seq: int = 0

    def changed(
        self, name: str | None = None, tags: tuple[str, ...] | None = None, pinned: bool | None = None
    ) -> Card:
        """With another name, tags or pin. CardError: one of them is not valid."""
        card = replace(self, version=self.version + 1)
        if name is not None:
            card = replace(card, name=checked_name(name))
        if tags is not None:
            card = replace(card, tags=checked_tags(tags))
        return card if pinned is None else replace(card, pinned=pinned)

    def fits(self, words: str) -> bool:
        """Whether every word that was typed stands in the card."""
        told = (self.name, self.about, self.prompt, self.answer, self.sampler, self.model, *self.tags)
        text = " ".join(told).lower()
        return all(word in text for word in words.lower().split())


def checked_name(name: str) -> str:
    """The name in one line. CardError: empty, or too long."""
    name = " ".join(name.split())
    if not name:
        raise CardError("A trace needs a name.")
    if len(name) > LONGEST_NAME:
        raise CardError(f"A name may have {LONGEST_NAME} characters; this one has {len(name)}.")
    return name


def checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Tags, each once, in order. CardError: too many, or one that is too long."""
    kept = tuple(dict.fromkeys(" ".join(tag.lower().split()) for tag in tags if tag.strip()))
    if len(kept) > MOST_TAGS:
        raise CardError(f"A trace may have {MOST_TAGS} tags; these are {len(kept)}.")
    if long := next((tag for tag in kept if len(tag) > LONGEST_TAG), ""):
        raise CardError(f"A tag may have {LONGEST_TAG} characters: “{long[:LONGEST_TAG]}…” has {len(long)}.")
    return kept


def card_of(trace: Trace, id: str, created: float, name: str = "", golds: Golds = NO_GOLDS) -> Card:
    """The card of a trace, of its first row. EventError: the trace does not fold.

    name: "" for the first words of the prompt; golds: right answers by prompt, for the verdict.
    """
    run = recorded(trace, golds)
    layout, last = run.layout, run.frames[-1]
    prompt = question_of(layout.prompt)
    verdict = next((frame["verdict"] for frame in run.frames if "verdict" in frame), None)
    return Card(
        id=id,
        name=checked_name(name or prompt[:LONGEST_NAME].strip() or "Trace"),
        created=created,
        model=trace.model[:LONGEST_NAME],
        sampler=layout.sampler,
        prompt=prompt[:LONGEST_TEXT],
        answer=text_of(run.maker.seen.texts)[:LONGEST_TEXT],
        right=verdict["right"] if verdict else None,
        nfe=int(last["nfe"]),
        events=len(trace.events),
        picture=tuple(_pictures(trace)),
    )


def _pictures(trace: Trace) -> Iterator[str]:
    """The answer at moments spread evenly over the run, the last one included."""
    count = len(trace.events)
    wanted = {round((i + 1) * count / PICTURES) for i in range(PICTURES)} | {1, count}
    board = Board()
    before: dict[int, bool] = {}
    for number, event in enumerate(trace.events, 1):
        board.apply(event)
        if number in wanted and not isinstance(event, Finished):
            row = board.rows[0]
            yield _picture(board, row, before, isinstance(event, Started))
            before = dict(zip(row.ids, row.undecided, strict=True))


def _picture(board: Board, row: BoardRow, before: Mapping[int, bool], first: bool) -> str:
    cells = range(board.prompt_length, min(len(row.tokens), board.prompt_length + PICTURE_CELLS))
    marks = []
    for place in cells:
        was_open = before.get(row.ids[place], True)
        if row.undecided[place]:
            marks.append(OPEN if was_open else TAKEN_BACK)
        else:
            marks.append(FRESH if was_open and not first else DECIDED)
    return "".join(marks)


def to_json(card: Card) -> str:
    """As text of a file."""
    return json.dumps(asdict(card), ensure_ascii=False, indent=1) + "\n"


def from_json(text: str) -> Card:
    """The card again. CardError: the file is no card."""
    try:
        data = json.loads(text)
        known = {field.name for field in fields(Card)}
        values = {name: value for name, value in data.items() if name in known}
        for name in ("tags", "picture"):
            values[name] = tuple(map(str, values.get(name, ())))
        card = Card(**values)
    except (ValueError, TypeError, AttributeError):
        raise CardError("The card of a trace cannot be read.") from None
    kinds: dict[str, Any] = {"id": str, "name": str, "version": int, "created": (int, float), "pinned": bool}
    kinds |= dict.fromkeys(("owner", "about", "prompt", "answer", "sampler", "model"), str)
    if not all(isinstance(getattr(card, name), kind) for name, kind in kinds.items()):
        raise CardError("The card of a trace cannot be read.")
    return card
