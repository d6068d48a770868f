"""Measures of a run, computed from its events alone (docs/decisions/027): how many tokens a forward gave, in
which order the answer was written, what the network would have written on the way.

Pure functions of events, one row of the trunk at a time, linear in events and cells (n log n in the cells of
an answer for its order). Cells are told apart by their ids (samplers.fold), so that rows may grow and shrink.
Of a run that was stopped there is what there was; what a run does not hold is None: without `drafts` nothing
is known of drafts, and without a judge nothing of right answers. Nothing is said of parallel regret, which
needs the network again (samplers.measuring.regret).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from math import exp
from typing import Any, NamedTuple

from samplers.events import Event, EventError
from samplers.fold import BoardRow
from samplers.measuring.calibration import Judged, ece
from samplers.measuring.commit_order import global_ar, kendall_tau, local_ar
from samplers.measuring.row_log import UNASKED, FullDraft, Guess, Recorder, RowLog, Write, recorded

AR_RUNS = (1, 2, 4)
"""The k of AR-ness."""
VOTE_WEIGHT = 5.0
"""A draft after s of S forwards weighs exp(5 s / S) (temporal voting, 2508.09138)."""


class Opinion(NamedTuple):
    """Of a text. answer: what was read from it, None: nothing; right: None where nobody can know."""

    answer: str | None
    right: bool | None


@dataclass(frozen=True)
class Judge:
    """text_of: the text of tokens; check: what to think of an answer's text."""

    text_of: Callable[[Sequence[int]], str]
    check: Callable[[str], Opinion]


Known = Callable[[Sequence[int]], Sequence[bool | None]]
"""Of a final answer's tokens, whether each is right; None: not known."""


class CellDrafts(NamedTuple):
    """The drafts of one cell of the answer. cell: its place, from 0; flips: how often the likeliest token
    changed; last_flip: the forward (from 1) of the last change, None without one."""

    cell: int
    flips: int
    last_flip: int | None


@dataclass(frozen=True)
class Measures:
    """Of one row. None: the run does not hold it.

    finished: the run came to its end; cells: those of the answer that a forward decided, given ones and the
    fill after an early stop apart; tokens: of the answer up to the first end of the text, given ones too;
    forwards: passes of the network that the row was in; tpf: tokens / forwards.

    tau, local_ar, global_ar: the order in which `cells` got their final tokens (commit_order).

    drafted: cells of the final answer with drafts, `cell_drafts`; flips: their mean number of flips;
    last_flip: the last forward at which any of them flipped.

    drafts: full drafts, the answers as they would have ended after some forward; ever_right: one of them or
    the final answer is right; finally_right: the final answer is; right_drafts: share of them that is right;
    first_right, last_right: forwards; vote_right: the answer is right that is heaviest among them.

    end_pressure: mean probability of an end of the text over guesses' forwards and cells; a lower bound, for
    it counts only where the end is among the guesses recorded. commits: confidence of every token of the
    final answer that is known to be right or wrong, and which; ece: their calibration error.
    """

    finished: bool
    cells: int
    tokens: int
    forwards: int | None
    tpf: float | None
    tau: float | None
    local_ar: dict[int, float | None]
    global_ar: dict[int, float | None]
    drafted: int | None = None
    flips: float | None = None
    last_flip: int | None = None
    drafts: int | None = None
    ever_right: bool | None = None
    finally_right: bool | None = None
    right_drafts: float | None = None
    first_right: int | None = None
    last_right: int | None = None
    vote_right: bool | None = None
    end_pressure: float | None = None
    ece: float | None = None
    cell_drafts: tuple[CellDrafts, ...] = ()
    commits: tuple[Judged, ...] = field(default=(), repr=False)


def measure(
    events: Iterable[Event], row: int = 0, ends: Collection[int] = (), judge: Judge | None = None,
    known: Known | None = None, forwards: int | None = None,
) -> Measures:  # fmt: skip
    """The measures of one row of a run. ends: tokens that end a text; forwards: those the row was in, which
    the events say of a run of one row only. EventError: no events, a row that is not there."""
    return measures_of(recorded(events, ends, full_drafts=judge is not None), row, judge, known, forwards)


def measures_of(
    recorder: Recorder, row: int = 0, judge: Judge | None = None, known: Known | None = None,
    forwards: int | None = None,
) -> Measures:  # fmt: skip
    """The same from a recorder that has seen the run."""
    board = recorder.board
    if not 0 <= row < len(recorder.logs):
        raise EventError(f"row = {row}; allowed: 0 to {len(recorder.logs) - 1}")
    log, state = recorder.logs[row], board.trunk[row]
    if forwards is None and len(recorder.logs) == 1:
        forwards = board.forwards - recorder.first_forward
    final = final_writes(log, state, board.prompt_length)
    times = [write.forward for write in final if write is not None and write.forward != UNASKED]
    tokens = tokens_before_end(state, board.prompt_length, recorder.ends)
    return Measures(
        finished=board.finished,
        cells=len(times),
        tokens=tokens,
        forwards=forwards,
        tpf=tokens / forwards if forwards else None,
        tau=kendall_tau(times),
        local_ar={k: local_ar(times, k) for k in AR_RUNS},
        global_ar={k: global_ar(times, k) for k in AR_RUNS},
        **_drafted(log, state, board.prompt_length, recorder.ends, recorder.unsure),
        **(_judged(log, state, board.prompt_length, recorder.ends, judge) if judge else {}),
        **(_calibrated(final, state, board.prompt_length, known) if known and not recorder.unsure else {}),
    )  # fmt: skip


# ---- commits ---------------------------------------------------------------------------------


def final_writes(log: RowLog, row: BoardRow, start: int) -> list[Write | None]:
    """For each cell of the answer the write that its token is of; None: given, or undecided now."""
    last = {write.id: write for write in log.writes}
    return [
        None if row.undecided[position] else last.get(row.ids[position])
        for position in range(start, len(row.tokens))
    ]


def tokens_before_end(row: BoardRow, start: int, ends: Collection[int]) -> int:
    """Decided tokens of the answer up to the first end of the text."""
    count = 0
    for token, undecided in zip(row.tokens[start:], row.undecided[start:], strict=True):
        if not undecided:
            if token in ends:
                break
            count += 1
    return count


def _calibrated(final: Sequence[Write | None], row: BoardRow, start: int, known: Known) -> dict[str, Any]:
    rightness = known(row.tokens[start:])
    commits = tuple(
        (write.confidence, right)
        for write, right in zip(final, rightness, strict=True)
        if write is not None and write.forward != UNASKED and right is not None
    )
    return {"commits": commits, "ece": ece(commits)}


# ---- drafts ----------------------------------------------------------------------------------


def _drafted(log: RowLog, row: BoardRow, start: int, ends: Collection[int], unsure: bool) -> dict[str, Any]:
    """What is known from guesses; {} where the run recorded none. unsure: their probabilities are not."""
    if not log.guesses:
        return {}
    cells = flips_of(log.guesses, row, start)
    lasts = [cell.last_flip for cell in cells if cell.last_flip is not None]
    return {
        "drafted": len(cells),
        "flips": sum(cell.flips for cell in cells) / len(cells) if cells else None,
        "last_flip": max(lasts, default=None),
        "end_pressure": None if unsure else end_pressure(log.guesses, ends),
        "cell_drafts": cells,
    }  # fmt: skip


def flips_of(guesses: Iterable[Guess], row: BoardRow, start: int) -> tuple[CellDrafts, ...]:
    """For each cell of the final answer that had drafts, from left to right."""
    latest: dict[int, tuple[int, int]] = {}  # id -> forward and token of its latest draft
    flips: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for forward, cell, _, token, _ in guesses:
        known = latest.get(cell)
        if known is None:
            flips[cell] = 0
        elif known[0] == forward:  # a less likely token of the same draft
            continue
        elif known[1] != token:
            flips[cell] += 1
            lasts[cell] = forward
        latest[cell] = forward, token
    return tuple(
        CellDrafts(place, flips[cell], lasts.get(cell))
        for place, cell in enumerate(row.ids[start:])
        if cell in flips
    )


def end_map(guesses: Iterable[Guess], ends: Collection[int]) -> list[tuple[int, int, float]]:
    """(forward, place, probability of an end of the text) for every draft of a cell; 0 where no end is among
    its guesses: with one guess a cell, wherever something else is likelier."""
    points: dict[tuple[int, int], float] = {}
    for forward, _, place, token, probability in guesses:
        at = forward, place
        points[at] = points.get(at, 0.0) + (probability if token in ends else 0.0)
    return [(forward, place, p) for (forward, place), p in points.items()]


def end_pressure(guesses: Iterable[Guess], ends: Collection[int]) -> float | None:
    """The mean of the map; None without ends or guesses."""
    points = end_map(guesses, ends) if ends else []
    return sum(p for _, _, p in points) / len(points) if points else None


# ---- right answers ---------------------------------------------------------------------------


def _judged(log: RowLog, row: BoardRow, start: int, ends: Collection[int], judge: Judge) -> dict[str, Any]:
    """Each text is looked at once, however many drafts say it."""
    opinions: dict[tuple[int, ...], Opinion] = {}

    def opinion(tokens: tuple[int, ...]) -> Opinion:
        if tokens not in opinions:
            opinions[tokens] = judge.check(judge.text_of(tokens))
        return opinions[tokens]

    final = None
    if not any(row.undecided):
        answer = row.tokens[start:]
        end = next((i for i, token in enumerate(answer) if token in ends), len(answer))
        final = opinion(tuple(answer[:end]))
    judged: dict[str, Any] = {"finally_right": final.right if final else None}
    if not log.drafts or not log.guesses:  # without drafts there are edited answers alone
        return judged
    drafts = [(draft, opinion(draft.tokens)) for draft in log.drafts]
    rights = [opinion.right for _, opinion in drafts]
    right_at = [draft.forward for draft, opinion in drafts if opinion.right]
    return judged | {
        "drafts": len(drafts),
        "ever_right": _any([*rights, *([final.right] if final else [])]),
        "right_drafts": None if None in rights else len(right_at) / len(drafts),
        "first_right": min(right_at, default=None),
        "last_right": max(right_at, default=None),
        "vote_right": vote(drafts),
    }  # fmt: skip


def _any(rights: Collection[bool | None]) -> bool | None:
    return True if True in rights else None if None in rights else False


def vote(drafts: Sequence[tuple[FullDraft, Opinion]]) -> bool | None:
    """Whether the heaviest answer is right: a draft after s of S forwards weighs exp(5 s / S), one from which
    no answer was read nothing. False: none was ever read; None: nobody can know."""
    last = max((draft.forward for draft, _ in drafts), default=0) or 1
    weights: dict[str, float] = {}
    rights: dict[str, bool | None] = {}
    for draft, (answer, right) in drafts:
        if answer is not None:
            weights[answer] = weights.get(answer, 0.0) + exp(VOTE_WEIGHT * draft.forward / last)
            rights[answer] = right
    return rights[max(weights, key=weights.__getitem__)] if weights else False
