"""Composed word problems: right answers, no held-out arithmetic, one key for all wordings."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from tasks import HELD_OUT_TEMPLATES, Problem, WordSettings, WordTask, split_of
from tasks.checks.step_check import check_steps
from tasks.word.composed import draw_plan, held_out_signatures
from tasks.word.plan import Plan, signature
from tasks.word.stories import ANY, FOR_ONE
from tasks.word.telling import tell
from tasks.word.templates import Step

COMPOSED = WordTask(WordSettings(composed=1.0))
N = 4000


@pytest.fixture(scope="module")
def drawn() -> list[Problem]:
    """Composed problems to train on."""
    rng = random.Random(11)
    return [COMPOSED.generate(rng, "train") for _ in range(N)]


def test_solutions_are_right_step_by_step(drawn: list[Problem]) -> None:
    for p in drawn:
        assert COMPOSED.check(p.fields, p.solution, answer=p.answer).correct, p
        steps = check_steps(COMPOSED, p.fields, p.solution)
        assert len(steps) == len(p.solution.splitlines())
        assert all(s.right for s in steps), p
        results = [int(line.rsplit(" ", 1)[1]) for line in p.solution.splitlines()[:-1]]
        assert all(0 < result <= 200 for result in results)


def test_texts_are_whole_sentences(drawn: list[Problem]) -> None:
    for p in drawn:
        assert not set("{}<>|=+") & set(p.prompt), p.prompt
        assert p.prompt[0].isupper() or p.prompt[0].isdigit()
        assert p.prompt.endswith("?") and p.prompt.count("?") == 1
        assert "  " not in p.prompt and ".." not in p.prompt
    assert sum(len(p.prompt.split()) < 60 for p in drawn) > 0.97 * N


def test_held_out_arithmetic_never_occurs() -> None:
    rng = random.Random(12)
    wanted = {signature(template.steps) for template in HELD_OUT_TEMPLATES}
    assert wanted == held_out_signatures() and len(wanted) == 4
    calculations = {calculation(template.steps) for template in HELD_OUT_TEMPLATES}
    for steps in (2, 3, 4, 5):
        for _ in range(N):
            assert calculation(draw_plan(rng, steps).steps) not in calculations


def calculation(steps: Sequence[Step]) -> str:
    """How the last result is made of the numbers, each as often as it is used."""
    made: dict[str, str] = {}
    for i, (_, left, op, right) in enumerate(steps):
        pair = [made.get(operand, operand) for operand in (left, right)]
        made[f"s{i}"] = "({})".format(op.join(sorted(pair, key=shape) if op in "+*" else pair))
    names: dict[str, str] = {}
    last = made[f"s{len(steps) - 1}"]
    return re.sub(r"n\d", lambda n: names.setdefault(n[0], f"n{len(names)}"), last)


def shape(part: str) -> str:
    return re.sub(r"n\d", "n", part)


def test_steps_that_the_answer_does_not_need_hide_no_held_out_arithmetic() -> None:
    needed = [("half", "n0", "/", "n2"), ("left", "s0", "-", "n3")]
    told = [("more", "n0", "+", "n1"), ("half", "n0", "/", "n2"), ("left", "s1", "-", "n3")]
    assert signature(told) == signature(needed) == "n/n;s0-n"
    assert signature(told) in held_out_signatures()


def test_every_wording_is_used() -> None:
    rng, used = random.Random(16), set()
    for i in range(2 * N):
        plan = draw_plan(rng, 1 + i % 5)
        used |= {clause.name for clause in (*plan.clauses, plan.question)}
        assert plan.unsaid is None or plan.unsaid.name.startswith("join")
    assert used == set(FOR_ONE[ANY])


def test_signature_reads_sums_in_either_order() -> None:
    assert signature([("total", "n1", "+", "n0"), ("left", "s0", "-", "n2")]) == "n+n;s0-n"
    assert signature([("a", "s0", "*", "n1")]) == signature([("b", "n0", "*", "s0")])
    assert signature([("a", "s0", "-", "n1")]) != signature([("b", "n0", "-", "s0")])


def test_one_key_for_all_wordings() -> None:
    rng = random.Random(13)
    for steps in range(1, 6):
        plan = draw_plan(rng, steps)
        while (values := plan.draw_values(rng, 200)) is None:
            plan = draw_plan(rng, steps)
        key = plan.key(values)
        told = {tell(plan, values, random.Random(seed)) for seed in range(20)}
        assert len(told) > 10 and plan.key(values) == key
        assert len({solution.rsplit("\n", 1)[1] for _, solution in told}) == 1


def test_a_key_does_not_depend_on_which_of_two_numbers_comes_first() -> None:
    def key(steps: list[Step], **values: int) -> str:
        return Plan(steps=steps).key(values)

    assert key([("total", "n0", "+", "n1")], n0=3, n1=5) == key([("total", "n1", "+", "n0")], n0=3, n1=5)
    assert key([("total", "n0", "*", "n1")], n0=3, n1=5) == key([("total", "n0", "*", "n1")], n0=5, n1=3)
    assert key([("left", "n0", "-", "n1")], n0=9, n1=5) != key([("left", "n0", "-", "n1")], n0=5, n1=9)


def test_a_key_has_one_answer_in_any_story(drawn: list[Problem]) -> None:
    answers: dict[str, set[str]] = defaultdict(set)
    for p in drawn:
        answers[p.key].add(p.answer)
    assert all(len(found) == 1 for found in answers.values())


def test_there_are_many_structures_and_texts(drawn: list[Problem]) -> None:
    assert len({p.template_id for p in drawn}) >= 1000
    assert len({p.prompt for p in drawn}) > 0.99 * N
    assert all(p.template_id.startswith("composed:") for p in drawn)
    steps = Counter(len(p.solution.splitlines()) - 1 for p in drawn)
    assert [round(steps[n] / N, 1) for n in range(1, 6)] == [0.1, 0.3, 0.3, 0.2, 0.1]


def test_splits_are_by_key_and_templates_mix_in() -> None:
    task = WordTask(WordSettings(composed=0.5))
    for split in ("train", "heldout"):
        rng = random.Random(14)
        problems = [task.generate(rng, split) for _ in range(400)]
        assert {split_of("word", p.key) for p in problems} == {split}
        assert 0.4 < sum(p.template_id.startswith("composed:") for p in problems) / 400 < 0.6
    held_out = [task.generate(rng, "heldout_templates") for _ in range(50)]
    assert {p.template_id for p in held_out} <= {t.name for t in HELD_OUT_TEMPLATES}
    assert all("composed" not in p.key for p in held_out)


def test_every_story_makes_way_where_it_has_no_held_out_numbers() -> None:
    rng = random.Random(1)
    assert len([COMPOSED.generate(rng, "heldout") for _ in range(N)]) == N


def test_step_shares_hold_for_composed_problems() -> None:
    task = WordTask(WordSettings(composed=1.0, step_shares=(0, 0, 0, 1, 0)))
    rng = random.Random(15)
    assert {len(task.generate(rng, "heldout").solution.splitlines()) for _ in range(50)} == {5}


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=rf"composed is {share}; allowed: 0 to 1"):
        WordSettings(composed=share)
