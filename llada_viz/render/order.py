"""Cells that come and go, by their ids. Cells never pass each other: what stays keeps its order."""

from __future__ import annotations

from collections.abc import Sequence

Insertion = tuple[int | None, list[int]]
"""(the id that new cells stand before, None: at the end; their ids from left to right)."""


def change(before: Sequence[int], after: Sequence[int]) -> tuple[list[int], list[Insertion]]:
    """(ids that are gone, what came) from one order of ids to a later one."""
    old, new = set(before), set(after)
    came: list[Insertion] = []
    run: list[int] = []
    for cell in after:
        if cell not in old:
            run.append(cell)
        elif run:
            came.append((cell, run))
            run = []
    if run:
        came.append((None, run))
    return [cell for cell in before if cell not in new], came


def joined(known: Sequence[int], after: Sequence[int]) -> list[int]:
    """All ids that ever stood, the new ones of `after` among those known before."""
    came = dict(change(known, after)[1])
    order: list[int] = []
    for cell in known:
        order += [*came.get(cell, ()), cell]
    return order + came.get(None, [])
