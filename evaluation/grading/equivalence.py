"""Whether two answers are the same: as text, as numbers, and where that does not settle it, by asking.

Conventions (a false "correct" is worse than a miss):

- Numbers are equal when they are exactly equal: 0.5 = 1/2, 0.333 is not 1/3.
- Tuples, intervals, matrices keep their order, and brackets matter: (3,4] is not [3,4]. Sets and bare
  lists (`1,-2`, `x=1 or x=-2`) do not keep it.
- Units must agree when both sides name them; `5 cm` answers a bare `5`. 50% is 0.5, and also answers
  a bare 50 (what was asked was "what percent"); below 1 only the first holds.
- `x = 5` answers `5`, and `y = 5` does not answer `x = 5`; an equation may be multiplied through.
- Text is compared without regard to case; a single letter only where one side is in \\text{}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from evaluation.grading import answer_units
from evaluation.grading.answer_forms import Form, lone
from evaluation.grading.expression import Node, symbols
from evaluation.grading.expression_latex import to_latex
from evaluation.grading.expression_values import differ, exact, unlike
from evaluation.grading.math_pool import Verdict

Ask = Callable[[str, str, str], Verdict]
"""(operation, gold, answer) -> verdict: `MathPool.ask`."""
YES, NO = Verdict(True, "equal"), Verdict(False, "different")
_FLIPPED = {">": "<", ">=": "<="}


def equivalent(gold: Form, answer: Form, ask: Ask) -> Verdict:
    """Whether `answer` says what `gold` says; None with the reason where nothing can tell."""
    if gold.text == answer.text and gold.kind == answer.kind and gold.signs == answer.signs:
        if (gold.kind != "value" or gold.percent == answer.percent) and not gold.units ^ answer.units:
            return Verdict(True, "equal as text")
    if "relation" in (gold.kind, answer.kind):
        return _relations(gold, answer, ask)
    if "union" in (gold.kind, answer.kind) and "list" in (gold.kind, answer.kind):
        gold, answer = as_intervals(gold), as_intervals(answer)
    kinds = {gold.kind, answer.kind}
    if "text" in kinds:
        return _texts(gold, answer)
    if kinds == {"value"}:
        return _values(gold, answer, ask)
    if kinds in ({"set"}, {"value", "set"}):
        wanted, found = (form.items if form.kind == "set" else (form,) for form in (gold, answer))
        return _all((_each(wanted, found, ask), _each(found, wanted, ask, swap=True)))
    if kinds <= {"list", "set"} or kinds == {"union"}:
        return _unordered(gold.items, answer.items, ask)
    if kinds in ({"bracket"}, {"matrix"}) and gold.signs == answer.signs:
        return _ordered(gold.items, answer.items, ask)
    return NO


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    """NO when one is, else the first undecided one, else YES."""
    undecided = None
    for verdict in verdicts:
        if verdict.equal is False:
            return verdict
        undecided = undecided or (verdict if verdict.equal is None else None)
    return undecided or YES


def _any(verdicts: Iterable[Verdict]) -> Verdict:
    undecided = None
    for verdict in verdicts:
        if verdict.equal:
            return verdict
        undecided = undecided or (verdict if verdict.equal is None else None)
    return undecided or NO


def _ordered(gold: Sequence[Form], answer: Sequence[Form], ask: Ask) -> Verdict:
    if len(gold) != len(answer):
        return NO
    return _all(equivalent(g, a, ask) for g, a in zip(gold, answer, strict=True))


def _each(first: Sequence[Form], second: Sequence[Form], ask: Ask, swap: bool = False) -> Verdict:
    """Whether each of `first` is among `second`; swap: `first` is the answer's."""
    return _all(_any(equivalent(b, a, ask) if swap else equivalent(a, b, ask) for b in second) for a in first)


def _unordered(gold: Sequence[Form], answer: Sequence[Form], ask: Ask) -> Verdict:
    """A pairing: equality carries over, so the first partner found will do."""
    if len(gold) != len(answer):
        return NO
    if len({n for n in map(_name, gold) if n}) > 1 and not any(map(_name, answer)):
        return _ordered(gold, answer, ask)  # x = 1, y = 2 is 1, 2 in this order only
    if len({n for n in map(_name, answer) if n}) > 1 and not any(map(_name, gold)):
        return _ordered(gold, answer, ask)
    left = list(answer)
    for wanted in gold:
        verdicts = []
        for place, form in enumerate(left):
            verdicts.append(equivalent(wanted, form, ask))
            if verdicts[-1].equal:
                del left[place]
                break
        else:
            return _any(verdicts)
    return YES


def _name(form: Form) -> str:
    """x of x = 5, "" of everything else."""
    named = form.kind == "relation" and lone(form.items[0]) and set(form.signs) == {"="}
    return form.items[0].text if named else ""


def _texts(gold: Form, answer: Form) -> Verdict:
    if gold.kind == answer.kind:
        return Verdict(gold.text == answer.text, "compared as text")
    value, text = (gold, answer) if gold.kind == "value" else (answer, gold)
    same = value.kind == "value" and value.text.isalpha() and value.text.casefold() == text.text
    return Verdict(same, "compared as text")


def _values(gold: Form, answer: Form, ask: Ask) -> Verdict:
    if not answer_units.agree(gold.units, answer.units):
        return Verdict(False, "different units")
    if gold.text == answer.text and gold.percent == answer.percent:
        return Verdict(True, "equal as text")
    for form, whose in ((gold, "the gold answer"), (answer, "the answer")):
        if form.node is None:
            infinite = r"\infty" in form.text
            reason = f"{whose} cannot be read as mathematics: {form.problem}"
            return Verdict(None if form is gold and not infinite else False, reason)
    assert gold.node is not None and answer.node is not None
    try:
        numbers = exact(gold.node), exact(answer.node)
    except ZeroDivisionError:
        return Verdict(False, "a division by zero")
    if numbers[0] is not None and numbers[1] is not None:
        return _numbers(numbers[0], numbers[1], gold.percent, answer.percent)
    if gold.percent != answer.percent:
        return Verdict(False, "percent on one side only")
    return _symbolic(gold.node, answer.node, ask)


def _numbers(gold: Fraction, answer: Fraction, gold_percent: bool, answer_percent: bool) -> Verdict:
    same = gold == answer
    if gold_percent != answer_percent:
        percent, bare = (gold, answer) if gold_percent else (answer, gold)
        same = percent / 100 == bare or (percent == bare and abs(bare) >= 1)
    return Verdict(same, "compared as numbers")


def _symbolic(gold: Node, answer: Node, ask: Ask, op: str = "equal") -> Verdict:
    """By floating point where they clearly differ, else by asking."""
    if (differ if op == "equal" else unlike)(gold, answer):
        return Verdict(False, "values differ")
    names = {name: f"x_{{{k}}}" for k, name in enumerate(sorted(symbols(gold) | symbols(answer)))}
    verdict = ask(op, to_latex(gold, names), to_latex(answer, names))
    return Verdict(verdict.equal, verdict.reason or "compared by math-verify")


def _relations(gold: Form, answer: Form, ask: Ask) -> Verdict:
    if _inequality(gold) or _inequality(answer):
        return _inequalities(gold, answer, ask)
    if gold.kind == answer.kind:
        if _name(gold) and _name(gold) == _name(answer):
            return _all(equivalent(gold.items[-1], part, ask) for part in answer.items[1:])
        if any("(" in _name(form) for form in (gold, answer)):
            return NO
        return _gaps(gold, answer, ask)
    if gold.kind == "relation":
        return equivalent(gold.items[-1], answer, ask) if _name(gold) else NO
    if answer.signs.count("=") != len(answer.signs):
        return NO
    # P = 2(3 + 4) = 14 answers 14, as 3 + 4 = 7 answers 7: every part must be it.
    return _all(equivalent(gold, part, ask) for part in answer.items[bool(_name(answer)) :])


def _inequality(form: Form) -> bool:
    return form.kind == "relation" and form.signs[0] not in ("=", "!=")


def _inequalities(gold: Form, answer: Form, ask: Ask) -> Verdict:
    names = [_variable(form) for form in (gold, answer) if form.kind == "relation"]
    if len(set(names)) == 1 and names[0]:
        sides = as_intervals(gold), as_intervals(answer)
        if all(side.kind in ("bracket", "union") for side in sides):
            return equivalent(*sides, ask)
    return _gaps(gold, answer, ask) if gold.kind == answer.kind else NO


def _gaps(gold: Form, answer: Form, ask: Ask) -> Verdict:
    """left - right of both, one a multiple of the other; for inequalities a positive multiple."""
    sides = []
    for form, whose in ((gold, "the gold answer"), (answer, "the answer")):
        left, *_ = nodes = [item.node for item in form.items]
        sign = _FLIPPED.get(form.signs[0], form.signs[0])
        if len(nodes) != 2 or left is None or nodes[1] is None:
            return Verdict(None if form is gold else False, f"{whose} is a relation that cannot be read")
        first, second = (left, nodes[1]) if sign == form.signs[0] else (nodes[1], left)
        sides.append((sign, Node("subtract", (first, second))))
    (sign, gap), (other_sign, other) = sides
    if sign != other_sign:
        return NO
    verdicts = [_symbolic(gap, other, ask, "proportional")]
    if sign in ("=", "!=") and verdicts[0].equal is False:
        verdicts.append(_symbolic(gap, Node("minus", (other,)), ask, "proportional"))
    return _any(verdicts)


def _variable(form: Form) -> str:
    """The variable that x > a or a < x < b is about, "" where there is none."""
    places = form.items if len(form.items) == 2 else form.items[1:2]
    return next((item.text for item in places if lone(item)), "")


def as_intervals(form: Form) -> Form:
    """Inequalities in one variable as intervals, a list of them as a union; others unchanged."""
    if form.kind == "list":
        parts = tuple(as_intervals(item) for item in form.items)
        one = len({_variable(item) for item in form.items if item.kind == "relation"}) <= 1
        whole = one and all(part.kind == "bracket" for part in parts)
        return Form("union", form.text, parts) if whole else form
    if not _inequality(form) or not _variable(form):
        return form
    items, signs = list(form.items), list(form.signs)
    if signs[0] in _FLIPPED:
        items, signs = items[::-1], [_FLIPPED.get(sign, "") for sign in signs[::-1]]
    if not set(signs) <= {"<", "<="}:
        return form
    if len(items) == 2:
        below = lone(items[0])
        end = Form("value", r"-\infty" if below else r"\infty", problem="infinite")
        items = [end, items[1]] if below else [items[0], end]
        opened = ("(", ")" if signs[0] == "<" else "]") if below else ("(" if signs[0] == "<" else "[", ")")
    elif len(items) == 3 and lone(items[1]):
        items = [items[0], items[2]]
        opened = ("(" if signs[0] == "<" else "[", ")" if signs[1] == "<" else "]")
    else:
        return form
    return Form("bracket", form.text, tuple(items), opened)
