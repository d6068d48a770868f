"""What an objective knows of its data before a run: the form, the command line and the preview ask it.

Every objective has one of these beside its recipe. What several of them share stands here.
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
"""How the settings end that name a column."""


class Kind(StrEnum):
    """What a set is: a bundled task, a sample file of questions and answers, a file of the user's own."""

    TASK = "task"
    SAMPLE = "sample"
    UPLOAD = "upload"


class Note(NamedTuple):
    """What people are told of an objective's data. needs: what it needs beyond questions and answers, ""
    where that is all; command: one that makes such data; missing: what to give, where no data is."""

    needs: str = ""
    command: str = ""
    missing: str = "at least one set"


@dataclass(frozen=True)
class ChosenSets:
    """The sets that a run would be given.

    names: bundled tasks and paths, as the command names them; tables: the rows of the files among them,
    by path; whole: whether these are all of their rows, or the first ones; folder: where the paths in
    settings begin.
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
        """What people are told. model: the folder, as they would type it."""
        ...

    def columns(self, records: Table, settings: S) -> dict[str, str]:
        """Setting that names a column -> the column that is used; of settings that are missing here, as
        of those that are "", it cannot be told yet. SetError: a column is needed and is not there."""
        ...

    def check(self, chosen: ChosenSets, settings: S) -> None:
        """SetError, SettingError: what a run would be refused for, as far as the rows at hand tell."""
        ...

    def preview(self, arguments: RunArguments, settings: S) -> Preview:
        """The first example of a run; nothing is trained or written."""
        ...


def check_tables(chosen: ChosenSets, settings: TrainSettings, split: str) -> None:
    """SetError: a file that is named as an evaluation set, or lacks a column that a setting names."""
    names = [f.name for f in fields(settings) if f.name.endswith(COLUMN)]
    column_settings = {name: str(getattr(settings, name)) for name in names}
    for path, records in chosen.tables.items():
        refuse_evaluation(path, split, False)
        for setting, column in column_settings.items():
            if column and column not in records.columns:
                allowed = listed(records.columns)
                raise SetError(f"{setting} = {column!r} is no column of {records.name}; allowed: {allowed}")
