"""Chunks of a study, decoded by this process or by several, each with the model for itself."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from typing import Any

import torch

from evaluation.runs.execute import answered
from evaluation.runs.plan import Line, Plan
from evaluation.runs.run_folder import ResultRow, RunError
from evaluation.runs.sampler_table import NothingToGrade
from evaluation.sets.problem_sets import Problem, ProblemSet
from models.loading import LoadedModel
from samplers.registry import make

CHUNK = 32
WIDEST = 256
"""Candidates of all problems of a chunk together, at most."""
DRAW_SEEDS = 1_000_000_007
"""How far the seeds of one draw are from those of the next."""


@dataclass(frozen=True)
class Chunk:
    """Problems that one line answers as one batch. draw: from 1; each has seeds of its own."""

    task: str
    line: Line
    draw: int
    problems: tuple[Problem, ...]

    @property
    def label(self) -> str:
        """The name of its rows in results.jsonl."""
        return draw_label(self.line.label, self.draw)


def draw_label(label: str, draw: int) -> str:
    """The name of a draw's rows."""
    return label if draw == 1 else f"{label} #{draw}"


def chunk_size(line: Line) -> int:
    """Problems that are decoded at once: fewer where each has many candidates."""
    candidates = int(getattr(make(line.sampler, line.settings), "most_candidates", 1))
    return max(1, min(CHUNK, WIDEST // candidates))


@dataclass(frozen=True)
class Decoder:
    """What every chunk needs. seed: row n of the first draw has seed + n, whatever the line."""

    loaded: LoadedModel
    seed: int
    ups_head: str
    prm: str

    def rows(self, chunk: Chunk) -> list[ResultRow]:
        """The graded answers. RunError: no problem of the chunk could be answered."""
        problems = ProblemSet(chunk.task, chunk.problems)
        seed = self.seed + (chunk.draw - 1) * DRAW_SEEDS
        plan = Plan(problems, (chunk.line,), seed=seed, ups_head=self.ups_head, prm=self.prm)
        rows = answered(self.loaded, plan, chunk.line, chunk.problems, NothingToGrade())
        if all("error" in row for row in rows):
            raise RunError(f"{chunk.label}: {rows[0]['error']}")
        return [{k: v for k, v in row.items() if k != "measures"} | {"line": chunk.label} for row in rows]


_DECODER: list[Decoder] = []
"""In a process of its own: the decoder that all its chunks use."""


def _begin(load: Callable[[], LoadedModel], threads: int, *rest: Any) -> None:
    """Load the model once; end with the process that started this one, however that ends."""
    torch.set_num_threads(threads)
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    _DECODER.append(Decoder(load(), *rest))


def _decode(chunk: Chunk) -> list[ResultRow]:
    return _DECODER[0].rows(chunk)


class Workers:
    """Where chunks are decoded. load: gives the model again, in each of several processes."""

    def __init__(
        self, decoder: Decoder, load: Callable[[], LoadedModel], processes: int, threads: int
    ) -> None:
        self._decoder = decoder
        self._pool: ProcessPoolExecutor | None = None
        if processes > 1:
            arguments = (load, threads, decoder.seed, decoder.ups_head, decoder.prm)
            self._pool = ProcessPoolExecutor(
                processes, mp_context=get_context("spawn"), initializer=_begin, initargs=arguments
            )

    def decoded(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, list[ResultRow]]]:
        """Every chunk with its rows, as they are finished. RunError: it could not be done."""
        if self._pool is None:
            for chunk in chunks:
                yield chunk, self._decoder.rows(chunk)
            return
        try:
            waiting = {self._pool.submit(_decode, chunk): chunk for chunk in chunks}
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool:
            raise RunError(
                "a process that decodes was ended; the same command goes on with the run"
            ) from None

    def close(self) -> None:
        """Begin nothing more, and end the processes after what they are at."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
