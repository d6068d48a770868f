"""Values that fit the answer for settings that are counted in blocks."""

from __future__ import annotations


def few_blocks(default: int, blocks: int) -> int:
    """A first value for a setting whose unit is blocks: at most half the answer's blocks. Most answers end
    before their last block, and what waits for more blocks than are written never happens."""
    return min(default, max(blocks // 2, 2), max(blocks, 1))
