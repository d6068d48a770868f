"""Random valid lists of events, of every kind: what law 7 is tried with.

They are made beside a Board, which says what is allowed next; no sampler is needed."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from samplers.events import (
    BlockScored,
    Branched,
    CandidateChosen,
    CandidatesForked,
    Cell,
    Deleted,
    Drafted,
    Edited,
    Event,
    Finished,
    Inserted,
    PolicyScored,
    Predicted,
    Remasked,
    Renoised,
    Started,
    Unmasked,
    Verified,
    WindowTriggered,
)
from samplers.fold import Board

MASK = 126_336
TOKENS = st.integers(0, MASK - 1)
CHANCES = st.one_of(
    st.floats(0, 1), st.floats(0, 1).map(lambda p: round(p, 4)), st.sampled_from([0.0, 1.0, 5e-324])
)
SETTINGS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(-1e300, 1e300)
        | st.text(st.characters(codec="utf-8"), max_size=9),
        lambda inner: st.lists(inner, max_size=2),
        max_leaves=4,
    ),
    max_size=3,
)  # fmt: skip


class Maker:
    """Draws one event after the other."""

    def __init__(self, draw: Any) -> None:
        self.draw, self.board, self.events = draw, Board(), list[Event]()
        self.count = {"nfe": 0, "forwards": 0, "block": -1, "forked": False}

    def add(self, kind: type[Event], **values: Any) -> None:
        """Make the event and fold it."""
        event = kind(**{**self.count, **values})  # type: ignore[arg-type]
        self.board.apply(event)
        self.events.append(event)

    def start(self) -> None:
        """One to three rows of their own length: masks, or noise; a prompt that is padded on the left."""
        draw, prompt = self.draw, self.draw(st.integers(0, 3))
        noisy, lengths = draw(st.booleans()), draw(st.lists(st.integers(0, 6), min_size=1, max_size=3))
        rows = [draw(st.lists(TOKENS, min_size=prompt + n, max_size=prompt + n)) for n in lengths]
        undecided = [[i >= prompt and draw(st.booleans()) for i in range(len(row))] for row in rows]
        if not noisy:
            rows = [
                [MASK if o else t for t, o in zip(*both, strict=True)]
                for both in zip(rows, undecided, strict=True)
            ]
        pinned = [
            [i < prompt or draw(st.booleans()) and not o for i, o in enumerate(row)] for row in undecided
        ]
        self.add(
            Started, tokens=_tuples(rows), mask_id=None if noisy else MASK, prompt_length=prompt,
            attention_mask=_tuples([[draw(st.booleans()) for _ in row] for row in rows]),
            noise=_tuples(undecided) if noisy else (), pinned=draw(st.sampled_from([(), _tuples(pinned)])),
            grid=draw(st.sampled_from(["answer", "absolute"])), settings=draw(SETTINGS),
        )  # fmt: skip

    def cells(self, *, undecided: bool | None = None, waiting: bool = False) -> tuple[Cell, ...]:
        """Some free cells of the rows that stand now, each once."""
        free = [
            (number, place) for number, row in enumerate(self.board.rows) for place in range(len(row.tokens))
            if place >= self.board.prompt_length and not row.pinned[place]
            and undecided in (None, row.undecided[place]) and (row.ids[place] in row.waiting) is waiting
        ]  # fmt: skip
        some = self.draw(st.lists(st.sampled_from(free), unique=True, max_size=4)) if free else []
        return tuple(Cell(*where, self.draw(TOKENS), self.draw(CHANCES)) for where in sorted(some))

    def step(self) -> None:
        """Any event that is allowed now."""
        if self.draw(st.booleans()):
            self.count["nfe"] += len(self.board.rows)
            self.count["forwards"] += 1
        self.count["block"] = self.draw(st.integers(-1, 3))
        kinds = ["unmask", "edit", "back", "insert", "delete", "predict", "draft", "verify"]
        kinds += ["score", "fork", "branch"]
        getattr(self, self.draw(st.sampled_from(kinds)))()

    def unmask(self) -> None:
        self.add(Unmasked, step=self.draw(st.integers(-1, 99)), cells=self.cells(undecided=True))

    def edit(self) -> None:
        self.add(Edited, cells=self.cells(undecided=False), reason=self.draw(st.sampled_from(["", "user"])))

    def branch(self) -> None:
        self.add(Branched, settings=self.draw(SETTINGS))

    def back(self) -> None:
        if self.board.mask_id is None:
            self.add(Renoised, cells=self.cells())
        else:
            self.add(Remasked, cells=self.cells(undecided=False), reason="user")

    def insert(self) -> None:
        rows, draw, start = self.board.rows, self.draw, self.board.prompt_length
        noise = self.board.mask_id is None and draw(st.booleans())
        places = [(n, p) for n, row in enumerate(rows) for p in range(start, len(row.tokens) + 1)]
        some = draw(st.lists(st.sampled_from(places), max_size=3))
        token = TOKENS if self.board.mask_id is None else TOKENS | st.just(MASK)
        self.add(Inserted, cells=tuple(Cell(*p, draw(token), draw(CHANCES)) for p in some), noise=noise)

    def delete(self) -> None:
        self.add(Deleted, cells=self.cells())

    def predict(self) -> None:
        cells, draw = self.cells(undecided=True), self.draw
        many = [cell._replace(token=draw(TOKENS)) for cell in cells for _ in range(draw(st.integers(1, 2)))]
        self.add(Predicted, cells=tuple(many))

    def draft(self) -> None:
        self.add(Drafted, cells=self.cells(undecided=True))

    def verify(self) -> None:
        cells = self.cells(undecided=False, waiting=True)
        cut = self.draw(st.integers(0, len(cells)))
        self.add(Verified, accepted=cells[:cut], rejected=cells[cut:])

    def score(self) -> None:
        draw, many = self.draw, len(self.board.rows)
        scores = tuple(draw(CHANCES) for _ in range(many))
        span = (0, draw(st.integers(0, max(len(row.tokens) for row in self.board.rows))))
        self.add(PolicyScored, span=span, scores=tuple((s, 0.5) for s in scores), keep=scores)
        some = tuple(draw(st.none() | CHANCES) for _ in range(many))
        self.add(BlockScored, scorer="prm", span=span, scores=some, scorer_calls=many)
        self.add(
            WindowTriggered, row=0, span=span, threshold=0.9, scores=scores, remask_probabilities=scores[:1]
        )

    def fork(self) -> None:
        if self.board.candidates is None and any(row.waiting for row in self.board.trunk):
            return  # a choice of the trunk would leave them
        if self.board.candidates is None:
            k = self.draw(st.integers(1, 3))
            self.add(CandidatesForked, k=k, rows=k * len(self.board.trunk))
        else:
            self.choose()
        self.count["forked"] = self.board.candidates is not None

    def choose(self) -> None:
        """The fork ends."""
        winners = st.none() | st.integers(0, self.board.k - 1)
        self.add(CandidateChosen, winners=tuple(self.draw(winners) for _ in self.board.trunk))

    def finish(self) -> None:
        """Whatever waits is verified, and the fork ends."""
        if self.board.candidates is not None:
            self.choose()
        self.count["forked"] = False
        waiting = tuple(
            Cell(n, place, row.tokens[place], 0.5) for n, row in enumerate(self.board.trunk)
            for place, number in enumerate(row.ids) if number in row.waiting
        )  # fmt: skip
        self.add(Verified, accepted=waiting, rejected=())
        rows = self.board.trunk
        reasons, cost = tuple("left" if any(r.undecided) else "steps" for r in rows), (1,) * len(rows)
        self.add(Finished, tokens=_tuples(self.board.tokens), stop_reasons=reasons, row_nfe=cost)


def _tuples(rows: Any) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in rows)


@st.composite
def event_lists(draw: Any) -> list[Event]:
    """Events of a run that ended, or was stopped."""
    maker = Maker(draw)
    maker.start()
    for _ in range(draw(st.integers(0, 12))):
        maker.step()
    if draw(st.booleans()):
        maker.finish()
    return maker.events
