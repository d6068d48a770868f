"""Drafts change nothing else (law 9), are what the network would write, and cost no forward and no wait."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from llada_viz.decoding.bundled import Bundled
from samplers import SAMPLERS, GuidedDenoiser, ModelNetwork, collect, make, new_canvas
from samplers.__main__ import main
from samplers.drafts import MOST_DRAFTS, likeliest
from samplers.drafts import with_drafts as walked
from samplers.events import Cell, Event, Finished, Predicted, Started, Unmasked
from samplers.fold import Board, BoardRow, fold
from samplers.forwards.captured import CapturedPasses, Repeated
from samplers.forwards.shared_forwards import Forwards
from samplers.forwards.shared_network import shared
from samplers.recording.traces import read_trace
from samplers.registry import parse_settings
from samplers.settings import SettingError
from tests.networks import SMALL_MASK, VECTORS, TableNetwork, TableScorer, small_llada
from tests.samplers.law_runs import EOS, MASK, runs, start, stream
from tests.samplers.test_laws import REGISTERED as NAMES
from tests.samplers.test_one_sync import WAYS, network, network_on_second_device, sampler_of, steps
from tests.second_device import SecondDevice


def without(events: Sequence[Event]) -> list[Event]:
    """The other events."""
    return [event for event in events if not isinstance(event, Predicted)]


def equal(drafted: Sequence[Event], plain: Sequence[Event]) -> bool:
    """Whether two runs differ in nothing but the setting and the drafts."""
    first, other = drafted[0], plain[0]
    assert isinstance(first, Started) and isinstance(other, Started)
    assert first.settings["drafts"] and not other.settings["drafts"]
    same_start = first.tokens == other.tokens and first.settings | {"drafts": 0} == other.settings
    return same_start and without(drafted)[1:] == list(plain[1:])


def with_drafts(run: dict[str, Any], k: int) -> dict[str, Any]:
    return run | {"settings": run["settings"] | {"drafts": k}}


class Noting(TableNetwork):
    """Remembers the rows of the last forward."""

    tokens: Tensor

    def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        self.tokens = tokens.clone()
        return super().states(tokens, attention_mask, cells)


@pytest.mark.parametrize("name", NAMES)
@given(run=runs(), k=st.sampled_from([1, 3]))
@settings(max_examples=8, deadline=None)
def test_law_9_and_drafts_are_the_networks(name: str, run: dict[str, Any], k: int) -> None:
    plain, _ = collect(stream(*start(name, with_drafts(run, 0))))
    sampler, _, canvas = start(name, with_drafts(run, k))
    net = Noting(seed=run["network"])
    board, events = Board(), []
    for event in stream(sampler, sampler.denoiser(net), canvas):
        if isinstance(event, Predicted):
            check(event, board, events[0], net, sampler.denoiser(net).settings.cfg_scale, k)
        board.apply(event)
        events.append(event)
    assert equal(events, plain)
    for event, following in zip(events, events[1:], strict=False):
        if isinstance(event, Predicted):
            assert (event.nfe, event.forwards) == (following.nfe, following.forwards)
            assert (event.block, event.forked) == (following.block, following.forked)
    made = sum(isinstance(event, Predicted) for event in events)
    assert made == len({event.forwards for event in events if isinstance(event, Predicted)})
    assert made == events[-1].forwards or (name == "edit" and made <= events[-1].forwards)


def check(event: Predicted, board: Board, first: Event, net: Noting, cfg_scale: float, k: int) -> None:
    """Every undecided cell of every evaluated row, with the k likeliest tokens of a second look."""
    assert isinstance(first, Started)
    named = sorted({cell.row for cell in event.cells})
    evaluated = net.tokens.chunk(2)[0] if cfg_scale > 0 else net.tokens
    undecided = {tuple(row.tokens) for row in board.rows if any(row.undecided)}
    wanted = sorted(row for row in map(tuple, evaluated.tolist()) if row in undecided)
    assert sorted(tuple(board.rows[row].tokens) for row in named) == wanted
    expected: list[Cell] = []
    masks = board.mask_id is not None
    for number in named:
        row, attention = board.rows[number], torch.tensor([first.attention_mask[number // board.k]])
        for position, logits in guided(net, row, attention, cfg_scale, board.prompt_length, masks):
            top = logits.softmax(-1).topk(k)
            pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
            expected += [Cell(number, position, token, round(p, 4)) for token, p in pairs]
    assert list(event.cells) == expected


def guided(
    net: TableNetwork, row: BoardRow, attention: Tensor, cfg_scale: float, prompt: int, masks: bool
) -> list[tuple[int, Tensor]]:
    """(position, logits) of the undecided cells of a row, written out."""
    tokens, undecided = torch.tensor([row.tokens]), torch.tensor([row.undecided])
    logits = TableNetwork.states(net, tokens, attention, undecided).clone()
    if cfg_scale > 0:
        empty = tokens.clone()
        empty[:, :prompt] = torch.where(attention[:, :prompt], MASK, tokens[:, :prompt])
        least = TableNetwork.states(net, empty, attention, undecided)
        logits = least + (cfg_scale + 1) * (logits - least)
    if masks:
        logits[:, MASK] = -torch.inf
    return list(zip(undecided[0].nonzero()[:, 0].tolist(), logits, strict=True))


SMALL: dict[str, Any] = {
    "settings": {"steps": 6, "gen_length": 6, "block_length": 3, "window": 2, "backmasking_lookback": 2,
                 "edit_threshold": 0.0, "post_steps": 2, "num_samples": 2, "num_candidates_per_block": 2,
                 "num_demasking_candidates": 2, "num_refinement_samples": 2},
    "prompts": [[1, 2], [3]], "seeds": [0, 1], "given": [{}, {1: 3}], "network": 0, "noise": False,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_run_closed_at_its_drafts_folds_to_its_canvas(name: str) -> None:
    run = with_drafts(SMALL, 2)
    events, _ = collect(stream(*start(name, run)))
    for stop in (i for i, event in enumerate(events) if isinstance(event, Predicted)):
        sampler, denoise, canvas = start(name, run)
        again = stream(sampler, denoise, canvas)
        board = Board()
        for _ in range(stop + 1):
            board.apply(next(again))
        again.close()
        assert board.tokens == canvas.tokens.tolist()
        assert denoise.fresh_drafts() == [] and torch.is_grad_enabled()


def test_a_sampler_is_closed_with_its_stream() -> None:
    """At once, not when it is forgotten: it may hold what the denoiser is about to give back."""
    sampler, denoise, canvas = start("threshold", with_drafts(SMALL, 1))
    inner = stream(sampler, denoise, canvas)
    outer = walked(inner, canvas, denoise.fresh_drafts)
    assert [type(next(outer)) for _ in range(2)] == [Started, Predicted]
    outer.close()  # type: ignore[attr-defined]
    assert inner.gi_frame is None


def test_a_canvas_without_masks() -> None:
    """Noise is undecided too, until it is decided."""
    canvas = new_canvas([[1, 2]], 6, None, seeds=[3], vocabulary=20)
    sampler = make("low_confidence", {"steps": 3, "gen_length": 6, "block_length": 6, "drafts": 1})
    events, final = collect(sampler(sampler.denoiser(TableNetwork()), canvas))
    assert fold(events).tokens == final.tokens.tolist()
    left = [len(event.cells) for event in events if isinstance(event, Predicted)]
    assert left == [6, 4, 2]


@pytest.mark.parametrize("name", NAMES)
def test_on_the_bundled_model_not_a_bit_changes(name: str) -> None:
    loaded = Bundled().loaded
    assert loaded is not None
    sizes = SMALL["settings"] | {"steps": 4, "gen_length": 16, "block_length": 8}

    def events(drafts: int) -> list[Event]:
        known = {d.name for d in SAMPLERS[name].settings}
        plain = {key: value for key, value in sizes.items() if key in known}
        sampler = make(name, plain | {"drafts": drafts})
        canvas = new_canvas([[5, 9, 12], [7, 7]], 16, loaded.mask_id, seeds=[1, 2], eos_id=loaded.eos_id)
        score = TableScorer() if sampler.needs.scorer else None
        return collect(sampler(sampler.denoiser(ModelNetwork(loaded.model)), canvas, score))[0]

    drafted = events(1)
    assert equal(drafted, events(0)) and any(isinstance(event, Predicted) for event in drafted)


@pytest.mark.parametrize("name", SAMPLERS)
def test_drafts_travel_together_and_wait_for_nothing_else(name: str) -> None:
    """One transfer more a call, with a cache, guidance and a policy; nothing that waits is done for them."""
    ways = ("dual cache, guided, EOS put off", "prefix cache, margin, drawn")
    way = WAYS[ways[len(name) % 2]]
    with sdpa_kernel(SDPBackend.MATH):
        plain = [event for event, _ in steps(sampler_of(name, way), network())]
        drafted = [event for event, _ in steps(sampler_of(name, way | {"drafts": 2}), network())]
    assert equal(drafted, plain)
    found, made = [], 0
    with SecondDevice() as device:
        for event, calls in steps(sampler_of(name, way | {"drafts": 2}), network_on_second_device()):
            found.append(event)
            made += isinstance(event, Predicted)
            if isinstance(event, Unmasked) and event.step >= 0:
                assert device.reads == calls + made and made <= calls
    assert found[1:] == drafted[1:] and made >= 2


@pytest.mark.parametrize("cache", ["none", "prefix", "dual"])
def test_with_a_cache_only_what_a_pass_evaluates(cache: str) -> None:
    """A block's first pass is a whole one; then a pass sees the block, or everything from it on."""
    plain = {"steps": 6, "gen_length": 6, "block_length": 3, "cache": cache, "drafts": 1}
    sampler = make("low_confidence", plain)
    events, _ = collect(
        sampler(sampler.denoiser(ModelNetwork(small_llada())), new_canvas([[3, 4]], 6, SMALL_MASK))
    )
    cells = [len(event.cells) for event in events if isinstance(event, Predicted)]
    assert cells == ([6, 2, 1, 3, 2, 1] if cache == "dual" else [6, 5, 4, 3, 2, 1])


@pytest.mark.parametrize("way", ["captured", "shared"])
@pytest.mark.parametrize("cache", ["none", "dual"])
def test_captured_and_shared_passes_give_the_same_drafts(way: str, cache: str) -> None:
    model = small_llada()
    captured = CapturedPasses(model, record=Repeated, most_spare=0)
    networks = {
        "plain": ModelNetwork(model), "captured": ModelNetwork(model, passes=captured),
        "shared": shared(ModelNetwork(model), Forwards()),
    }  # fmt: skip
    plain = {"steps": 12, "gen_length": 12, "block_length": 6, "cache": cache, "drafts": 2, "cfg_scale": 0.5}

    def run(kind: str) -> list[Event]:
        sampler = make("low_confidence", plain)
        canvas = new_canvas([[3, 4, 5], [6]], 12, SMALL_MASK)
        return collect(sampler(sampler.denoiser(networks[kind]), canvas))[0]

    with torch.no_grad():
        assert run(way)[1:] == run("plain")[1:]
    assert way == "shared" or captured.replayed > 4


@pytest.mark.parametrize(("written", "k"), [
    (True, 1), (False, 0), ("true", 1), ("False", 0), (5, 5), ("5", 5), ("top_5", 5),
])  # fmt: skip
def test_ways_to_write_it(written: Any, k: int) -> None:
    assert make("threshold", {"drafts": written}).drafts == k  # type: ignore[attr-defined]
    assert parse_settings("threshold", [f"drafts={written}"]) == {"drafts": k}


@pytest.mark.parametrize("written", ["top_k", "all", "top_", "-1", "33", "1.5", "", "top_9999999999"])
def test_ways_it_is_refused(written: str) -> None:
    with pytest.raises(
        SettingError, match="drafts = .*; allowed: true, false or a whole number from 0 to 32"
    ):
        make("threshold", parse_settings("threshold", [f"drafts={written}"]))
    with pytest.raises(
        SettingError, match="drafts = .*; allowed: true, false or a whole number from 0 to 32"
    ):
        make("threshold", {"drafts": written})


def test_too_many_are_refused_with_their_size() -> None:
    longest = {"steps": 4096, "gen_length": 4096, "block_length": 4096}
    size = r"4,096 steps x 4,096 cells x 1 a cell = 16,777,216 drafts, 3,087 MB"
    with pytest.raises(SettingError, match=f"at most 2,000,000 drafts; these would be {size}") as refused:
        make("low_confidence", longest | {"drafts": 1})
    assert "Take fewer steps" in refused.value.sentence
    make("low_confidence", longest)
    fits = {"steps": 1024, "gen_length": 512, "block_length": 512}
    make("low_confidence", fits | {"drafts": 3})
    with pytest.raises(SettingError, match="2,097,152 drafts"):
        make("low_confidence", fits | {"drafts": 4})
    answers = fits | {"num_samples": 4}
    with pytest.raises(SettingError, match="1,024 steps x 2,048 cells x 1 a cell"):
        make("best_of_n", answers | {"drafts": True})
    assert make("best_of_n", answers | {"num_samples": 3, "drafts": True}) and MOST_DRAFTS == 2_000_000


def test_a_denoiser_that_does_not_agree_is_refused() -> None:
    sampler = make("low_confidence", {"steps": 4, "gen_length": 4, "block_length": 4, "drafts": 1})
    with pytest.raises(SettingError, match="drafts = 1 is not valid; allowed: 0, which the denoiser has"):
        next(sampler(GuidedDenoiser(TableNetwork()), new_canvas([[1]], 4, MASK, eos_id=EOS)))


def test_as_many_tokens_as_there_are() -> None:
    """With more drafts than tokens: all tokens but the mask."""
    sampler = make("low_confidence", {"steps": 1, "gen_length": 1, "block_length": 1, "drafts": 32})
    events, _ = collect(sampler(sampler.denoiser(TableNetwork(vocab=23)), new_canvas([[1]], 1, MASK)))
    (drafts,) = (event for event in events if isinstance(event, Predicted))
    assert sorted(cell.token for cell in drafts.cells) == [i for i in range(23) if i != MASK]
    assert sum(cell.confidence for cell in drafts.cells) == pytest.approx(1, abs=0.002)


def test_the_likeliest_is_the_same_however_many_are_asked_for() -> None:
    logits = torch.randn(50, 300, generator=torch.Generator().manual_seed(0))
    (one, p), (five, ps) = likeliest(logits, 1), likeliest(logits, 5)
    assert torch.equal(one, five[:, :1]) and torch.equal(p, ps[:, :1])
    assert torch.allclose(p[:, 0], logits.softmax(-1).amax(-1), atol=1e-6)


def test_a_trace_holds_them(tmp_path: Path) -> None:
    trace, what = tmp_path / "run.trace", ["run", "--model", str(VECTORS / "tiny_llada"), "--device", "cpu"]
    chosen = ["steps=4", "gen_length=4", "block_length=4", "drafts=top_2"]
    flags = [flag for pair in chosen for flag in ("--set", pair)]
    assert main([*what, "--prompt-ids", "[3, 14]", *flags, "--trace", str(trace)]) == 0
    events = read_trace(trace).events
    drafts = [event for event in events if isinstance(event, Predicted)]
    assert [len(event.cells) for event in drafts] == [8, 6, 4, 2]
    assert all(cell.confidence == round(cell.confidence, 4) for event in drafts for cell in event.cells)
    assert isinstance(events[-1], Finished) and fold(events).finished
