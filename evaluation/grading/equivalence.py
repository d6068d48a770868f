"""Whether two answers are the same: as text, as numbers, or, where these do not settle it, by math-verify.

Conventions (a false "correct" is worse than a miss):

- Numbers are equal when they are exactly equal: 0.5 = 1/2, 0.333 is not 1/3.
- Tuples, intervals, matrices keep their order, and brackets matter: (3,4] is not [3,4]. Sets and bare
  lists (`1,-2`, `x=1 or x=-2`) do not keep it.
- Units must agree when both sides name them; `5 cm` answers a bare `5`. 50% is 0.5, and also answers
  a bare 50 (the question was "what percent"); below 1 only the first holds.
- `x = 5` answers `5`, and `y = 5` does not answer `x = 5`; an equation may be multiplied through.
- Text is compared without regard to case; a single letter only where one side is in \\text{}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from evaluation.grading import answer_units
from evaluation.grading.answer_forms import Form, label, lone
from evaluation.grading.expression import Node, symbols
from evaluation.grading.expression_latex import to_latex
from evaluation.grading.expression_values import differ, exact, only_positive, unlike
from evaluation.grading.math_pool import Verdict

Ask = Callable[[str, str, str], Verdict]
"""(operation, gold, answer) -> verdict: `MathPool.ask`."""
YES, NO = Verdict(True, "equal"), Verdict(False, "different")
_FLIPPED = {">": "<", ">=": "<="}


def equivalent(gold: Form, answer: Form, ask: Ask) -> Verdict:
    """Whether `answer` says the same as `gold`; equal is None, with a reason, where it cannot be decided."""
    if _same_text(gold, answer):
        return Verdict(True, "equal as text")
    gold, answer = _without_bars(gold), _without_bars(answer)
    if _one_number_or_list(gold) != _one_number_or_list(answer):
        return _grouped(gold, answer, ask)
    if "choice" in (gold.kind, answer.kind):
        return _choices(gold, answer, ask)
    if answer.signs == ("or",) and gold.kind == "value":  # 3/4 or 0.75
        return _all(equivalent(gold, item, ask) for item in answer.items)
    if "relation" in (gold.kind, answer.kind):
        return _relations(gold, answer, ask)
    if "ratio" in (gold.kind, answer.kind):
        return _ratios(gold, answer, ask)
    if "union" in (gold.kind, answer.kind) and "list" in (gold.kind, answer.kind):
        gold, answer = as_intervals(gold), as_intervals(answer)
    kinds = {gold.kind, answer.kind}
    if "text" in kinds:
        return _texts(gold, answer)
    if kinds == {"value"}:
        return _values(gold, answer, ask)
    if kinds in ({"set"}, {"value", "set"}):
        golds, answers = (form.items if form.kind == "set" else (form,) for form in (gold, answer))
        return _all((_each(golds, answers, ask), _each(answers, golds, ask, swap=True)))
    if kinds <= {"list", "set"} or kinds == {"union"}:
        return _unordered(gold.items, answer.items, ask)
    if kinds in ({"bracket"}, {"matrix"}) and gold.signs == answer.signs:
        return _ordered(gold.items, answer.items, ask)
    if (gold.kind, gold.signs, answer.kind) == ("bracket", ("[", "]"), "list"):
        return _square(gold, answer, ask)
    return NO


def _same_text(gold: Form, answer: Form) -> bool:
    if (gold.text, gold.kind, gold.signs) != (answer.text, answer.kind, answer.signs):
        return False
    return gold.kind != "value" or (gold.percent == answer.percent and gold.measure == answer.measure)


def _one_number_or_list(form: Form) -> bool:
    return form.kind == "list" and form.node is not None


def _grouped(gold: Form, answer: Form, ask: Ask) -> Verdict:
    """121,242,363 on one side: a list where the other is one, else a number; that many groups of three
    digits in a gold are as likely a list."""
    grouped, other = (gold, answer) if _one_number_or_list(gold) else (answer, gold)
    if other.kind in ("list", "set"):
        return _unordered(gold.items, answer.items, ask)
    number = Form("value", grouped.text, node=grouped.node)
    verdict = equivalent(number, answer, ask) if grouped is gold else equivalent(gold, number, ask)
    if verdict.equal and grouped is gold and len(gold.items) > 2:
        return Verdict(None, "the gold answer may be one number or a list")
    return verdict


def _choices(gold: Form, answer: Form, ask: Ask) -> Verdict:
    """(B) 12 answers B, and 12; two letters must agree, and so must what stands beside them."""
    if gold.kind == answer.kind:
        same = gold.text == answer.text
        return equivalent(gold.items[0], answer.items[0], ask) if same else NO
    choice, other = (gold, answer) if gold.kind == "choice" else (answer, gold)
    if re.fullmatch("[A-Ja-j]", other.text) and other.kind in ("value", "text"):
        return Verdict(other.text.upper() == choice.text, "compared as choices")
    sides = (choice.items[0], answer) if choice is gold else (gold, choice.items[0])
    return equivalent(*sides, ask)


def _ratios(gold: Form, answer: Form, ask: Ask) -> Verdict:
    """2:3 is 4:6, and 2/3."""
    if gold.kind == answer.kind and len(gold.items) == len(answer.items):
        pairs = zip(gold.items[1:], answer.items[1:], strict=True)
        crossed = [(_product(gold.items[0], a), _product(answer.items[0], g)) for g, a in pairs]
        return _all(_values(one, other, ask) for one, other in crossed)
    ratio, other = (gold, answer) if gold.kind == "ratio" else (answer, gold)
    if other.kind != "value" or len(ratio.items) != 2 or other.percent or other.measure:
        return NO
    first, second = (item.node for item in ratio.items)
    assert first is not None and second is not None
    quotient = Form("value", ratio.text, node=Node("over", (first, second)))
    return _values(gold, quotient, ask) if ratio is answer else _values(quotient, answer, ask)


def _product(first: Form, second: Form) -> Form:
    assert first.node is not None and second.node is not None
    return Form("value", f"{first.text}*{second.text}", node=Node("times", (first.node, second.node)))


def _square(gold: Form, answer: Form, ask: Ask) -> Verdict:
    """[1, 2, 3] of a data file may be a list: in this order it is; two items may be an interval."""
    if len(gold.items) != len(answer.items):
        return NO
    verdict = _ordered(gold.items, answer.items, ask)
    if verdict.equal and len(gold.items) > 2:
        return verdict
    as_list = verdict if verdict.equal else _unordered(gold.items, answer.items, ask)
    return Verdict(None, "the gold answer may be an interval or a list") if as_list.equal is not False else NO


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    """NO when one of them is, else the first undecided one, else YES."""
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
    """Whether the items can be paired. Equality is transitive, so the first partner that fits is taken."""
    if len(gold) != len(answer):
        return NO
    if len({n for n in map(_name, gold) if n}) > 1 and not any(map(_name, answer)):
        return _ordered(gold, answer, ask)  # x = 1, y = 2 is 1, 2 in this order only
    if len({n for n in map(_name, answer) if n}) > 1 and not any(map(_name, gold)):
        return _ordered(gold, answer, ask)
    unmatched = list(answer)
    for gold_item in gold:
        verdicts = []
        for place, form in enumerate(unmatched):
            verdicts.append(equivalent(gold_item, form, ask))
            if verdicts[-1].equal:
                del unmatched[place]
                break
        else:
            return _any(verdicts)
    return YES


def _name(form: Form) -> str:
    """x of x = 5, "" of everything else."""
    named = form.kind == "relation" and label(form.items[0]) and set(form.signs) == {"="}
    return form.items[0].text if named else ""


def _texts(gold: Form, answer: Form) -> Verdict:
    if gold.kind == answer.kind:
        return Verdict(gold.text == answer.text, "compared as text")
    value, text = (gold, answer) if gold.kind == "value" else (answer, gold)
    same = value.kind == "value" and value.text.isalpha() and value.text.casefold() == text.text
    return Verdict(same, "compared as text")


def _values(gold: Form, answer: Form, ask: Ask) -> Verdict:
    size = answer_units.ratio(gold.measure, answer.measure)
    if size is None or (gold.percent != answer.percent and (gold.measure or answer.measure)):
        return Verdict(False, "different units")
    if gold.text == answer.text and gold.percent == answer.percent and size == 1:
        return Verdict(True, "equal as text")
    if re.fullmatch("[B-J]", gold.text) and gold.text.lower() == answer.text:
        return Verdict(True, "compared as choices")
    for form, side in ((gold, "the gold answer"), (answer, "the answer")):
        if form.node is None:
            infinite = r"\infty" in form.text
            reason = f"{side} cannot be read as mathematics: {form.problem}"
            return Verdict(None if form is gold and not infinite else False, reason)
    assert gold.node is not None and answer.node is not None
    try:
        numbers = exact(gold.node), exact(answer.node)
    except ZeroDivisionError:
        return Verdict(False, "a division by zero")
    if numbers[0] is not None and numbers[1] is not None:
        return _numbers(numbers[0], numbers[1] * size, gold.percent, answer.percent)
    if gold.percent != answer.percent:
        return Verdict(False, "percent on one side only")
    node = answer.node if size == 1 else Node("times", (answer.node, Node("number", value=size)))
    return _symbolic(gold.node, with_constant_of(gold.node, node), ask)


def _numbers(gold: Fraction, answer: Fraction, gold_percent: bool, answer_percent: bool) -> Verdict:
    same = gold == answer
    if gold_percent != answer_percent:
        percent, bare = (gold, answer) if gold_percent else (answer, gold)
        same = percent / 100 == bare or (percent == bare and abs(bare) > 1)
    return Verdict(same, "compared as numbers")


def with_constant_of(gold: Node, answer: Node) -> Node:
    """The answer with its constant of integration (… + c) renamed to the gold's (… + C)."""
    names, constant, own = symbols(gold), _constant(gold), _constant(answer)
    if not constant or not own or constant == own or own in names or len(names) != 2:
        return answer
    return _renamed(answer, own, constant)


def _constant(node: Node) -> str:
    """C of `f(x) + C`, "" where nothing like it is added to an expression with one other variable."""
    last = node.parts[1] if node.op == "add" else node
    alone = last.op == "symbol" and last.name in ("C", "c", "K", "k") and node.op == "add"
    others = symbols(node.parts[0]) if alone else set()
    return last.name if others & set("xyztusr") and last.name not in others else ""


def _renamed(node: Node, name: str, by: str) -> Node:
    if node.op == "symbol":
        return replace(node, name=by) if node.name == name else node
    return replace(node, parts=tuple(_renamed(part, name, by) for part in node.parts))


def _symbolic(gold: Node, answer: Node, ask: Ask, op: str = "equal") -> Verdict:
    """Different where floating point shows it clearly, else as math-verify says."""
    if (differ if op == "equal" else unlike)(gold, answer):
        return Verdict(False, "values differ")
    names = {name: f"x_{{{k}}}" for k, name in enumerate(sorted(symbols(gold) | symbols(answer)))}
    verdict = ask(op, to_latex(gold, names), to_latex(answer, names))
    if op == "equal" and not verdict.equal and only_positive(gold, answer):  # 1/sqrt(n) and sqrt(1/n)
        verdict = ask("positive", to_latex(gold, names), to_latex(answer, names))
    return Verdict(verdict.equal, verdict.reason or "compared by math-verify")


def _relations(gold: Form, answer: Form, ask: Ask) -> Verdict:
    gold, answer = _turned(gold), _turned(answer)
    for form, other in ((gold, answer), (answer, gold)):
        if form.kind == "relation" and "~" in form.signs:  # 2\pi \approx 6.28 answers both
            parts = [item for item in form.items if not (lone(item) and item is form.items[0])]
            return _any(
                equivalent(p, other, ask) if form is gold else equivalent(other, p, ask) for p in parts
            )
    if _inequality(gold) or _inequality(answer):
        return _inequalities(gold, answer, ask)
    if gold.kind == answer.kind:
        names = _name(gold), _name(answer)
        if all(names) and (names[0] == names[1] or _function_value(*names)):
            return _all(equivalent(gold.items[-1], part, ask) for part in answer.items[1:])
        if any("(" in name for name in names):
            return NO
        return _gaps(gold, answer, ask)
    if gold.kind == "relation":
        return equivalent(gold.items[-1], answer, ask) if _name(gold) else NO
    if answer.signs.count("=") != len(answer.signs):
        return NO
    # P = 2(3 + 4) = 14 answers 14, as 3 + 4 = 7 answers 7: every part must be it.
    return _all(equivalent(gold, part, ask) for part in answer.items[bool(_name(answer)) :])


def _turned(form: Form) -> Form:
    """12 = x as x = 12."""
    if form.kind != "relation" or form.signs != ("=",) or not lone(form.items[1]):
        return form
    left = form.items[0].node
    return replace(form, items=form.items[::-1]) if left is not None and not symbols(left) else form


def _function_value(first: str, second: str) -> bool:
    """f(x) and y are two names of the same."""
    names = {first, second}
    return "y" in names and bool(names & {"f(x)", "g(x)", "h(x)", "y(x)"})


def _inequality(form: Form) -> bool:
    return form.kind == "relation" and form.signs[0] not in ("=", "!=", "~")


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
    for form, side in ((gold, "the gold answer"), (answer, "the answer")):
        left, *_ = nodes = [item.node for item in form.items]
        sign = _FLIPPED.get(form.signs[0], form.signs[0])
        if len(nodes) != 2 or left is None or nodes[1] is None:
            return Verdict(None if form is gold else False, f"{side} is a relation that cannot be read")
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


def _without_bars(form: Form) -> Form:
    """|x| > 2 as x < -2 or x > 2, |x| < 2 as -2 < x < 2; others unchanged."""
    if not _inequality(form) or len(form.items) != 2:
        return form
    (left, right), sign = form.items, form.signs[0]
    if right.text.startswith("|") and not left.text.startswith("|"):
        left, right, sign = right, left, {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[sign]
    size = exact(right.node) if right.node else None
    if not re.fullmatch(r"\|[A-Za-z]\|", left.text) or size is None or size <= 0:
        return form
    variable = replace(left, text=left.text[1:-1])
    below = replace(right, text=f"-{right.text}", node=Node("minus", (right.node,)) if right.node else None)
    if sign in _FLIPPED:
        outside = (Form("relation", form.text, (variable, below), ({">": "<", ">=": "<="}[sign],)),
                   Form("relation", form.text, (variable, right), (sign,)))  # fmt: skip
        return Form("list", form.text, outside)
    return Form("relation", form.text, (below, variable, right), (sign, sign))
