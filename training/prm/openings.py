"""The beginnings of answers, and what else a window over them would have tried: what a reward model chooses
among when the candidates of a window differ (samplers.barred)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from models.loading import LoadedModel
from samplers.algorithms.low_confidence import LowConfidence
from samplers.barred import differing
from samplers.events import Event
from samplers.requests import prepare_row, prepare_rows
from samplers.run import Run


@torch.inference_mode()
def openings(
    loaded: LoadedModel, sampler: LowConfidence, prompts: Sequence[str], seed: int, blocks: int, k: int
) -> list[list[list[int]]]:
    """Of each prompt the first `blocks` blocks as the sampler writes them, and then in k other ways: in the
    n-th the n-th least sure token may not be written again. Ids, with what a model writes behind an end."""
    rows = [
        prepare_row(loaded, sampler, seed=seed + number, prompt=prompt)
        for number, prompt in enumerate(prompts)
    ]
    prepared = prepare_rows(loaded, sampler, rows)
    canvas = prepared.canvas
    run = Run(prepared.denoise, canvas, torch.ones(canvas.tokens.shape))
    every = torch.ones(canvas.rows, dtype=torch.bool)
    for block in range(blocks):
        _run_out(sampler.fill_block(run, block, every))
    start, (_, stop) = canvas.prompt_length, canvas.block_span(blocks - 1, sampler.block_length)
    written = canvas.tokens[:, start:stop].tolist()

    forked = run.fork(k, every)
    cells = torch.zeros_like(forked.canvas.pinned)
    cells[:, start:stop] = ~forked.canvas.pinned[:, start:stop]
    forked = differing(forked, cells, k)
    forked.remasked(blocks - 1, cells, forked.confidence[cells], "backmask")
    _run_out(sampler.fill_cells(forked, blocks - 1, cells, cells.sum(-1)))
    tried: list[list[int]] = forked.canvas.tokens[:, start:stop].tolist()
    return [[own, *tried[row * k : (row + 1) * k]] for row, own in enumerate(written)]


def _run_out(events: Iterator[Event]) -> None:
    for _ in events:
        pass
