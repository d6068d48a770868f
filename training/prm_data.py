"""Labelled steps for a process reward model: JSON lines in, padded batches of similar length out."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from evaluation.columns import SetError
from models.reward import LoadedReward

QUESTION, STEPS = ("question", "prompt"), ("steps", "completions")
"""Names of the columns; the second of each are those of TRL's stepwise sets."""
POOL = 16
"""Batches that are filled together from rows sorted by length."""
LONGEST_CELL = 100_000
UNSCORED = -1


@dataclass(frozen=True)
class Labelled:
    """A row: labels has a 1 (right) or 0 for each of steps; task and cut say how it was made."""

    question: str
    steps: tuple[str, ...]
    labels: tuple[int, ...]
    task: str = ""
    cut: str = ""

    @property
    def size(self) -> int:
        """Characters, and a few for each step: what batches are sorted by."""
        return len(self.question) + sum(len(step) + 3 for step in self.steps)


class RewardBatch(NamedTuple):
    """ids: Int[rows, length], padded on the right; labels: Int[rows, length], 0 or 1 where a step is
    scored, -1 elsewhere; starts: Int[rows], where the steps begin."""

    ids: Tensor
    labels: Tensor
    starts: Tensor


def read_labelled(path: Path) -> list[Labelled]:
    """The rows of a JSONL file; SetError names the row that cannot be used, and why."""
    if not path.is_file():
        raise SetError(f"data = {str(path)!r} is no file; allowed: JSON lines of question, steps, labels")
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                rows.append(_labelled(f"{path.name}, row {number}", line))
    if not rows:
        raise SetError(f"{path.name} has no rows; allowed: JSON lines of question, steps, labels")
    return rows


def _labelled(where: str, line: bytes) -> Labelled:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SetError(f"{where} is not JSON: {str(error)[:100]}") from None
    if not isinstance(row, dict):
        raise SetError(f"{where} is no object; allowed: question, steps, labels")
    question, steps, labels = _column(where, row, QUESTION), _column(where, row, STEPS), row.get("labels")
    if not isinstance(question, str) or not question.strip():
        raise SetError(f"{where}: question is empty or no text; every row needs one")
    if not isinstance(steps, list) or not steps:
        raise SetError(f"{where} has no steps; allowed: a list of one text or more")
    for place, step in enumerate(steps, 1):
        if not isinstance(step, str) or not step:
            raise SetError(f"{where}: step {place} is empty or no text; every step needs some")
    if not isinstance(labels, list) or len(labels) != len(steps):
        count = len(labels) if isinstance(labels, list) else "no"
        raise SetError(f"{where} has {count} labels for {len(steps)} steps; allowed: one each")
    for place, label in enumerate(labels, 1):
        if label not in (0, 1):
            raise SetError(f"{where}: label {place} = {str(label)[:40]!r}; allowed: 0 or 1")
    if any("\ud800" <= character <= "\udfff" for text in (question, *steps) for character in text):
        raise SetError(f"{where} has half a character (a lone surrogate); allowed: Unicode text")
    if max(map(len, (question, *steps))) > LONGEST_CELL:
        raise SetError(f"{where} has a text of more than {LONGEST_CELL:,} characters; make it shorter")
    found = tuple(int(label) for label in labels)
    return Labelled(question, tuple(steps), found, str(row.get("task", "")), str(row.get("cut", "")))


def _column(where: str, row: dict[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if name in row:
            return row[name]
    raise SetError(f"{where} has no {names[0]}; it has {', '.join(map(str, row))[:100] or 'nothing'}")


def held_apart(rows: Sequence[Labelled], one_in: int) -> tuple[list[Labelled], list[Labelled]]:
    """Rows to train on, and those of one question in `one_in`, by hash: a question is on one side."""
    sides: tuple[list[Labelled], list[Labelled]] = ([], [])
    for row in rows:
        digest = int(sha256(row.question.encode()).hexdigest(), 16)
        sides[digest % one_in == 0].append(row)
    return sides


class Batches:
    """Batches by step, a function of (seed, step) alone. An epoch goes through all rows in a new
    order; within POOL batches rows are sorted by length, and these batches shuffled."""

    def __init__(self, rows: Sequence[Labelled], size: int, seed: int) -> None:
        self.rows, self.size, self.seed = rows, size, seed
        self._pool = lru_cache(maxsize=2)(self._filled)

    def __getitem__(self, step: int) -> list[Labelled]:
        return self._pool(step // POOL)[step % POOL]

    def _filled(self, pool: int) -> list[list[Labelled]]:
        start = pool * POOL * self.size
        chosen = [self._row(place) for place in range(start, start + POOL * self.size)]
        chosen.sort(key=lambda row: row.size)
        batches = [chosen[i : i + self.size] for i in range(0, len(chosen), self.size)]
        random.Random(f"{self.seed}:pool:{pool}").shuffle(batches)
        return batches

    def _row(self, place: int) -> Labelled:
        epoch, index = divmod(place, len(self.rows))
        return self.rows[_order(len(self.rows), f"{self.seed}:{epoch}")[index]]


@lru_cache(maxsize=2)
def _order(size: int, seed: str) -> list[int]:
    order = list(range(size))
    random.Random(seed).shuffle(order)
    return order


def collate(rows: Sequence[Labelled], reward: LoadedReward, max_length: int) -> RewardBatch:
    """Encoded exactly as they will be scored; of a row that is too long the last steps are left out,
    which changes nothing about those before them."""
    encoded = [_encoded(row, reward, max_length) for row in rows]
    width = max(len(ids) for ids, _ in encoded)
    ids = torch.full((len(rows), width), reward.tokenizer.pad_token_id or 0)
    labels = torch.full((len(rows), width), UNSCORED)
    starts = torch.tensor([len(reward.question(row.question)) for row in rows])
    for i, (row, (found, places)) in enumerate(zip(rows, encoded, strict=True)):
        ids[i, : len(found)] = torch.tensor(found)
        labels[i, places] = torch.tensor(row.labels[: len(places)], dtype=labels.dtype)
    return RewardBatch(ids, labels, starts)


def _encoded(row: Labelled, reward: LoadedReward, max_length: int) -> tuple[list[int], list[int]]:
    ids, places = reward.encode(row.question, row.steps)
    fitting = [place for place in places if place < max_length]
    return ids[: fitting[-1] + 1], fitting


def check_lengths(rows: Sequence[Labelled], reward: LoadedReward, max_length: int) -> None:
    """SetError naming the first row of which not even one step fits."""
    frame = len(reward.encode("x", ["x"])[0])
    for number, row in enumerate(rows, 1):
        if frame + len((row.question + row.steps[0]).encode()) <= max_length:  # a token has a byte at least
            continue
        if (tokens := reward.encode(row.question, row.steps[:1])[1][0] + 1) > max_length:
            raise SetError(
                f"row {number}, {row.question[:40]!r}: question and first step have {tokens} tokens; "
                f"allowed: at most max_length = {max_length}"
            )
