"""A preview of one training example: the raw row, its text in the chat template, its cells with noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from torch import Tensor

from models.loading import LoadedModel
from models.text import cell_texts, token_pieces
from training.data.examples import Example

MASK, OPEN, CLOSE = "░", "⟦", "⟧"
STATES = ("prompt", "clean", "masked", "wrong", "tail")


@dataclass(frozen=True)
class Preview:
    """One example of a run. raw: the row's texts by name; templated: prompt and answer in the chat template;
    cells: (text, state) of each token of the first row of the first step, where a mask has no text and a
    state is one of STATES. What an objective does not have stays empty. rejected: for a preference pair,
    the same for the rejected answer. notes: sentences on columns and rows that a run would not use."""

    raw: dict[str, str]
    templated: str
    cells: list[tuple[str, str]]
    rejected: Preview | None = None
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def as_text(self) -> str:
        """The preview for a terminal."""
        parts = ["\n".join(self.notes)] if self.notes else []
        parts += [f"raw · {name}\n{text}" for name, text in self.raw.items()]
        if self.templated:
            parts.append(f"templated\n{self.templated}")
        if self.cells:
            counts = {state: sum(s == state for _, s in self.cells) for state in STATES}
            listed = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
            shown = "".join(_marked(text, state) for text, state in self.cells)
            parts.append(f"noised · {listed} ({MASK} mask, {OPEN}wrong{CLOSE})\n{shown}")
        if self.rejected:
            parts.append(self.rejected.as_text())
        return "\n\n".join(parts)


def _marked(text: str, state: str) -> str:
    if state == "masked":
        return MASK
    return f"{OPEN}{text}{CLOSE}" if state == "wrong" else text


class Noised(Protocol):
    """A batch with both its tokens, Int[rows, length], and its input_ids: the tokens with noise."""

    @property
    def tokens(self) -> Tensor: ...

    @property
    def input_ids(self) -> Tensor: ...


def noised_preview(
    example: Example, batch: Noised, loaded: LoadedModel, notes: Sequence[str] = ()
) -> Preview:
    """The preview of an example, of which the first row of the batch is the noised form."""
    cells = cells_of(batch, loaded, example.prompt_length)
    return Preview(example.raw, example.templated, cells, notes=notes)


def cells_of(batch: Noised, loaded: LoadedModel, prompt_length: int) -> list[tuple[str, str]]:
    """(text, state) of the first row's cells. prompt_length: how many of them are the prompt."""
    assert loaded.tokenizer is not None
    tokens, shown = batch.tokens[0], batch.input_ids[0]
    texts = cell_texts(token_pieces(loaded.tokenizer), shown.tolist(), loaded.mask_id)
    tail = _tail(tokens, loaded.eos_id)
    states = []
    for i in range(len(tokens)):
        if int(shown[i]) == loaded.mask_id:
            states.append("masked")
        elif int(shown[i]) != int(tokens[i]):
            states.append("wrong")
        else:
            states.append("prompt" if i < prompt_length else "tail" if i >= tail else "clean")
    return list(zip(texts, states, strict=True))


def _tail(tokens: Tensor, eos: int | None) -> int:
    """Where the EOS cells at the end of a row begin."""
    others = (tokens != (-1 if eos is None else eos)).nonzero()
    return int(others[-1]) + 1 if len(others) else 0
