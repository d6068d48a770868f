"""The bundled model alone and among others: the same tokens, but for ties."""

from __future__ import annotations

import pytest

from benchmarks.alone_and_shared import TIE, Difference, compare, problems
from llada_viz.decoding.bundled import Bundled


def differing(runs: int, gen_length: int, steps: int) -> list[Difference]:
    loaded = Bundled().loaded
    assert loaded is not None
    sizes = {"gen_length": gen_length, "block_length": 8, "steps": steps}
    return compare(loaded, problems(runs, sizes), together=12)


def test_thirty_runs_alone_and_among_others() -> None:
    found = differing(30, 16, 4)
    assert len(found) <= 1 and all(each.gap < TIE for each in found), found


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_runs_alone_and_among_others() -> None:
    found = differing(1000, 32, 32)
    for each in found:
        print(f"run {each.run}, event {each.event}: {each.what}, {each.gap:.2e} apart")
    assert len(found) <= 2 and all(each.gap < TIE for each in found), found
