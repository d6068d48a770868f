"""Words a planned story with its numbers: names, things, wordings, and how clauses make sentences."""

from __future__ import annotations

import random
from typing import TypeVar

from tasks.core import below
from tasks.word.plan import Clause, Plan
from tasks.word.stories import (
    BASES,
    COLOURS,
    CONNECTORS,
    CONTAINERS,
    FOR_MANY,
    FOR_ONE,
    GOODS,
    GROUPS,
    MONEY,
    OTHER_GROUPS,
    WISHES,
)
from tasks.word.templates import NAMES, OBJECTS

_Item = TypeVar("_Item")
_PURCHASES = frozenset({"shop_pay", "shop_two", "pay"})
"""After these the story goes on with "Then": what is spent next would else read as a part of the price."""
_JOINED = 0.5
"""Share of the clauses that are joined to the one before where both have one subject."""


def tell(plan: Plan, values: dict[str, int], rng: random.Random) -> tuple[str, str]:
    """The problem in words, worded at random, and its worked answer."""
    slots, names = _slots(plan, rng), rng.sample(NAMES, max(plan.persons, 1))
    slots.update((number, str(value)) for number, value in values.items())
    first: list[str] = []
    sentences: list[str] = []
    before: Clause | None = None  # the clause that the last sentence ends with, if more can be joined to it
    for clause in plan.clauses:
        text = _words(clause, slots, names, rng)
        if text[0] == "=":
            whole = first if clause.front and rng.random() < 0.5 else sentences
            whole.append(text[1:])
            before = None
        elif before is not None and _joins(before, clause, rng):
            sentences[-1] = sentences[-1][:-1] + _joint(before, clause, names, rng) + text + "."
            before = None
        else:
            opening = CONNECTORS[below(rng, len(CONNECTORS))] if clause.event else ""
            if clause.event and before is not None and before.name in _PURCHASES:
                opening = "Then "
            who = _who(clause, names)
            sentences.append(f"{opening}{who if opening else who[0].upper() + who[1:]} {text}.")
            before = clause
    sentences.append(_words(plan.question, slots, names, rng))
    text = " ".join(first + sentences)
    if " 2 times as many" in text and rng.random() < 0.5:
        text = text.replace(" 2 times as many", " twice as many")
    lines = []
    for i, (label, left, op, right) in enumerate(plan.steps):
        label = names[int(label[1:])] if label[0] == "@" else label.format_map(slots)
        lines.append(f"{label}: {values[left]} {op} {values[right]} = {values[f's{i}']}")
    lines.append(f"\\boxed{{{values[plan.current]}}}")
    return text, "\n".join(lines)


def _slots(plan: Plan, rng: random.Random) -> dict[str, str]:
    """Random words for the things of a story."""
    (w, ws), (x, xs), (y, ys) = _distinct(CONTAINERS, 3, rng)
    k, colour = _distinct(COLOURS, 2, rng)
    (i, i_many), (j, j_many) = _distinct(GOODS, 2, rng)
    g, gs = GROUPS[below(rng, len(GROUPS))]
    counted = (plan.things,) if plan.things else MONEY if plan.money else OBJECTS
    return {
        "w": w, "ws": ws, "x": x, "xs": xs, "y": y, "ys": ys, "k": k, "l": colour, "i": i, "is": i_many,
        "j": j, "js": j_many, "g": g, "gs": gs, "hs": OTHER_GROUPS[below(rng, 2)],
        "o": counted[below(rng, len(counted))],
        "wish": WISHES[below(rng, len(WISHES))],
    }  # fmt: skip


def _distinct(items: tuple[_Item, ...], count: int, rng: random.Random) -> list[_Item]:
    at, left = [], list(items)
    for _ in range(count):
        at.append(left.pop(below(rng, len(left))))
    return at


def _words(clause: Clause, slots: dict[str, str], names: list[str], rng: random.Random) -> str:
    texts = (FOR_MANY if len(clause.subject) > 1 else FOR_ONE)[clause.clarity][clause.name]
    if clause.second:
        slots["g"], slots["gs"] = next(group for group in GROUPS if group[0] != slots["g"])
    for slot, person in zip("pqr", (*clause.subject[:1], *clause.others), strict=False):
        slots[slot] = names[person]
    for slot, number in clause.number_slots():
        slots[slot] = slots[number]
    if clause.base:
        bases = BASES[clause.base]
        slots["base"] = bases[below(rng, len(bases))].format_map(slots)
    return texts[below(rng, len(texts))].format_map(slots)


def _who(clause: Clause, names: list[str]) -> str:
    """The subject at the head of a sentence or after "Then"."""
    if len(clause.subject) > 1 and not clause.named:
        return "they"
    *most, last = (names[person] for person in clause.subject)
    return f"{', '.join(most)} and {last}" if most else last


def _joins(before: Clause, clause: Clause, rng: random.Random) -> bool:
    if before.name in _PURCHASES and clause.name != "pay":
        return False
    if before.subject == clause.subject:
        return rng.random() < (0.75 if before.name.startswith("one_") else _JOINED)
    return not clause.event and not before.event and rng.random() < _JOINED


def _joint(before: Clause, clause: Clause, names: list[str], rng: random.Random) -> str:
    """What stands between two clauses of one sentence."""
    if before.subject == clause.subject:
        then = clause.event and not before.name.startswith("one_") and rng.random() < 0.3
        return " and then " if then else " and "
    return f"{', and' if rng.random() < 0.5 else ' and'} {_who(clause, names)} "
