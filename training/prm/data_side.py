"""The data side of a process reward model: files of labelled steps."""

from __future__ import annotations

import shlex

from evaluation.sets.tables import Table
from training.engine.settings import RunArguments
from training.prm.objective import PRM, log_weights, train_and_held_out
from training.prm.prm_data import MADE_BY, check_held_out, columns_named, labelled_in
from training.prm.settings import PRMSettings
from training.shared.data_side import ChosenSets, Kind, Note, check_tables
from training.shared.preview import Preview


class StepData:
    """The DataSide of questions with steps and a label for each step, which only files can have."""

    def accepts(self, kind: Kind) -> bool:
        """See DataSide."""
        return kind == Kind.UPLOAD

    def note(self, model: str) -> Note:
        """See DataSide."""
        rest = f"--model {shlex.quote(model)} --data word,linear --n 200 --out runs/prm/rollouts.jsonl"
        return Note(
            "a file of question, steps, labels", f"{MADE_BY} {rest}", "an uploaded file of labelled steps"
        )

    def columns(self, records: Table, settings: PRMSettings) -> dict[str, str]:
        """See DataSide."""
        columns = columns_named(settings).resolve(records)
        return {
            "prompt_column": columns.question,
            "steps_column": columns.steps,
            "labels_column": columns.labels,
        }

    def check(self, chosen: ChosenSets, settings: PRMSettings) -> None:
        """See DataSide: checks every row; of complete files also that there are right and wrong steps."""
        check_tables(chosen, settings, settings.split)
        check_held_out(settings.held_out, chosen.folder)
        columns = columns_named(settings)
        rows = [row for table in chosen.tables.values() for row in labelled_in(table, columns, False)]
        if chosen.whole:
            log_weights(
                rows if settings.held_out else train_and_held_out(rows, settings)[0], settings.balance
            )

    def preview(self, arguments: RunArguments, settings: PRMSettings) -> Preview:
        """The first row of the first step, without cells: a reward model masks nothing."""
        recipe = PRM(arguments, settings)
        raw, templated, _ = recipe.example()
        return Preview(raw, templated, [], notes=recipe.notes)
