"""Makes training data for a process reward model: answers of a model to problems of the bundled tasks,
decoded in few and in many steps, cut into parts and labelled part by part (training.prm.prm_labels).

Every answer gives a row for each way of cutting it: at its lines, and at the blocks of block-wise samplers.
The parts are the same as those that samplers.scoring shows a reward model.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from evaluation.sets.columns import SetError
from models.checkpoint import ModelError, find_file
from models.loading import LoadedModel
from models.prompt_settings import decode_settings
from samplers.algorithms.low_confidence import LowConfidence
from samplers.batch import run_requests
from samplers.settings import SettingError
from tasks import EASY, MIDDLE, TASKS, USUAL_LEVELS, generate
from tasks.core import Problem
from tasks.sudoku import solution_of
from tasks.sudoku_grids import layout_of
from training.prm.openings import openings
from training.prm.prm_labels import part_labels

LINES = "lines"
CHUNK = 64
OPENINGS = 16
"""Answers whose beginnings are decoded at once, with all their other ways."""
SAMPLER = "low_confidence"
DECODED_WITH = ("steps", "temperature", "block_length")
"""What a row says of the settings that its answer was decoded with."""
_NUMBER = re.compile(r"\d{1,9}")
_DIGIT = re.compile(r"[1-6]")
_RESULT = re.compile(r"(?<== )-?\d{1,9}(?=\n?$)")
_SLIPS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 30, 40, 50, 100)
"""By how much a result is made wrong: as the model's own are, of which many are off by a multiple of four."""
USUAL = ""
"""The level at which a task is usually asked."""
ASKED_LEVELS = {USUAL: (USUAL,), EASY: (EASY,), MIDDLE: (MIDDLE,), "both": (EASY, MIDDLE)}


@dataclass(frozen=True)
class RolloutPlan:
    """What is decoded. n: answers for each task and level, spread over the combinations of steps,
    temperatures and block lengths (0: the task's own); corrupted: for each task and level, worked solutions
    in which some numbers are made wrong; slips: as many beginnings of worked solutions, half of them with a
    wrong result at their end; cuts: `lines`, or the tokens of a block; level: a key of
    ASKED_LEVELS; differ: instead of whole answers the first block or two of n answers of one token a step,
    each as it is written and in so many other ways (training.prm.openings); repeats: answers to one problem,
    one after the other, of which some are right and others wrong."""

    tasks: tuple[str, ...]
    n: int
    steps: tuple[int, ...] = (8, 16, 32)
    temperatures: tuple[float, ...] = (0.0, 0.6)
    block_lengths: tuple[int, ...] = (0,)
    corrupted: int = 0
    cuts: tuple[str, ...] = (LINES, "4", "8", "16")
    split: str = "train"
    seed: int = 0
    level: str = USUAL
    differ: int = 0
    repeats: int = 1
    slips: int = 0

    def __post_init__(self) -> None:
        for task in self.tasks:
            if task not in TASKS:
                raise SetError(f"data = {task!r} is not known; allowed: {', '.join(TASKS)}")
        if self.level not in ASKED_LEVELS:
            allowed = f"{', '.join(filter(None, ASKED_LEVELS))}, or none for the usual one of each task"
            raise SettingError("level", self.level, allowed)
        for cut in self.cuts:
            if cut != LINES and not (cut.isdecimal() and int(cut) > 0):
                raise SettingError("cuts", cut, f"{LINES}, or the tokens of a block")
        if min(self.n, self.corrupted, self.slips) < 0 or not self.n + self.corrupted + self.slips:
            raise SettingError("n", self.n, "0 or more, and with corrupted and slips at least 1")
        if self.differ < 0 or (self.differ and self.corrupted + self.slips):
            raise SettingError("differ", self.differ, "0 or more, and 0 with corrupted or slips")
        if self.slips and "sudoku" in self.tasks:
            raise SettingError("slips", self.slips, "0 with sudoku, whose lines have no results")
        if self.repeats < 1 or (self.repeats > 1 and self.differ):
            raise SettingError("repeats", self.repeats, "1 or more, and 1 with differ")
        if not (self.tasks and self.cuts and self.steps and self.temperatures and self.block_lengths):
            raise SettingError("steps", self.steps, "at least one value of each list")


RolloutRow = dict[str, Any]
"""A line of the JSONL file: question, steps, labels, task, level, fields, cut, decoded."""


def rollouts(loaded: LoadedModel, model: str, plan: RolloutPlan) -> Iterator[list[RolloutRow]]:
    """Rows in chunks. ModelError: the model has no prompts.json with decode settings; SettingError: its
    answers cannot be decoded in these steps."""
    settings_file = find_file(model, "prompts.json")
    if settings_file is None or loaded.tokenizer is None:
        raise ModelError(f"model = {model!r} has no prompts.json or tokenizer; allowed: one with both")
    own = json.loads(settings_file.read_text(encoding="utf-8"))
    grid = list(product(plan.steps, plan.temperatures, plan.block_lengths))
    for task, level in product(plan.tasks, ASKED_LEVELS[plan.level]):
        level = level or USUAL_LEVELS[task]
        made, usual = _Maker(loaded, plan, level), decode_settings(own, task, level)
        different = -(-plan.n // plan.repeats)
        problems = generate(task, plan.split, different + plan.corrupted + plan.slips, plan.seed, level)
        if plan.differ:
            yield from made.openings(problems, usual)
            continue
        asked = [problem for problem in problems[:different] for _ in range(plan.repeats)][: plan.n]
        for first in range(0, plan.n, CHUNK * len(grid)):
            chunk = asked[first : first + CHUNK * len(grid)]
            ways = [_settings(usual, *grid[i % len(grid)]) for i in range(len(chunk))]
            yield made.decoded(chunk, ways, first)
        rng = random.Random(f"{plan.seed}:{task}:{level}")
        spoiled = different + plan.corrupted
        for some, make in ((problems[different:spoiled], made.spoiled), (problems[spoiled:], made.slipped)):
            for first in range(0, len(some), CHUNK):
                yield [row for problem in some[first : first + CHUNK] for row in make(problem, rng)]


def _settings(own: Mapping[str, Any], steps: int, temperature: float, block_length: int) -> dict[str, Any]:
    changed = {"block_length": block_length} if block_length else {}
    return {**own, "steps": steps, "temperature": temperature, **changed}


@dataclass(frozen=True)
class _Maker:
    """Makes the rows of problems of one level."""

    loaded: LoadedModel
    plan: RolloutPlan
    level: str

    def decoded(
        self, problems: Sequence[Problem], ways: Sequence[Mapping[str, Any]], first: int
    ) -> list[RolloutRow]:
        """The rows of the model's answers; first: the number of the first problem, for its seed."""
        requests = [
            json.dumps(
                {
                    "prompt": problem.prompt,
                    "sampler": SAMPLER,
                    "settings": way,
                    "seed": self.plan.seed + number,
                }
            )
            for number, (problem, way) in enumerate(zip(problems, ways, strict=True), first)
        ]
        results, rows = run_requests(self.loaded, requests, CHUNK), []
        for problem, way, result in zip(problems, ways, results, strict=True):
            if "error" in result:
                allowed = f"what {problem.task} can be decoded in: {result['error']}"
                raise SettingError("steps", way["steps"], allowed)
            rows += self._cut(problem, result["output_ids"], way)
        return rows

    def openings(self, problems: Sequence[Problem], own: Mapping[str, Any]) -> Iterator[list[RolloutRow]]:
        """The rows of beginnings, in chunks: one block and two by turns, and the temperatures."""
        for number, first in enumerate(range(0, len(problems), OPENINGS)):
            chunk = problems[first : first + OPENINGS]
            temperature = self.plan.temperatures[number // 2 % len(self.plan.temperatures)]
            way = _settings(own, int(own["gen_length"]), temperature, 0)
            sampler = LowConfidence(**way)
            blocks = min(number % 2 + 1, sampler.blocks)
            prompts = [problem.prompt for problem in chunk]
            written = openings(
                self.loaded, sampler, prompts, self.plan.seed + first, blocks, self.plan.differ
            )
            yield [
                row
                for problem, ways in zip(chunk, written, strict=True)
                for ids in ways
                for row in self._cut(problem, ids, way, self.loaded.eos_id in ids)
            ]

    def spoiled(self, problem: Problem, rng: random.Random) -> list[RolloutRow]:
        """The rows of a worked solution in which up to three numbers are replaced; one in eight
        is unchanged. Of sudokus half have digits that changed places instead."""
        if problem.task == "sudoku" and rng.random() < 0.5:
            return self._cut_text(problem, swapped(problem, rng))
        text = problem.solution
        for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 2, 3))):
            text = spoil(text, problem.task, rng)
        return self._cut_text(problem, text)

    def slipped(self, problem: Problem, rng: random.Random) -> list[RolloutRow]:
        """The rows of a worked solution up to a result in it, half of the time a wrong one."""
        lines = problem.solution.splitlines(keepends=True)
        place = rng.choice([i for i, line in enumerate(lines) if _RESULT.search(line)])
        off = rng.choice((0, 1)) * rng.choice((-1, 1)) * rng.choice(_SLIPS)
        last = _RESULT.sub(lambda found: str(int(found[0]) + off), lines[place])
        return self._cut_text(problem, "".join((*lines[:place], last)), ended=False)

    def _cut_text(self, problem: Problem, text: str, ended: bool = True) -> list[RolloutRow]:
        """The rows of a text that no model wrote; ended: see _cut."""
        assert self.loaded.tokenizer is not None
        ids = self.loaded.tokenizer.encode(text, add_special_tokens=False)
        return self._cut(problem, ids, {}, ended)

    def _cut(
        self, problem: Problem, ids: list[int], way: Mapping[str, Any], ended: bool = True
    ) -> list[RolloutRow]:
        """A row for each way of cutting; an answer without any text gives no rows. way: the settings that it
        was decoded with; ended: nothing follows it."""

        def text_of(some: list[int]) -> str:
            assert self.loaded.tokenizer is not None
            return str(self.loaded.tokenizer.decode(some, skip_special_tokens=True))

        rows = []
        for cut in self.plan.cuts:
            parts = parts_of(ids, 0 if cut == LINES else int(cut), text_of, self.loaded.eos_id)
            if parts:
                labels = part_labels(problem.task, problem.fields, parts, ended)
                rows.append({
                    "question": problem.prompt, "steps": parts, "labels": labels, "task": problem.task,
                    "level": self.level, "fields": dict(problem.fields), "cut": cut,
                    "decoded": {name: way[name] for name in DECODED_WITH if name in way},
                })  # fmt: skip
        return rows


def spoil(text: str, task: str, rng: random.Random) -> str:
    """The text with one number (of a sudoku: one digit) replaced: by a near one, by another one of the text,
    or by itself with a minus sign."""
    places = list((_DIGIT if task == "sudoku" else _NUMBER).finditer(text))
    place = rng.choice(places)
    if task == "sudoku":
        digits = "123456" if set(text) & set("56") else "1234"
        fresh = rng.choice(digits)
    elif (u := rng.random()) < 0.15:
        fresh = f"-{place[0]}"
    elif u < 0.4:
        fresh = rng.choice(places)[0]
    else:
        fresh = str(max(0, int(place[0]) + rng.choice((-10, -3, -2, -1, 1, 2, 3, 10))))
    return (text[: place.start()] + fresh + text[place.end() :]).replace("--", "")


def swapped(problem: Problem, rng: random.Random) -> str:
    """The worked solution of a sudoku in which up to two pairs of hidden digits of a row have changed places,
    in the grid and in the box: the model, too, errs in columns and boxes more often than in rows."""
    grid, puzzle = list(problem.answer), problem.fields["puzzle"]
    size = layout_of(puzzle).size
    for _ in range(rng.choice((0, 1, 1, 2))):
        row = rng.randrange(size) * size
        hidden = [cell for cell in range(row, row + size) if puzzle[cell] == "0"]
        if len(hidden) > 1:
            one, other = rng.sample(hidden, 2)
            grid[one], grid[other] = grid[other], grid[one]
    return solution_of("".join(grid), size)


def parts_of(
    ids: list[int], block_length: int, text_of: Callable[[list[int]], str], eos_id: int | None
) -> list[str]:
    """The parts that are not empty, as samplers.scoring cuts them; block_length 0: lines."""
    if eos_id is not None and eos_id in ids:
        ids = ids[: ids.index(eos_id)]
    if not block_length:
        return text_of(ids).splitlines(keepends=True)
    stops = range(block_length, len(ids) + block_length, block_length)
    parts, before = [], ""
    for stop in stops:
        text = text_of(ids[:stop])
        parts.append(text[len(before) :])
        before = text
    return [part for part in parts if part]


def write_rows(path: Path, chunks: Iterator[list[RolloutRow]]) -> Iterator[tuple[int, int, int]]:
    """Write rows as they come; yields (rows, parts, wrong parts) so far. FileExistsError: never
    over another file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = parts = wrong = 0
    with path.open("x", encoding="utf-8") as file:
        for chunk in chunks:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in chunk)
            file.flush()
            labels = [label for row in chunk for label in row["labels"]]
            rows, parts, wrong = rows + len(chunk), parts + len(labels), wrong + labels.count(0)
            yield rows, parts, wrong
