"""Clarity, worked out by hand on runs that are written by hand."""

from __future__ import annotations

import pytest

from evaluation.repairs.clarity import Repair, clearest, repairs_in
from samplers.events import (
    BlockScored,
    CandidateChosen,
    CandidatesForked,
    Cell,
    Edited,
    Event,
    Inserted,
    PolicyScored,
    Remasked,
    Started,
)
from tests.evaluation.repairs.toy_runs import (
    CELLS,
    END,
    FIELDS,
    FIRST_LINE,
    MASK,
    PIECES,
    PLACES,
    PROMPT,
    RIGHT,
    WRONG,
    cells,
    finished,
    run,
    started,
    written,
)

ALL = (PROMPT, PROMPT + CELLS)


def found(events: list[Event]) -> Repair | None:
    return clearest(events, PIECES, {END}, "expression", FIELDS)


def scored(score: float | None, span: tuple[int, int] = ALL, forked: tuple[float, ...] = ()) -> BlockScored:
    scores = forked or (score,)
    return BlockScored(nfe=1, scorer="checker", span=span, scores=scores, forked=bool(forked))


def remasked(places: list[int], reason: str = "backmask", confidence: float = 0.5) -> Remasked:
    return Remasked(nfe=1, cells=cells(WRONG, places, confidence), reason=reason)


def test_a_low_block_whose_wrong_cell_alone_falls_is_as_clear_as_its_score_is_low() -> None:
    first = PLACES[:1]
    mixed = RIGHT[: first[0] - PROMPT] + "4" + RIGHT[first[0] - PROMPT + 1 :]
    repair = found(run(written(mixed), scored(0.2), remasked(first), written(RIGHT, first)))
    assert repair is not None and repair.wrong == "1 + 2 = 4" and repair.how == "re-masked"
    assert (repair.shown, repair.seen, repair.aimed, repair.held) == (1, pytest.approx(0.8), 1, 1)
    assert repair.clarity == pytest.approx(0.8) and repair.event == 3


def test_cells_of_other_lines_that_fall_too_make_it_less_clear() -> None:
    repair = found(run(written(WRONG), scored(0.2), remasked(PLACES), written(RIGHT, PLACES)))
    assert repair is not None and repair.wrong == "1 + 2 = 4"
    assert repair.aimed == 1 / len(PLACES) and repair.clarity == pytest.approx(0.8 / len(PLACES))


def test_a_line_of_which_little_stood_was_hardly_shown() -> None:
    one = PLACES[:1]
    repair = found(run(written(WRONG, one), scored(0.0), remasked(one), written(RIGHT, range(*ALL))))
    assert repair is not None and repair.shown == 1 / (FIRST_LINE[1] - FIRST_LINE[0])


def test_a_cell_that_becomes_wrong_once_more_was_not_held() -> None:
    one, other = PLACES[:1], "1 + 2 = 5" + RIGHT[9:]
    again = Remasked(nfe=1, cells=cells(other, one), reason="backmask")
    mixed = "1 + 2 = 4" + RIGHT[9:]
    events = run(written(mixed), scored(0.2), remasked(one), written(other, one), again, written(RIGHT, one))
    first, second = repairs_in(events, PIECES, {END}, "expression", FIELDS)
    assert (first.held, first.clarity, second.held) == (0, 0, 1)
    assert found(events) == second


def test_scores_of_cells_come_from_the_policy_or_from_the_event_itself() -> None:
    one, mixed = PLACES[:1], "1 + 2 = 4" + RIGHT[9:]
    policy = [0.9] * CELLS
    policy[one[0] - PROMPT] = 0.25
    said = PolicyScored(nfe=1, span=ALL, scores=(tuple(policy),), keep=(0.3,))
    of_policy = found(run(written(mixed), said, remasked(one, "ups"), written(RIGHT, one)))
    of_event = found(run(written(mixed), remasked(one, "wino", confidence=0.1), written(RIGHT, one)))
    unsaid = found(run(written(mixed), remasked(one), written(RIGHT, one)))
    assert of_policy is not None and of_policy.clarity == pytest.approx(0.75)
    assert of_event is not None and of_event.clarity == pytest.approx(0.9)
    assert unsaid is not None and unsaid.seen == 0  # no block was scored


def test_an_overwritten_token_was_seen_as_surely_as_the_new_one_is_likely() -> None:
    one, mixed = PLACES[:1], "1 + 2 = 4" + RIGHT[9:]
    repair = found(run(written(mixed), Edited(nfe=1, cells=cells(RIGHT, one, 0.95))))
    assert repair is not None and repair.how == "overwritten"
    assert (repair.clarity, repair.held) == (pytest.approx(0.95), 1)


def forked(*rows: str) -> list[Event]:
    """Candidates with these answers; none is chosen yet."""
    wrote = [cell for row, text in enumerate(rows) for cell in cells(text, row=row)]
    first = written(RIGHT)
    return [
        CandidatesForked(nfe=0, k=len(rows), rows=len(rows)),
        type(first)(nfe=2, step=0, cells=tuple(wrote), forked=True),
    ]


def test_a_candidate_that_lost_counts_half() -> None:
    events = run(*forked(WRONG, RIGHT), scored(None, forked=(0.1, 1.0)), CandidateChosen(nfe=2, winners=(1,)))
    repair = found(events)
    assert repair is not None and repair.how == "outvoted" and repair.wrong == "1 + 2 = 4"
    assert repair.clarity == pytest.approx(0.5 * 0.9 / len(PLACES))


def test_what_happens_in_candidates_that_are_not_chosen_is_no_repair() -> None:
    one = PLACES[:1]
    gone = Remasked(nfe=1, cells=(Cell(1, one[0], ord("3"), 0.1),), reason="wino", forked=True)
    events = run(*forked(RIGHT, RIGHT), gone, CandidateChosen(nfe=2, winners=(0,)))
    assert found(events) is None
    kept = run(written(RIGHT), *_rejected(), CandidateChosen(nfe=2, winners=(None,)))
    assert found(kept) is None


def _rejected() -> list[Event]:
    """A fork in which the right result falls; the original stays."""
    place = PLACES[0]
    return [
        CandidatesForked(nfe=1, k=1, rows=1),
        Remasked(nfe=1, cells=(Cell(0, place, ord("3"), 0.1),), reason="backmask", forked=True),
        written(WRONG, [place], forked=True),
    ]


def test_an_answer_with_a_line_that_does_not_hold_is_no_repair() -> None:
    first, half = PLACES[:1], RIGHT[:10] + WRONG[10:]
    mended = [written(WRONG), scored(0.2), remasked(first), written(RIGHT, first)]
    assert found([started(), *mended, finished(half)]) is None


def test_right_tokens_that_fall_are_no_repair() -> None:
    assert found(run(written(RIGHT), scored(0.1), _right_falls(), written(RIGHT, PLACES))) is None


def _right_falls() -> Remasked:
    return Remasked(nfe=1, cells=cells(RIGHT, PLACES), reason="backmask")


def test_runs_of_several_rows_and_cells_that_move_are_refused() -> None:
    first = started()
    two = Started(
        nfe=0, tokens=first.tokens * 2, attention_mask=first.attention_mask * 2, mask_id=MASK,
        prompt_length=PROMPT, settings={},
    )  # fmt: skip
    with pytest.raises(ValueError, match="a run of 2 rows; allowed: one"):
        found([two])
    with pytest.raises(ValueError, match="keep their places"):
        found(run(Inserted(nfe=1, cells=(Cell(0, PROMPT, 65, 0.5),))))
    with pytest.raises(ValueError, match="events end before Finished"):
        found([first, written(RIGHT)])
