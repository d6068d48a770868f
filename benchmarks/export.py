"""What is said of an export before it is made, beside what it then is: bytes and seconds.

`python -m benchmarks.export [--cells 4096] [--steps 4096] [--forms html csv] [--trace long.jsonl.gz]`

The run is made up: every step writes the cells that come next in a random order, tokens are words of random
letters. `--trace` also keeps it as a file, for `llada-viz export`. Seconds are of the clock, and of this
process's processor.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from llada_viz.decoding.runs import recorded
from llada_viz.export.forecast import foretold
from llada_viz.export.writing import FORMS, Wanted, write
from samplers.events import Cell, Event, Finished, Started, Unmasked
from samplers.recording.traces import Trace, write_trace

WORDS, MASK = 5000, 0
LETTERS = "etaoinshrdlucmfwypvbgkqjxz"
BLOCK = 32


def long_trace(cells: int, steps: int) -> Trace:
    """A run without a prompt that decides `cells // steps` cells a step."""
    dice, per = random.Random(0), cells // steps
    order, final = dice.sample(range(cells), cells), [dice.randrange(1, WORDS) for _ in range(cells)]
    settings = {"sampler": "low_confidence", "steps": steps, "block_length": BLOCK}
    events: list[Event] = [
        Started(
            nfe=0, tokens=((MASK,) * cells,), attention_mask=((True,) * cells,), mask_id=MASK,
            prompt_length=0, settings=settings,
        )
    ]  # fmt: skip
    for step in range(steps):
        places = sorted(order[step * per : (step + 1) * per])
        written = tuple(Cell(0, place, final[place], round(dice.random(), 4)) for place in places)
        events.append(Unmasked(nfe=step + 1, forwards=step + 1, block=0, step=step, cells=written))
    events.append(Finished(nfe=steps, forwards=steps, tokens=(tuple(final),), stop_reasons=("steps",)))
    words = {n: "".join(dice.choices(LETTERS, k=dice.randint(1, 8))) for n in range(1, WORDS)}
    return Trace(tuple(events), {MASK: b"<mask>"} | {n: f" {words[n]}".encode() for n in final}, "made up")


def main() -> None:
    """Print a line for each form."""
    top = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    top.add_argument("--cells", type=int, default=4096)
    top.add_argument("--steps", type=int, default=4096)
    top.add_argument("--forms", nargs="+", choices=FORMS, default=["html", "csv", "svg", "pdf"])
    top.add_argument("--trace", type=Path, help="also write the run to this file")
    args = top.parse_args()
    trace = long_trace(args.cells, args.steps)
    if args.trace:
        write_trace(args.trace, trace)
    start = time.process_time()
    run = recorded(trace)
    print(f"{args.cells:,} cells, {args.steps:,} steps; its frames: {time.process_time() - start:.1f} s")
    for form in args.forms:
        began = time.perf_counter(), time.process_time()
        forecast = foretold(Wanted(form), [run])
        known = time.perf_counter(), time.process_time()
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"run.{form}"
            write(path, Wanted(form), [run])
            size = path.stat().st_size
        done = time.perf_counter(), time.process_time()
        print(
            f"{form}: foretold {forecast.size:,} bytes and {forecast.seconds:.2f} s, within "
            f"{known[0] - began[0]:.2f} s ({known[1] - began[1]:.2f} s of the processor); true "
            f"{size:,} bytes ({forecast.size / size - 1:+.1%}) and {done[0] - known[0]:.2f} s "
            f"({done[1] - known[1]:.2f} s)"
        )


if __name__ == "__main__":
    main()
