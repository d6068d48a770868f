"""KV caches: laws with a real network, unequal prompts, and exact invalidation."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from models.llada import LLaDAModelLM
from models.loading import load
from samplers import SAMPLERS, GuidedDenoiser, ModelNetwork, collect, fold, make, new_canvas
from samplers.canvas import Canvas
from samplers.settings import SettingError
from tests.networks import VECTORS, TableScorer
from tests.samplers.law_runs import sampler_of
from tests.samplers.toys import TOYS, VOCABULARY

CACHED = [
    name for name, e in SAMPLERS.items()
    if any(d.name == "cache" and "dual" in d.choices for d in e.settings)
]  # fmt: skip
PLAIN = {
    "steps": 8, "gen_length": 12, "block_length": 3, "window": 2, "backmasking_lookback": 2,
    "temperature": 0.7, "num_candidates_per_block": 2, "num_demasking_candidates": 2,
    "num_refinement_samples": 2, "num_samples": 2, "mode": "t2m", "edit_threshold": 0.5, "schedule": "loop",
}  # fmt: skip
PROMPTS = [[3, 14, 15, 92, 65], [35, 8], [97, 93, 23, 84]]


@pytest.fixture(scope="module")
def model() -> LLaDAModelLM:
    return load(str(VECTORS / "tiny_llada"), device="cpu").model


def run(model: LLaDAModelLM, name: str, cache: str, prompts: list[list[int]], **extra: Any) -> Any:
    known = {d.name for d in SAMPLERS[name].settings}
    sampler = make(name, {k: v for k, v in (PLAIN | extra).items() if k in known} | {"cache": cache})
    denoise = sampler.denoiser(ModelNetwork(model))
    canvas = new_canvas(prompts, 12, 119, seeds=[len(p) for p in prompts])
    events, final = collect(sampler(denoise, canvas, TableScorer() if sampler.needs.scorer else None))
    return events, final, denoise


@pytest.mark.parametrize("name", CACHED)
@pytest.mark.parametrize("cache", ["prefix", "dual"])
@pytest.mark.parametrize("guidance", [0.0, 0.5])
def test_laws_with_a_cache(
    model: LLaDAModelLM, name: str, cache: str, guidance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []  # rows of each pass
    hidden = model.hidden

    def counting(ids: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        sizes.append(len(ids))
        return hidden(ids, *args, **kwargs)

    monkeypatch.setattr(model, "hidden", counting)
    events, final, denoise = run(model, name, cache, PROMPTS, cfg_scale=guidance)
    assert (events[-1].forwards, events[-1].nfe) == (len(sizes), sum(sizes))
    assert fold(events).tokens == final.tokens.tolist() and not bool(final.masked.any())
    assert events[-1].nfe == denoise.nfe == sum(denoise.row_nfe.values())
    assert denoise.cache.groups == [], "the run is over: nothing may be kept"
    assert cache in events[0].settings["network"]["approximate"]
    for row, prompt in enumerate(PROMPTS):
        _, alone, cost = run(model, name, cache, [prompt], cfg_scale=guidance)
        assert alone.tokens[0, -12:].tolist() == final.tokens[row, -12:].tolist()
        assert (cost.nfe, cost.forwards) == (denoise.row_nfe[row], denoise.row_forwards[row])


@pytest.mark.parametrize("name", sorted(TOYS))
@pytest.mark.parametrize("cache", ["prefix", "dual"])
def test_rows_that_change_their_length_with_a_cache(model: LLaDAModelLM, name: str, cache: str) -> None:
    """What was kept of a row is not used once its cells have moved; nothing of it stays behind."""
    sampler = sampler_of(name, PLAIN | {"cache": cache})
    denoise = sampler.denoiser(ModelNetwork(model))
    cells, mask_id = sampler.cells_at_start, None if sampler.needs.noise else 119
    canvas = new_canvas(PROMPTS, cells, mask_id, seeds=[1, 2, 3], vocabulary=VOCABULARY)
    events, final = collect(sampler(denoise, canvas))
    assert fold(events).tokens == [list(row) for row in final.token_rows()]
    assert not bool(final.masked.any()) and denoise.cache.groups == []  # type: ignore[attr-defined]
    answers = {len(final.answer(row)) for row in range(3)}
    assert len(answers) > 1 or name not in ("gardener", "forker")


def test_what_a_cached_pass_evaluates(model: LLaDAModelLM) -> None:
    seen: list[int] = []
    hidden = model.hidden

    def counting(ids: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        seen.append(ids.shape[1])
        return hidden(ids, *args, **kwargs)

    model.hidden = counting  # type: ignore[method-assign]
    try:
        run(model, "low_confidence", "dual", [[1, 2]])
        dual, seen = seen, []
        run(model, "low_confidence", "prefix", [[1, 2]])
    finally:
        model.hidden = hidden  # type: ignore[method-assign]
    assert dual == [14, 3] * 4
    assert seen == [14, 12, 14, 9, 14, 6, 14, 3]


def span_cells(canvas: Canvas, start: int, stop: int) -> torch.Tensor:
    cells = torch.zeros_like(canvas.pinned)
    cells[:, canvas.prompt_length + start : canvas.prompt_length + stop] = True
    return cells & canvas.masked


@pytest.mark.parametrize("cache", ["prefix", "dual"])
def test_a_changed_old_block_is_noticed(model: LLaDAModelLM, cache: str) -> None:
    """After any change to what was kept, the answer is that of a denoiser without a history."""
    canvas = new_canvas(PROMPTS, 6, 119)
    canvas.tokens[:, canvas.prompt_length : canvas.prompt_length + 3] = 7
    denoise = GuidedDenoiser(ModelNetwork(model), 0.0, cache, 3)
    queried = span_cells(canvas, 3, 6)
    denoise(canvas, queried)
    denoise(canvas, queried)
    assert denoise.cache is not None and denoise.cache.full_passes == 1
    canvas.tokens[1, canvas.prompt_length + 1] = 8  # row 1 only: back-masking wrote another token
    logits = denoise(canvas, queried)
    assert denoise.cache.full_passes == 2
    fresh = GuidedDenoiser(ModelNetwork(model), 0.0, cache, 3)(canvas, queried)
    torch.testing.assert_close(logits[3:6], fresh[3:6])


def test_a_first_pass_is_exact_and_later_ones_are_close(model: LLaDAModelLM) -> None:
    canvas = new_canvas(PROMPTS, 6, 119)
    plain, cached = (GuidedDenoiser(ModelNetwork(model), 0.5, c, 3) for c in ("none", "dual"))
    queried = span_cells(canvas, 0, 3)
    torch.testing.assert_close(cached(canvas, queried), plain(canvas, queried))
    torch.testing.assert_close(cached(canvas, queried), plain(canvas, queried), atol=1e-4, rtol=1e-4)


def test_wino_refuses_a_cache() -> None:
    with pytest.raises(SettingError, match="cache"):
        make("wino", {"cache": "dual"})
