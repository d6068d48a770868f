"""A scripted run that has every kind of event, with what its canvas must be after each of them."""

from __future__ import annotations

from collections.abc import Iterable

from llada_viz.render import FrameMaker
from llada_viz.render.frames import Frame
from llada_viz.render.ops import Pieces
from samplers.events import (
    BlockScored,
    CandidateChosen,
    CandidatesForked,
    Cell,
    Edited,
    Event,
    Finished,
    PolicyScored,
    Remasked,
    Started,
    Unmasked,
    WindowTriggered,
)

MASK, EOS = 0, 1
# 2 and 3 are the two bytes of "é": a character that spans two cells.
PIECES = [b"<|mdm_mask|>", b"<|endoftext|>", b"\xc3", b"\xa9", b" a", b" b", b"\n", b"<script>", b"c"]
PROMPT = (4, 5)
START = (*PROMPT, *[MASK] * 7, 8)  # eight cells, the last one given


def started(rows: int = 1, **settings: object) -> Started:
    facts = {"sampler": "low_confidence", "steps": 8, "block_length": 4, "seeds": [7]} | settings
    return Started(
        nfe=0, tokens=(START,) * rows, attention_mask=((True,) * len(START),) * rows,
        mask_id=MASK, prompt_length=len(PROMPT), settings=facts,
    )  # fmt: skip


def frames_of(events: Iterable[Event], pieces: Pieces, row: int = 0) -> list[Frame]:
    """The frames of a recorded run."""
    maker = FrameMaker(pieces, row)
    return [maker.frame(event) for event in events]


def cell(position: int, token: int, confidence: float = 0.5, row: int = 0) -> Cell:
    """A cell of the answer."""
    return Cell(row, len(PROMPT) + position, token, confidence)


def every_event() -> list[Event]:
    """Two blocks of four cells: commits, an edit, every re-mask, a fork with a winner, the end."""
    span = (2, 6)
    final = (*PROMPT, 4, 2, 3, 5, 6, 7, 1, 8)
    forked = {"block": 0, "forked": True}
    return [
        started(),
        Unmasked(nfe=1, block=0, step=0, cells=(cell(2, 3, 0.25),)),  # the second byte of é alone
        Unmasked(nfe=2, block=0, step=1, cells=(cell(1, 2, 0.75),)),  # the first one completes it
        Unmasked(nfe=3, block=0, step=2, cells=()),
        Unmasked(nfe=4, block=0, step=3, cells=(cell(0, 5, 0.9), cell(3, 5, 0.1))),
        BlockScored(nfe=4, block=0, scorer="checker", span=span, scores=(0.3,), scorer_calls=1),
        Edited(nfe=5, block=0, cells=(cell(0, 4, 0.8),)),
        PolicyScored(nfe=5, block=0, span=span, scores=((0.9, 0.2, 0.8, 0.7),), keep=(0.5,)),
        Remasked(nfe=5, block=0, cells=(cell(1, 2, 0.2),), reason="ups"),
        WindowTriggered(
            nfe=5, row=0, block=0, span=span, threshold=0.9, scores=(0.3,), remask_probabilities=(0.7,)
        ),
        Remasked(nfe=5, block=0, cells=(cell(3, 5, 0.1),), reason="backmask"),
        CandidatesForked(nfe=5, block=0, k=2, rows=2),
        Unmasked(nfe=7, step=4, cells=(cell(1, 7, 0.6), cell(1, 2, 0.7, row=1)), **forked),
        Remasked(nfe=7, cells=(cell(0, 4, 0.8),), reason="remdm", **forked),
        Unmasked(nfe=9, step=5, cells=(cell(3, 8, 0.6), cell(3, 5, 0.95, row=1)), **forked),
        BlockScored(nfe=9, scorer="checker", span=span, scores=(0.2, 0.85), scorer_calls=3, **forked),
        CandidateChosen(nfe=9, block=0, winners=(1,)),
        Unmasked(nfe=10, block=1, step=6, cells=(cell(4, 6, 1.0), cell(5, 7, 0.4))),
        Unmasked(nfe=10, block=1, step=-1, cells=(cell(6, EOS, 0.0),)),  # after an early stop
        Finished(nfe=10, tokens=(final,), stop_reasons=("eos",)),
    ]
