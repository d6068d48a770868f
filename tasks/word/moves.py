"""The moves that a composed word problem goes on with: each tells a clause, adds steps, sets the question."""

from __future__ import annotations

from collections.abc import Callable

from tasks.word.plan import Clause, Plan

AMOUNT, CHANGE, TIMES, BOXES, IN_BOX, TWO = (3, 80), (2, 40), (2, 6), (2, 9), (2, 20), (2, 2)
FRIENDS = (2, 9)
"""The lowest and highest number of a kind."""


def _single_out(plan: Plan) -> None:
    """After a sharing, the story goes on with one of those who got the same."""
    if plan.kind in ("each", "bags"):
        plan.subject = (plan.person(),)
        plan.say(Clause("one_of" if plan.kind == "each" else "one_bag", plan.subject))
        plan.kind, plan.people, plan.changed, plan.reduced = "own", [], False, False
        plan.singled, plan.crowded, plan.vague = True, False, True


def _changes(plan: Plan, label: str, op: str, number: str, gained: bool) -> None:
    """A step of the running amount, its owner's new amount and the question."""
    result = plan.step(label, plan.current, op, number)
    if plan.kind == "own" and len(plan.subject) == 1:
        plan.people = [(who, result if who == plan.subject[0] else what) for who, what in plan.people]
        if not plan.people:
            plan.people = [(plan.subject[0], result)]
    plan.changed, plan.reduced, plan.vague = True, not gained, gained
    several = len(plan.subject) > 1
    asked = (
        "ask_they" if several and plan.kind == "own" else f"ask_{plan.kind}" if plan.kind != "own" else "ask"
    )
    if asked == "ask":
        ending = "_has" if gained else "_left_many" if plan.crowded or plan.singled else "_left"
    else:
        ending = ("_now" if asked == "ask_they" else "") if gained else "_left"
    plan.question = Clause(asked + ending, plan.subject[:1])


def _event(plan: Plan, name: str, number: tuple[str, ...]) -> None:
    text = f"{name}_{'money' if plan.money and plan.kind == 'own' else plan.kind}"
    if name == "half" and plan.crowded:
        text = "half_many"
    plan.say(Clause(text, plan.subject, (plan.person(),), number, event=True, clarity=plan.clarity))


def _gain(plan: Plan) -> None:
    single = plan.kind == "each"
    _single_out(plan)
    number = plan.number(CHANGE)
    if single:
        plan.say(Clause("gain_had", plan.subject, (plan.person(),), (number,)))
    else:
        _event(plan, "gain", (number,))
    _changes(plan, "bus" if plan.kind == "bus" else "total", "+", number, gained=True)


def _lose(plan: Plan) -> None:
    _single_out(plan)
    number = plan.number(CHANGE)
    _event(plan, "lose", (number,))
    _changes(plan, "left", "-", number, gained=False)


def _half(plan: Plan) -> None:
    _single_out(plan)
    number = plan.number(TWO)
    _event(plan, "half", ())
    _changes(plan, "half", "/", number, gained=False)


def _double(plan: Plan) -> None:
    number = plan.number(TWO)
    plan.say(Clause("double", plan.subject, event=True))
    _changes(plan, "total", "*", number, gained=True)


def _gift_times(plan: Plan) -> None:
    giver, number, had = plan.person(), plan.number(TIMES), plan.current
    plan.say(Clause("gift_times", plan.subject, (giver,), (number,)))
    gift = plan.step(f"@{giver}", had, "*", number)
    plan.current = had
    _changes(plan, "total", "+", gift, gained=True)


def _product(name: str, label: str, result: str, op: str, gained: bool) -> Callable[[Plan], None]:
    """An event of n times m things."""

    def move(plan: Plan) -> None:
        count, each, had = plan.number(BOXES), plan.number(IN_BOX), plan.current
        plan.say(Clause(name, plan.subject, (), (count, each), event=True))
        product = plan.step(label, count, "*", each)
        plan.current = had
        _changes(plan, result, op, product, gained)

    return move


def _other(plan: Plan) -> None:
    who, number = plan.person(), plan.number(AMOUNT)
    plan.say(Clause("other", (who,), (), (number,)))
    plan.people.append((who, number))
    plan.subject, plan.current, plan.crowded = (who,), number, True


def _comparison(name: str, op: str, span: tuple[int, int]) -> Callable[..., None]:
    """Somebody new, whose amount is told by another's."""

    def move(plan: Plan, which: int) -> None:
        who, number = plan.person(), plan.number(span)
        others: tuple[int, ...] = ()
        base, amount = plan.kind, plan.current
        if plan.kind == "own" and plan.people:
            others, amount = (plan.people[which][0],), plan.people[which][1]
            changed = plan.changed and others == plan.subject
            base = "left" if changed and plan.reduced else "now" if changed else "own"
        elif plan.kind == "own":
            base = "they"
        elif plan.kind == "lots" and plan.changed:
            base = "lots_now"
        numbers = () if span == TWO else (number,)
        plan.say(Clause(name, (who,), others, numbers, base=base, clarity=plan.clarity))
        _joined(plan, who, plan.step(f"@{who}", amount, op, number))

    return move


def _joined(plan: Plan, who: int, amount: str) -> None:
    """A person with a known amount joins the story."""
    if plan.kind != "own":
        plan.people, plan.kind = [], "own"
    plan.people.append((who, amount))
    plan.subject, plan.changed, plan.reduced, plan.vague = (who,), False, False, False
    plan.crowded, plan.singled = True, False
    plan.question = Clause("ask_person", (who,))


def _sum(plan: Plan) -> None:
    (a, one), (b, two) = plan.people
    who = plan.person()
    plan.say(Clause("sum", (who,), (a, b)))
    _joined(plan, who, plan.step(f"@{who}", one, "+", two))


def _together(boxed: bool) -> Callable[..., None]:
    """Two or three people's amounts become one."""

    def move(plan: Plan, *which: int) -> None:
        chosen = [plan.people[i] for i in which]
        for i, (_, amount) in enumerate(chosen[1:]):
            plan.step("total", chosen[0][1] if i == 0 else plan.current, "+", amount)
        group = tuple(who for who, _ in chosen)
        everyone = plan.persons == len(group)
        name = ("box" if boxed else "join") + ("" if everyone else "_named")
        clause = Clause(name, group, named=not everyone, event=True)
        plan.subject, plan.people, plan.changed, plan.reduced = group, [], False, False
        plan.crowded, plan.singled, plan.vague = False, False, False
        if boxed:
            plan.say(clause)
            plan.kind, plan.question = "place", Clause("ask_place")
        else:
            plan.unsaid = clause
            asked = "ask_they" if everyone else "ask_three" if len(group) == 3 else "ask_both"
            plan.question = Clause(asked, group[:1], group[1:])

    return move


def _differ(plan: Plan, one: int, two: int) -> None:
    (a, more), (b, less) = plan.people[one], plan.people[two]
    plan.step("more", more, "-", less)
    plan.question = Clause("ask_more", (a,), (b,))


def _blue(name: str, op: str, span: tuple[int, int]) -> Callable[[Plan], None]:
    def move(plan: Plan) -> None:
        number, red = plan.number(span), plan.current
        plan.say(Clause(name, plan.subject, (), (number,)))
        plan.step("{l}", red, op, number)
        plan.kind, plan.question = "blue", Clause("ask_blue")

    return move


def _all_kinds(plan: Plan) -> None:
    plan.step("total", "s0", "+", "s1")
    plan.kind, plan.people = "own", [(plan.subject[0], plan.current)]
    plan.question = Clause("ask_total", plan.subject)


def _pay(plan: Plan) -> None:
    number = plan.number((20, 150))
    plan.say(Clause("pay", plan.subject, (), (number,)))
    plan.step("change", number, "-", plan.current)
    plan.kind, plan.money, plan.people = "own", True, [(plan.subject[0], plan.current)]
    plan.vague = plan.singled = plan.changed = True
    plan.question = Clause("ask_change", plan.subject)


def _goal(name: str, label: str, span: tuple[int, int], asked: str) -> Callable[[Plan], None]:
    """A number that the current amount is taken from: a price, the pages of a book."""

    def move(plan: Plan) -> None:
        number = plan.number(span)
        plan.say(Clause(name, plan.subject, (), (number,), front=True))
        plan.step(label, number, "-", plan.current)
        plan.question = Clause(asked, plan.subject)

    return move


def _equally(name: str, kind: str, asked: str) -> Callable[[Plan], None]:
    def move(plan: Plan) -> None:
        number = plan.number(FRIENDS)
        unclear = plan.crowded or (plan.singled and not plan.reduced)
        text = name + ("_many" if unclear else "_rest" if plan.reduced else "")
        plan.shares += kind == "each"
        second = kind == "each" and plan.shares == 2
        plan.say(Clause(text, plan.subject, (), (number,), event=True, clarity=plan.clarity, second=second))
        plan.step("each", plan.current, "/", number)
        plan.kind, plan.people, plan.question = kind, [], Clause(asked)

    return move


MOVES: dict[str, Callable[..., None]] = {
    "gain": _gain, "lose": _lose, "half": _half, "double": _double, "gift_times": _gift_times,
    "gain_each": _product("gain_each", "more", "total", "+", gained=True),
    "lose_each": _product("lose_each", "away", "left", "-", gained=False),
    "goods": _product("lose_shop", "cost", "left", "-", gained=False),
    "other": _other, "more": _comparison("more", "+", CHANGE), "fewer": _comparison("fewer", "-", CHANGE),
    "times": _comparison("times", "*", TIMES), "half_as": _comparison("half_as", "/", TWO), "sum": _sum,
    "total": _together(boxed=False), "box": _together(boxed=True), "differ": _differ,
    "blue_more": _blue("blue_more", "+", CHANGE), "blue_fewer": _blue("blue_fewer", "-", CHANGE),
    "blue_times": _blue("blue_times", "*", TIMES), "all_kinds": _all_kinds, "pay": _pay,
    "wish": _goal("wish", "missing", (20, 150), "ask_missing"),
    "book": _goal("book", "left", (50, 200), "ask_pages_left"),
    "share": _equally("share", "each", "ask_each"), "pack": _equally("pack", "bags", "ask_bag"),
}  # fmt: skip
