"""What is said of a file before it is written, beside what it then is."""

from __future__ import annotations

from pathlib import Path

import pytest

from llada_viz.decoding.runs import Run, recorded
from llada_viz.export.forecast import foretold
from llada_viz.export.telling import SAMPLED, about
from llada_viz.export.writing import Wanted, write
from samplers.events import Cell, Finished, Started, Unmasked
from samplers.recording.traces import Trace

MASK = 0


def long_run(cells: int) -> Run:
    """A run that writes a cell a step."""
    real, tokens = ((True,) * cells,), ((MASK,) * cells,)
    start = Started(nfe=0, tokens=tokens, attention_mask=real, mask_id=MASK, prompt_length=0, settings={})
    steps = [
        Unmasked(nfe=n + 1, forwards=n + 1, block=0, step=n, cells=(Cell(0, n, 1 + n % 7, n / cells),))
        for n in range(cells)
    ]
    final = (tuple(1 + n % 7 for n in range(cells)),)
    end = Finished(nfe=cells, forwards=cells, tokens=final, stop_reasons=("steps",))
    pieces = {MASK: b"<mask>"} | {n: b"w" * n for n in range(1, 8)}
    return recorded(Trace((start, *steps, end), pieces, "made"))


def test_the_sum_of_few_is_exact_and_of_many_close() -> None:
    assert about([1, 2, 3], lambda each: each) == 6 and about([], lambda each: each) == 0
    many = [10_000, *range(5 * SAMPLED), 10_000]
    assert about(many, lambda each: each) == pytest.approx(sum(many), rel=0.01)


@pytest.mark.parametrize("form", ["html", "csv"])
def test_a_long_run_is_told_from_a_part_of_it(form: str, tmp_path: Path) -> None:
    run, counted = long_run(2 * SAMPLED), list[tuple[int, int]]()
    forecast = foretold(Wanted(form), [run])
    write(tmp_path / "file", Wanted(form), [run], lambda done, of: counted.append((done, of)))
    assert forecast.size == pytest.approx((tmp_path / "file").stat().st_size, rel=0.03)
    assert forecast.said.startswith(f"{form.upper()}, about ") and forecast.seconds > 0
    assert [done for done, _ in counted] == list(range(1, counted[-1][1] + 1)), "every part is told"


def test_a_film_of_three_pictures_is_told_as_large_as_it_is(tmp_path: Path) -> None:
    run = long_run(2)
    run.frames = run.frames[:3]
    for scale in (0.75, 1.25):
        wanted = Wanted("gif", scale=scale)
        write(tmp_path / "file.gif", wanted, [run])
        assert foretold(wanted, [run]).size == pytest.approx((tmp_path / "file.gif").stat().st_size, rel=0.1)
