"""A conversation with a model: its rounds, what of it fits, and what stands of an answer that was stopped."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from models.loading import LoadedModel
from samplers.fold import Board
from samplers.requests import prompt_ids

Message = dict[str, str]
GAP = " … "


class Reads(Protocol):
    """What it takes to read an answer; a LoadedModel has it."""

    @property
    def tokenizer(self) -> Any: ...
    @property
    def eos_id(self) -> int | None: ...


@dataclass(frozen=True)
class Reader:
    """What is kept of a model that answered, which may be unloaded meanwhile: all but its network."""

    name: str
    tokenizer: Any
    eos_id: int | None
    max_length: int

    @classmethod
    def of(cls, loaded: LoadedModel) -> Reader:
        """That of a loaded model."""
        return cls(loaded.name, loaded.tokenizer, loaded.eos_id, loaded.max_length)


class Round(NamedTuple):
    """What somebody asked, and what the model answered."""

    question: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """system: a text that stands before all rounds, "" for none."""

    system: str = ""
    rounds: tuple[Round, ...] = ()

    def with_round(self, question: str, answer: str) -> Conversation:
        """The conversation with one round more."""
        return replace(self, rounds=(*self.rounds, Round(question, answer)))

    def without_last(self) -> Conversation:
        """The conversation without its last round."""
        return replace(self, rounds=self.rounds[:-1])

    def without_oldest(self, count: int) -> Conversation:
        """The conversation without its first rounds."""
        return replace(self, rounds=self.rounds[count:])

    def messages(self, question: str = "") -> list[Message]:
        """All turns as {role, content}, and a question, if there is one, as the last."""
        turns = [("system", self.system)] if self.system else []
        for asked, answered in self.rounds:
            turns += [("user", asked), ("assistant", answered)]
        turns += [("user", question)] if question else []
        return [{"role": role, "content": content} for role, content in turns]


def fitting(
    loaded: LoadedModel, conversation: Conversation, question: str, gen_length: int
) -> tuple[Conversation, int]:
    """What of a conversation a model can read before it answers a question in `gen_length` tokens.

    The oldest rounds go, the system turn stays. Returns what is left, and how many rounds went; when the
    question alone is too long, no round is left, and the run is refused as any that is too long.
    """
    room = loaded.max_length - gen_length

    def fits(left_out: int) -> bool:
        shorter = conversation.without_oldest(left_out)
        return len(prompt_ids(loaded, messages=shorter.messages(question))) <= room

    left_out = bisect_left(range(len(conversation.rounds)), True, key=fits)
    return conversation.without_oldest(left_out), left_out


def left_out_sentence(rounds: int, most: int, name: str) -> str:
    """Says that the oldest rounds were left out; "" for none. most: tokens that the model reads."""
    if not rounds:
        return ""
    which = "oldest round was" if rounds == 1 else f"{rounds} oldest rounds were"
    return f"The {which} left out: {name} reads at most {most:,} tokens."


def answer_so_far(model: Reads, board: Board) -> str:
    """The text of the first row's answer, up to its end; undecided cells between words show as a gap."""
    row, start = board.trunk[0] if board.trunk else None, board.prompt_length
    cells = list(zip(row.tokens[start:], row.undecided[start:], strict=True)) if row else []
    ends = [i for i, (token, is_undecided) in enumerate(cells) if token == model.eos_id and not is_undecided]
    cells = cells[: ends[0]] if ends else cells
    parts: list[list[int]] = [[]]
    for token, is_undecided in cells:
        if is_undecided:
            parts.append([])
        else:
            parts[-1].append(token)
    assert model.tokenizer is not None
    texts = [str(model.tokenizer.decode(part, skip_special_tokens=True)) for part in parts if part]
    return GAP.join(filter(None, (text.strip() for text in texts))) if len(parts) > 1 else "".join(texts)
