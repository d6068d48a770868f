"""Window refine: how many steps a refinement takes, and that no run goes without a score."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from samplers import collect, make, new_canvas
from samplers.barred import ANY, one_barred_each
from samplers.canvas import Canvas
from samplers.events import BlockScored, Cells, Event, Finished, Remasked, Span, Unmasked, WindowTriggered
from tests.networks import TableNetwork, TableScorer

MASK, EOS = 20, 21


class Low(TableScorer):
    """Every block scores .2: every window opens, and no candidate beats what stands."""

    def __call__(self, canvas: Canvas, spans: Sequence[Span], rows: Tensor) -> list[list[float]]:
        return [[0.2] * len(scores) for scores in super().__call__(canvas, spans, rows)]


class Ending(TableNetwork):
    """Writes the end of the text from a position of the answer on."""

    def __init__(self, prompt: int, end: int, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self.end = prompt + end

    def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        logits = super().states(tokens, attention_mask, cells).clone()
        ends = cells.nonzero()[:, 1] >= self.end
        logits[:, EOS] = -30.0
        logits[ends, EOS] = 60.0
        return logits


def scored_spans(events: list[Event], row: int = 0) -> list[tuple[int, int]]:
    scored = [e for e in events if isinstance(e, BlockScored) and not e.forked]
    return [e.span for e in scored if e.scores[row] is not None]


def test_m8_what_stands_at_an_early_stop_is_scored() -> None:
    """K = 8 blocks, the answer ends in the third: the window so far is scored and refined."""
    plain = {"steps": 16, "gen_length": 16, "block_length": 2, "window": 8, "early_stop": True}
    sampler = make("window_refine", plain | {"num_refinement_samples": 3})
    canvas = new_canvas([[1, 2]], 16, MASK, eos_id=EOS)
    events, _ = collect(sampler(sampler.denoiser(Ending(2, 5)), canvas, Low()))
    assert scored_spans(events)[:3] == [(2, 4), (4, 6), (6, 8)]
    triggers = [e for e in events if isinstance(e, WindowTriggered)]
    assert [(e.block, e.span) for e in triggers] == [(2, (2, 8))]
    assert isinstance(events[-1], Finished) and events[-1].stop_reasons == ("eos",)


@given(
    ends=st.lists(st.integers(0, 18), min_size=1, max_size=3),
    window=st.integers(1, 8),
    early_stop=st.booleans(),
    threshold=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(max_examples=30, deadline=None)
def test_m8_no_row_decodes_without_a_score(
    ends: list[int], window: int, early_stop: bool, threshold: float
) -> None:
    plain = {"steps": 16, "gen_length": 16, "block_length": 2, "window": window, "early_stop": early_stop}
    sampler = make("window_refine", plain | {"num_refinement_samples": 2, "backmasking_threshold": threshold})
    for end in ends:
        canvas = new_canvas([[1, 2], [3]], 16, MASK, seeds=[0, end], eos_id=EOS)
        events, _ = collect(sampler(sampler.denoiser(Ending(2, end)), canvas, TableScorer()))
        assert scored_spans(events, 0) and scored_spans(events, 1)


def test_m8_without_refinements_nothing_is_scored_and_the_settings_say_so() -> None:
    plain = {"steps": 8, "gen_length": 8, "block_length": 2, "window": 2, "max_refinements": 0}
    sampler = make("window_refine", plain)
    events, _ = collect(sampler(sampler.denoiser(TableNetwork()), new_canvas([[1]], 8, MASK), Low()))
    assert not scored_spans(events)
    assert events[0].settings["max_refinements"] == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(("refine_steps", "wanted"), [(128, 12), (5, 5), (0, 8)])
def test_f42_a_refinement_takes_one_token_a_step(refine_steps: int, wanted: int) -> None:
    """round(8 * .802 * .9) = 6 cells of both blocks go: 12 steps, or the bound, or the blocks' own 8."""
    plain = {"steps": 8, "gen_length": 16, "block_length": 8, "window": 2, "num_refinement_samples": 3}
    sampler = make("window_refine", plain | {"backmasking_intensity": 0.9, "refine_steps": refine_steps})
    events, _ = collect(sampler(sampler.denoiser(TableNetwork()), new_canvas([[1]], 16, MASK), Low()))
    assert [len(e.cells) for e in events if isinstance(e, Remasked)] == [36]
    refined = [len(e.cells) for e in events if isinstance(e, Unmasked) and e.forked]
    assert len(refined) == wanted and sum(refined) == 36
    assert make("window_refine", {}).refine_steps == 128  # type: ignore[attr-defined]


def test_no_candidate_of_a_window_is_the_answer_where_candidates_differ() -> None:
    """Without temperature all candidates would be what stands; so the n-th may not write the n-th least sure
    token again, and takes the likeliest other one there."""
    sizes = {"steps": 8, "gen_length": 8, "block_length": 4, "window": 2, "temperature": 0.0}
    many = {"num_refinement_samples": 5, "backmasking_intensity": 1.0, "max_refinements": 1}
    sampler = make("window_refine", sizes | many | {"candidates_differ": True})
    events, _ = collect(sampler(sampler.denoiser(TableNetwork()), new_canvas([[1]], 8, MASK), Low()))
    written = [e for e in events if isinstance(e, Unmasked)]
    answer = {c.position: (c.token, c.confidence) for e in written if not e.forked for c in e.cells}
    gone = {c.position for e in events if isinstance(e, Remasked) for c in e.cells}
    least_sure = sorted(gone, key=lambda position: answer[position][1])
    for n in range(5):
        candidate = {c.position: c.token for e in written if e.forked for c in e.cells if c.row == n}
        cell = least_sure[n % len(least_sure)]
        assert candidate[cell] != answer[cell][0]


def test_a_whole_window_is_decided_again_block_after_block() -> None:
    """With R3's own settings a part of each block would go; now all does, and no cell of a block is written
    before the block in front of it is full."""
    sizes = {"steps": 8, "gen_length": 8, "block_length": 4, "window": 2, "temperature": 0.0}
    many = {"num_refinement_samples": 3, "max_refinements": 1, "whole_window": True}
    sampler = make("window_refine", sizes | many)
    events, _ = collect(sampler(sampler.denoiser(TableNetwork()), new_canvas([[1]], 8, MASK), Low()))
    (window,) = [e for e in events if isinstance(e, WindowTriggered)]
    assert window.remask_probabilities == (1.0, 1.0)
    (gone,) = [e.cells for e in events if isinstance(e, Remasked)]
    assert len(gone) == 3 * 8
    written = [{c.position for c in e.cells} for e in events if isinstance(e, Unmasked) and e.forked]
    assert len(written) == 8
    assert set().union(*written[:4]) == {1, 2, 3, 4} and set().union(*written[4:]) == {5, 6, 7, 8}


@pytest.mark.parametrize("whole", [False, True])
def test_whole_windows_go_on_while_they_score_low(whole: bool) -> None:
    """Where nothing scores better, all windows that may open do; R3's own is tried once."""
    sizes = {"steps": 8, "gen_length": 8, "block_length": 4, "window": 2, "num_refinement_samples": 2}
    sampler = make("window_refine", sizes | {"max_refinements": 3, "whole_window": whole})
    events, _ = collect(sampler(sampler.denoiser(TableNetwork()), new_canvas([[1]], 8, MASK), Low()))
    assert sum(isinstance(e, WindowTriggered) for e in events) == (3 if whole else 1)


def test_which_token_is_barred_in_which_candidate() -> None:
    """Two rows of three candidates over four cells; of the second row one cell alone is decided again."""
    tokens = torch.tensor([[5, 6, 7, 8]] * 3 + [[9, 9, 9, 9]] * 3)
    confidence = torch.tensor([[0.9, 0.2, 0.4, 0.1]]).repeat(6, 1)
    cells = torch.tensor([[True, True, True, False]] * 3 + [[False, False, True, False]] * 3)
    found = one_barred_each(tokens, confidence, cells, 3)
    assert found.tolist() == [
        [ANY, 6, ANY, ANY], [ANY, ANY, 7, ANY], [5, ANY, ANY, ANY], *[[ANY, ANY, 9, ANY]] * 3,
    ]  # fmt: skip


def test_a_windows_candidates_have_a_temperature_of_their_own() -> None:
    """The answer is decoded greedily, and so are its candidates, but with a temperature of their own."""

    def run(**own: float) -> tuple[list[Cells], list[Cells]]:
        plain = {"steps": 8, "gen_length": 8, "block_length": 4, "window": 2, "temperature": 0.0}
        many = {"num_refinement_samples": 8, "backmasking_intensity": 1.0, "max_refinements": 1}
        sampler = make("window_refine", plain | many | own)
        events, _ = collect(sampler(sampler.denoiser(TableNetwork()), new_canvas([[1]], 8, MASK), Low()))
        written = [e for e in events if isinstance(e, Unmasked)]
        return [e.cells for e in written if not e.forked], [e.cells for e in written if e.forked]

    def alike(candidates: list[Cells]) -> bool:
        return all(len({(cell.position, cell.token) for cell in cells}) == 1 for cells in candidates)

    (answer, candidates), (same_answer, drawn) = run(), run(window_temperature=2.0)
    assert answer == same_answer and alike(candidates) and not alike(drawn)
