"""DataSide: what an objective can say of its data before a run.

The web form, the command line and the preview use it: which sets the objective can learn from, which
columns it would use, and whether the rows are valid. Every objective has one, in its data_side.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from evaluation.sets.columns import SetError, listed
from evaluation.sets.tables import Table
from training.data.known_sets import refuse_evaluation
from training.engine.settings import RunArguments, TrainSettings
from training.shared.preview import Preview

COLUMN = "_column"
"""The end of the name of every setting that names a column."""


class Kind(StrEnum):
    """Where a set comes from: a bundled task, a bundled sample file of questions and answers, or a file of
    the user's own."""

    TASK = "task"
    SAMPLE = "sample"
    UPLOAD = "upload"


class Note(NamedTuple):
    """Texts about an objective's data. needs: what it must have, "" where questions and answers are enough;
    command: a command that makes such data; missing: what to choose, shown when no data was chosen."""

    needs: str = ""
    command: str = ""
    missing: str = "at least one set"


@dataclass(frozen=True)
class ChosenSets:
    """The sets that were chosen for a run.

    names: bundled tasks and paths of files, as on the command line; tables: the rows of the files, by path;
    whole: whether the tables hold all rows of their files, or only the first ones; folder: what the paths
    in settings are relative to.
    """

    names: tuple[str, ...]
    tables: Mapping[str, Table]
    whole: bool = True
    folder: Path = field(default_factory=Path)

    @property
    def columns(self) -> list[str]:
        """Columns that all files have."""
        tables = list(self.tables.values())
        first = tables[0].columns if tables else ()
        return [column for column in first if all(column in table.columns for table in tables)]


S = TypeVar("S", bound=TrainSettings, contravariant=True)


class DataSide(Protocol[S]):
    """The data of one objective, whose settings are an S."""

    def accepts(self, kind: Kind) -> bool:
        """Whether it can learn from sets of this kind."""
        ...

    def note(self, model: str) -> Note:
        """Texts about the data. model: the model's folder, as people would type it in a command."""
        ...

    def columns(self, records: Table, settings: S) -> dict[str, str]:
        """For each setting that names a column: the column that would be used; "" or no entry where that
        cannot be told yet. SetError: the table lacks a column that is needed."""
        ...

    def check(self, chosen: ChosenSets, settings: S) -> None:
        """SetError, SettingError: a run with this data would be refused, as far as the rows at hand show."""
        ...

    def preview(self, arguments: RunArguments, settings: S) -> Preview:
        """The first example of a run; nothing is trained or written."""
        ...


def check_tables(chosen: ChosenSets, settings: TrainSettings, split: str) -> None:
    """SetError: a file has the name of an evaluation set, or lacks a column that a setting names."""
    names = [f.name for f in fields(settings) if f.name.endswith(COLUMN)]
    column_settings = {name: str(getattr(settings, name)) for name in names}
    for path, records in chosen.tables.items():
        refuse_evaluation(path, split, False)
        for setting, column in column_settings.items():
            if column and column not in records.columns:
                allowed = listed(records.columns)
                raise SetError(f"{setting} = {column!r} is no column of {records.name}; allowed: {allowed}")
