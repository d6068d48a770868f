"""Bundled decoding: steps a second, and what watching costs.

`python -m benchmarks.live [--json] [--threads 2] [--repeats 7]`. One process, same weights, the
two ways taken in turns: a run without observers, and one folded into the canvas's frames and
serialised as the page receives them. Prints medians and their ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from llada_viz.decoding.runs import Runs
from llada_viz.widgets.canvas import message
from models.loading import LoadedModel, load
from models.text import token_pieces
from samplers.requests import Prepared, prepare

PROMPT = "What is the value of x if 2x + 3 = 7?"
Clock = Callable[[], float]
NOTHING: Mapping[str, Any] = {}
SETTINGS = {"steps": 64, "gen_length": 64, "block_length": 16}


def alone(prepared: Prepared, clock: Clock) -> float:
    """Seconds of a run nobody watches."""
    began = clock()
    for _ in prepared.stream():
        pass
    return clock() - began


def watched(prepared: Prepared, pieces: list[bytes], clock: Clock) -> float:
    """Seconds of the same run through frames, 30 updates a second, to JSON."""
    run = Runs().start(prepared, pieces, "tiny-llada")
    began = clock()
    while frames := run.advance(1 / 30):
        json.dumps(message(run, frames))
    return clock() - began


def measure(
    loaded: LoadedModel,
    repeats: int,
    more: Mapping[str, Any] = NOTHING,
    clock: Clock = time.perf_counter,
) -> dict[str, float]:
    """Medians over `repeats` pairs, one pair to warm up. more: settings; clock: seconds."""
    assert loaded.tokenizer is not None
    pieces, settings = token_pieces(loaded.tokenizer), {**SETTINGS, **more}
    pairs = []
    for _ in range(repeats + 1):
        plain = alone(prepare(loaded, settings=settings, prompt=PROMPT), clock)
        pairs.append((plain, watched(prepare(loaded, settings=settings, prompt=PROMPT), pieces, clock)))
    plain, seen = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
    return {
        "steps_per_second": round(SETTINGS["steps"] / plain, 1),
        "steps_per_second_watched": round(SETTINGS["steps"] / seen, 1),
        "canvas_overhead": round(statistics.median(b / a for a, b in pairs[1:]) - 1, 4),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found = measure(load("tiny-llada", device="cpu"), args.repeats)
    if args.json:
        print(json.dumps(found))
        return
    print(f"64-token answer, {args.threads} threads: {found['steps_per_second']} steps/s alone, ")
    print(f"{found['steps_per_second_watched']} watched; the canvas adds {found['canvas_overhead']:.1%}")


if __name__ == "__main__":
    main()
