"""Hashes of the rows of a run's files: a resumed run must have the same rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from evaluation.sets.cells import Record
from evaluation.sets.tables import read_table
from training.data.sources import LIMITS

Digests = Mapping[str, Sequence[str]]


def row_digests(names: Sequence[str]) -> dict[str, list[str]]:
    """For each file among the names: a hash of eight hex digits for every row. Tasks and hub sets have
    none. SetError: a file that cannot be read as a table."""
    digests = {}
    for name in names:
        if Path(name).is_file():
            digests[name] = [_digest(row) for row in read_table(Path(name), limits=_ANY)]
    return digests


def _digest(row: Record) -> str:
    return blake2b(json.dumps(row, sort_keys=True).encode(), digest_size=4).hexdigest()


_ANY = replace(LIMITS, plain=True)


def first_change(before: Digests, now: Digests) -> str:
    """A sentence on the first row that differs, or on the number of rows; "" where all are the same."""
    for name, old in before.items():
        new, title = now.get(name, ()), Path(name).name
        for number, (one, other) in enumerate(zip(old, new, strict=False), 1):
            if one != other:
                return f"row {number} of {title} is another one"
        if len(old) != len(new):
            return f"{title} had {len(old):,} rows and has {len(new):,}"
    return ""
