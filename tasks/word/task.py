"""Short word problems of one to five steps, drawn from templates or composed by a grammar."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

from tasks.core import (
    SPLITS,
    Problem,
    Verdict,
    below,
    draw_for,
    field_of,
    judge_number,
    read_number,
    require,
)
from tasks.word.composed import draw_plan
from tasks.word.plan import OPERATIONS, Plan
from tasks.word.telling import tell
from tasks.word.templates import HELD_OUT_TEMPLATES, NAMES, OBJECTS, TEMPLATES, WordTemplate

HELD_OUT_TEMPLATES_SPLIT = "heldout_templates"
_SLOT = re.compile(r"\{n([0-9])\}")
STEPS_SHARES = (0.1, 0.3, 0.3, 0.2, 0.1)
"""Shares of the problems with 1, 2, 3, 4 and 5 steps."""
_MOST_NUMBERS = 100
"""Draws of numbers for one composed story; nearly all find a held-out problem in far fewer."""


@dataclass(frozen=True)
class WordSettings:
    """Every value lies in 1..highest; `step_shares` are the shares of 1 to 5 steps; `composed` is the share
    of the problems that the grammar composes, the others are the templates'."""

    highest: int = 200
    step_shares: tuple[float, ...] = STEPS_SHARES
    composed: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a range too small for the templates and shares that are none."""
        require(self.highest >= 150, "highest", self.highest, "150 or more")
        shares = self.step_shares
        fits = len(shares) == 5 and min(shares) >= 0 and abs(sum(shares) - 1) < 1e-9
        require(fits, "step_shares", shares, "five shares of 0 or more that sum to 1")
        require(0 <= self.composed <= 1, "composed", self.composed, "0 to 1")


@dataclass(frozen=True, slots=True)
class _CompiledTemplate:
    """A template in which {n0}, {s0} … have become positions in one list of values: the numbers of the text,
    then the results of the steps. low_width: of each number, the lowest value and how many there are."""

    name: str
    texts: tuple[str, ...]
    low_width: tuple[tuple[int, int], ...]
    steps: tuple[tuple[int, str, Callable[[int, int], int], int], ...]
    solution: str


def _compile(template: WordTemplate) -> _CompiledTemplate:
    count = len(template.numbers)

    def position(operand: str) -> int:
        return int(operand[1:]) + (count if operand[0] == "s" else 0)

    steps, lines = [], []
    for i, (label, left, op, right) in enumerate(template.steps):
        steps.append((position(left), op, OPERATIONS[op], position(right)))
        result = f"{{v[{count + i}]}}"
        lines.append(f"{label}: {{v[{position(left)}]}} {op} {{v[{position(right)}]}} = {result}")
    lines.append(f"\\boxed{{{{{{v[{count + len(steps) - 1}]}}}}}}")
    texts = tuple(_SLOT.sub(r"{v[\1]}", text) for text in template.texts)
    widths = tuple((low, high - low + 1) for low, high in template.numbers)
    return _CompiledTemplate(template.name, texts, widths, tuple(steps), "\n".join(lines))


@cache
def _by_steps() -> tuple[tuple[_CompiledTemplate, ...], ...]:
    """Trained templates by their number of steps, 1 to 5."""
    return tuple(tuple(_compile(t) for t in TEMPLATES if len(t.steps) == n) for n in range(1, 6))


@cache
def _held_out() -> tuple[_CompiledTemplate, ...]:
    return tuple(_compile(t) for t in HELD_OUT_TEMPLATES)


def _values(rng: random.Random, compiled: _CompiledTemplate, highest: int) -> list[int]:
    """Numbers and results, drawn until every result is exact and in 1..highest."""
    while True:
        values = [low + below(rng, width) for low, width in compiled.low_width]
        for left, op, operation, right in compiled.steps:
            a, b = values[left], values[right]
            if op == "/" and a % b:
                break
            value = operation(a, b)
            if not 0 < value <= highest:
                break
            values.append(value)
        else:
            return values


@dataclass(frozen=True)
class WordTask:
    """Generates word problems, and checks responses against the right answer, which `check` must be given."""

    settings: WordSettings = field(default_factory=WordSettings)
    name: str = "word"
    template: str = "{problem}"
    splits: tuple[str, ...] = (*SPLITS, HELD_OUT_TEMPLATES_SPLIT)

    def _steps(self, rng: random.Random) -> int:
        u, steps = rng.random(), 1
        shares = self.settings.step_shares
        while steps < 5 and u >= shares[steps - 1]:
            u -= shares[steps - 1]
            steps += 1
        return steps

    def _pick(self, rng: random.Random, split: str) -> _CompiledTemplate:
        held_out = split == HELD_OUT_TEMPLATES_SPLIT
        templates = _held_out() if held_out else _by_steps()[self._steps(rng) - 1]
        return templates[below(rng, len(templates))]

    def generate(self, rng: random.Random, split: str) -> Problem:
        """Draw one problem of train, heldout (trained templates and composed ones) or heldout_templates."""
        require(split in self.splits, "split", split, ", ".join(self.splits))
        composed = self.settings.composed
        if composed and split != HELD_OUT_TEMPLATES_SPLIT and rng.random() < composed:
            return self._compose(rng, split)
        # The template is drawn once, and only the numbers again where a draw is rejected: else templates
        # that are rejected more often would become rarer, and the shares of the step counts with them.
        compiled = self._pick(rng, split)

        def draw() -> tuple[list[int], str]:
            values = _values(rng, compiled, self.settings.highest)
            return values, f"{compiled.name}|{','.join(map(str, values[: len(compiled.low_width)]))}"

        values, key = draw_for(self, split, draw)
        a, b, c = rng.sample(NAMES, 3)
        text = compiled.texts[below(rng, len(compiled.texts))]
        text = text.format(v=values, a=a, b=b, c=c, o=OBJECTS[below(rng, len(OBJECTS))])
        solution = compiled.solution.format(v=values, a=a, b=b, c=c)
        fields = {"problem": text}
        return Problem(self.name, fields, text, solution, str(values[-1]), key, compiled.name)

    def _compose(self, rng: random.Random, split: str) -> Problem:
        """Draw one composed problem. A story that finds no fitting numbers, or none of the split in
        _MOST_NUMBERS draws, makes way for another of its length."""
        steps = self._steps(rng)
        plan, draws = draw_plan(rng, steps), 0

        def draw() -> tuple[tuple[Plan, dict[str, int]], str]:
            nonlocal plan, draws
            draws += 1
            if draws % _MOST_NUMBERS == 0:
                plan = draw_plan(rng, steps)
            while (values := plan.draw_values(rng, self.settings.highest)) is None:
                plan = draw_plan(rng, steps)
            return (plan, values), plan.key(values)

        (story, values), key = draw_for(self, split, draw)
        text, solution = tell(story, values, rng)
        answer = str(values[story.current])
        return Problem(self.name, {"problem": text}, text, solution, answer, key, story.template_id)

    def check(self, problem: Mapping[str, str], response: str, *, answer: str | None = None) -> Verdict:
        """Compare a response with `answer`, which this task needs: ValueError without it."""
        field_of(problem, "problem")
        truth = read_number(answer) if answer is not None else None
        if truth is None:
            raise ValueError(f"answer is {answer!r}; allowed: the number that solves the problem")
        is_it, is_not = "is the answer of the problem", "is not the answer of the problem"
        return judge_number(response, Fraction(truth), is_it, is_not)
