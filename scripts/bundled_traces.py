"""The traces that come with the program: `python -m scripts.bundled_traces [SAMPLER …]`, in a checkout.

Decodes the bundled examples with every registered sampler and writes, for each, the run that shows most of
it into assets/traces/sampler-NAME: the trace and its card, titled with what the registry says. A run whose
answer is right goes before one that is not; of two such, the one in which more cells change after they were
decided. To be run again whenever the bundled model changes. About five minutes on two cores.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from llada_viz.decoding.bundled import Bundled, Example
from llada_viz.decoding.preparing import prepare_here
from llada_viz.decoding.served import CHECKER
from llada_viz.gallery.cards import Card, card_of, to_json
from llada_viz.gallery.gallery import CARD, TRACE
from models.assets import assets
from samplers.events import Edited, Event, Remasked, Renoised, Verified
from samplers.recording.traces import Trace, used_pieces, write_trace
from samplers.registry import SAMPLERS, entry

FOLDER = assets() / "traces"
PREFIX = "sampler-"
SEEDS = (0, 1)
MOST_BYTES = 3_000_000
ENOUGH = 4  # cells that change again: a run that is right and has so many is taken at once


def changes(events: tuple[Event, ...]) -> int:
    """How many cells changed after they were decided."""
    again = (event.cells for event in events if isinstance(event, (Edited, Remasked, Renoised)))
    rejected = (event.rejected for event in events if isinstance(event, Verified))
    return sum(map(len, again)) + sum(map(len, rejected))


def decoded(bundled: Bundled, sampler: str, example: Example, seed: int) -> Trace:
    """One run, with the sampler's own defaults in the sizes of the example."""
    assert bundled.loaded is not None
    settings = {**example.settings, **(entry(sampler).with_head if bundled.has_head else {})}
    ready = prepare_here(bundled, sampler, settings, example.prompt, seed, "", CHECKER)
    events = tuple(ready.stream())
    return Trace(events, used_pieces(events, bundled.pieces), bundled.name)


def runs(bundled: Bundled, sampler: str, place: int) -> Iterator[tuple[tuple[bool, int], Card, Trace]]:
    """Runs with what they are worth."""
    described = entry(sampler)
    for seed in SEEDS:
        for example in reversed(bundled.examples[1:-1]):
            trace = decoded(bundled, sampler, example, seed)
            card = card_of(trace, f"{PREFIX}{sampler}", float(-place), described.title, bundled.golds)
            yield (card.right is True, changes(trace.events)), replace(card, about=described.summary), trace


def best(bundled: Bundled, sampler: str, place: int) -> tuple[Card, Trace]:
    """The run that shows most; the first that is right where nothing changes twice."""
    found: list[tuple[tuple[bool, int], Card, Trace]] = []
    for worth, card, trace in runs(bundled, sampler, place):
        found.append((worth, card, trace))
        settled = not entry(sampler).needs.mask and len(found) > 2
        if worth[0] and (worth[1] >= ENOUGH or settled):
            break
    _, card, trace = max(found, key=lambda each: each[0])
    return card, trace


def write(card: Card, trace: Trace, folder: Path) -> int:
    """Write a trace and its card anew; bytes of both."""
    place = folder / card.id
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    write_trace(place / TRACE, trace)
    (place / CARD).write_text(to_json(card), encoding="utf-8")
    return sum(path.stat().st_size for path in place.iterdir())


def main(names: list[str]) -> int:
    """Record; 1 where all of them are too large together."""
    bundled = Bundled()
    if bundled.loaded is None:
        print(bundled.problem, file=sys.stderr)
        return 1
    for old in FOLDER.glob(f"{PREFIX}*"):
        if old.name.removeprefix(PREFIX) not in SAMPLERS:
            shutil.rmtree(old)
    for place, sampler in enumerate(SAMPLERS):
        if names and sampler not in names:
            continue
        card, trace = best(bundled, sampler, place)
        size = write(card, trace, FOLDER)
        verdict = {True: "right", False: "wrong"}.get(card.right, "no verdict")
        print(f"{sampler}: {verdict}, {changes(trace.events)} changed again, {size:,} bytes", flush=True)
    total = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"all: {total:,} bytes of {MOST_BYTES:,}")
    return int(total > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
