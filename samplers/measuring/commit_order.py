"""In which order an answer was written: Kendall's tau and AR-ness (DiffuCoder, 2506.20639).

An order is given as times, Int[n]: times[i] is the forward in which the i-th cell got its final token.
Cells of one forward have the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import sqrt


def kendall_tau(times: Sequence[int]) -> float | None:
    """tau-b between position and time: (C - D) / sqrt(N (N - T)), of N pairs of cells, of which C were
    written in the order of their positions, D against it and T together. 1: from left to right, -1: from
    right to left. None: fewer than two cells, or all written together. O(n log n) (Knight 1966)."""
    n = len(times)
    pairs = n * (n - 1) // 2
    tied = sum(count * (count - 1) // 2 for count in Counter(times).values())
    if pairs == tied:
        return None
    against = sum(passed_over(times))
    return (pairs - tied - 2 * against) / sqrt(pairs * (pairs - tied))


def passed_over(times: Sequence[int]) -> list[int]:
    """For each cell the cells to its left that were written later: those still open that it left out. A
    Fenwick tree over the ranks of times, O(n log n)."""
    ranks = {time: rank for rank, time in enumerate(sorted(set(times)), 1)}
    tree = [0] * (len(ranks) + 1)
    left: list[int] = []
    for seen, time in enumerate(times):
        rank, not_later = ranks[time], 0
        place = rank
        while place:
            not_later += tree[place]
            place -= place & -place
        left.append(seen - not_later)
        place = rank
        while place < len(tree):
            tree[place] += 1
            place += place & -place
    return left


def local_ar(times: Sequence[int], k: int) -> float | None:
    """Local AR-ness@k: the share of commits that go on with a run of k commits, each at the right neighbour
    of the one before it. None: there are not more than k commits, so none can.

    Commits of one forward count from left to right. Published for one commit a forward; its text could not be
    had here, so this is the definition as it is reported, "consecutive next-token prediction"."""
    order = sorted(range(len(times)), key=lambda cell: (times[cell], cell))
    run = hits = 0
    for before, cell in zip(order, order[1:], strict=False):
        run = run + 1 if cell == before + 1 else 0
        hits += run >= k
    return hits / (len(order) - k) if len(order) > k else None


def global_ar(times: Sequence[int], k: int) -> float | None:
    """Global AR-ness@k: the share of commits that fall on one of the first k cells still open, where those of
    one forward count from left to right. None: no commits. As for local_ar, as it is reported."""
    return sum(left < k for left in passed_over(times)) / len(times) if times else None
