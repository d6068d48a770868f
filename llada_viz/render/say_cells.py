"""What happened to cells, in words; see say.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from samplers.events import (
    Deleted,
    Drafted,
    Edited,
    Event,
    Inserted,
    Predicted,
    Remasked,
    Renoised,
    Unmasked,
    Verified,
)

if TYPE_CHECKING:
    from llada_viz.render.frames import FrameMaker

REMASK_WORDS = {
    "backmask": ("Back-masked.", "back"),
    "ups": ("Back to masks.", "ups"),
    "user": ("Re-masked by you.", "back"),
    "wino": ("Taken back by WINO.", "back"),
    "remdm": ("Re-masked by ReMDM.", "back"),
    "t2m": ("Reset to a mask.", "back"),
}
TOKEN_WORDS = {
    "\n": "a line break",
    " ": "a space",
    "": "part of a character",
    "<|endoftext|>": "the end of the text",
    "<|eot_id|>": "the end of the answer",
    "<|im_end|>": "the end of the answer",
    "<|startoftext|>": "the beginning of the text",
    "<|start_header_id|>": "the beginning of a turn",
    "<|im_start|>": "the beginning of a turn",
    "<|end_header_id|>": "the end of a turn’s name",
    "<|mdm_mask|>": "the mask itself",
}
"""Tokens that are invisible, or mean something to a model only. The page has the token itself in a tip."""
MOST_LISTED = 4
NO_CELL = "No cell of this row."


def of_cells(event: Event, frame: dict[str, Any], maker: FrameMaker) -> list[str] | None:
    """The sentence of an event that changes cells, of Unmasked an empty one; None: it is another event."""
    if isinstance(event, Unmasked):
        return ["", "", ""]
    if isinstance(event, Edited):
        return _edited(event, frame, maker)
    if isinstance(event, Remasked):
        return _remasked(event, frame)
    if isinstance(event, Renoised):
        return _renoised(frame, maker)
    if isinstance(event, Inserted):
        return _inserted(frame, maker)
    if isinstance(event, Deleted):
        return _deleted(frame, maker)
    if isinstance(event, Predicted):
        return _predicted(frame, maker)
    if isinstance(event, Drafted):
        return _drafted(frame, maker)
    if isinstance(event, Verified):
        return _verified(frame, maker)
    return None


def quoted(text: str) -> str:
    """A token in quotation marks; in words where it would be invisible, or is a special one."""
    if text in TOKEN_WORDS:
        return TOKEN_WORDS[text]
    if text.startswith("<|") and text.endswith("|>"):
        return f"the special token {text}"
    return f"“{text.strip() or repr(text)}”"


def percent(value: float | None) -> str:
    """0.934 as 93%."""
    return "" if value is None else f"{100 * value:.0f}%"


def counted(n: int, what: str) -> str:
    """1 step, 2 steps."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def cells(n: int) -> str:
    """1 cell, 2 cells."""
    return counted(n, "cell")


def undecided(n: int, noise: bool) -> str:
    """3 masks, no mask; under uniform noise: 3 cells of noise."""
    if noise:
        return f"{n or 'no'} {'cell' if n == 1 else 'cells'} of noise"
    return f"{n or 'no'} mask{'' if n == 1 else 's'}"


def capital(text: str) -> str:
    """With a capital at its begin."""
    return text[:1].upper() + text[1:]


def changed(frame: dict[str, Any]) -> list[list[Any]]:
    """The ops of cells that were written; not of those whose text a later token completed."""
    return [op for op in frame["ops"] if op[3] != "t"]


def _listed(texts: list[str]) -> str:
    more = " and more" if len(texts) > MOST_LISTED else ""
    return ", ".join(map(quoted, texts[:MOST_LISTED])) + more


def _texts_before(maker: FrameMaker) -> dict[int, str]:
    return dict(zip(maker.before.ids, maker.before.texts, strict=True))


def _edited(event: Edited, frame: dict[str, Any], maker: FrameMaker) -> list[str]:
    lead = "Written by you." if event.reason == "user" else "Edited."
    ops = changed(frame)
    if not ops:
        return [lead, NO_CELL, "ups"]
    cell, text = ops[0][:2]
    change = f"{quoted(_texts_before(maker)[cell])} became {quoted(text)} in cell {maker.where()[cell]}"
    more = f", and {cells(len(ops) - 1)} more" if len(ops) > 1 else ""
    return [lead, f"{capital(change)}{more}.", "ups"]


def _remasked(event: Remasked, frame: dict[str, Any]) -> list[str]:
    lead, tone = REMASK_WORDS.get(event.reason, ("Re-masked.", "back"))
    ops = changed(frame)
    if not ops:
        return [lead, NO_CELL, tone]
    verb = "goes back to a mask" if len(ops) == 1 else "go back to masks"
    return [lead, f"{cells(len(ops))} {verb}: {_listed([op[1] for op in ops])}.", tone]


def _renoised(frame: dict[str, Any], maker: FrameMaker) -> list[str]:
    before = _texts_before(maker)
    lost = [before[op[0]] for op in frame["ops"] if op[3] == "z"]
    other = sum(op[3] == "n" for op in frame["ops"])
    again = f"{cells(other)} of noise {'is' if other == 1 else 'are'} drawn anew" if other else ""
    if not lost:
        return ["Noise.", f"{again}." if again else NO_CELL, ""]
    verb = "goes back to noise" if len(lost) == 1 else "go back to noise"
    also = f"; {again}" if again else ""
    return ["Re-noised.", f"{cells(len(lost))} {verb}: {_listed(lost)}{also}.", "back"]


def _inserted(frame: dict[str, Any], maker: FrameMaker) -> list[str]:
    came = frame.get("ins", [])
    if not came:
        return ["Inserted.", NO_CELL, "ups"]
    where, states = maker.where(), {op[0]: op for op in frame["ops"]}
    fresh = [cell for _, run in came for cell in run]
    now = f"; the answer has {cells(len(maker.seen.ids))} now"
    opened = sum(states[cell][3] in "mn" for cell in fresh)
    what = capital(undecided(opened, maker.layout.noise)) if opened else ""
    if opened < len(fresh):
        words = _listed([states[cell][1] for cell in fresh if states[cell][3] == "c"])
        what = f"{what} and {words}" if what else capital(words)
    if len(came) == 1 and came[0][0] is None:
        return ["The answer grew.", f"{what} at its end{now}.", "ups"]
    place = f"at cell {where[fresh[0]]}" if len(came) == 1 else f"in {len(came)} places"
    return ["Inserted.", f"{what} {place}{now}.", "ups"]


def _deleted(frame: dict[str, Any], maker: FrameMaker) -> list[str]:
    gone = frame.get("del", [])
    if not gone:
        return ["Deleted.", NO_CELL, "back"]
    where = {cell: position for position, cell in enumerate(maker.before.ids)}
    opened = {c for c, is_open in zip(maker.before.ids, maker.before.undecided, strict=True) if is_open}
    before = _texts_before(maker)
    words = [before[cell] for cell in gone if cell not in opened]
    masks = undecided(len(gone) - len(words), maker.layout.noise) if len(words) < len(gone) else ""
    what = " and ".join(filter(None, (_listed(words) if words else "", masks)))
    place = f"from cell {where[gone[0]]}" if len(gone) == 1 else f"from cell {where[gone[0]]} on"
    return ["Deleted.", f"{capital(what)} {place}; the answer has {cells(len(maker.seen.ids))} now.", "back"]


def _predicted(frame: dict[str, Any], maker: FrameMaker) -> list[str]:
    drafts = {cell: shown[0] for cell, shown in maker.drafts.items() if shown}
    if not drafts:
        return ["Drafts.", NO_CELL, ""]
    of = f"{cells(len(drafts))} that {'is' if len(drafts) == 1 else 'are'} open"
    if maker.layout.unsure:
        return ["Drafts.", f"What it would write in {of}.", ""]
    cell, (text, sure) = max(drafts.items(), key=lambda item: item[1][1])
    surest = f"the surest {quoted(text)} in cell {maker.where()[cell]} ({percent(sure)})"
    return ["Drafts.", f"What it would write in {of}, {surest}.", ""]


def _drafted(frame: dict[str, Any], maker: FrameMaker) -> list[str]:
    ops = changed(frame)
    if not ops:
        return ["Drafted.", NO_CELL, ""]
    wait = "waits for its check" if len(ops) == 1 else "wait for their check"
    return ["Drafted.", f"{cells(len(ops))} {wait}: {_listed([op[1] for op in ops])}.", ""]


def _verified(frame: dict[str, Any], maker: FrameMaker) -> list[str]:
    ops, before = changed(frame), _texts_before(maker)
    if not ops:
        return ["Checked.", NO_CELL, ""]
    stand = sum(op[3] == "v" for op in ops)
    lost = [before[op[0]] for op in ops if op[3] != "v"]
    stay = f"{stand or 'No'} {'draft stands' if stand == 1 else 'drafts stand' if stand else 'draft stands'}"
    if not lost:
        return ["Checked.", f"{stay}.", "ok"]
    noun = "noise" if maker.layout.noise else "a mask" if len(lost) == 1 else "masks"
    verb = "goes back to" if len(lost) == 1 else "go back to"
    return ["Checked.", f"{stay}, {len(lost)} {verb} {noun}: {_listed(lost)}.", "back"]
