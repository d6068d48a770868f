"""One training example as it is seen: the raw row, the templated text, the cells with their noise."""

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
    """raw: named texts of one row; templated: what the model is given and what it learns; cells: text and
    state of each token of the first row of the first step, a mask's text empty. What an objective has
    not stays empty. rejected: of a pair, the same for the answer that is not preferred. notes: what a run
    would say of the data: what is not read, what is left out."""

    raw: dict[str, str]
    templated: str
    cells: list[tuple[str, str]]
    rejected: Preview | None = None
    notes: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def as_text(self) -> str:
        """For a terminal."""
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
    """A batch, Int[rows, length]: clean, and as the model is given it."""

    @property
    def tokens(self) -> Tensor: ...

    @property
    def input_ids(self) -> Tensor: ...


def noised_preview(
    example: Example, batch: Noised, loaded: LoadedModel, notes: Sequence[str] = ()
) -> Preview:
    """An example beside the first row of a batch, which is the same one with its noise."""
    cells = cells_of(batch, loaded, example.prompt_length)
    return Preview(example.raw, example.templated, cells, notes=notes)


def cells_of(batch: Noised, loaded: LoadedModel, prompt_length: int) -> list[tuple[str, str]]:
    """Text and state of the first row's cells. given: how many of them are the prompt."""
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
