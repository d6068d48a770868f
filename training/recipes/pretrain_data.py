"""The data side of pretraining: texts of a file, or problems of bundled tasks as texts."""

from __future__ import annotations

from evaluation.tables import Table
from training.answers import RunArguments
from training.data_side import ChosenSets, Kind, Note, check_tables
from training.preview import Preview, noised_preview
from training.recipes.pretrain import Pretrain, PretrainSettings
from training.sources import parse_weights
from training.texts import check_texts, choose_text_column


class TextData:
    """Any text: a column of a file, or tasks."""

    def accepts(self, kind: Kind) -> bool:
        """See DataSide."""
        return True

    def note(self, model: str) -> Note:
        """See DataSide."""
        return Note("texts in one column (text_column), or bundled tasks")

    def columns(self, records: Table, settings: PretrainSettings) -> dict[str, str]:
        """See DataSide."""
        return {"text_column": choose_text_column(records, settings.text_column)}

    def check(self, chosen: ChosenSets, settings: PretrainSettings) -> None:
        """See DataSide: shares of the sets, then every text."""
        parse_weights(settings.weights, len(chosen.names))
        check_tables(chosen, settings, settings.split)
        for records in chosen.tables.values():
            check_texts(records, choose_text_column(records, settings.text_column), False)

    def preview(self, arguments: RunArguments, settings: PretrainSettings) -> Preview:
        """See DataSide."""
        recipe = Pretrain(arguments, settings)
        return noised_preview(recipe.example(), recipe.batches(0)[0], recipe.loaded)
