"""Data by name: bundled tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.columns import SetError
from tasks import HELD_OUT, TASKS, generate
from training.chat import Chat, Encoded
from training.examples import Mixture, TaskExamples

Turns = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Data:
    """mixture: what is trained on; held_out: encoded examples that are not; prompts: conversations
    that samples are decoded from."""

    mixture: Mixture
    held_out: tuple[Encoded, ...]
    prompts: tuple[Turns, ...]


def open_data(names: Sequence[str], chat: Chat, settings: Any, allow_eval_data: bool = False) -> Data:
    """The named sets, drawn by settings.weights."""
    for name in names:
        if name not in TASKS:
            raise SetError(f"data = {name!r} is not known; allowed: {', '.join(TASKS)}")
    sets = [TaskExamples(name, chat, seed=settings.seed) for name in names]
    weights = [float(w) for w in settings.weights.split(",")] if settings.weights else [1.0] * len(sets)
    problems = [p for name in names for p in generate(name, HELD_OUT, 256 // len(names), seed=1)]
    asked = [[{"role": "user", "content": p.prompt}] for p in problems]
    held_out = tuple(chat.encode(t, p.solution) for t, p in zip(asked, problems, strict=True))
    return Data(Mixture(sets, weights, settings.seed), held_out, tuple(asked))
