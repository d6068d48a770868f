"""Two written runs with every event that changes cells: one on masks, in which cells come and go, are drafted
and verified; one on uniform noise."""

from __future__ import annotations

import random
from typing import Any

from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Cell,
    Cells,
    Deleted,
    Drafted,
    Edited,
    Event,
    Finished,
    Inserted,
    Predicted,
    Remasked,
    Renoised,
    Started,
    Unmasked,
    Verified,
)
from samplers.fold import Board

WORDS = (
    "<|mdm_mask|> <|endoftext|> Write about words . A diffusion model fills its masks in any order , so it "
    "can go back and mend what reads badly when the rest is there looks again at drops every word that "
    "jars river seven ( under blue 12 = of <b> ⏎"
).split()
PIECES = [w.encode() if w.startswith("<|") else f" {w}".replace("⏎", "\n").encode() for w in WORDS]
PROMPT = ["Write", "about", "words", "."]
MASK = 0


class Script:
    """Events in the making: each is applied to a board, which knows where a word stands."""

    def __init__(self, cells: int, noise: bool, block_length: int = 8, grid: str = "answer") -> None:
        self.events: list[Event] = []
        self.board = Board()
        self.random = random.Random(7)
        tokens = [*map(WORDS.index, PROMPT), *(self.noise() if noise else MASK for _ in range(cells))]
        opened = (tuple(i >= len(PROMPT) for i in range(len(tokens))),)
        self.add(
            Started, tokens=(tuple(tokens),), attention_mask=((True,) * len(tokens),),
            mask_id=None if noise else MASK, prompt_length=len(PROMPT), grid=grid,
            noise=opened if noise else (),
            settings={"sampler": "by hand", "steps": 32, "block_length": block_length, "seeds": [7]},
        )  # fmt: skip

    def noise(self) -> int:
        """A random word."""
        return self.random.randrange(2, len(WORDS))

    def add(self, kind: type[Event], **fields: Any) -> None:
        """The next event."""
        calls = self.board.nfe + (kind is Unmasked)
        event = kind(nfe=calls, forwards=calls, **fields)
        self.board.apply(event)
        self.events.append(event)

    def cells(self, words: dict[int, str], sure: float = 0.8, row: int = 0) -> Cells:
        """Cells of the answer by position, with their words; the later ones are less sure."""
        start = self.board.prompt_length
        placed = enumerate(words.items())
        return tuple(Cell(row, start + p, WORDS.index(w), round(sure * 0.9**i, 4)) for i, (p, w) in placed)

    def here(self, *positions: int, row: int = 0) -> Cells:
        """Cells as they stand, by position in the answer."""
        start, tokens = self.board.prompt_length, self.board.rows[row].tokens
        return tuple(Cell(row, start + p, tokens[start + p], 0.3) for p in positions)

    def write(self, words: dict[int, str], sure: float = 0.8) -> None:
        """A step of the denoiser."""
        self.add(
            Unmasked, step=self.board.steps, block=min(words, default=0) // 8, cells=self.cells(words, sure)
        )

    def predict(self, words: dict[int, list[str]]) -> None:
        """Drafts, likeliest first."""
        start = self.board.prompt_length
        self.add(Predicted, block=0, cells=tuple(
            Cell(0, start + p, WORDS.index(word), round(0.6 / (i + 1) - p / 250, 4))
            for p, several in words.items() for i, word in enumerate(several)
        ))  # fmt: skip

    def finish(self) -> list[Event]:
        """All events, the end too."""
        self.add(Finished, tokens=tuple(map(tuple, self.board.tokens)), stop_reasons=("steps",), row_nfe=())
        return self.events


def masked_run(grid: str = "answer") -> list[Event]:
    """Sixteen masks that become 24 cells: drafts, insertions, deletions, verified words, a fork."""
    run = Script(16, noise=False, grid=grid)
    run.predict({0: ["A", "it"], 1: ["model", "diffusion"], 2: ["model"], 5: ["words"]})
    run.write({0: "A", 2: "model"}, 0.97)
    run.predict({1: ["diffusion", "river"], 3: ["fills"], 4: ["its"], 5: ["masks", "words"]})
    run.write({1: "diffusion", 3: "fills", 4: "its", 5: "masks"}, 0.9)
    run.write({6: "when", 7: "seven", 8: ","}, 0.5)
    mask = Cell(0, len(PROMPT) + 8, MASK, 0.6)
    run.add(Inserted, block=0, cells=(*run.cells({6: "in", 7: "any"}), mask))
    run.add(Deleted, block=0, cells=run.here(7, 9))  # “when” and “seven” are gone
    run.write({8: "order"}, 0.6)
    run.add(Drafted, block=1, cells=run.cells({10: "so", 11: "it", 12: "can", 13: "river"}, 0.7))
    run.add(
        Verified, block=1, accepted=run.cells({10: "so", 11: "it", 12: "can"}, 0.95), rejected=run.here(13)
    )
    run.predict({13: ["go", "mend", "fills", "is", "at", "of"], 14: ["back"]})
    run.write({13: "go", 14: "back"}, 0.8)
    run.add(Edited, block=1, cells=run.cells({0: "every"}, 0.4))
    run.add(Remasked, block=0, cells=run.here(0), reason="remdm")
    run.write({0: "A"}, 0.99)
    run.add(Inserted, block=1, cells=(Cell(0, len(PROMPT) + 15, MASK, 0.9),) * 8)
    run.add(CandidatesForked, block=1, k=2, rows=2)
    run.add(Inserted, block=1, forked=True, cells=run.cells({15: "again"}, 0.5))
    run.add(Unmasked, step=run.board.steps, block=1, forked=True, cells=run.cells({15: "and"}, 0.8, row=1))
    run.add(Deleted, block=1, forked=True, cells=run.here(22, row=1))
    run.add(CandidateChosen, block=1, winners=(1,))
    run.predict({16: ["mend"], 17: ["what"], 18: ["reads"], 19: ["badly"], 20: [".", "when"]})
    run.write({16: "mend", 17: "what", 18: "reads", 19: "badly", 20: "."}, 0.9)
    run.add(Unmasked, step=-1, block=2, cells=run.cells(dict.fromkeys((21, 22, 23), "<|endoftext|>"), 0.0))
    return run.finish()


def noise_run() -> list[Event]:
    """Sixteen cells of noise: accepted words, some of which go back to noise, drafts, one cell more."""
    run = Script(16, noise=True)
    target = "A diffusion model looks again at every word , and drops what jars .".split()
    start = len(PROMPT)
    for step in range(4):
        opened = [p for p in range(len(target)) if run.board.trunk[0].undecided[start + p]]
        run.predict({p: [target[p], "river"] for p in opened})
        run.write({p: target[p] for p in opened if p % 4 == step}, 0.9)
        other = tuple(Cell(0, start + p, run.noise(), 0.0) for p in opened if p % 4 > step)
        lost = (Cell(0, start + 1, run.noise(), 0.2),) if step == 2 else ()
        if lost or other:
            run.add(Renoised, block=0, cells=(*lost, *other))
    run.add(Drafted, block=0, cells=run.cells({1: "diffusion", 14: "river"}))
    back = Cell(0, start + 14, run.noise(), 0.1)
    run.add(Verified, block=0, accepted=run.cells({1: "diffusion"}, 0.9), rejected=(back,))
    run.add(Inserted, block=1, noise=True, cells=(Cell(0, start + 14, run.noise(), 0.5),))
    run.add(Deleted, block=1, cells=run.here(15))
    run.write({14: "=", 15: "<|endoftext|>"}, 0.4)
    return run.finish()
