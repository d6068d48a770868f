"""A masking curriculum for longer contexts: from masks in a small window to masks anywhere.

At first the masked cells of a row lie within a window of a few cells, and the rest of the row is visible.
Then the window grows until it is the whole row. So in a longer context the model first learns to use text
that is far away, and later to write long stretches.
"""

from __future__ import annotations

import torch
from torch import Tensor


def window_cells(step: int, steps: int, length: int, first: int, share: float) -> int:
    """Cells of the window at a step: they grow evenly from `first` to `length` over the first `share` of all
    steps; from then on it is the whole row."""
    growing = share * steps
    if step >= growing:
        return length
    return min(length, round(first + max(0, length - first) * step / growing))


def window(rows: int, length: int, cells: int, generator: torch.Generator) -> Tensor:
    """The cells that may be masked, Bool[rows, length]: `cells` neighbours in each row, at a random place."""
    start = torch.randint(length - cells + 1, (rows, 1), generator=generator)
    place = torch.arange(length)[None]
    return (place >= start) & (place < start + cells)
