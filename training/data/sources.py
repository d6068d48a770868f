"""Data by name: bundled tasks, files, sets of the hub."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.sets.columns import SetError
from samplers.settings import SettingError
from tasks import HELD_OUT, TASKS, TRAIN, generate
from training.data.answer_settings import AnswerSettings
from training.data.chat import END_THINK, THINK, Chat, Encoded
from training.data.examples import Examples, Fitting, Mixture, TaskExamples, fits
from training.data.known_sets import ALLOW
from training.data.records import open_records, said_of
from training.data.table_examples import (
    MOST_HELD_OUT,
    TableExamples,
    check_rows,
    choose_columns,
    held_out_rows,
)
from training.data.turns import Turn

Turns = Sequence[Turn]


COUNTED = 20_000
"""Rows of a set whose lengths are measured before a run, at most."""


@dataclass(frozen=True)
class Data:
    """mixture: what is trained on; held_out: encoded examples that are not; prompts: conversations
    that samples are decoded from, held out too; notes: what was left out, or is not read."""

    mixture: Mixture
    held_out: tuple[Encoded, ...]
    prompts: tuple[Turns, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """One set: what is trained on, and what is not, as (turns, encoded); notes: see Data."""

    examples: Examples
    held_out: list[tuple[Turns, Encoded]]
    notes: Sequence[str] = ()


def open_data(
    names: Sequence[str], chat: Chat, settings: AnswerSettings, allow_eval_data: bool = False
) -> Data:
    """The named sets, drawn by settings.weights.

    SetError, SettingError: a set that cannot be used, or is for evaluation, with row and column.
    """
    weights = parse_weights(settings.weights, len(names))
    if settings.think and not chat.can_think:
        allowed = f"false, or a model whose tokenizer has {THINK} and {END_THINK} (sft adds them)"
        raise SettingError("think", True, allowed)
    each = MOST_HELD_OUT // len(names)
    found = []
    for name in names:
        if name in TASKS:
            source = _task(name, chat, settings, allow_eval_data, each)
        else:
            source = _table(name, chat, settings, allow_eval_data, each)
        found.append(source)
    limits = (settings.max_length, settings.too_long)
    titles = [Path(name).name if Path(name).is_file() else name for name in names]
    sets = [Fitting(source.examples, *limits, title) for source, title in zip(found, titles, strict=True)]
    kept = [(turns, fitting) for source in found for turns, encoded in source.held_out
            if (fitting := fits(encoded, *limits))]  # fmt: skip
    if not kept:
        raise SetError(
            f"no held-out row fits max_length = {settings.max_length}; allowed: a larger max_length, "
            "or too_long = cut"
        )
    return Data(
        Mixture(sets, weights, settings.seed),
        tuple(encoded for _, encoded in kept),
        tuple(turns for turns, _ in kept),
        tuple(note for source in found for note in source.notes),
    )


def parse_weights(text: str, count: int) -> list[float]:
    """`2,1` as shares of `count` sets; equal ones when it is empty."""
    if not text:
        return [1.0] * count
    try:
        weights = [float(part) for part in text.split(",")]
    except ValueError:
        weights = []
    if len(weights) != count or not all(math.isfinite(w) and w > 0 for w in weights):
        raise SettingError("weights", text, f"{count} positive numbers with commas between, one a set")
    return weights


def _task(name: str, chat: Chat, settings: AnswerSettings, allow_eval_data: bool, most: int) -> _Source:
    split = settings.split
    if split not in (TRAIN, HELD_OUT):
        raise SetError(f"split = {split!r} of {name!r} is not known; allowed: {TRAIN}")
    if split == HELD_OUT and not allow_eval_data:
        raise SetError(f"split = {split!r} of {name!r} is for evaluation only; {ALLOW}")
    if settings.think:
        raise SetError(f"data = {name!r} has no thoughts; allowed: think = false")
    problems = generate(name, HELD_OUT, most, seed=1)
    asked: list[Turns] = [[{"role": "user", "content": p.prompt}] for p in problems]
    held_out = [(t, chat.encode(t, p.solution)) for t, p in zip(asked, problems, strict=True)]
    return _Source(TaskExamples(name, chat, split, settings.seed), held_out)


def _table(name: str, chat: Chat, settings: AnswerSettings, allow_eval_data: bool, most: int) -> _Source:
    records = open_records(name, settings.split, allow_eval_data, tuple(TASKS))
    if len(records) < 2:
        raise SetError(f"{records.name} has one row; allowed: at least 2, of which one is held out")
    columns = choose_columns(records, settings)
    check_rows(records, columns, allow_eval_data)
    every = TableExamples(records, columns, chat)
    usable, notes = _usable(every, settings)
    kept_out = sorted(held_out_rows(len(records)) & set(usable))
    if not kept_out:
        kept_out = [usable[-1]]
        notes.append(f"no held-out row fits, so row {kept_out[0] + 1} is held out in their place")
    learned = sorted(set(usable) - set(kept_out))
    held_out: list[tuple[Turns, Encoded]] = [(every.row(i).turns, every[i]) for i in kept_out[:most]]
    notes = [*said_of(records, columns.used), *(f"{records.name}: {note}" for note in notes)]
    return _Source(TableExamples(records, columns, chat, learned), held_out, notes)


def _usable(every: TableExamples, settings: AnswerSettings) -> tuple[Sequence[int], list[str]]:
    """The rows that fit, and what is to be said of the others. Of a large set only some are measured: what
    does not fit among the rest is replaced when its turn comes. SetError: fewer than two fit."""
    name, count, limit = every.records.name, every.size, settings.max_length
    looked: Sequence[int] = range(count)
    if count > COUNTED:
        looked = random.Random(f"lengths of {count}").sample(looked, COUNTED)
    lengths = {i: every[i] for i in looked}
    long = [i for i, example in lengths.items() if not fits(example, limit, "skip")]
    misfits = {i for i in long if not fits(lengths[i], limit, settings.too_long)}
    if len(looked) - len(misfits) < 2:
        shortest = min(len(prompt) + len(answer) for prompt, answer in lengths.values())
        tried = "every row" if len(misfits) == len(looked) else "every row but one"
        raise SetError(
            f"{tried} of {name} that was tried is longer than max_length = {limit} "
            f"(the shortest has {shortest} tokens); allowed: a larger max_length, or too_long = cut"
        )
    of = f"{count:,} rows" if len(looked) == count else f"{len(looked):,} measured rows of {count:,}"
    notes = []
    if misfits:
        notes.append(f"{len(misfits):,} of {of} are longer than {limit} tokens and were left out")
    if cut := len(long) - len(misfits):
        notes.append(f"{cut:,} of {of} are longer than {limit} tokens and were cut")
    return [i for i in range(count) if i not in misfits], notes
