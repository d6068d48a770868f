"""What an event did, in words, for the line above the canvas: [lead, rest of the sentence, tone].

The tone is the colour of the lead: "" plain, "ok" green, "back" for what was undone, "ups" for the policy's
decisions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llada_viz.render.meta import LONGEST_VALUE
from llada_viz.render.ops import two_digits, unit
from llada_viz.render.say_cells import capital, cells, changed, counted, of_cells, percent, quoted, undecided
from samplers.events import (
    BlockScored,
    Branched,
    CandidateChosen,
    CandidatesForked,
    Event,
    Finished,
    PolicyScored,
    Predicted,
    Started,
    Unmasked,
    WindowTriggered,
)
from samplers.registry import SAMPLERS

if TYPE_CHECKING:
    from llada_viz.render.frames import FrameMaker

Say = list[str]
MOST_SCORES = 8


def sentence(event: Event, frame: dict[str, Any], maker: FrameMaker) -> Say:
    """What the event did to the row that is shown. frame: the event's frame, complete but for `say`."""
    if isinstance(event, Started):
        return _started(frame)
    if isinstance(event, Branched):
        return _branched(event)
    written = of_cells(event, frame, maker)
    several = maker.board.candidates is not None and maker.board.k > 1
    if written and several and not isinstance(event, Predicted):
        return [f"Filling in {maker.board.k} candidates", f"(step {frame['step']}).", ""]
    if isinstance(event, Unmasked):
        return _unmasked(frame, maker)
    if written:
        return written
    if isinstance(event, PolicyScored):
        return _policy(event, maker)
    if isinstance(event, CandidatesForked):
        where = f"for block {event.block + 1}." if event.block >= 0 else "to choose from."
        return [counted(event.k, "candidate"), where, ""]
    if isinstance(event, BlockScored):
        return _scored(event, maker)
    if isinstance(event, WindowTriggered):
        return _window(event, maker)
    if isinstance(event, CandidateChosen):
        return _chosen(event, maker)
    if isinstance(event, Finished):
        return _finished(event, frame, maker)
    return ["", type(event).__name__, ""]


def _started(frame: dict[str, Any]) -> Say:
    given = sum(op[3] in "ps" for op in frame["ops"])
    more = f", {cells(given)} given" if given else ""
    what = capital(undecided(frame["masks"], frame["meta"]["noise"]))
    return ["The first canvas.", f"{what}{more}; nothing is decided yet.", ""]


def _branched(event: Branched) -> Say:
    name = str(event.settings.get("sampler", ""))[:LONGEST_VALUE]
    who = SAMPLERS[name].title if name in SAMPLERS else name or "another run"
    return ["Branched.", f"{who} goes on from here.", ""]


def _unmasked(frame: dict[str, Any], maker: FrameMaker) -> Say:
    lead, ops = f"Step {frame['step']}.", changed(frame)
    if not ops:
        return [lead, "No cell was written.", ""]
    if (
        ops[0][2] is None and not maker.layout.unsure
    ):  # filled in after an early stop, without asking the network
        left = "cell that was left" if len(ops) == 1 else f"{len(ops)} cells that were left"
        return ["Stopped early.", f"The {left} became the end of the text.", ""]
    where = maker.where()
    if len(ops) == 1:
        cell, text, confidence, _ = ops[0]
        sure = "" if confidence is None else f", {percent(confidence)} sure"
        return [lead, f"{capital(quoted(text))} in cell {where[cell]}{sure}.", ""]
    if maker.layout.unsure:
        return [lead, f"{cells(len(ops))} written.", ""]
    best = max(ops, key=lambda op: op[2] or 0.0)
    sure = f"the surest {quoted(best[1])} in cell {where[best[0]]} ({percent(best[2])})"
    return [lead, f"{cells(len(ops))} written, {sure}.", ""]


def _policy(event: PolicyScored, maker: FrameMaker) -> Say:
    if maker.row >= len(event.scores) or maker.row >= len(event.keep):
        return ["Scored.", "Every cell has a keep score.", ""]
    scores, cut = event.scores[maker.row], event.keep[maker.row]
    under = sum(score < cut for score in scores)
    fall, stay = ("falls", "stays a mask") if under == 1 else ("fall", "stay masks")
    count = f"{under or 'none'} of {cells(len(scores))} {fall} below {cut:.2f}"
    return ["Keep scores:", f"{count} and {stay}." if under else f"{count}.", "ups"]


def _scored(event: BlockScored, maker: FrameMaker) -> Say:
    blocks = maker.blocks_of(event.span)
    where = f"Block {blocks.start + 1}" if len(blocks) == 1 else f"Blocks up to {blocks.stop}"
    if maker.board.candidates is not None:
        k = maker.board.k
        scores = [s for s in event.scores[maker.row * k : (maker.row + 1) * k] if s is not None]
        listed_scores = ", ".join(map(two_digits, scores[:MOST_SCORES])) + (
            "…" if len(scores) > MOST_SCORES else ""
        )
        return [
            "Candidates scored.",
            f"{where}: {listed_scores}." if listed_scores else "None in this row.",
            "",
        ]
    score = event.scores[maker.row] if maker.row < len(event.scores) else None
    if score is None or unit(score) is None:
        return ["Scored.", "Not this row.", ""]
    return ["Scored.", f"{where} scored {two_digits(score)} ({event.scorer}).", ""]


def _window(event: WindowTriggered, maker: FrameMaker) -> Say:
    blocks = maker.blocks_of(event.span)
    where = f"block {blocks.start + 1}"
    if len(blocks) > 1:
        where = f"blocks {blocks.start + 1}–{blocks.stop}"
    worst = two_digits(min(event.scores, default=float("nan")))
    return [
        "Window triggered.",
        f"The lowest score, {worst}, is under {event.threshold:.2f}: {where} will be tried again.",
        "back",
    ]


def _chosen(event: CandidateChosen, maker: FrameMaker) -> Say:
    winner = event.winners[maker.row] if maker.row < len(event.winners) else None
    if winner is None:
        return ["Original kept.", "No candidate was better.", ""]
    if maker.tried is None:
        return [f"Candidate {winner + 1}", "wins.", ""]
    return [f"Candidate {winner + 1} wins,", f"{two_digits(maker.tried['list'][winner][0])}.", ""]


def _finished(event: Finished, frame: dict[str, Any], maker: FrameMaker) -> Say:
    reason = event.stop_reasons[maker.row] if maker.row < len(event.stop_reasons) else ""
    fewer = maker.layout.steps is None or frame["step"] < maker.layout.steps
    why = " It stopped early, at the end of the text." if reason == "eos" and fewer else ""
    if reason == "left":
        why = f" {capital(undecided(frame['masks'], maker.layout.noise))} left: the steps ran out."
    answer, steps = cells(len(maker.seen.ids)), counted(frame["step"], "step")
    spent = f"{steps}, {counted(frame['nfe'], 'sequence')} evaluated"
    blocks = maker.layout.blocks_before_a_score
    if blocks and not maker.times_scored:
        why += f" No window was scored: the answer ended before {blocks} blocks stood."
    if "again" in frame:
        return ["Cut off.", f"The answer did not end in {answer} ({spent}).{why}", "back"]
    wrong = frame.get("verdict", {}).get("right") is False
    tone = "back" if reason == "left" else "" if wrong else "ok"
    return ["Finished.", f"{answer} in {spent}.{why}", tone]
