"""The data side of GRPO: questions with something to grade answers by."""

from __future__ import annotations

from evaluation.sets.tables import Table
from training.engine.settings import RunArguments
from training.grpo.objective import GRPO, GRPOSettings
from training.shared.data_side import ChosenSets, Kind, Note, check_tables
from training.shared.preview import Preview
from training.shared.questions import check_questions, question_columns


class QuestionData:
    """The DataSide of questions with gold answers; the answers to learn from are decoded during the run."""

    def accepts(self, kind: Kind) -> bool:
        """See DataSide."""
        return True

    def note(self, model: str) -> Note:
        """See DataSide."""
        return Note()

    def columns(self, records: Table, settings: GRPOSettings) -> dict[str, str]:
        """See DataSide."""
        columns = question_columns(records, settings.prompt_column, settings.answer_column)
        return {"prompt_column": columns.question, "answer_column": columns.answer}

    def check(self, chosen: ChosenSets, settings: GRPOSettings) -> None:
        """See DataSide: every row."""
        check_tables(chosen, settings, settings.split)
        for records in chosen.tables.values():
            columns = question_columns(records, settings.prompt_column, settings.answer_column)
            check_questions(records, columns, False)

    def preview(self, arguments: RunArguments, settings: GRPOSettings) -> Preview:
        """The row of the first question, without cells: the answers to mask are not decoded yet."""
        recipe = GRPO(arguments, settings)
        return Preview(recipe.sets[0].raw(0), "", [], notes=recipe.notes)
