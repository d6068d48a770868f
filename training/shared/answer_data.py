"""The data side of objectives that learn answers to questions: SFT and the two remask objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from evaluation.sets.tables import Table
from models.loading import LoadedModel
from training.data.answer_settings import AnswerSettings
from training.data.sources import Answers, parse_weights
from training.data.table_examples import check_rows, choose_columns
from training.engine.settings import RunArguments
from training.shared.data_side import ChosenSets, Kind, Note, check_tables
from training.shared.preview import Noised, Preview, noised_preview

A = TypeVar("A", bound=AnswerSettings)


class AnswerRecipe(Protocol):
    """A recipe whose rows are answers to questions, with noise."""

    answers: Answers
    loaded: LoadedModel

    def batches(self, step: int) -> Sequence[Noised]: ...


class AnswerData(Generic[A]):
    """The DataSide of questions and answers from any kind of set. build: makes the recipe of a run, which
    the preview needs."""

    def __init__(self, build: Callable[[RunArguments, A], AnswerRecipe]) -> None:
        self.build = build

    def accepts(self, kind: Kind) -> bool:
        """See DataSide."""
        return True

    def note(self, model: str) -> Note:
        """See DataSide."""
        return Note()

    def columns(self, records: Table, settings: A) -> dict[str, str]:
        """See DataSide. Whole conversations need no columns."""
        columns = choose_columns(records, settings)
        return {"prompt_column": columns.prompt, "answer_column": columns.answer}

    def check(self, chosen: ChosenSets, settings: A) -> None:
        """See DataSide: checks the weights of the sets, then every row."""
        parse_weights(settings.weights, len(chosen.names))
        check_tables(chosen, settings, settings.split)
        for records in chosen.tables.values():
            check_rows(records, choose_columns(records, settings), False)

    def preview(self, arguments: RunArguments, settings: A) -> Preview:
        """See DataSide."""
        recipe = self.build(arguments, settings)
        return noised_preview(
            recipe.answers.example(), recipe.batches(0)[0], recipe.loaded, recipe.answers.data.notes
        )
