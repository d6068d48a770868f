"""A composed word problem before it has numbers and wordings: its steps, its clauses and its numbers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import add, floordiv, mul, sub
from typing import NamedTuple

from tasks.core import below, between
from tasks.word.stories import ANY, NAMED, NO_THEM
from tasks.word.templates import Step

OPERATIONS: dict[str, Callable[[int, int], int]] = {"+": add, "-": sub, "*": mul, "/": floordiv}
_TRIES = 40
_NUMBER_SLOTS = ("n", "m", "n2", "m2", "pay")


class Clause(NamedTuple):
    """A part of a story. name: its wordings in `stories`; subject: the persons who do it (none: it is
    always a whole sentence); others: the persons {q} and {r}; numbers: of its slots {n}, {m} ..."""

    name: str
    subject: tuple[int, ...] = ()
    others: tuple[int, ...] = ()
    numbers: tuple[str, ...] = ()
    base: str = ""
    named: bool = False
    """Several subjects are named, not called "they"."""
    event: bool = False
    """It happens after the clause before it: "then" can be said."""
    front: bool = False
    """It can also be told first."""
    clarity: int = ANY
    """How clear its text must be: see `stories`."""
    second: bool = False
    """It speaks of a second group of people who share."""

    def number_slots(self) -> Iterable[tuple[str, str]]:
        """The slots of its numbers with the numbers n0, n1 ... of the plan."""
        return ((slot, n) for slot, n in zip(_NUMBER_SLOTS, self.numbers, strict=False) if n)


@dataclass(slots=True)
class Plan:
    """kind: what the last result, `current`, is the amount of; subject: who has or handles it; people: whose
    amounts are known at the moment, and which; things: what is counted, where that is fixed."""

    kind: str = "start"
    subject: tuple[int, ...] = ()
    current: str = ""
    people: list[tuple[int, str]] = field(default_factory=list)
    persons: int = 0
    money: bool = False
    things: str = ""
    reduced: bool = False
    """The current amount is what is left: "the rest"."""
    changed: bool = False
    """The owner's amount is not what it was when it was told."""
    vague: bool = False
    """"Them" could mean the boxes, or only what was added."""
    crowded: bool = False
    """Others have things too, so that "all" needs a name."""
    singled: bool = False
    """The owner is one of several who got the same."""
    shares: int = 0
    unsaid: Clause | None = None
    """What leads to the current amount and is told only when something follows it."""
    numbers: list[tuple[int, int]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    clauses: list[Clause] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    question: Clause = field(default_factory=lambda: Clause(""))

    @property
    def template_id(self) -> str:
        """The structure of the story in words."""
        return "composed:" + ",".join(self.moves)

    def key(self, values: dict[str, int]) -> str:
        """The calculation, number by number: the same for all stories and wordings of it, and whichever of
        two numbers that are added or multiplied comes first."""
        chain = []
        for _, left, op, right in self.steps:
            pair = [values[left], values[right]]
            low, high = sorted(pair) if op in "+*" else pair
            chain.append(f"{low}{op}{high}")
        return f"composed|{';'.join(chain)}"

    @property
    def clarity(self) -> int:
        """How clear the text of an event must be here."""
        return NAMED if self.vague else NO_THEM if self.changed else ANY

    def number(self, span: tuple[int, int]) -> str:
        """A new number of the text."""
        self.numbers.append(span)
        return f"n{len(self.numbers) - 1}"

    def person(self) -> int:
        """A person who was not named before."""
        self.persons += 1
        return self.persons - 1

    def step(self, label: str, left: str, op: str, right: str) -> str:
        """A new step, whose result becomes the current amount. A label "@0" is the name of a person."""
        self.steps.append((label, left, op, right))
        self.current = f"s{len(self.steps) - 1}"
        return self.current

    def say(self, clause: Clause) -> None:
        """Tell a clause, after what was left unsaid."""
        if self.unsaid is not None:
            self.clauses.append(self.unsaid)
            self.unsaid = None
        self.clauses.append(clause)

    def draw_values(self, rng: random.Random, highest: int) -> dict[str, int] | None:
        """Numbers n0 ... and results s0 ..., every result exact and in 1..highest. None: no luck."""
        for _ in range(_TRIES):
            values = self._try_values(rng, highest)
            if values is not None:
                return values
        return None

    def _try_values(self, rng: random.Random, highest: int) -> dict[str, int] | None:
        values: dict[str, int] = {}
        for i, (_, left, op, right) in enumerate(self.steps):
            if left not in values:
                low, high = self.numbers[int(left[1:])]
                if op == "-" and right in values:
                    low, high = max(low, values[right] + 1), min(highest, max(high, values[right] + 30))
                if low > high:
                    return None
                values[left] = between(rng, low, high)
            a = values[left]
            if right not in values:
                b = _second(rng, a, op, self.numbers[int(right[1:])], highest)
                if b is None:
                    return None
                values[right] = b
            b = values[right]
            if op == "/" and a % b:
                return None
            result = OPERATIONS[op](a, b)
            if not 0 < result <= highest:
                return None
            values[f"s{i}"] = result
        return values


def _second(rng: random.Random, a: int, op: str, span: tuple[int, int], highest: int) -> int | None:
    """A number of the span that `a op` can be followed by; None where there is none."""
    low, high = span
    if op == "/":
        divisors = [d for d in range(low, min(high, a) + 1) if a % d == 0]
        return divisors[below(rng, len(divisors))] if divisors else None
    high = min(high, a - 1 if op == "-" else highest - a if op == "+" else highest // a)
    return between(rng, low, high) if low <= high else None


def signature(steps: Sequence[Step]) -> str:
    """The arithmetic of the last result: operators with their operands in order, `n` for any number of the
    text, s0, s1 ... for results, the operands of sums and products sorted. Steps that the last one does not
    need (what somebody has who is not asked about) are left out."""
    places = {f"s{step}": f"s{place}" for place, step in enumerate(_needed(steps))}
    parts = []
    for step in _needed(steps):
        _, left, op, right = steps[step]
        pair = [places.get(operand, "n") for operand in (left, right)]
        parts.append(op.join(sorted(pair) if op in "+*" else pair))
    return ";".join(parts)


def _needed(steps: Sequence[Step]) -> list[int]:
    """Which steps the last one rests on, itself included, in their order."""
    needed = {len(steps) - 1}
    for number in range(len(steps) - 1, -1, -1):
        if number in needed:
            _, left, _, right = steps[number]
            needed |= {int(operand[1:]) for operand in (left, right) if operand[0] == "s"}
    return sorted(needed)
