"""The grammar of composed word problems: which moves a story can go on with, and what each adds.

A story begins, goes on with events and comparisons, one step of arithmetic after the other, and its question
asks for the last result. No answer has the arithmetic of a held-out template, not even in a story that tells
more than is needed: those stay combinations that training never shows, though their single phrases are here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

from tasks.word.moves import AMOUNT, BOXES, CHANGE, FRIENDS, IN_BOX, MOVES, TIMES
from tasks.word.plan import Clause, Plan, signature
from tasks.word.templates import HELD_OUT_TEMPLATES

_PRICE = (2, 15)
_MOST_PEOPLE = 3
"""People whose amounts are known at one time."""


@cache
def held_out_signatures() -> frozenset[str]:
    """The arithmetic that no composed problem has."""
    return frozenset(signature(template.steps) for template in HELD_OUT_TEMPLATES)


def draw_plan(rng: random.Random, steps: int) -> Plan:
    """A random story with this many steps, 1 to 5."""
    while True:
        plan = Plan()
        while len(plan.steps) < steps or plan.kind in _UNFINISHED:
            left = steps - len(plan.steps)
            move = _choose(rng, list(_options(plan, left)) if plan.moves else _beginnings(steps))
            name, _, argument = move.partition(":")
            plan.moves.append(move)
            if name in _BEGINNINGS:
                _begin(plan, name)
            else:
                MOVES[name](plan, *map(int, argument))
        if signature(plan.steps) not in held_out_signatures():
            return plan


def _choose(rng: random.Random, options: list[tuple[str, float]]) -> str:
    """A move drawn by weight."""
    at = rng.random() * sum(weight for _, weight in options)
    for move, weight in options:
        at -= weight
        if at < 0:
            return move
    return max(options, key=lambda option: option[1])[0]  # rounding left a rest


_UNFINISHED = frozenset({"red_blue"})
# Of every beginning: its steps, the fewest and most steps of a story with it, its weight.
_BEGINNINGS = {
    "has": (1, 5, 10.0), "in_place": (1, 5, 2.5), "boxes": (1, 5, 5.0), "lots": (1, 5, 2.0),
    "saves": (1, 5, 2.5), "has_money": (1, 5, 1.5), "shared": (1, 5, 4.0), "reads": (1, 2, 0.7),
    "reads_twice": (3, 4, 1.0), "mix": (1, 5, 1.0), "mix_more": (2, 5, 0.7), "mix_fewer": (2, 5, 0.7),
    "mix_times": (2, 5, 0.7),
    "red": (2, 5, 4.0), "red_blue": (3, 5, 1.5), "shop": (1, 1, 1.0), "shop_pay": (2, 5, 1.5),
    "shop_two": (3, 5, 1.5), "bus": (1, 5, 1.0),
}  # fmt: skip


@cache
def _beginnings(steps: int) -> list[tuple[str, float]]:
    """The beginnings of a story with this many steps, with their weights."""
    return [(name, weight) for name, (low, high, weight) in _BEGINNINGS.items() if low <= steps <= high]


_ONLY_MOVES = {
    "red": (("blue_more", 2.0), ("blue_fewer", 1.5), ("blue_times", 1.5)),
    "red_blue": (("all_kinds", 1.0),), "blue": (("all_kinds", 1.0),),
    "shop": (("pay", 1.0),), "read": (("book", 1.0),),
}  # fmt: skip
"""Kinds of stories that can go on in one way only, whatever happened before."""


def _options(plan: Plan, left: int) -> Iterator[tuple[str, float]]:
    """The moves that a story can go on with when `left` steps are left, with their weights."""
    if plan.kind in _ONLY_MOVES:
        yield from _ONLY_MOVES[plan.kind]
        return
    if plan.moves[-1] == "other":  # nobody's amount is left without a use
        yield from (("total:01", 4.0), ("box:01", 1.5), ("sum", 1.0), ("differ:01", 1.5 if left == 1 else 0))
        return
    yield from (("gain", 3.0), ("lose", 4.0), ("half", 2.0))
    if plan.kind == "bus":
        return
    yield from _comparisons(plan)
    if plan.kind == "own":
        yield from _of_an_owner(plan, left)
    if len(plan.people) > 1:
        yield from _of_several(plan, left)
    if plan.kind not in ("each", "bags"):
        yield "share", 3.0 if plan.shares < 2 else 0
        clear = not plan.crowded and (plan.reduced or not plan.singled)
        yield "pack", 1.5 if clear and not plan.money and "pack" not in plan.moves else 0


def _comparisons(plan: Plan) -> Iterator[tuple[str, float]]:
    """Another person who has more or fewer than somebody of the story."""
    known = len(plan.people)
    owned = plan.moves[-1] != "all_kinds" or plan.moves[0] == "red_blue"  # else: who has "a blue bag"?
    if known < _MOST_PEOPLE and owned:
        for name, weight in (("more", 2.0), ("fewer", 2.0), ("times", 2.0), ("half_as", 0.7)):
            yield f"{name}:0", weight
            if known == 2:
                yield f"{name}:1", weight
        yield "sum", 1.0 if known == 2 else 0


def _of_an_owner(plan: Plan, left: int) -> Iterator[tuple[str, float]]:
    """Moves of a story about what one person has."""
    alone = len(plan.people) == 1
    if alone and not plan.steps and plan.moves[-1] == "has":
        yield "other", 10
    if alone:
        yield "gift_times", 0.5 if left > 1 and not plan.money else 0
        yield "double", 0.4 if not plan.money else 0
    yield "wish", 3 if plan.money and left == 1 and alone and not plan.crowded else 0
    yield "goods", 1 if plan.money and left > 1 else 0
    if left > 1 and not plan.money:
        yield from (("gain_each", 0.5), ("lose_each", 0.5))


def _of_several(plan: Plan, left: int) -> Iterator[tuple[str, float]]:
    """What several people have together, or one more than another."""
    boxes = ("in_place", "boxes", "lots", "red", "box")  # "in the box" must mean one box
    boxable = not plan.money and not any(move.startswith(boxes) for move in plan.moves)
    three = len(plan.people) == 3
    for pair in ("01", "12", "02")[: 3 if three else 1]:
        yield f"total:{pair}", 5.0
        yield f"box:{pair}", 1.5 if boxable else 0
    yield "total:012", 2.0 if three and left > 1 else 0
    # After "more" and "fewer" the text would have told the difference itself.
    larger = None if three else {"times:0": "10", "half_as:0": "01"}.get(plan.moves[-1])
    if larger is not None and left == 1:
        yield f"differ:{larger}", 1.5


def _begin(plan: Plan, name: str) -> None:
    p = plan.person()
    plan.subject, plan.kind = (p,), "own"
    if name in ("has", "has_money", "in_place", "bus"):
        numbers: tuple[str, ...] = (plan.number((10, 60) if name == "bus" else AMOUNT),)
        plan.current = numbers[0]
        plan.kind = {"in_place": "place", "bus": "bus"}.get(name, "own")
    elif name == "shared":
        numbers = plan.number((6, 90)), plan.number(FRIENDS)
        plan.step("each", *_with(numbers, "/"))
        plan.kind, plan.shares, plan.question = "each", 1, Clause("ask_each")
    elif name.startswith("mix"):
        numbers = plan.number(AMOUNT), plan.number(TIMES if name == "mix_times" else CHANGE)
        if name != "mix":
            blue = plan.step("{l}", *_with(numbers, {"mix_more": "+", "mix_fewer": "-"}.get(name, "*")))
            plan.step("total", numbers[0], "+", blue)
        else:
            plan.step("total", *_with(numbers, "+"))
        plan.question = Clause("ask_total", (p,))
    else:
        numbers = _begin_with_products(plan, name)
    others = (plan.person(),) if name == "has_money" else ()
    plan.money = name in ("has_money", "saves", "shop_pay")
    plan.things = {"shop": "dollars", "shop_pay": "dollars", "shop_two": "dollars", "bus": "people"}.get(
        name, ""
    )
    plan.say(Clause(name, (p,), others, numbers))
    plan.vague = name in ("boxes", "lots", "red", "red_blue", "shop_pay") or name.startswith("mix")
    plan.singled = plan.changed = name == "shop_pay"
    if plan.kind == "own":
        plan.people = [(p, plan.current)]


def _begin_with_products(plan: Plan, name: str) -> tuple[str, ...]:
    asker = plan.subject
    paid = name.startswith("shop")
    count, each = plan.number(BOXES), plan.number(_PRICE if paid else IN_BOX)
    label = {
        "saves": "saved", "reads": "read", "reads_twice": "first", "shop": "cost", "shop_pay": "cost",
        "shop_two": "{is}", "red": "{k}", "red_blue": "{k}",
    }.get(name, "total")  # fmt: skip
    one = plan.step(label, count, "*", each)
    numbers: tuple[str, ...] = (count, each)
    plan.question = Clause({"saves": "ask_saved", "lots": "ask_lots"}.get(name, "ask_total"), asker)
    if name in ("reads_twice", "shop_two", "red_blue"):
        numbers = (*numbers, plan.number(BOXES), plan.number(_PRICE if paid else IN_BOX))
        second = {"reads_twice": "second", "shop_two": "{js}"}.get(name, "{l}")
        two = plan.step(second, *_with(numbers[2:], "*"))
        if name != "red_blue":
            plan.step("read" if name == "reads_twice" else "cost", one, "+", two)
    if name.startswith("reads"):
        plan.kind, plan.question = "read", Clause("ask_read", asker)
    elif name in ("shop", "shop_two"):
        plan.kind, plan.question = "shop", Clause("ask_pay", asker)
    elif name == "shop_pay":
        pay = plan.number((20, 120))
        plan.step("change", pay, "-", one)
        plan.question = Clause("ask_change", asker)
        return count, each, "", "", pay
    elif name in ("red", "red_blue", "lots"):
        plan.kind = name
    return numbers


def _with(pair: tuple[str, ...], op: str) -> tuple[str, str, str]:
    return pair[0], op, pair[1]
