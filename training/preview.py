"""One training example as it is seen: the raw row, the templated text, the cells with their noise."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.loading import LoadedModel
from models.text import cell_texts, token_pieces
from tasks import TASKS, TRAIN, generate
from training.data.examples import Example
from training.data.records import open_records
from training.dpo.objective import DPO
from training.engine.recipe import Recipe
from training.engine.settings import TrainSettings
from training.registry import objective
from training.shared.answers import RunArguments

MASK, OPEN, CLOSE = "░", "⟦", "⟧"
STATES = ("prompt", "clean", "masked", "wrong", "own", "tail")


@dataclass(frozen=True)
class Preview:
    """raw: named texts of one row; templated: what the model is given and what it learns; cells: text and
    state of each token of the first row of the first step, a mask's text empty. What an objective has
    not stays empty. rejected: of a pair, the same for the answer that is not preferred."""

    raw: dict[str, str]
    templated: str
    cells: list[tuple[str, str]]
    rejected: Preview | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def as_text(self) -> str:
        """For a terminal."""
        parts = [f"raw · {name}\n{text}" for name, text in self.raw.items()]
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
    if state in ("masked", "own"):
        return MASK
    return f"{OPEN}{text}{CLOSE}" if state == "wrong" else text


def preview(name: str, arguments: RunArguments, settings: TrainSettings) -> Preview:
    """The first example of a run with these settings; nothing is trained or written."""
    recipe = objective(name).build(arguments, settings)
    if isinstance(recipe, DPO):
        return of_pair(recipe)
    found = example_of(recipe, arguments)
    if type(recipe).before is not Recipe.before:  # its batches are made of answers yet to be written
        return Preview(found.raw, found.templated, [])
    batch, loaded = recipe.batches(0)[0], getattr(recipe, "loaded", None)
    noised = {"tokens", "input_ids"} <= set(getattr(batch, "_fields", ()))
    cells = cells_of(batch, loaded, found.given) if noised and loaded is not None else []
    return Preview(found.raw, found.templated, cells)


class Row(NamedTuple):
    """One row for `cells_of`: Int[1, length], clean and with masks."""

    tokens: Tensor
    input_ids: Tensor


def of_pair(recipe: DPO) -> Preview:
    """A pair: its row without the rejected answer, the chosen answer under the middle one of its masks
    (their shares of masked cells rise), and the same for the rejected one."""
    first, batch = recipe.first_pair()
    raw, loaded = first.pair.raw, recipe.loaded
    column = (recipe.settings.rejected_column if first.pair.source else "") or "rejected"
    parts = ({name: text for name, text in raw.items() if name != column}, {column: raw[column]})
    sides = []
    for side, answer in enumerate((first.chosen, first.rejected)):
        tokens, masked = batch.tokens[:, side], batch.masked[:, side, batch.masked.shape[2] // 2]
        row = Row(tokens, tokens.masked_fill(masked, loaded.mask_id))
        templated = recipe.chat.decode(answer.prompt + answer.answer)
        sides.append(Preview(parts[side], templated, cells_of(row, loaded, len(answer.prompt))))
    return replace(sides[0], rejected=sides[1])


def example_of(recipe: Recipe, arguments: RunArguments) -> Example:
    """The recipe's own `example()`, or that of its `answers`, or else the first row of its data."""
    for source in (recipe, getattr(recipe, "answers", None)):
        if hasattr(source, "example"):
            example: Example = source.example()
            return example
    name = arguments.data[0]
    if name in TASKS:
        problem = generate(name, TRAIN, 1, seed=0)[0]
        return Example({"prompt": problem.prompt, "solution": problem.solution}, "", 0)
    return Example(open_records(name, TRAIN, arguments.allow_eval_data, tuple(TASKS))[0], "", 0)


def cells_of(batch: Any, loaded: LoadedModel, given: int) -> list[tuple[str, str]]:
    """Text and state of the first row's cells. given: how many of them are the prompt.

    batch: a NamedTuple with tokens and input_ids, Int[rows, length], and maybe `own`, Bool.
    """
    assert loaded.tokenizer is not None
    tokens, shown = batch.tokens[0], batch.input_ids[0]
    own = batch.own[0] if hasattr(batch, "own") else torch.zeros_like(tokens, dtype=torch.bool)
    texts = cell_texts(token_pieces(loaded.tokenizer), shown.tolist(), loaded.mask_id)
    tail = _tail(tokens, loaded.eos_id)
    states = []
    for i in range(len(tokens)):
        if int(shown[i]) == loaded.mask_id:
            states.append("own" if bool(own[i]) else "masked")
        elif int(shown[i]) != int(tokens[i]):
            states.append("wrong")
        else:
            states.append("prompt" if i < given else "tail" if i >= tail else "clean")
    return list(zip(texts, states, strict=True))


def _tail(tokens: Tensor, eos: int | None) -> int:
    """Where the EOS cells at the end of a row begin."""
    others = (tokens != (-1 if eos is None else eos)).nonzero()
    return int(others[-1]) + 1 if len(others) else 0
