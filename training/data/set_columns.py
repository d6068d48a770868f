"""Which column of a set plays a role: the one that a setting names, or the likeliest."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.sets.columns import SetError
from evaluation.sets.tables import Table
from training.data.table_examples import PROMPTS

SHOWN = 12


def find_column(records: Table, setting: str, asked: str, likely: Sequence[str]) -> str:
    """The column called `asked`, else the first of `likely` that is there (case and spaces aside), else "".

    SetError: `asked`, the value of `setting`, is no column.
    """
    if asked and asked not in records.columns:
        raise SetError(f"{setting} = {asked!r} is no column of {records.name}; allowed: {listed(records)}")
    known = {name.strip().casefold().replace(" ", "_"): name for name in reversed(records.columns)}
    return asked or next((known[name] for name in likely if name in known), "")


def find_prompts(records: Table, asked: str) -> str:
    """The column of the questions, `prompt` before others, "" when there is none. SetError: there may be
    two halves of it."""
    found = find_column(records, "prompt_column", asked or records.public.prompt, ("prompt", *PROMPTS))
    if found == "instruction" and not asked and "input" in records.columns:
        raise SetError(f"{records.name} has both 'instruction' and 'input'; choose one as prompt_column, "
                       "or join them in one column")  # fmt: skip
    return found


def listed(records: Table) -> str:
    """The names of the columns, of many the first."""
    more = ", …" if len(records.columns) > SHOWN else ""
    return ", ".join(name[:40] for name in records.columns[:SHOWN]) + more
