"""What a training would be refused for, said before it is queued, as far as first rows tell."""

from __future__ import annotations

from dataclasses import fields

from evaluation.sets.columns import SetError
from evaluation.sets.tables import Table
from llada_viz.jobs.home import PROGRAM
from llada_viz.tabs.train_data import COLUMN, FIRST_ROWS, Chosen
from training.data.known_sets import refuse_evaluation
from training.data.sources import parse_weights
from training.data.table_examples import check_rows, choose_columns
from training.dpo.objective import DPOSettings
from training.dpo.pair_rows import pairs_in, refuse_tasks
from training.engine.settings import TrainSettings
from training.prm.objective import PRMSettings, log_weights, sides
from training.prm.prm_data import asked_columns, check_held_out, labelled_in
from training.shared.answers import AnswerSettings


def check(chosen: Chosen, settings: TrainSettings) -> None:
    """SetError, SettingError: shares of another number of sets, a set that is for evaluation, a column that
    a file does not have, a row that cannot be used, tasks among pairs, labels of one kind."""
    if isinstance(settings, AnswerSettings):
        parse_weights(settings.weights, len(chosen.names))
    for path, found in chosen.tables.items():
        refuse_evaluation(path, getattr(settings, "split", "train"), False)
        _check_columns(found, settings)
        if isinstance(settings, AnswerSettings):
            check_rows(found, choose_columns(found, settings), False)
        elif isinstance(settings, DPOSettings):
            refuse_tasks(chosen.names)
            pairs_in(found, settings, False)
    if isinstance(settings, PRMSettings):
        _check_steps(chosen, settings)


def _check_columns(found: Table, settings: TrainSettings) -> None:
    for named in fields(settings):
        value = getattr(settings, named.name)
        if named.name.endswith(COLUMN) and value and value not in found.columns:
            listed = ", ".join(found.columns[:12])
            raise SetError(f"{named.name} = {value!r} is no column of {found.name}; allowed: {listed}")


def _check_steps(chosen: Chosen, settings: PRMSettings) -> None:
    """The rows; and of files that were read whole, whether there is something to learn in them."""
    check_held_out(settings.held_out, PROGRAM)
    tables = chosen.tables.values()
    rows = [row for found in tables for row in labelled_in(found, asked_columns(settings), False)]
    if all(len(found) < FIRST_ROWS for found in tables):
        log_weights(rows if settings.held_out else sides(rows, settings)[0], settings.balance)
