"""A masking curriculum for longer contexts: from masks in a small window to masks anywhere.

At first the masked cells of a row lie within a window of a few cells, and all the rest of the row is
there to be read; then the window grows until it is the row. In a stretched context the model learns
to read far before it has to write far.
"""

from __future__ import annotations

import torch
from torch import Tensor


def window_cells(step: int, steps: int, length: int, first: int, share: float) -> int:
    """Cells of the window at a step: from `first` to `length`, evenly over the first `share` of all
    steps, then the whole row."""
    growing = share * steps
    if step >= growing:
        return length
    return min(length, round(first + max(0, length - first) * step / growing))


def window(rows: int, length: int, cells: int, generator: torch.Generator) -> Tensor:
    """The cells that may be masked, `cells` neighbours at a uniform place. Bool[rows, length]."""
    start = torch.randint(length - cells + 1, (rows, 1), generator=generator)
    place = torch.arange(length)[None]
    return (place >= start) & (place < start + cells)
