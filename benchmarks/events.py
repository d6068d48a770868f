"""What events cost: four bars, each printed with PASS or FAIL.

`python -m benchmarks.events [--json] [--threads 1] [--repeats 9] [--clock wall|cpu]`

1. Drafts: a run of the bundled model with `drafts=true` beside the same run without, at most 3 % of its time
   in one block and 10 % in blocks of 8. The two take turns step by step; each step's median over the repeats
   counts. `top_5` is printed without a bar.
2. Measures: 100,000 events a second of a run without drafts, and 100,000 cells a second of one with them (an
   event with drafts tells of all undecided cells).
3. A trace of 1,024 steps over 512 cells with one draft a mask, none like the one before: under 5 MB.
4. The canvas adds less than 10 % to a run (benchmarks.live); with drafts it is printed without a bar.

--clock cpu counts this process's processor time, for a machine that others use too. Exit code 1 at a FAIL.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks import live
from models.loading import LoadedModel, load
from samplers.events import Cell, Event, Finished, Predicted, Started, Unmasked
from samplers.measuring.measures import measure
from samplers.recording.traces import Trace, pack_trace, used_pieces
from samplers.requests import prepare

ONE_BLOCK, BLOCKS_OF_8 = ({"steps": 64, "gen_length": 64, "block_length": size} for size in (64, 8))
LLADA = 126_464
"""Tokens of LLaDA's vocabulary, which a trace draws from."""
Clock = Callable[[], float]


@dataclass(frozen=True)
class Figure:
    """One line. bar: None where nothing is demanded; most: whether the bar is the most, or the least."""

    what: str
    value: float
    unit: str
    bar: float | None = None
    most: bool = True

    @property
    def passed(self) -> bool:
        """Whether it keeps its bar."""
        return self.bar is None or (self.value <= self.bar if self.most else self.value >= self.bar)

    def __str__(self) -> str:
        verdict = "    " if self.bar is None else "PASS" if self.passed else "FAIL"
        bar = "" if self.bar is None else f" ({'at most' if self.most else 'at least'} {self.bar:,g})"
        return f"{verdict}  {self.what}: {self.value:,.4g} {self.unit}{bar}"


def steps(stream: Iterator[Event]) -> Iterator[None]:
    """A run, one denoiser call at a time."""
    for event in stream:
        if isinstance(event, Unmasked):
            yield


def added(loaded: LoadedModel, settings: Mapping[str, Any], drafts: int, repeats: int, clock: Clock) -> float:
    """What drafts add to a run, as a share of its time."""
    seconds: dict[tuple[int, int], list[float]] = {}
    for repeat in range(repeats + 1):
        ways = {
            k: steps(prepare(loaded, settings={**settings, "drafts": k}, prompt=live.PROMPT).stream())
            for k in (0, drafts)
        }
        for step in range(settings["steps"]):
            for k in sorted(ways, reverse=bool((step + repeat) % 2)):
                began = clock()
                next(ways[k])
                if repeat:  # the first is to warm up
                    seconds.setdefault((k, step), []).append(clock() - began)
    total = {k: sum(statistics.median(s) for (way, _), s in seconds.items() if way == k) for k in (0, drafts)}
    return total[drafts] / total[0] - 1


def measured(events: list[Event], repeats: int, clock: Clock) -> float:
    """Seconds that the measures of a run take, the median."""
    taken = []
    for _ in range(repeats):
        began = clock()
        measure(events)
        taken.append(clock() - began)
    return statistics.median(taken)


def rates(loaded: LoadedModel, repeats: int, clock: Clock) -> tuple[float, float, float]:
    """Events a second without drafts; with drafts events, and cells, a second."""
    plain, drafted = (
        list(prepare(loaded, settings={**BLOCKS_OF_8, "drafts": k}, prompt=live.PROMPT).stream())
        for k in (0, 1)
    )
    cells = sum(len(getattr(event, "cells", ())) for event in drafted)
    seconds = measured(drafted, repeats, clock)
    return len(plain) / measured(plain, repeats, clock), len(drafted) / seconds, cells / seconds


def random_trace(cells: int, steps: int) -> Trace:
    """A run with one draft a mask, drawn anew at every step; tokens have 6 letters."""
    dice, mask = random.Random(0), LLADA - 1
    masks = list(range(cells))
    dice.shuffle(masks)
    tokens, events = [mask] * cells, list[Event]()
    events.append(Started(
        nfe=0, tokens=(tuple(tokens),), attention_mask=((True,) * cells,), mask_id=mask, prompt_length=0,
        settings={"sampler": "random"},
    ))  # fmt: skip
    for step in range(steps):
        told = {p: Cell(0, p, dice.randrange(mask), round(dice.random(), 4)) for p in sorted(masks)}
        left = -(-cells * (steps - step - 1) // steps)
        taken, masks = masks[left:], masks[:left]
        now = {"nfe": step + 1, "forwards": step + 1, "block": 0}
        events.append(Predicted(**now, cells=tuple(told.values())))  # type: ignore[arg-type]
        events.append(Unmasked(**now, step=step, cells=tuple(told[p] for p in taken)))  # type: ignore[arg-type]
        for place in taken:
            tokens[place] = told[place].token
    events.append(Finished(nfe=steps, tokens=(tuple(tokens),), stop_reasons=("steps",), row_nfe=(steps,)))
    texts = [bytes(dice.choices(range(97, 123), k=6)) for _ in range(LLADA)]
    return Trace(tuple(events), used_pieces(events, texts), "random")


def figures(repeats: int, clock: Clock) -> Iterator[Figure]:
    """All of them, one after the other."""
    loaded = load("tiny-llada", device="cpu")
    for where, settings, bar in (("one block", ONE_BLOCK, 3), ("blocks of 8", BLOCKS_OF_8, 10)):
        for k, most in ((1, bar), (5, None)):
            share = added(loaded, settings, k, repeats, clock)
            yield Figure(f"drafts={k} in {where} add", 100 * share, "% to a run", most)
    plain, events, cells = rates(loaded, repeats, clock)
    yield Figure("measures of a run without drafts", plain, "events/s", 100_000, most=False)
    yield Figure("measures of a run with drafts", cells, "cells/s", 100_000, most=False)
    yield Figure("measures of a run with drafts", events, "events/s")
    size = len(pack_trace(random_trace(512, 1024)))
    yield Figure("a trace of 1,024 steps over 512 cells with drafts", size / 10**6, "MB", 5)
    for what, bar, k in (("the canvas adds", 10, 0), ("the canvas adds, with drafts", None, 1)):
        found = live.measure(loaded, repeats, {"drafts": k}, clock)
        yield Figure(what, 100 * found["canvas_overhead"], "% to a run", bar)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    passed = True
    for figure in figures(args.repeats, time.perf_counter if args.clock == "wall" else time.process_time):
        print(json.dumps(vars(figure) | {"passed": figure.passed}) if args.json else figure, flush=True)
        passed &= figure.passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
