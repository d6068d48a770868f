"""Conversations on the page: which rounds went before a run, so that the next prompt can go on with them.

A conversation belongs to whoever knows the id of its last run, which cannot be guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llada_viz.decoding.conversation import (
    Conversation,
    Message,
    Reader,
    answer_so_far,
    fitting,
    left_out_sentence,
)
from llada_viz.decoding.recent import Recent
from llada_viz.decoding.runs import Run
from models.loading import LoadedModel
from samplers.fold import fold
from samplers.requests import prompt_ids

MOST_CHATS = 256


@dataclass(frozen=True)
class Asked:
    """A prompt that goes on with a conversation. model: who answers; before: all rounds; left_out: how many
    of them, the oldest, the model does not read any more; again: its answer was cut off, and it is asked once
    more."""

    model: Reader
    before: Conversation
    question: str
    left_out: int = 0
    run: Run | None = None
    again: bool = False

    @property
    def messages(self) -> Sequence[Message]:
        """The turns that the model reads before the question."""
        return self.before.without_oldest(self.left_out).messages()

    @property
    def note(self) -> str:
        """Says what was left out, "" for nothing."""
        return left_out_sentence(self.left_out, self.model.max_length, self.model.name)

    def after(self, question: str) -> Conversation:
        """The conversation that another question goes on with. The same one again replaces the round; a run
        that wrote nothing is none."""
        if self.again and question == self.question:
            return self.before
        answer = answer_so_far(self.model, fold(self.run.events)) if self.run and self.run.events else ""
        return self.before.with_round(self.question, answer) if answer.strip() else self.before


class Chats:
    """What was asked in the last runs, by run id."""

    def __init__(self, most: int = MOST_CHATS) -> None:
        self._asked: Recent[str, Asked] = Recent(most)

    def get(self, run_id: str) -> Asked | None:
        """What a run was asked; None: it is no part of a conversation, or no longer."""
        asked = self._asked.get(run_id)
        return asked if asked is not None and asked.question else None

    def ask(self, last_run: str, loaded: LoadedModel, question: str, gen_length: int) -> Asked:
        """A question that goes on where a run ended. RequestError: it cannot be asked at all."""
        prompt_ids(loaded, prompt=question)  # refuses what is empty, before anything is left out
        last = self.get(last_run)
        before = last.after(question) if last else Conversation()
        _, left_out = fitting(loaded, before, question, gen_length)
        return Asked(Reader.of(loaded), before, question, left_out)

    def begin(self, asked: Asked, run: Run) -> None:
        """The run that answers a question has begun."""
        self._asked.put(run.id, replace(asked, run=run))

    def again(self, run_id: str) -> str:
        """The question of a run, "" for none: its next run replaces this one."""
        asked = self.get(run_id)
        if asked is None:
            return ""
        self._asked.put(run_id, replace(asked, again=True))
        return asked.question

    def forget(self, run_id: str) -> None:
        """The next question begins a new conversation."""
        if (asked := self.get(run_id)) is not None:
            self._asked.put(run_id, Asked(asked.model, Conversation(), ""))
