"""The canvas: rows that grow and shrink, copies of unequal width, and the grid of blocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from samplers import SAMPLERS, GuidedDenoiser, ModelNetwork, collect, new_canvas
from samplers.canvas import Canvas
from samplers.events import Started, Unmasked
from samplers.run import Run
from samplers.settings import SettingError
from tests.networks import SMALL_MASK, TableNetwork, small_llada
from tests.samplers.law_runs import sampler_of, stream

MASK, EOS = 20, 21


def canvas_of(mask_id: int | None = MASK) -> Canvas:
    """Prompts of 3 tokens and of 1, answers of 3 cells; the last cell of the first is given."""
    return new_canvas([[1, 2, 3], [4]], 3, mask_id, given=[{2: 9}, {}], eos_id=EOS, vocabulary=23)


def test_rows_grow_and_shrink_on_their_own() -> None:
    canvas = canvas_of()
    moved = canvas.insert(0, 4, [5, MASK])
    assert canvas.token_rows() == ((1, 2, 3, MASK, 5, MASK, MASK, 9), (EOS, EOS, 4, MASK, MASK, MASK))
    assert moved.tolist() == [[0, 1, 2, 3, -1, -1, 4, 5], [0, 1, 2, 3, 4, 5, -1, -1]]
    assert canvas.pinned[0].tolist() == [True] * 3 + [False] * 4 + [True] and canvas.pinned[1, 6:].all()
    assert canvas.attention_mask[1].tolist() == [False] * 2 + [True] * 4 + [False] * 2
    assert canvas.lengths.tolist() == [8, 6] and canvas.answer(1) == [MASK] * 3
    assert canvas.masked.sum(-1).tolist() == [3, 3]
    gone = torch.zeros_like(canvas.pinned)
    gone[0, 4], gone[1, 3:6] = True, True
    moved = canvas.delete(gone)
    assert canvas.token_rows() == ((1, 2, 3, MASK, MASK, MASK, 9), (EOS, EOS, 4))
    assert moved.tolist() == [[0, 1, 2, 3, 5, 6, 7, -1], [0, 1, 2] + [-1] * 5]
    canvas.insert(1, 3, [7])
    assert canvas.answer(1) == [7] and canvas.tokens.shape == (2, 8)


def test_noise_moves_with_its_cells() -> None:
    canvas = canvas_of(None)
    first = canvas.tokens[0, 3:5].tolist()
    canvas.insert(0, 3, [5])
    canvas.insert(0, 7, [6, 7], noise=True)
    assert canvas.answer(0) == [5, *first, 9, 6, 7]
    assert canvas.masked.tolist() == [
        [False] * 4 + [True] * 2 + [False] + [True] * 2, [False] * 3 + [True] * 3 + [False] * 3
    ]  # fmt: skip
    cells = torch.zeros_like(canvas.pinned)
    cells[0, 3] = True
    canvas.write(cells, torch.tensor([8]), noise=True)
    assert canvas.masked[0, 3] and canvas.answer(0)[0] == 8


def test_confidence_moves_with_its_cells() -> None:
    """Also into the row that takes over a winner of another width."""
    canvas = new_canvas([[1, 2, 3], [4, 5, 6]], 3, MASK, eos_id=EOS)
    confidence = torch.tensor([[1.0] * 3 + [0.1, 0.2, 0.3], [1.0] * 3 + [0.4, 0.5, 0.6]])
    run = Run(GuidedDenoiser(TableNetwork()), canvas, confidence)
    forked = run.fork(2, torch.ones(2, dtype=torch.bool))
    forked.inserted(0, 1, 4, [7, 8], [0.7, 0.8])
    gone = torch.zeros_like(forked.canvas.pinned)
    gone[1, 3] = True
    forked.deleted(0, gone, torch.zeros(1))
    run.adopt(forked, [1, None])
    known = [row[3:length] for row, length in zip(run.confidence.tolist(), [7, 6], strict=True)]
    assert known == [pytest.approx([0.7, 0.8, 0.2, 0.3]), pytest.approx([0.4, 0.5, 0.6])]


@pytest.mark.parametrize("mask_id", [MASK, None])
def test_a_draft_that_stands_is_as_sure_as_its_check(mask_id: int | None) -> None:
    canvas = canvas_of(mask_id)
    run = Run(GuidedDenoiser(TableNetwork()), canvas, torch.ones(canvas.tokens.shape))
    drafts = canvas.masked
    run.drafted(0, drafts, torch.arange(1, 6), torch.full((5,), 0.1))
    stands = drafts & (torch.arange(6) == 3)
    check = torch.full(drafts.shape, 0.75)
    event = run.verified(0, stands, drafts & ~stands, check, noise=torch.tensor([9, 9, 9]))
    assert run.confidence[:, 3].tolist() == [0.75, 0.75] and event.accepted[0].confidence == 0.75
    assert canvas.masked.tolist() == (drafts & ~stands).tolist()


def test_a_row_without_any_token_ends_where_its_prompt_does() -> None:
    canvas = new_canvas([[1, 2], []], 1, MASK)
    gone = torch.zeros_like(canvas.pinned)
    gone[1, 2] = True
    canvas.delete(gone)
    assert canvas.lengths.tolist() == [3, 2] and canvas.answer(1) == []
    assert new_canvas([[], []], 0, MASK).lengths.tolist() == [0, 0]


def test_pinned_cells_and_the_prompt_stay() -> None:
    canvas = canvas_of()
    with pytest.raises(ValueError, match="a pinned cell would be deleted"):
        canvas.delete(torch.arange(6).repeat(2, 1) == 5)
    for position in (2, 7, -1):
        with pytest.raises(ValueError, match=rf"position = {position}; allowed: 3 to 6"):
            canvas.insert(0, position, [5])


@pytest.mark.parametrize("mask_id", [MASK, None])
def test_a_winner_of_another_width_is_adopted(mask_id: int | None) -> None:
    """Wider than the canvas, or narrower than it has become; rows without a winner stay."""
    canvas = canvas_of(mask_id)
    before = canvas.token_rows()
    forked = canvas.fork(2)
    forked.insert(1, 6, [5] * 3)
    canvas.adopt(forked, [1, None])
    assert canvas.token_rows() == ((*before[0], 5, 5, 5), before[1])
    assert canvas.lengths.tolist() == [9, 6] and canvas.pinned[1, 6:].all()
    narrow = canvas_of(mask_id).fork(2)
    canvas.adopt(narrow, [0, 1])
    assert canvas.lengths.tolist() == [6, 6] and canvas.answer(0)[2] == 9
    assert canvas.token_rows()[1] == narrow.token_rows()[3]
    if canvas.noise is not None:
        assert canvas.noise[0].tolist() == [False] * 3 + [True] * 2 + [False] * 4


def test_an_absolute_grid_counts_from_the_start_of_the_sequence() -> None:
    """Prompts of 6 and 2 tokens in blocks of 4: both end in the middle of a block, as the answer begins."""
    canvas = new_canvas([[1] * 6, [2] * 2], 8, MASK, grid="absolute")
    assert canvas.first_block(4) == 4 and canvas.blocks(4, 8) == 3
    assert [canvas.block_span(block, 4) for block in range(3)] == [(6, 8), (8, 12), (12, 14)]
    assert [int(canvas.block_cells(block, 4).sum()) for block in range(3)] == [4, 8, 4]
    on_answer = replace(canvas, grid="answer")
    assert [on_answer.block_span(block, 4) for block in range(2)] == [(6, 10), (10, 14)]
    assert on_answer.blocks(4, 8) == 2
    assert new_canvas([[1] * 8], 8, MASK, grid="absolute").block_span(0, 4) == (8, 12)
    with pytest.raises(
        SettingError, match="block_length = 3 .* the differences between the prompts' lengths"
    ):
        canvas.block_span(0, 3)


@pytest.mark.parametrize("name", [name for name in sorted(SAMPLERS) if name != "edit"])
def test_samplers_fill_an_absolute_grid_block_by_block(name: str) -> None:
    """One block more than the answer has: the first and the last are parts of one. (Edits are elsewhere.)"""
    shape = {"steps": 8, "gen_length": 8, "block_length": 4, "window": 1, "backmasking_lookback": 1}
    sampler = sampler_of(name, shape)
    canvas = new_canvas([[1] * 6, [2] * 2], 8, MASK, grid="absolute", eos_id=EOS)
    events, final = collect(stream(sampler, sampler.denoiser(TableNetwork()), canvas))
    assert isinstance(events[0], Started) and events[0].grid == "absolute"
    assert not final.masked.any()
    spans = [final.block_span(block, 4) for block in range(3)]
    filled = [e for e in events if isinstance(e, Unmasked) and e.cells]
    if name not in ("best_of_n", "backmask", "window_refine"):  # their windows are of several blocks
        assert all(spans[e.block][0] <= cell.position < spans[e.block][1] for e in filled for cell in e.cells)
    assert {e.block for e in filled} == {0, 1, 2}


def test_prompts_that_do_not_share_a_grid_are_refused_before_the_first_forward() -> None:
    sampler, network = (
        sampler_of("threshold", {"steps": 8, "gen_length": 8, "block_length": 4}),
        TableNetwork(),
    )
    canvas = new_canvas([[1] * 6, [2] * 3], 8, MASK, grid="absolute")
    with pytest.raises(SettingError, match="block_length = 4") as refused:
        next(stream(sampler, sampler.denoiser(network), canvas))
    assert "must end at the same place of a block" in refused.value.sentence and network.calls == 0


@pytest.mark.parametrize("cache", ["prefix", "dual"])
def test_a_cache_counts_blocks_on_the_same_grid(cache: str) -> None:
    """A full pass a block, though the first one begins inside the prompt."""
    sampler = sampler_of("threshold", {"steps": 8, "gen_length": 8, "block_length": 4, "cache": cache})
    denoise = sampler.denoiser(ModelNetwork(small_llada()))
    canvas = new_canvas([[1] * 6], 8, SMALL_MASK, grid="absolute")
    _, final = collect(stream(sampler, denoise, canvas))
    assert denoise.cache.full_passes == 3 and not final.masked.any()  # type: ignore[attr-defined]
