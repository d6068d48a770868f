"""Rows to train on from a file or from the hub; what cannot be read is a SetError."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.sets.cells import Limits
from evaluation.sets.columns import SetError
from evaluation.sets.hub import hub_table
from evaluation.sets.public_sets import PUBLIC_SETS, public_set
from evaluation.sets.tables import READERS, Table, read_table
from models.assets import locate
from training.data.known_sets import refuse_evaluation

LIMITS = Limits(characters=1_000_000, rows=2_000_000, columns=1)


def said_of(records: Table, used: Sequence[str]) -> list[str]:
    """What people should know of a set of which some columns are used, with its name."""
    return [f"{records.name}: {note}" for note in records.said(used)]


def open_records(
    name: str, split: str, allow_eval_data: bool, others: Sequence[str] = (), limits: Limits = LIMITS
) -> Table:
    """A file, or a set of the hub. others: names that the caller knows beside these, for the message."""
    refuse_evaluation(name, split, allow_eval_data)
    path = Path(locate(name))
    if path.is_file():
        return read_table(path, limits=limits)
    a_file = path.exists() or path.suffix.lower() in READERS  # or it is missing
    public = None if a_file else public_set(name)
    if public is None:
        raise SetError(
            f"data = {name!r} is neither a file nor a known set; allowed: a CSV, JSONL or Parquet file, "
            f"owner/name[:subset] on the hub, {', '.join((*others, *PUBLIC_SETS))}"
        )
    return hub_table(name, public, split)
