"""The data side of pretraining: texts of a file, or problems of bundled tasks as texts."""

from __future__ import annotations

from evaluation.sets.tables import Table
from training.data.sources import parse_weights
from training.engine.settings import RunArguments
from training.pretrain.objective import Pretrain
from training.pretrain.settings import PretrainSettings
from training.pretrain.texts import check_texts, choose_text_column
from training.shared.data_side import ChosenSets, Kind, Note, check_tables
from training.shared.preview import Preview, noised_preview


class TextData:
    """The DataSide of plain texts: a column of a file, or problems of tasks."""

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
        """See DataSide: checks the weights of the sets, then every text."""
        parse_weights(settings.weights, len(chosen.names))
        check_tables(chosen, settings, settings.split)
        for records in chosen.tables.values():
            check_texts(records, choose_text_column(records, settings.text_column), False)

    def preview(self, arguments: RunArguments, settings: PretrainSettings) -> Preview:
        """See DataSide."""
        recipe = Pretrain(arguments, settings)
        return noised_preview(recipe.example(), recipe.batches(0)[0], recipe.loaded, recipe.notes)
