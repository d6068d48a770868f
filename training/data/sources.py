"""Opens data by its name: a bundled task, a file, or a set of the Hugging Face hub."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from evaluation.sets.cells import Limits
from evaluation.sets.columns import SetError
from evaluation.sets.hub import hub_table
from evaluation.sets.public_sets import PUBLIC_SETS, public_set
from evaluation.sets.tables import READERS, Table, read_table
from models.assets import locate
from models.loading import LoadedModel
from samplers.settings import SettingError
from tasks import HELD_OUT, TASKS, TRAIN
from training.data.answer_settings import AnswerSettings
from training.data.bundled_tasks import held_out_problems, is_bundled
from training.data.chat import END_THINK, THINK, Chat, Encoded
from training.data.examples import (
    AnswerRows,
    Example,
    Examples,
    FittingExamples,
    Mixture,
    TaskExamples,
    collate,
    fits,
)
from training.data.known_sets import ALLOW, refuse_evaluation
from training.data.table_examples import (
    MOST_HELD_OUT,
    TableExamples,
    check_rows,
    choose_columns,
    held_out_rows,
)
from training.data.turns import Turn
from training.engine.recipe import step_generator
from training.engine.settings import RunArguments

Turns = Sequence[Turn]


MOST_MEASURED = 20_000
"""Rows of a set that are encoded before a run to measure their lengths, at most."""


LIMITS = Limits(characters=1_000_000, rows=2_000_000, columns=1)


@dataclass(frozen=True)
class Data:
    """The data of a run. mixture: the examples that are trained on; held_out: encoded examples that are not;
    prompts: the turns before the answers of held_out, from which samples are decoded; notes: sentences on
    what was left out, and on columns that are not used."""

    mixture: Mixture
    held_out: tuple[Encoded, ...]
    prompts: tuple[Turns, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Source:
    """One set: the examples that are trained on, and those that are not, as (turns, encoded); notes: see
    Data."""

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
    most_held_out = MOST_HELD_OUT // len(names)
    sources = []
    for name in names:
        if is_bundled(name):
            source = _task(name, chat, settings, allow_eval_data, most_held_out)
        else:
            source = _table(name, chat, settings, allow_eval_data, most_held_out)
        sources.append(source)
    limits = (settings.max_length, settings.too_long)
    titles = [Path(name).name if Path(name).is_file() else name for name in names]
    sets = [
        FittingExamples(source.examples, *limits, title)
        for source, title in zip(sources, titles, strict=True)
    ]
    held_out = [(turns, fitting) for source in sources for turns, encoded in source.held_out
                if (fitting := fits(encoded, *limits))]  # fmt: skip
    if not held_out:
        raise SetError(
            f"no held-out row fits max_length = {settings.max_length}; allowed: a larger max_length, "
            "or too_long = cut"
        )
    return Data(
        Mixture(sets, weights, settings.seed),
        tuple(encoded for _, encoded in held_out),
        tuple(turns for turns, _ in held_out),
        tuple(note for source in sources for note in source.notes),
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
    problems = held_out_problems(name, most)
    prompts: list[Turns] = [[{"role": "user", "content": p.prompt}] for p in problems]
    held_out = [(t, chat.encode(t, p.solution)) for t, p in zip(prompts, problems, strict=True)]
    return _Source(TaskExamples(name, chat, split, settings.seed), held_out)


def _table(name: str, chat: Chat, settings: AnswerSettings, allow_eval_data: bool, most: int) -> _Source:
    records = open_records(name, settings.split, allow_eval_data, tuple(TASKS))
    if len(records) < 2:
        raise SetError(f"{records.name} has one row; allowed: at least 2, of which one is held out")
    columns = choose_columns(records, settings)
    check_rows(records, columns, allow_eval_data)
    examples = TableExamples(records, columns, chat)
    usable, notes = _usable(examples, settings)
    unlearned = sorted(held_out_rows(len(records)) & set(usable))
    if not unlearned:
        unlearned = [usable[-1]]
        notes.append(f"no held-out row fits, so row {unlearned[0] + 1} is held out in their place")
    learned = sorted(set(usable) - set(unlearned))
    held_out: list[tuple[Turns, Encoded]] = [
        (examples.conversation(i).turns, examples[i]) for i in unlearned[:most]
    ]
    notes = [*table_notes(records, columns.used), *(f"{records.name}: {note}" for note in notes)]
    return _Source(TableExamples(records, columns, chat, learned), held_out, notes)


def _usable(examples: TableExamples, settings: AnswerSettings) -> tuple[Sequence[int], list[str]]:
    """The indices of the rows that fit, and notes on the others. Of a large set only MOST_MEASURED rows are
    measured, and the others count as fitting: FittingExamples replaces those that do not. SetError: fewer
    than two rows fit."""
    name, count, limit = examples.records.name, examples.size, settings.max_length
    measured: Sequence[int] = range(count)
    if count > MOST_MEASURED:
        measured = random.Random(f"lengths of {count}").sample(measured, MOST_MEASURED)
    lengths = {i: examples[i] for i in measured}
    long = [i for i, example in lengths.items() if not fits(example, limit, "skip")]
    misfits = {i for i in long if not fits(lengths[i], limit, settings.too_long)}
    if len(measured) - len(misfits) < 2:
        shortest = min(len(prompt) + len(answer) for prompt, answer in lengths.values())
        tried = "every row" if len(misfits) == len(measured) else "every row but one"
        raise SetError(
            f"{tried} of {name} that was tried is longer than max_length = {limit} "
            f"(the shortest has {shortest} tokens); allowed: a larger max_length, or too_long = cut"
        )
    of = f"{count:,} rows" if len(measured) == count else f"{len(measured):,} measured rows of {count:,}"
    notes = []
    if misfits:
        notes.append(f"{len(misfits):,} of {of} are longer than {limit} tokens and were left out")
    if cut := len(long) - len(misfits):
        notes.append(f"{cut:,} of {of} are longer than {limit} tokens and were cut")
    return [i for i in range(count) if i not in misfits], notes


def table_notes(records: Table, used: Sequence[str]) -> list[str]:
    """Notes on a set of which the columns `used` are read: on other columns, and on rows left out."""
    return [f"{records.name}: {note}" for note in records.notes_for(used)]


def open_records(
    name: str, split: str, allow_eval_data: bool, others: Sequence[str] = (), limits: Limits = LIMITS
) -> Table:
    """Open a file or a set of the hub. others: names that the caller accepts too, for the error message.
    SetError: there is no such set, or it is for evaluation only and allow_eval_data is false."""
    refuse_evaluation(name, split, allow_eval_data)
    path = Path(locate(name))
    if path.is_file():
        return read_table(path, limits=limits)
    a_file = path.exists() or path.suffix.lower() in READERS  # or it is missing
    public = None if a_file else public_set(name)
    if public is None:
        raise SetError(
            f"data = {name!r} is neither a file nor a known set; allowed: a CSV, JSONL or Parquet file, "
            f"owner/name[:subset] on the hub, {', '.join((*others, *PUBLIC_SETS))}"
        )
    return hub_table(name, public, split)


def check_length(max_length: int, loaded: LoadedModel) -> None:
    """SettingError when rows may be longer than the model's context, which an adapter may have extended."""
    if max_length > loaded.max_length:
        allowed = f"at most {loaded.max_length}, the model's (pretrain extends it)"
        raise SettingError("max_length", max_length, allowed)


class Answers:
    """The rows of each step, from data with questions and answers."""

    def __init__(self, loaded: LoadedModel, arguments: RunArguments, settings: AnswerSettings) -> None:
        assert loaded.tokenizer is not None and loaded.eos_id is not None
        self.loaded, self.settings, self.eos = loaded, settings, loaded.eos_id
        check_length(settings.max_length, loaded)
        self.data: Data = open_data(
            arguments.data, Chat(loaded.tokenizer), settings, arguments.allow_eval_data
        )

    def rows(self, step: int) -> AnswerRows:
        """The rows of a step, before any noise. The EOS tail has 1 to settings.tail cells, drawn by step."""
        encoded = self.data.mixture.rows(step, self.settings.batch_size)
        draw = step_generator(self.settings.seed, step, salt=1)
        return self.collated(encoded, int(torch.randint(1, self.settings.tail + 1, (), generator=draw)))

    def collated(self, encoded: Sequence[Encoded], tail: int = 1) -> AnswerRows:
        """Encoded examples as rows of one length, with `tail` cells of EOS behind the longest answer, or as
        many as max_length has room for."""
        longest = max(len(p) + len(a) for p, a in encoded)
        return collate(encoded, self.eos, max(0, min(tail, self.settings.max_length - longest)))

    def example(self) -> Example:
        """The first row of the first step."""
        assert self.loaded.tokenizer is not None
        prompt, answer = self.data.mixture[0]
        templated = Chat(self.loaded.tokenizer).decode(prompt + answer)
        return Example(self.data.mixture.raw(0), templated, len(prompt))
