"""Folding: what events make of a board; events that do not fit are refused in a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from samplers import fold
from samplers.events import (
    BlockScored,
    CandidateChosen,
    CandidatesForked,
    Cell,
    Cells,
    Deleted,
    Drafted,
    Edited,
    Event,
    EventError,
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
from samplers.fold import MOST_CANDIDATES, MOST_CELLS, Board

MASK = 20
MASKS = Started(
    nfe=0,
    tokens=((1, 2, MASK, 7, MASK), (0, 3, MASK, MASK)),
    attention_mask=((True,) * 5, (False, True, True, True)),
    mask_id=MASK,
    prompt_length=2,
    settings={},
)
"""Two rows of their own length; in the first, 7 is given."""
NOISE = replace(
    MASKS, mask_id=None, noise=((False, False, True, False, True), (False, False, True, True))
)  # fmt: skip


def cells(*places: tuple[int, int, int]) -> Cells:
    return tuple(Cell(row, position, token, 0.5) for row, position, token in places)


def unmasked(*places: tuple[int, int, int]) -> Unmasked:
    return Unmasked(nfe=1, step=0, cells=cells(*places))


def test_insertions_push_and_deletions_pull() -> None:
    """Positions are those before the event, whatever the order of its cells; ids go with their cells."""
    push = Inserted(nfe=1, cells=cells((0, 5, 9), (0, 2, 8), (0, 2, MASK), (1, 2, 6)))
    board = fold([MASKS, push])
    first, second = board.trunk
    assert first.tokens == [1, 2, 8, MASK, MASK, 7, MASK, 9] and second.tokens == [0, 3, 6, MASK, MASK]
    assert first.ids == [0, 1, 5, 6, 2, 3, 4, 7] and second.ids == [0, 1, 4, 2, 3]
    assert first.undecided == [False, False, False, True, True, False, True, False]
    assert first.pinned == [True, True, False, False, False, True, False, False]
    assert first.confidence == [None, None, 0.5, None, None, None, None, 0.5]
    board.apply(Deleted(nfe=1, cells=cells((0, 7, 9), (0, 2, 8), (1, 4, MASK))))
    assert first.tokens == [1, 2, MASK, MASK, 7, MASK] and first.ids == [0, 1, 6, 2, 3, 4]
    board.apply(Inserted(nfe=1, cells=cells((0, 6, 5))))
    assert first.ids[-1] == 8, "the id of the cell that was deleted is not used again"
    assert [board.masks_left(row) for row in (0, 1)] == [3, 1]


def test_noise_is_undecided_until_it_is_accepted() -> None:
    board = fold([NOISE])
    assert [row.undecided for row in board.trunk] == [list(row) for row in NOISE.noise]
    board.apply(unmasked((0, 2, 5), (0, 4, 5)))
    board.apply(Renoised(nfe=1, cells=cells((0, 2, 11), (1, 3, 12))))
    board.apply(Inserted(nfe=1, cells=cells((1, 4, 13)), noise=True))
    assert board.tokens == [[1, 2, 11, 7, 5], [0, 3, MASK, 12, 13]]
    assert board.trunk[0].undecided == [False, False, True, False, False]
    assert board.trunk[0].confidence[2] is None and board.masks_left(1) == 3


def test_drafts_wait_for_their_check() -> None:
    drafted = Drafted(nfe=0, cells=cells((0, 2, 5), (0, 4, 6), (1, 2, 4)))
    board = fold([MASKS, drafted])
    assert [row.waiting for row in board.trunk] == [{2, 4}, {2}]
    board.apply(Verified(nfe=1, accepted=(Cell(0, 2, 5, 0.75),), rejected=cells((0, 4, 6), (1, 2, 4))))
    assert board.tokens == [[1, 2, 5, 7, MASK], [0, 3, MASK, MASK]]
    assert board.trunk[0].confidence[2] == 0.75 and not any(row.waiting for row in board.trunk)
    noise = fold([NOISE, drafted, Verified(nfe=1, accepted=(), rejected=cells((0, 2, 15)))])
    assert noise.tokens[0][2] == 15 and noise.trunk[0].undecided[2] and noise.trunk[0].waiting == {4}


def test_what_was_predicted_goes_with_its_cell_until_that_is_decided() -> None:
    board = fold(
        [MASKS, Predicted(nfe=1, cells=(Cell(0, 4, 5, 0.6), Cell(0, 4, 6, 0.3), Cell(0, 2, 9, 0.9)))]
    )
    board.apply(Inserted(nfe=1, cells=cells((0, 2, MASK))))
    assert board.trunk[0].drafts == {4: ((5, 0.6), (6, 0.3)), 2: ((9, 0.9),)}
    board.apply(unmasked((0, 5, 5)))
    assert board.trunk[0].drafts == {2: ((9, 0.9),)}


def test_candidates_have_ids_of_their_own_for_new_cells() -> None:
    board = fold([MASKS, CandidatesForked(nfe=0, k=2, rows=4)])
    assert board.candidates is not None
    board.apply(Inserted(nfe=1, forked=True, cells=cells((0, 2, 8), (1, 2, 9), (3, 2, 6))))
    assert [row.ids for row in board.candidates] == [
        [0, 1, 5, 2, 3, 4], [0, 1, 6, 2, 3, 4], [0, 1, 2, 3], [0, 1, 4, 2, 3]
    ]  # fmt: skip
    board.apply(CandidateChosen(nfe=1, winners=(1, None)))
    assert board.tokens == [[1, 2, 9, MASK, 7, MASK], [0, 3, MASK, MASK]]
    assert board.apply(Inserted(nfe=1, cells=cells((0, 2, 4)))).trunk[0].ids[2] == 7


def test_blocks_count_from_the_prompt_or_from_the_sequence() -> None:
    assert [fold([MASKS]).first_block(row, 4) for row in (0, 1)] == [2, 2]
    board = fold([replace(MASKS, grid="absolute")])
    assert [board.first_block(row, 4) for row in (0, 1)] == [0, 1] and board.first_block(0, 2) == 2


DRAFT = Drafted(nfe=0, cells=cells((0, 2, 5)))
FORK = CandidatesForked(nfe=0, k=2, rows=4)
END = Finished(nfe=0, tokens=MASKS.tokens, stop_reasons=("left", "left"))
LONG = replace(MASKS, tokens=((1, 2) + (MASK,) * 9_000,), attention_mask=((True,) * 9_002,))
MISFITS: dict[str, tuple[list[Event], str]] = {
    "first": ([unmasked()], "Unmasked before Started; allowed: Started first"),
    "attention": ([replace(MASKS, attention_mask=((True,) * 5,))], "Started.attention_mask is not as long"),
    "pinned": ([replace(MASKS, pinned=((True,) * 5,) * 2)], "Started.pinned is not as long as its tokens"),
    "noise": ([replace(NOISE, noise=())], "Started.noise is not as long as its tokens"),
    "both": ([replace(NOISE, mask_id=MASK)], "Started has both mask_id and noise; allowed: one of them"),
    "grid": ([replace(MASKS, grid="diagonal")], "grid = 'diagonal'; allowed: answer, absolute"),
    "prompt": ([replace(MASKS, prompt_length=5)], "prompt_length = 5; allowed: 0 to 4"),
    "below zero": ([replace(MASKS, prompt_length=-1)], "prompt_length = -1; allowed: 0 to 4"),
    "row": ([MASKS, unmasked((2, 2, 5))], r"cell \(row 2, position 2\) is outside .* allowed: rows 0 to 1$"),
    "behind": ([MASKS, unmasked((1, 4, 5))], r"position 4\) is outside the canvas; .* positions 2 to 3"),
    "negative": ([MASKS, unmasked((0, -1, 5))], r"position -1\) is outside the canvas"),
    "prompt cell": ([MASKS, Edited(nfe=1, cells=cells((0, 1, 5)))], r"position 1\) is outside the canvas"),
    "given cell": ([MASKS, Edited(nfe=1, cells=cells((0, 3, 5)))], r"cell \(row 0, position 3\) is pinned"),
    "given masked": ([MASKS, Remasked(nfe=1, cells=cells((0, 3, 7)), reason="user")], "is pinned"),
    "given deleted": ([MASKS, Deleted(nfe=1, cells=cells((0, 3, 7)))], "is pinned"),
    "given drafted": ([MASKS, Drafted(nfe=1, cells=cells((0, 3, 5)))], "is pinned"),
    "deleted twice": ([MASKS, Deleted(nfe=1, cells=cells((0, 2, MASK), (0, 2, MASK)))],
                      "Deleted names position 2 of row 0 twice; allowed: once"),
    "deleted behind": ([MASKS, Deleted(nfe=1, cells=cells((1, 4, MASK)))], "outside the canvas"),
    "inserted behind": ([MASKS, Inserted(nfe=1, cells=cells((1, 5, 5)))], "positions 2 to 4"),
    "inserted into the prompt": ([MASKS, Inserted(nfe=1, cells=cells((0, 1, 5)))], "outside the canvas"),
    "inserted noise": ([MASKS, Inserted(nfe=1, cells=cells((0, 2, 5)), noise=True)],
                       "Inserted noise on a canvas with masks; allowed: under uniform noise"),
    "re-noised": ([MASKS, Renoised(nfe=1, cells=cells((0, 2, 5)))], "Renoised on a canvas with masks"),
    "re-masked": ([NOISE, Remasked(nfe=1, cells=cells((0, 2, 5)), reason="user")], "Remasked under"),
    "predicted": ([MASKS, unmasked((0, 2, 5)), Predicted(nfe=1, cells=cells((0, 2, 6)))],
                  "Predicted for position 2, which is decided"),
    "drafted": ([MASKS, unmasked((0, 2, 5)), DRAFT], "Drafted for position 2, which is decided"),
    "drafted twice": ([MASKS, DRAFT, DRAFT], "Drafted for position 2, which is decided"),
    "not drafted": ([MASKS, Verified(nfe=1, accepted=cells((0, 2, 5)), rejected=())],
                    "Verified names position 2, which was not drafted"),
    "verified twice": ([MASKS, DRAFT, Verified(nfe=1, accepted=cells((0, 2, 5)), rejected=cells((0, 2, 5)))],
                       "Verified names position 2, which was not drafted"),
    "still waiting": ([MASKS, DRAFT,
                       Finished(nfe=1, tokens=((1, 2, 5, 7, MASK), (0, 3, MASK, MASK)), stop_reasons=())],
                      "Finished while drafted cells wait for Verified"),
    "another end": ([MASKS, Finished(nfe=1, tokens=((1,),), stop_reasons=())], "Finished.tokens differ"),
    "many copies": ([MASKS, CandidatesForked(nfe=0, k=MOST_CANDIDATES + 1, rows=2 * MOST_CANDIDATES + 2)],
                    "a fork of 2 rows into 65 candidates each, 130 in all; allowed: 1 to 64 each"),
    "odd copies": ([MASKS, CandidatesForked(nfe=0, k=2, rows=5)], "5 in all"),
    "large copies": ([replace(LONG, tokens=LONG.tokens * 2, attention_mask=LONG.attention_mask * 2),
                      CandidatesForked(nfe=0, k=64, rows=128)], "a canvas of 1,170,260 cells"),
    "forked twice": ([MASKS, FORK, FORK], "CandidatesForked while a fork is open; allowed: CandidateChosen"),
    "still forked": ([MASKS, FORK, END], "Finished while a fork is open; allowed: CandidateChosen first"),
    "after the end": ([MASKS, END, unmasked((0, 2, 5))], "Unmasked behind Finished; allowed: Finished last"),
    "unforked": ([MASKS, CandidateChosen(nfe=0, winners=(0, 0))], "CandidateChosen without a fork"),
    "winner": ([MASKS, FORK, CandidateChosen(nfe=0, winners=(0, 2))], "winner = 2; allowed: 0 to 1"),
    "span": ([MASKS, BlockScored(nfe=0, scorer="x", span=(2, 9), scores=())],
             "span = 2 to 9 is outside the canvas; allowed: 0 to 5"),
    "span backwards": ([MASKS, PolicyScored(nfe=0, span=(4, 2), scores=(), keep=())], "span = 4 to 2"),
    "window": ([MASKS, WindowTriggered(nfe=0, row=2, span=(2, 4), threshold=0.5, scores=(),
                                       remask_probabilities=())],
               "row = 2; allowed: 0 to 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISFITS)
def test_events_that_do_not_fit_are_refused(name: str) -> None:
    events, sentence = MISFITS[name]
    with pytest.raises(EventError, match=sentence) as error:
        fold(events)
    assert len(str(error.value)) < 200


def test_a_canvas_has_at_most_a_million_cells() -> None:
    """Also when it grows: what would be too large is refused before it is built."""
    full = MASKS.tokens[0][:2] + (MASK,) * (MOST_CELLS - 2)
    board = fold([replace(MASKS, tokens=(full,), attention_mask=((True,) * MOST_CELLS,))])
    with pytest.raises(EventError, match=r"a canvas of 1,048,577 cells; allowed: at most 1,048,576"):
        board.apply(Inserted(nfe=1, cells=cells((0, 2, MASK))))
    assert len(board.tokens[0]) == MOST_CELLS
    with pytest.raises(EventError, match="a canvas of 1,048,577 cells"):
        Board().apply(replace(MASKS, tokens=(full, (MASK,)), attention_mask=((), ())))
