r"""How clearly a run shows its repair: one number in [0, 1], from its events and the task's own step checker.

For every time that the run takes tokens back, these are put into its final answer again. Where a line of the
answer then does not hold (tasks.checks.step_check), that line is the *wrong line*, and of the fall is asked

    shown   which share of the line's cells stood on the board, as they are in the wrong line
    seen    1 - the score that its wrong cells got: of their block by the reward model or the checker, of the
            cells by the policy (or by the probability that the sampler looks at)
    aimed   which share of the cells that were taken back belongs to the line
    held    which share of its wrong cells got their final token right afterwards, at their next commit

clarity = shown * seen * aimed * held, halved where nothing was masked or overwritten: a candidate with the
wrong line lost to another one. The clarity of a run is that of its clearest repair, 0 where there is none. A
wrong cell is one of the line that was taken back and ends with another token.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from evaluation.repairs.taken_back import OUTVOTED, Fall, TakenBack
from models.text import cell_texts
from samplers.events import Event
from samplers.measuring.judges import Pieces
from tasks import TASKS
from tasks.checks.step_check import Step, check_steps

OUTVOTED_SHARE = 0.5


@dataclass(frozen=True)
class Repair:
    """One wrong line that was taken back. event: the number of the event that did; how: "re-masked",
    "overwritten" or "outvoted"; wrong: the line; the rest as above."""

    event: int
    how: str
    wrong: str
    shown: float
    seen: float
    aimed: float
    held: float

    @property
    def clarity(self) -> float:
        """In [0, 1]."""
        share = OUTVOTED_SHARE if self.how == OUTVOTED else 1.0
        return share * self.shown * self.seen * self.aimed * self.held


def clearest(
    events: Sequence[Event], pieces: Pieces, ends: Collection[int], task: str, fields: Mapping[str, str]
) -> Repair | None:
    """The clearest repair of a whole run of one row whose answer is right; None: it took back no wrong line.
    pieces: the bytes of tokens; ends: tokens that end a text; task, fields: the problem."""
    found = repairs_in(events, pieces, ends, task, fields)
    return max(found, key=lambda repair: repair.clarity, default=None)


def repairs_in(
    events: Sequence[Event], pieces: Pieces, ends: Collection[int], task: str, fields: Mapping[str, str]
) -> list[Repair]:
    """All repairs, as they come in the run; none where a line of the final answer does not hold."""
    seen = TakenBack(events)
    start, repairs = seen.board.prompt_length, []
    if _wrong_line(list(seen.final)[start:], start, pieces, ends, task, fields) is not None:
        return []
    for fall in seen.falls:
        wrong = {p: token for p, token in fall.old.items() if seen.final[p] != token}
        answer = [wrong.get(p, token) for p, token in enumerate(seen.final)][start:]
        line = _wrong_line(answer, start, pieces, ends, task, fields) if wrong else None
        if line is not None and (cells := [p for p in line.cells if p in wrong]):
            repairs.append(_repair(fall, line, cells, answer, start, seen.final))
    return repairs


@dataclass(frozen=True)
class _Line:
    text: str
    cells: list[int]


def _wrong_line(
    answer: Sequence[int], start: int, pieces: Pieces, ends: Collection[int], task: str,
    fields: Mapping[str, str],
) -> _Line | None:  # fmt: skip
    """The first line of an answer that does not hold; its cells by their positions on the board."""
    end = next((i for i, token in enumerate(answer) if token in ends), len(answer))
    texts = cell_texts(pieces, list(answer[:end]), None)
    text = "".join(texts)
    step = next((step for step in check_steps(TASKS[task], fields, text) if not step.right), None)
    if step is None:
        return None
    cells = [start + i for i in cells_of(step, texts)]
    return _Line(text[step.start : step.stop].strip(), cells)


def cells_of(step: Step, texts: Sequence[str]) -> list[int]:
    """The numbers of the cells whose text is part of a step."""
    cells, at = [], 0
    for number, text in enumerate(texts):
        if text and at < step.stop and at + len(text) > step.start:
            cells.append(number)
        at += len(text)
    return cells


def _repair(
    fall: Fall, line: _Line, cells: Sequence[int], answer: Sequence[int], start: int, final: Sequence[int]
) -> Repair:
    scores = [fall.score[p] for p in cells]
    return Repair(
        fall.event,
        fall.how,
        line.text,
        shown=fmean(fall.stood.get(p) == answer[p - start] for p in line.cells),
        seen=1 - fmean(1.0 if score is None else score for score in scores),
        aimed=fmean(p in line.cells for p in fall.old),
        held=fmean(fall.new.get(p) == final[p] for p in cells),
    )
