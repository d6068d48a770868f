"""The same runs alone and among others: are the tokens the same, and where not, was it a tie?

`python -m benchmarks.alone_and_shared [--runs 1000] [--together 16] [--gen-length 32] [--steps 32]`

Bundled model on the CPU, held-out problems of all kinds, samplers taken in turns. Alone is the plain network;
among others are shared forwards with reordered weights, so many runs at once. For each run that differs: the
first step at which it does, and how far apart the two choices were there in the plain network. It is a tie
when a rounding error could turn it (TIE).
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from llada_viz.decoding.sharing import limits_of
from models.loading import LoadedModel, load
from models.reordered import can_reorder, reordered
from samplers.events import Event, Unmasked
from samplers.fold import Board
from samplers.forwards.shared_forwards import Forwards
from samplers.forwards.shared_network import Sharing
from samplers.network import ModelNetwork
from samplers.requests import Prepared, Tools, prepare
from tasks import HELD_OUT, TASKS, generate

TIE = 1e-4  # of a logit or a probability: float32 passes differ by some 1e-5
SAMPLERS = ("low_confidence", "threshold", "klass", "entropy_bounded")


@dataclass(frozen=True)
class Asked:
    """One run: its sampler, settings, prompt and seed."""

    sampler: str
    settings: dict[str, Any]
    prompt: str
    seed: int


@dataclass(frozen=True)
class Difference:
    """Where a run among others left the run alone. gap: between the two choices, of probabilities of cells
    or logits of tokens."""

    run: int
    event: int
    gap: float
    what: str


def problems(runs: int, sizes: dict[str, int]) -> list[Asked]:
    """Runs of all kinds of problems and samplers."""
    kinds = sorted(TASKS)
    each = -(-runs // len(kinds))
    prompts = [problem.prompt for kind in kinds for problem in generate(kind, HELD_OUT, each, 7)]
    mixed = [prompts[i % len(kinds) * each + i // len(kinds)] for i in range(runs)]
    return [
        Asked(SAMPLERS[i % len(SAMPLERS)], sizes | {"early_stop": True}, prompt, i)
        for i, prompt in enumerate(mixed)
    ]


def prepared(loaded: LoadedModel, asked: Asked, tools: Tools) -> Prepared:
    """The run, ready to start."""
    return prepare(loaded, asked.sampler, asked.settings, tools, prompt=asked.prompt, seed=asked.seed)


def among_others(loaded: LoadedModel, asked: Sequence[Asked], together: int) -> list[list[Event]]:
    """The events of every run, so many at once; and how full the passes were goes to stderr."""
    quick = reordered(loaded.model) if can_reorder(loaded.model) else None
    forwards = Forwards(limits_of(loaded.model, quick is not None))
    tools = Tools(sharing=Sharing(forwards, quick or loaded.model))
    found: list[list[Event]] = [[] for _ in asked]
    numbers, lock = iter(range(len(asked))), threading.Lock()

    def visit() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            found[number] = list(prepared(loaded, asked[number], tools).stream())

    threads = [threading.Thread(target=visit) for _ in range(together)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{forwards.rows / max(1, forwards.passes):.1f} rows a pass", file=sys.stderr)
    return found


def tokens_of(event: Event) -> list[Any]:
    """What an event writes, confidences apart."""
    return [cell[:3] for cell in getattr(event, "cells", ())] or list(getattr(event, "tokens", ()))


def difference(
    loaded: LoadedModel, number: int, alone: list[Event], shared: list[Event]
) -> Difference | None:
    """The first event that differs, and how near the choice was; None: the tokens are the same."""
    board = Board()
    for place, (mine, theirs) in enumerate(zip(alone, shared, strict=False)):
        if tokens_of(mine) != tokens_of(theirs):
            return Difference(number, place, *gap_between(loaded, board, mine, theirs))
        board.apply(mine)
    if len(alone) != len(shared):
        return Difference(number, min(len(alone), len(shared)), float("inf"), "one goes on")
    return None


@torch.no_grad()
def gap_between(loaded: LoadedModel, board: Board, mine: Event, theirs: Event) -> tuple[float, str]:
    """How far apart two events are, by the plain network's logits of the canvas before them."""
    if not isinstance(mine, Unmasked) or not isinstance(theirs, Unmasked):
        return float("inf"), "another kind of event"
    tokens = torch.tensor([row.tokens for row in board.rows])
    everywhere = torch.ones(tokens.shape, dtype=torch.bool)
    network = ModelNetwork(loaded.model)
    logits = network.head(network.states(tokens, everywhere, everywhere))
    logits[:, board.mask_id] = -torch.inf
    chance = logits.softmax(-1)
    ours = {cell.position: cell.token for cell in mine.cells}
    others = {cell.position: cell.token for cell in theirs.cells}
    for position in ours.keys() & others.keys():
        a, b = ours[position], others[position]
        if a != b:
            return abs(float(logits[position, a] - logits[position, b])), f"tokens {a} and {b} of one cell"
    only = [ours.keys() - others.keys(), others.keys() - ours.keys()]
    best = chance.amax(-1)
    if all(only):
        near = min(abs(float(best[a] - best[b])) for a in only[0] for b in only[1])
        return near, "cells of one rank"
    return float("inf"), "more cells"  # a threshold was crossed: see the events


def compare(loaded: LoadedModel, asked: Sequence[Asked], together: int) -> list[Difference]:
    """Every run alone, then all among others."""
    shared = among_others(loaded, asked, together)
    found = []
    for number, one in enumerate(asked):
        alone = list(prepared(loaded, one, Tools()).stream())
        found.append(difference(loaded, number, alone, shared[number]))
    return [each for each in found if each is not None]


def main() -> int:
    """Compare and print; 1 when more than 2 in 1,000 runs differ, or one that is no tie."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--together", type=int, default=16)
    parser.add_argument("--gen-length", type=int, default=32)
    parser.add_argument("--steps", type=int, default=32)
    options = parser.parse_args()
    loaded = load("tiny-llada", device="cpu")
    sizes = {"gen_length": options.gen_length, "block_length": 8, "steps": options.steps}
    differences = compare(loaded, problems(options.runs, sizes), options.together)
    for each in differences:
        tie = "a tie" if each.gap < TIE else "no tie"
        print(f"run {each.run}, event {each.event}: {each.what}, {each.gap:.2e} apart: {tie}")
    most = max(0, -(-2 * options.runs // 1000))
    good = len(differences) <= most and all(each.gap < TIE for each in differences)
    print(f"{'PASS' if good else 'FAIL'}  {len(differences)} of {options.runs} runs differ (at most {most})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
