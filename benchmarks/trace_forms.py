"""What a trace with drafts takes on disk, in other forms too, and what reading it, and refusing one, costs.

`python -m benchmarks.trace_forms [--cells 512] [--steps 1024]`

Tokens and probabilities are random: of 126,464 tokens, another one in every mask at every step, or ("kept")
one that stays in nine of ten steps. Seconds are of this process's processor.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from llada_viz.decoding.runs import OPENED, Runs
from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Cell,
    Event,
    Predicted,
    Started,
    Unmasked,
    to_json,
)
from samplers.recording.traces import (
    Trace,
    TraceError,
    dump_trace,
    open_trace,
    pack_trace,
    read_trace,
    used_pieces,
)

LLADA, MASK = 126_464, 126_336
LETTERS = "etaoinshrdlucmfwypvbgkqjxz"


def start(cells: int) -> Started:
    """An answer of masks without a prompt."""
    tokens, real = ((MASK,) * cells,), ((True,) * cells,)
    return Started(nfe=0, tokens=tokens, attention_mask=real, mask_id=MASK, prompt_length=0, settings={})


def drafted(cells: int, steps: int, changing: float) -> Iterator[Event]:
    """A run that drafts every mask at every step; changing: the part of the drafts that are other tokens."""
    dice, masks, told = random.Random(0), list(range(cells)), dict[int, int]()
    dice.shuffle(masks)
    yield start(cells)
    for step in range(steps):
        for place in masks:
            if place not in told or dice.random() < changing:
                told[place] = dice.randrange(MASK)
        now: dict[str, Any] = {"nfe": step + 1, "forwards": step + 1, "block": 0}
        drafts = {p: Cell(0, p, told[p], round(dice.random(), 4)) for p in sorted(masks)}
        yield Predicted(**now, cells=tuple(drafts.values()))
        keep = cells * (steps - step - 1) // steps
        taken, masks = masks[keep:], masks[:keep]
        yield Unmasked(**now, step=step, cells=tuple(drafts[p] for p in taken))


def columns(event: Event) -> dict[str, Any]:
    """The event with its cells as four lists."""
    data = to_json(event)
    return data | {"cells": list(zip(*data["cells"], strict=True))} if data.get("cells") else data


def forms(events: list[Event]) -> None:
    """Print the bytes of the events, without a header, in each form."""
    ways: tuple[tuple[str, Callable[[Event], Any], Any], ...] = (
        ("cells, spaces", to_json, None), ("cells (ours)", to_json, (",", ":")),
        ("columns", columns, (",", ":")),
    )  # fmt: skip
    for name, form, separators in ways:
        text = "\n".join(json.dumps(form(event), separators=separators) for event in events).encode()
        packed = "  ".join(f"gzip {n} {len(gzip.compress(text, n)) / 1e6:.2f}" for n in (1, 6, 9))
        print(f"  {name:14} {len(text) / 1e6:.2f} MB  {packed}")


def timed(what: str, work: Callable[[], Any]) -> Any:
    """Print the processor seconds of some work; a refusal is its result."""
    began = time.process_time()
    try:
        result = work()
    except TraceError as error:
        result = error
    said = f"  ({result})" if isinstance(result, TraceError) else ""
    print(f"  {what}: {time.process_time() - began:.2f} s{said}")
    return result


def peak(what: str, work: Callable[[], Any]) -> None:
    """Print the most memory that Python's objects take in it."""
    tracemalloc.start()
    work()
    print(f"  {what}: {tracemalloc.get_traced_memory()[1] >> 20} MB at most")
    tracemalloc.stop()


def whole(events: Iterable[Event]) -> None:
    """Write and read a file of these events, the text of its tokens included."""
    dice = random.Random(1)
    sizes = (max(1, round(dice.gauss(6, 2.5))) for _ in range(LLADA))
    texts = ["".join(dice.choices(LETTERS, k=size)).encode() for size in sizes]
    told = tuple(events)
    trace = Trace(told, used_pieces(told, texts))
    text = timed("write as text", lambda: dump_trace(trace)).encode()
    file = timed("write compressed", lambda: pack_trace(trace))
    bare = len(pack_trace(Trace(told, {})))
    print(f"  text {len(text) / 1e6:.2f} MB, file {len(file) / 1e6:.2f} MB, of which "
          f"{(len(file) - bare) / 1e6:.2f} are {len(trace.pieces):,} pieces")  # fmt: skip
    timed("unpack alone", lambda: gzip.decompress(file))
    again = timed("read", lambda: read_trace(file))
    peak("read as a stream", lambda: sum(1 for _ in open_trace(file)))
    peak("read whole", lambda: read_trace(file))
    timed("frames of the page", lambda: Runs().open(again))


def hostile() -> None:
    """How long the page takes to refuse what it would have to work long for."""
    fork = [CandidatesForked(nfe=0, k=64, rows=64), CandidateChosen(nfe=0, winners=(None,))]
    forks = dump_trace(Trace((start(8000), *fork * 300), {}))
    timed("forks over 8,000 cells", lambda: read_trace(forks.encode(), OPENED))
    empty = dump_trace(Trace((start(8192), *[Unmasked(nfe=0, step=0, cells=())] * 65_535), {}))
    timed("empty events over 8,192 cells", lambda: read_trace(empty.encode(), OPENED))
    within = read_trace(empty.encode())
    timed("their frames, were they read", lambda: Runs().open(within))


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--cells", type=int, default=512)
    parser.add_argument("--steps", type=int, default=1024)
    sizes = parser.parse_args()
    changed = list(drafted(sizes.cells, sizes.steps, 1.0))
    print(f"{sum(len(e.cells) for e in changed if isinstance(e, Predicted)):,} drafts, all others each step")
    forms(changed)
    print("kept in nine of ten steps")
    forms(list(drafted(sizes.cells, sizes.steps, 0.1)))
    print("a file")
    whole(changed)
    print("refused")
    hostile()


if __name__ == "__main__":
    main()
