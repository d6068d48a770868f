"""Golden numbers of the algorithms, worked out by hand or simulated from their definition."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM
from samplers import GuidedDenoiser, ModelNetwork, collect, make, new_canvas
from samplers.algorithms.remasking import backmask_probabilities, cells_to_remask, refine_probabilities
from samplers.algorithms.wino import drafted, refuted
from samplers.drawing import quota, top_cells
from samplers.events import CandidateChosen, PolicyScored, Remasked, Unmasked, WindowTriggered
from samplers.settings import SettingError
from tests.networks import TableNetwork, TableScorer


def test_quota() -> None:
    assert quota(32, 8) == [4] * 8
    assert quota(10, 4) == [3, 3, 2, 2]
    assert quota(3, 5) == [1, 1, 1, 0, 0]


def row(values: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones(1, len(values), dtype=torch.bool), torch.tensor(values)


@pytest.mark.parametrize(("confidences", "accepted"), [
    ([0.1, 0.05], 1),  # rank 1 is forced
    ([0.67, 0.9, 0.76, 0.81, 0.84], 3),  # .9, .84 >= .667, .81 >= .75, but .76 < .8
    ([0.99, 0.84, 0.84, 0.84, 0.84], 5),  # .84 >= .833
    ([0.99, 0.66, 0.66], 1),
])  # fmt: skip
def test_factor(confidences: list[float], accepted: int) -> None:
    queried, scores = row(confidences)
    commit = make("threshold", {"factor": 1.0}).accept(queried, scores) | top_cells(
        queried, scores, torch.ones(1)
    )
    assert int(commit.sum()) == accepted
    assert scores[commit[0]].min() >= scores[~commit[0]].amax() if accepted < len(confidences) else True


def test_entropy_bound() -> None:
    sampler = make("entropy_bounded", {"gamma": 0.1})
    queried, entropies = row([0.3, 0.02, 0.5, 0.06, 0.0])
    # ascending 0, .02, .06, .3, .5: what is given up is the sum before the largest: 0, 0, .02, .08, .38
    assert sampler.accept(queried, -entropies).tolist() == [[True, True, False, True, True]]


def test_backmasking_probabilities_and_cells() -> None:
    p = backmask_probabilities([0.95, 0.9, 0.2], 5.0)
    q = [max(math.exp(-5 * s), 0.01) for s in (0.95, 0.9, 0.2)]
    assert p == pytest.approx([0.01 + 0.99 * (x - q[0]) / (q[2] - q[0]) for x in q])
    cells, order = torch.ones(32, dtype=torch.bool), torch.arange(32).float()
    assert [int(cells_to_remask(32, 0.5, x, cells, order).sum()) for x in p] == [0, 0, 16]
    low = cells_to_remask(32, 0.5, 1.0, cells, order.flip(0))
    assert low.nonzero()[:, 0].tolist() == list(range(16, 32)), "the least confident go first"


def test_equal_scores_remask_alike() -> None:
    for score in (0.0, 0.4, 1.0):
        for probabilities in (backmask_probabilities, refine_probabilities):
            p = probabilities([score] * 3, 5.0)
            assert p == pytest.approx([0.01 + 0.99 * (1 - score)] * 3)


def test_refine_probabilities() -> None:
    p = refine_probabilities([0.9, 0.5, 0.1], 10.0)
    q = [math.exp(1), math.exp(5), math.exp(9)]
    assert p == pytest.approx([0.01, 0.01 + 0.99 * (q[1] - q[0]) / (q[2] - q[0]), 1.0])


def test_wino_drafts_and_revokes() -> None:
    queried, scores = row([0.95, 0.61, 0.6, 0.2])
    assert drafted(queried, scores, 0.6).tolist() == [[True, True, False, False]]
    assert drafted(queried, scores, 0.99).tolist() == [[True, False, False, False]], "at least one"
    many = torch.ones(1, 40, dtype=torch.bool)
    assert int(drafted(many, torch.ones(40), 0.6).sum()) == 20
    assert int(drafted(many[:, :12], torch.ones(12), 0.6).sum()) == 8  # floor(.7 * 12)
    assert int(drafted(many[:, :6], torch.ones(6), 0.6).sum()) == 5  # max(.7 * 6, 5)
    decided = torch.ones(1, 4, dtype=torch.bool)
    verified = torch.tensor([[0.5, 0.95, 0.1, 0.3]])
    assert refuted(decided, verified, 0.9, torch.tensor([3])).tolist() == [[False, False, True, True]]
    assert not bool(refuted(decided, verified, 0.9, torch.tensor([1])).any()), "net progress"


def test_wino_always_makes_progress() -> None:
    plain = {"steps": 24, "gen_length": 24, "block_length": 24, "draft_threshold": 0.1}
    sampler = make("wino", plain | {"revoke_cap": "this_step"})
    events, _ = collect(sampler(GuidedDenoiser(TableNetwork()), new_canvas([[1, 2]], 24, 20)))
    masks = 24
    for event in events:
        if isinstance(event, Unmasked):
            before, masks = masks, masks - len(event.cells)
        if isinstance(event, Remasked):
            masks += len(event.cells)
            assert masks < before
    assert any(isinstance(e, Remasked) for e in events)


def test_wino_ends_with_the_published_cap_too() -> None:
    """Masks may rise, but masks and the drafts of the last step together fall, from 24 + 30."""
    plain = {"steps": 60, "gen_length": 24, "block_length": 24, "draft_threshold": 0.1}
    events, _ = collect(make("wino", plain)(GuidedDenoiser(TableNetwork()), new_canvas([[1, 2]], 24, 20)))
    masks, sums, rises = 24, [24 + 30], 0
    for event in events:
        if isinstance(event, Unmasked):
            masks, last = masks - len(event.cells), len(event.cells)
            sums.append(masks + last)
        if isinstance(event, Remasked):
            rises += len(event.cells) >= last
            masks += len(event.cells)
            sums[-1] = masks + last
    assert sums == sorted(set(sums), reverse=True) and masks == 0 and rises > 0


def test_shadow_cells_do_not_see_their_own_cell() -> None:
    """One layer: in deeper ones a shadow hears of its cell through the others, as in the paper."""
    torch.manual_seed(0)
    shape = {"d_model": 32, "n_heads": 2, "n_layers": 1, "mlp_hidden_size": 48, "vocab_size": 120}
    model = LLaDAModelLM(LLaDAConfig(max_sequence_length=32, mask_token_id=119, init_std=0.3, **shape)).eval()
    network = ModelNetwork(model)
    canvas = new_canvas([[5, 6, 7], [8]], 6, 119)
    canvas.tokens[:, -4:] = torch.tensor([11, 12, 13, 14])
    length, start = canvas.tokens.shape[1], canvas.tokens.shape[1] - 4

    def look(tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            return network.shadow_states(tokens, canvas.attention_mask, canvas.masked, start, length)

    real, shadow = look(canvas.tokens)
    other = canvas.tokens.clone()
    other[:, start + 1] = 99
    changed_real, changed_shadow = look(other)
    torch.testing.assert_close(changed_shadow[:, 1], shadow[:, 1])
    assert not torch.allclose(changed_shadow[:, 0], shadow[:, 0])
    assert not torch.allclose(changed_real, real)
    with torch.no_grad():
        plain = network.states(canvas.tokens, canvas.attention_mask, canvas.masked)
    torch.testing.assert_close(real, plain, msg="real cells must not see the shadow")


def remdm(schedule: str, steps: int = 50, **extra: Any) -> Any:
    plain = {"steps": steps, "gen_length": 400, "block_length": 400, "schedule": schedule}
    return make("remdm", plain | extra)


@pytest.mark.parametrize("schedule", ["cap", "rescale", "loop"])
def test_remdm_schedules_against_simulation(schedule: str) -> None:
    """The number of masks follows the Markov chain of the paper's transition probabilities."""
    sampler = remdm(schedule)
    canvas = new_canvas([[1]] * 4, 400, 20, seeds=range(4))
    events, _ = collect(sampler(GuidedDenoiser(TableNetwork()), canvas))
    masks, found = 1600, {}
    for event in events:
        masks -= len(event.cells) if isinstance(event, Unmasked) else 0
        masks += len(event.cells) if isinstance(event, Remasked) else 0
        if isinstance(event, Unmasked):
            found[event.step] = masks
    share, wanted = 1.0, []
    for i in range(50):
        t, s = 1 - i / 50, 1 - (i + 1) / 50
        if schedule == "loop":
            alpha = [0.9 * (1 - x) / 0.45 if x > 0.55 else 0.9 if x > 0.05 else 1 - x * 2 for x in (t, s)]
            looping = 0.05 < t <= 0.55 and s > 0
            alpha, sigma = ([0.9, 0.9], 0.02) if looping else (alpha, 0.0)
        else:
            alpha = [1 - t, 1 - s]
            most = min(1.0, s / (1 - t)) if t < 1 else 1.0
            sigma = min(0.008, most) if schedule == "cap" else 0.015 * most
        stay = (1 - alpha[1] - sigma * alpha[0]) / (1 - alpha[0])
        share = share * stay + (1 - share) * sigma
        wanted.append(share)
    for step, masks in list(found.items())[:-1:7]:
        nearest = min(abs(masks / 1600 - w) for w in wanted[max(0, step - 1) : step + 3])
        assert nearest < 0.06, (schedule, step, masks / 1600, wanted[step])
    assert sum(len(e.cells) for e in events if isinstance(e, Remasked)) > 20


def test_remdm_by_confidence() -> None:
    sampler = remdm("conf")
    known = torch.tensor([[0.9, 0.1, 0.5, 1.0]])
    decided = torch.tensor([[True, True, True, False]])
    weights = torch.softmax(-torch.tensor([0.9, 0.1, 0.5]), 0)
    torch.testing.assert_close(sampler.by_confidence(0.3, known, decided), weights * 0.3)
    assert sampler.plan(0.5, 0.4)[2] == pytest.approx(0.8)  # (1 - .6) / .5


def test_remedi_keeps_k_cells_after_each_step() -> None:
    sampler = make("remedi", {"steps": 4, "gen_length": 10, "block_length": 10, "policy": "tps_prob"})
    events, _ = collect(sampler(GuidedDenoiser(TableNetwork(seed=2)), new_canvas([[4, 5]], 10, 20)))
    standing, after = 0, []
    scores: PolicyScored | None = None
    for event in events:
        if isinstance(event, PolicyScored):
            if scores is not None:
                after.append(standing)
            scores = event
        standing += len(event.cells) if isinstance(event, Unmasked) else 0
        standing -= len(event.cells) if isinstance(event, Remasked) else 0
    assert [*after, standing] == [3, 6, 8, 10]
    assert any(isinstance(e, Remasked) for e in events)
    for event in events:
        if isinstance(event, PolicyScored):
            kept = sum(s >= event.keep[0] for s in event.scores[0])
            assert kept in (3, 6, 8, 10)


class Falling(TableScorer):
    """Every block scores .2, so that every window opens and no candidate beats the original."""

    def __call__(self, *args: Any) -> list[list[float]]:
        return [[0.2] * len(scores) for scores in super().__call__(*args)]


def test_the_original_stays_when_no_candidate_is_better() -> None:
    plain = {"steps": 8, "gen_length": 8, "block_length": 2, "window": 2, "num_refinement_samples": 3}
    sampler = make("window_refine", plain)
    events, _ = collect(sampler(GuidedDenoiser(TableNetwork()), new_canvas([[1]], 8, 20), Falling()))
    assert [e.winners for e in events if isinstance(e, CandidateChosen)] == [(None,), (None,)]
    triggers = [e for e in events if isinstance(e, WindowTriggered)]
    assert triggers[0].remask_probabilities == pytest.approx((0.01 + 0.99 * 0.8,) * 2)
    # round(2 * .802 * .8) = 1 cell a block, in each of three copies
    assert [len(e.cells) for e in events if isinstance(e, Remasked)] == [6, 6]


def test_backmasking_looks_back_only_after_lookback_blocks() -> None:
    plain = {"steps": 8, "gen_length": 8, "block_length": 2, "num_candidates_per_block": 1}
    sampler = make("backmask", plain | {"backmasking_lookback": 3, "num_demasking_candidates": 2})
    events, _ = collect(sampler(GuidedDenoiser(TableNetwork()), new_canvas([[1]], 8, 20), Falling()))
    assert [e.block for e in events if isinstance(e, WindowTriggered)] == [2, 3]
    limited = make("backmask", plain | {"backmasking_lookback": 3, "max_refinements": 1})
    events, _ = collect(limited(GuidedDenoiser(TableNetwork()), new_canvas([[1]], 8, 20), Falling()))
    assert [e.block for e in events if isinstance(e, WindowTriggered)] == [2]


@pytest.mark.parametrize(("name", "bad", "field"), [
    ("window_refine", {"window": 17}, "window"), ("backmask", {"backmasking_lookback": 17}, "lookback"),
    ("best_of_n", {"num_samples": 0}, "num_samples"), ("threshold", {"threshold": 1.1}, "threshold"),
    ("vanilla_prm", {"num_candidates_per_block": 0}, "num_candidates"), ("remedi", {"policy": "x"}, "policy"),
    ("remdm", {"schedule": "x"}, "schedule"), ("klass", {"kl_threshold": -1}, "kl_threshold"),
    ("edit", {"mode": "x"}, "mode"), ("entropy_bounded", {"gamma": -1}, "gamma"),
])  # fmt: skip
def test_bad_settings(name: str, bad: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingError, match=field):
        make(name, bad)


def test_a_scored_sampler_without_a_scorer_says_so_before_any_forward() -> None:
    network = TableNetwork()
    sampler = make("best_of_n", {"steps": 4, "gen_length": 4, "block_length": 4})
    with pytest.raises(SettingError, match="scorer"):
        next(sampler(GuidedDenoiser(network), new_canvas([[1]], 4, 20)))
    assert network.calls == 0
