"""Which column of a set is used for what: the one that a setting names, or the likeliest by its name."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.sets.columns import QUESTION, SetError, likeliest, listed
from evaluation.sets.tables import Table

MESSAGES = ("messages", "conversations", "conversation")
EARLIER = (("system", "system_prompt"), ("history",))
"""Likely names of the columns with what comes before a question: a system text, and earlier turns."""


def find_column(records: Table, setting: str, named: str, likely: Sequence[str]) -> str:
    """The column `named`; without a name the first of `likely` that the set has (case and spaces aside), or
    "" for none.

    SetError: `named`, the value of `setting`, is no column.
    """
    if named and named not in records.columns:
        allowed = listed(records.columns)
        raise SetError(f"{setting} = {named!r} is no column of {records.name}; allowed: {allowed}")
    return named or likeliest(records.columns, likely)


def find_prompts(records: Table, named: str) -> str:
    """The column of the questions, `prompt` before others, "" when there is none."""
    return find_column(
        records, "prompt_column", named or records.public.prompt, ("prompt", *QUESTION, *MESSAGES)
    )


def find_earlier(records: Table) -> tuple[str, str]:
    """The columns of a system text and of earlier turns; "" for what a set does not have."""
    system, history = (likeliest(records.columns, names) for names in EARLIER)
    return system, history
