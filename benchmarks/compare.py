"""What lock-step costs: a comparison of two samplers against the two runs one after the other.

`python -m benchmarks.compare [--json] [--threads 2] [--repeats 7]`. One process, same weights, the
two ways taken in turns, both with frames and JSON as the page gets them. Prints medians and ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch

from llada_viz.decoding.comparison import Comparison
from llada_viz.decoding.runs import Run
from llada_viz.widgets.canvas import message
from llada_viz.widgets.compare_canvas import message as compared
from models.loading import LoadedModel, load
from models.text import token_pieces
from samplers.requests import prepare

PROMPT = "What is the value of x if 2x + 3 = 7?"
SETTINGS = {"steps": 64, "gen_length": 64, "block_length": 16}
SAMPLERS = ("low_confidence", "threshold")


def runs(loaded: LoadedModel, pieces: list[bytes]) -> list[Run]:
    """A fresh run of each sampler."""
    prepared = [prepare(loaded, name, SETTINGS, prompt=PROMPT) for name in SAMPLERS]
    return [Run(pieces, "tiny-llada", one.stream()) for one in prepared]


def apart(fresh: list[Run]) -> float:
    """Seconds of the runs one after the other."""
    began = time.perf_counter()
    for run in fresh:
        while frames := run.advance(1 / 30):
            json.dumps(message(run, frames))
    return time.perf_counter() - began


def together(fresh: list[Run]) -> float:
    """Seconds of the same runs in lock-step."""
    comparison = Comparison(fresh)
    began = time.perf_counter()
    while any(lanes := comparison.advance(1 / 30)):
        json.dumps(compared(comparison, lanes))
    return time.perf_counter() - began


def measure(loaded: LoadedModel, repeats: int) -> dict[str, float]:
    """Medians over `repeats` pairs, one pair to warm up."""
    assert loaded.tokenizer is not None
    pieces = token_pieces(loaded.tokenizer)
    pairs = [(apart(runs(loaded, pieces)), together(runs(loaded, pieces))) for _ in range(repeats + 1)][1:]
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "seconds_apart": round(first, 3), "seconds_together": round(second, 3),
        "ratio": round(statistics.median(b / a for a, b in pairs), 3),
    }  # fmt: skip


def main() -> None:
    """Parse the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    found = measure(load("tiny-llada"), args.repeats)
    print(json.dumps(found) if args.json else "\n".join(f"{k}: {v}" for k, v in found.items()))


if __name__ == "__main__":
    main()
