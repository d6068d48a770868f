"""Parallel regret against a brute-force loop, exact in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from samplers.canvas import Canvas, new_canvas
from samplers.events import Cell, Event, EventError, Started, Unmasked
from samplers.fold import Board
from samplers.measuring.regret import regret
from samplers.registry import make
from samplers.streams import collect
from tests.networks import TableNetwork, TableScorer

MASK = 22


def run(
    name: str, prompts: Sequence[Sequence[int]] = ((3, 4, 5),), **settings: object
) -> tuple[list[Event], Canvas]:
    sampler = make(name, {"gen_length": 12, "block_length": 6, "steps": 4, **settings})
    canvas = new_canvas(prompts, 12, MASK, seeds=range(len(prompts)), eos_id=0)
    score = TableScorer() if sampler.needs.scorer else None
    return collect(sampler(sampler.denoiser(TableNetwork()), canvas, score))


def log_p(network: TableNetwork, tokens: list[int], real: list[bool], position: int, token: int) -> float:
    """One row, one cell, straight from the table."""
    cells = torch.zeros(1, len(tokens), dtype=torch.bool)
    cells[0, position] = True
    logits = network.states(torch.tensor([tokens]), torch.tensor([real]), cells)[0]
    logits[MASK] = -torch.inf
    return float(logits.log_softmax(-1)[token])


def brute_force(events: list[Event], row: int) -> tuple[float, int]:
    """The formula, cell by cell, and the number of cells that were committed beside others."""
    network, board, total, count = TableNetwork(), Board(), 0.0, 0
    first = events[0]
    assert isinstance(first, Started)
    for event in events:
        if isinstance(event, Unmasked) and not event.forked and event.step >= 0:
            tokens = list(board.tokens[row])
            real = [*first.attention_mask[row]]
            own = [cell for cell in event.cells if cell.row == row]
            for cell in own if len(own) > 1 else []:
                others = {c.position: c.token for c in own if c.position != cell.position}
                among = [others.get(i, token) for i, token in enumerate(tokens)]
                alone = log_p(network, tokens, real, cell.position, cell.token)
                total += alone - log_p(network, among, real, cell.position, cell.token)
                count += 1
        board.apply(event)
    return total, count


@pytest.mark.parametrize("sampler", ["low_confidence", "threshold", "entropy_bounded", "remdm", "wino"])
def test_equals_the_loop(sampler: str) -> None:
    """Two rows of unequal prompts; passes of one row and of many."""
    settings = {"threshold": 0.3} if sampler == "threshold" else {}
    events, _ = run(sampler, ((3, 4, 5), (6,)), **settings)
    for row in (0, 1):
        wanted, cells = brute_force(events, row)
        for most_tokens in (1, 40, 10_000):
            found = regret(events, TableNetwork(), row, most_tokens)
            assert found.total == pytest.approx(wanted, abs=1e-12) and found.cells == cells
            assert found.passed == cells + len(found.steps)
    assert cells > 0 and found.mean == pytest.approx(wanted / cells, abs=1e-12)


def test_one_cell_at_a_time_costs_nothing_and_is_asked_nothing() -> None:
    network = TableNetwork()
    events, _ = run("low_confidence", steps=12)
    found = regret(events, network)
    assert (found.total, found.steps, found.passed, found.mean, network.calls) == (0, (), 0, None, 0)


def test_passes_are_bounded() -> None:
    """A pass has at most most_tokens // length rows, one at least."""

    class Widest(TableNetwork):
        widest = 0

        def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
            self.widest = max(self.widest, len(tokens))
            return super().states(tokens, attention_mask, cells)

    events, _ = run("low_confidence", steps=2)
    for most_tokens, rows in ((1, 1), (45, 3), (150, 10)):
        network = Widest()
        regret(events, network, most_tokens=most_tokens)
        assert network.widest == rows and network.sequences == 14


def test_of_a_fork_the_winners_steps_count() -> None:
    """best_of_n draws whole candidates: the winner's own commits, as if it had decoded alone."""
    events, canvas = run("best_of_n", num_samples=3, temperature=1.0)
    found = regret(events, TableNetwork())
    written = {i: t for step in _steps(events, canvas) for i, t in step}
    assert found.cells == 12 and len(written) == 12
    tokens = [t for step in found.steps for t in step.cells]
    assert sorted(tokens) == list(range(3, 15))
    assert found.total == pytest.approx(_winner(events, canvas), abs=1e-12)


def _steps(events: list[Event], canvas: Canvas) -> list[list[tuple[int, int]]]:
    """The commits of the candidate that is the final canvas."""
    final = canvas.tokens[0].tolist()
    unmasked = [event for event in events if isinstance(event, Unmasked)]
    for row in range(3):
        own = [[(c.position, c.token) for c in event.cells if c.row == row] for event in unmasked]
        if all(final[position] == token for step in own for position, token in step):
            return own
    raise AssertionError("no candidate is the final canvas")


def _winner(events: list[Event], canvas: Canvas) -> float:
    """The brute force over the winner's commits, told as a run without a fork."""
    start, alone = events[0], list[Event]()
    for number, step in enumerate(_steps(events, canvas)):
        cells = tuple(Cell(0, position, token, 0.5) for position, token in step)
        alone.append(Unmasked(nfe=number + 1, forwards=number + 1, step=number, cells=cells))
    return brute_force([start, *alone], 0)[0]


def test_under_noise_a_cell_keeps_its_noise() -> None:
    """Two cells of noise decided together: the other is written, one's own noise stays."""
    noise = ((False, True, True),)
    start = Started(
        nfe=0, tokens=((3, 8, 9),), attention_mask=((True,) * 3,), mask_id=None, prompt_length=1, noise=noise,
        settings={},
    )  # fmt: skip
    cells = (Cell(0, 1, 4, 0.5), Cell(0, 2, 5, 0.5))
    events = [start, Unmasked(nfe=1, forwards=1, step=0, cells=cells)]
    network = TableNetwork()

    def at(tokens: list[int], position: int, token: int) -> float:
        asked = torch.arange(3)[None] == position
        logits = network.states(torch.tensor([tokens]), torch.ones(1, 3, dtype=torch.bool), asked)[0]
        return float(logits.log_softmax(-1)[token])

    wanted = at([3, 8, 9], 1, 4) - at([3, 8, 5], 1, 4) + at([3, 8, 9], 2, 5) - at([3, 4, 9], 2, 5)
    assert regret(events, TableNetwork()).total == pytest.approx(wanted, abs=1e-12)


def test_stopped_runs_and_rows_that_are_not_there() -> None:
    events, _ = run("low_confidence")
    whole = regret(events, TableNetwork())
    part = regret(events[:2], TableNetwork())
    assert part.steps == whole.steps[:1]
    with pytest.raises(EventError, match="row = 1"):
        regret(events, TableNetwork(), 1)


def test_the_fill_after_an_early_stop_is_not_asked() -> None:
    events, _ = run("low_confidence")
    filled = [replace(e, step=-1) if isinstance(e, Unmasked) else e for e in events]
    assert regret(filled, TableNetwork()).steps == ()


def test_what_the_network_said_then_is_what_it_says_alone() -> None:
    """Without guidance and temperature, exp(alone) is the confidence of the event."""
    events, _ = run("low_confidence")
    said = [c.confidence for e in events if isinstance(e, Unmasked) for c in sorted(e.cells)]
    found = [p for step in regret(events, TableNetwork()).steps for p in step.alone]
    assert torch.tensor(found).exp().tolist() == pytest.approx(said, abs=1e-6)
