"""Texts drawn from templates with typed slots: lists, rows of words that belong together, weights.

The form of a file, line by line:

    name = a | b               a list: `{name}` in a template is one of it
    == block : column : column a block; below it come its rows and then its templates
    cell : cell                a row: a cell for every column, choices divided by "|"
    -- 3 The {column} ...      a template and its weight, used with every row: `{column}` is from its cell
    -- 3 a | b => c | d        in two parts: each text of the first part goes with each text of the second

`{p}` is a person from the lists `boys` or `girls`, and `{he}` and `{his}` agree with it. A slot that comes
several times is the same text each time. Lines that begin with # are comments.
"""

from __future__ import annotations

import random
import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, product
from math import prod
from pathlib import Path

from tasks.core import below, require

_SLOT = re.compile(r"\{(\w+)\}")
_PEOPLE = ("boys", "girls")
_PRONOUNS = {"boys": {"he": ("he",), "his": ("his",)}, "girls": {"he": ("she",), "his": ("her",)}}
Lists = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text in `str.format` form with numbered slots, and the choices of each slot."""

    text: str
    choices: tuple[tuple[str, ...], ...]

    def draw(self, rng: random.Random) -> str:
        """The text with a random choice in every slot."""
        return self.text.format(*[options[below(rng, len(options))] for options in self.choices])

    @property
    def variety(self) -> int:
        """How many ways there are to fill the slots."""
        return prod(len(options) for options in self.choices)


class Phrases:
    """The texts of one file. ValueError when a line has not the form above or a slot has no choices."""

    def __init__(self, path: Path) -> None:
        self.patterns: list[Pattern] = []
        weights: list[float] = []
        for pattern, weight in _read(path):
            self.patterns.append(pattern)
            weights.append(weight)
        self._bounds = list(accumulate(weights))

    def draw(self, rng: random.Random) -> str:
        """One text; its parts are divided by ` => `."""
        return self.patterns[bisect(self._bounds, rng.random() * self._bounds[-1])].draw(rng)


def _split(text: str, mark: str = "|") -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(mark))


def _read(path: Path) -> Iterator[tuple[Pattern, float]]:
    """Every template with every row of its block, and its weight."""
    lists: Lists = {}
    columns: tuple[str, ...] = ()
    rows: list[Lists] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("=="):
            columns, rows = _split(line[2:], ":")[1:], []
        elif line.startswith("-- "):
            weight, template = line[3:].split(" ", 1)
            yield from _patterns(template, rows or [{}], lists, float(weight))
        elif columns:
            cells = _split(line, ":")
            require(len(cells) == len(columns), "row", line, f"{len(columns)} cells: {', '.join(columns)}")
            rows.append({column: _split(cell) for column, cell in zip(columns, cells, strict=True)})
        else:
            name, _, options = line.partition("=")
            lists[name.strip()] = _split(options)


def _patterns(
    template: str, rows: list[Lists], lists: Lists, weight: float
) -> Iterator[tuple[Pattern, float]]:
    """A template's patterns: one for each combination of its texts, rows and kinds of person."""
    texts = [" => ".join(parts) for parts in product(*(_split(part) for part in template.split("=>")))]
    for text, row in product(texts, rows):
        cells = " ".join(" ".join(row.get(name, ())) for name in _SLOT.findall(text))
        needed = set(_SLOT.findall(text + cells))
        people = _PEOPLE if needed & {"p", "he", "his"} else ("",)
        for kind in people:
            choices = {**lists, **row, **_PRONOUNS.get(kind, {}), "p": lists.get(kind, ())}
            yield _pattern(text, choices), weight / len(texts) / len(rows) / len(people)


def _pattern(text: str, choices: Lists) -> Pattern:
    """The text with its slots numbered; pronouns inside the choices are filled in."""
    names = list(dict.fromkeys(_SLOT.findall(text)))
    for name in names:
        require(bool(choices.get(name)), "slot", name, f"a list or a column, in {text!r}")
    numbered = _SLOT.sub(lambda slot: f"{{{names.index(slot[1])}}}", text)
    return Pattern(
        numbered,
        tuple(
            tuple(_SLOT.sub(lambda slot: choices[slot[1]][0], option) for option in choices[name])
            for name in names
        ),
    )
