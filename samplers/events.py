"""The step events, schema 3: what a sampler did, as small frozen values. Applied one after the other to an
empty board (samplers.fold) they give the sampler's own canvas.

A cell is undecided while it holds a mask or, where the model knows no mask, noise: a random token. Events
speak of positions in the canvas as it was before them; the board gives every cell an id that moves with it.

Events hold tuples and floats, never tensors. `to_json` and `from_json` are exact inverses. Events of older
schemas are read by samplers.recording.upgrade.
"""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

SCHEMA = 3
GRIDS = ("answer", "absolute")


class Cell(NamedTuple):
    """One cell of the canvas that changed."""

    row: int  # sample; candidate row while Event.forked
    position: int  # absolute index into the canvas before the event, prompt included
    token: int  # after the change (Remasked, Deleted: the token that is gone)
    confidence: float  # in [0, 1]


Cells = tuple[Cell, ...]
Span = tuple[int, int]  # absolute positions, end excluded


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`nfe`: sequences evaluated so far, all rows together; CFG branches and candidates count. `forwards`:
    passes of the network so far, each over a batch."""

    nfe: int
    forwards: int = 0
    block: int = -1
    forked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """The first canvas. Each row has its own length; prompts are padded on the left to a common one.

    mask_id: None under uniform noise; noise: where it stands, like tokens, () where masks are used; grid:
    where blocks are counted from, the end of the prompt ("answer") or position 0 of the sequence
    ("absolute"); pinned: cells that never change, like tokens, () where these are all that is decided
    already; settings: sampler, its settings, model, seeds, versions, schema.
    """

    tokens: tuple[tuple[int, ...], ...]
    attention_mask: tuple[tuple[bool, ...], ...]
    mask_id: int | None
    prompt_length: int
    settings: dict[str, Any]
    noise: tuple[tuple[bool, ...], ...] = ()
    pinned: tuple[tuple[bool, ...], ...] = ()
    grid: str = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmasked(Event):
    """An undecided cell (mask or noise) -> token; one event per denoiser call, may be empty. `step` counts
    from 0; it is -1 in the one event without a call: after an early stop the cells that are left become
    EOS."""

    step: int
    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited(Event):
    """token -> another token; reason: "" by the sampler, "user" by hand, and then also mask -> token."""

    cells: Cells
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branched(Event):
    """What comes from here on is another run, which goes on from the canvas as it is; settings: as in
    Started."""

    settings: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remasked(Event):
    """token -> [MASK]; reason: "backmask" | "ups" | "remdm" | "wino" | "t2m" | "user"."""

    cells: Cells
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Renoised(Event):
    """Under uniform noise: a token, or other noise, becomes a random token (that of the cell) and is
    undecided."""

    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Inserted(Event):
    """New cells, each before the position that it names, in their order; at a row's length: at its end.
    They are undecided where their token is the mask, or where `noise` says that all are noise."""

    cells: Cells
    noise: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(Event):
    """Cells that are gone; confidence: of the decision."""

    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted(Event):
    """Drafts: what the network would write in undecided cells. Several cells of one position: its likeliest
    tokens, likeliest first. Changes nothing."""

    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted(Event):
    """An undecided cell -> a cheap draft's token, which waits for Verified."""

    cells: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified(Event):
    """Drafted cells that stand (confidence: the check's), and those that are undecided again (token: the
    draft's; under uniform noise the random token that stands there now)."""

    accepted: Cells
    rejected: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyScored(Event):
    """UPS or verification scores of a span: scores[row][i]; keep[row]: the lowest score that stood."""

    span: Span
    scores: tuple[tuple[float, ...], ...]
    keep: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidatesForked(Event):
    """Each row now stands k times, one after the other; `rows` is the number of rows after."""

    k: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockScored(Event):
    """Reward-model scores in [0, 1] of a span, one per row (candidate rows while forked; None for
    rows that were not scored). scorer_calls: sequences scored so far, all rows together."""

    scorer: str
    span: Span
    scores: tuple[float | None, ...]
    scorer_calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTriggered(Event):
    """A window whose scores fell under the threshold, with the re-mask probability per block."""

    row: int
    span: Span
    threshold: float
    scores: tuple[float, ...]
    remask_probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateChosen(Event):
    """The fork ends: winners[row] is the candidate kept, None keeps the original."""

    winners: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """The final canvas. stop_reasons[row]: "steps" | "eos" | "left" (masks are left, as published: see
    `leftovers`); row_nfe[row]: what that row alone cost."""

    tokens: tuple[tuple[int, ...], ...]
    stop_reasons: tuple[str, ...]
    row_nfe: tuple[int, ...] = ()


EVENTS: dict[str, type[Event]] = {
    cls.__name__: cls
    for cls in (
        Started, Branched, Unmasked, Edited, Remasked, Renoised, Inserted, Deleted, Predicted, Drafted,
        Verified, PolicyScored, CandidatesForked, BlockScored, WindowTriggered, CandidateChosen, Finished,
    )
}  # fmt: skip


class EventError(ValueError):
    """A value that is not an event; the message names the field, its value and what is allowed."""


def to_json(event: Event) -> dict[str, Any]:
    """A plain dict: `kind` and the fields (tuples become lists once dumped)."""
    return {"kind": type(event).__name__} | {f.name: getattr(event, f.name) for f in fields(event)}


def from_json(data: Any) -> Event:
    """The event again, checked field by field; anything else raises EventError."""
    if not isinstance(data, dict) or data.get("kind") not in EVENTS:
        kind = data.get("kind") if isinstance(data, dict) else data
        raise EventError(f"kind = {str(kind)[:60]!r} is no event; allowed: {', '.join(EVENTS)}")
    cls = EVENTS[data["kind"]]
    hints = _hints(cls)
    unknown = set(data) - set(hints) - {"kind"}
    if unknown:
        raise EventError(f"{cls.__name__} has no field {sorted(unknown)[0]!r}; allowed: {', '.join(hints)}")
    values = {n: _coerce(v, hints[n], f"{cls.__name__}.{n}") for n, v in data.items() if n != "kind"}
    try:
        return cls(**values)
    except TypeError as error:
        raise EventError(f"{cls.__name__}: {error}") from None


_HINTS: dict[type[Event], dict[str, Any]] = {}


def _hints(cls: type[Event]) -> dict[str, Any]:
    if cls not in _HINTS:
        all_hints = typing.get_type_hints(cls)
        _HINTS[cls] = {f.name: all_hints[f.name] for f in fields(cls)}
    return _HINTS[cls]


def _coerce(value: Any, hint: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Cell:
        return _cell(value, where)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise EventError(f"{where} = {str(value)[:60]!r}; allowed: a list")
        if args[-1] is Ellipsis:
            return tuple(_coerce(v, args[0], where) for v in value)
        if len(value) != len(args):
            raise EventError(f"{where} has {len(value)} entries; allowed: {len(args)}")
        return tuple(_coerce(v, a, where) for v, a in zip(value, args, strict=True))
    if origin is types.UnionType:
        return None if value is None else _coerce(value, args[0], where)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    plain = dict if origin is dict else hint
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        raise EventError(f"{where} = {str(value)[:60]!r}; allowed: {plain.__name__}")
    return value


def _cell(value: Any, where: str) -> Cell:
    if not isinstance(value, (list, tuple)) or len(value) != 4:
        raise EventError(f"{where} = {str(value)[:60]!r}; allowed: [row, position, token, confidence]")
    row, position, token, confidence = value
    if not (type(row) is type(position) is type(token) is int and type(confidence) is float):
        row, position, token = (_coerce(v, int, where) for v in value[:3])
        confidence = _coerce(confidence, float, where)
    return Cell(row, position, token, confidence)
