"""The data side of DPO: pairs of a file, or bundled tasks whose pairs are decoded."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from evaluation.sets.tables import Table
from training.data.set_columns import find_prompts
from training.dpo.objective import DPO
from training.dpo.pair_rows import pairs_in, refuse_tasks
from training.dpo.settings import DPOSettings
from training.engine.settings import RunArguments
from training.shared.data_side import ChosenSets, Kind, Note, check_tables
from training.shared.preview import Preview, cells_of


class NoisedRow(NamedTuple):
    """One row for `cells_of`, Int[1, length] each: its tokens, and with masks as the model sees them."""

    tokens: Tensor
    input_ids: Tensor


class PairData:
    """The DataSide of preference pairs, or of tasks for which pairs are decoded."""

    def accepts(self, kind: Kind) -> bool:
        """See DataSide."""
        return kind != Kind.SAMPLE

    def note(self, model: str) -> Note:
        """See DataSide."""
        return Note("bundled tasks, or a file of prompt, chosen, rejected")

    def columns(self, records: Table, settings: DPOSettings) -> dict[str, str]:
        """See DataSide. Only the column of the prompts is guessed; "" where the answers' conversations begin
        with the prompt."""
        return {"prompt_column": find_prompts(records, settings.prompt_column)}

    def check(self, chosen: ChosenSets, settings: DPOSettings) -> None:
        """See DataSide: refuses tasks among files, then checks every row."""
        check_tables(chosen, settings, settings.split)
        if chosen.tables:
            refuse_tasks(chosen.names)
        for records in chosen.tables.values():
            pairs_in(records, settings, False)

    def preview(self, arguments: RunArguments, settings: DPOSettings) -> Preview:
        """The preview of a pair: the row without its rejected answer and the chosen answer, and in `rejected`
        the same for the other answer. Of an answer's masks, which are ordered by their share of masked
        cells, the middle one is shown."""
        recipe = DPO(arguments, settings)
        first, batch = recipe.first_pair()
        raw, loaded = first.pair.raw, recipe.loaded
        column = (settings.rejected_column if first.pair.source else "") or "rejected"
        parts = ({name: text for name, text in raw.items() if name != column}, {column: raw[column]})
        sides = []
        for side, answer in enumerate((first.chosen, first.rejected)):
            tokens, masked = batch.tokens[:, side], batch.masked[:, side, batch.masked.shape[2] // 2]
            row = NoisedRow(tokens, tokens.masked_fill(masked, loaded.mask_id))
            templated = recipe.chat.decode(answer.prompt + answer.answer)
            sides.append(Preview(parts[side], templated, cells_of(row, loaded, len(answer.prompt))))
        return replace(sides[0], rejected=sides[1], notes=recipe.notes)
