"""Captured passes: what a recording computes is what a plain pass computes.

On a CPU `Repeated` stands for a CUDA graph: the same function of the same fixed tensors, run again, so that a
wrong address, a forgotten input or an output that is read too late shows here too. Marked gpu: real graphs.
"""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from typing import Any

import pytest
import torch

from models.llada import LLaDAModelLM
from models.rope import inverse_frequencies
from samplers import GuidedDenoiser, ModelNetwork, collect, make, new_canvas
from samplers.events import Event, Finished, Unmasked
from samplers.forwards import captured
from samplers.forwards.captured import (
    CapturedPasses,
    Compute,
    Graph,
    Repeated,
    passes_of,
    plain_passes,
    weights_of,
)
from samplers.forwards.passes import Passes
from tests.networks import SMALL_MASK, small_llada
from tests.second_device import DEVICE, OnDevice, SecondDevice, on_device

PROMPTS = [[3, 14, 15, 9, 6], [5, 8]]
WAYS: dict[str, dict[str, Any]] = {
    "plain": {}, "guided": {"cfg_scale": 0.5}, "prefix": {"cache": "prefix"}, "dual": {"cache": "dual"},
    "guided dual": {"cache": "dual", "cfg_scale": 0.5},
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> LLaDAModelLM:
    return small_llada(2)


def run(
    passes: Passes, way: dict[str, Any], prompts: list[list[int]] = PROMPTS, name: str = "low_confidence"
) -> list[Event]:
    """The events after the first, which names the device."""
    sampler = make(name, {"steps": 12, "gen_length": 12, "block_length": 4} | way)
    denoise = sampler.denoiser(ModelNetwork(passes.model, "small", passes))
    events, _ = collect(sampler(denoise, new_canvas(prompts, 12, SMALL_MASK, seeds=[1] * len(prompts))))
    return events[1:]


@pytest.mark.parametrize("prompts", [PROMPTS, PROMPTS[:1]])
@pytest.mark.parametrize("way", WAYS)
def test_recorded_passes_give_the_same_events(
    model: LLaDAModelLM, way: str, prompts: list[list[int]]
) -> None:
    """To the last bit, in a first run, which records, and in a second, which replays from its first pass."""
    passes = CapturedPasses(model, Repeated, most_spare=2**20)
    wanted = run(Passes(model), WAYS[way], prompts)
    assert run(passes, WAYS[way], prompts) == wanted
    recorded, plain = passes.recorded, passes.plain
    assert recorded >= 1 and passes.replayed > recorded and plain <= 4
    assert run(passes, WAYS[way], prompts) == wanted
    assert passes.plain == plain or "prefix" in way, "a second run has no new shapes"
    blocks = {"prefix": 3, "dual": 1, "guided dual": 1}.get(way, 0)
    assert passes.recorded == blocks + 1, "one for full passes, one for every length of a block's pass"


class Stale(Repeated):
    """A recording whose replay computes nothing."""

    def replay(self) -> None:
        pass


@pytest.mark.parametrize("way", WAYS)
def test_a_replay_that_does_nothing_is_noticed(model: LLaDAModelLM, way: str) -> None:
    """The events above depend on every replay."""
    passes = CapturedPasses(model, Stale, most_spare=2**20)
    assert run(passes, WAYS[way]) != run(Passes(model), WAYS[way])


@pytest.mark.parametrize("cache", ["prefix", "dual"])
def test_rows_that_end_early(model: LLaDAModelLM, cache: str) -> None:
    """Where only some rows of a block go on, all of them are evaluated again, in place, and no other shape is
    recorded; tokens, steps and what is counted stay."""
    way, prompts = {"cache": cache, "threshold": 0.3}, [*PROMPTS, [7, 7, 7], [1]]
    passes = CapturedPasses(model, Repeated, most_spare=2**20)
    wanted, found = run(Passes(model), way, prompts, "threshold"), run(passes, way, prompts, "threshold")
    assert isinstance(wanted[-1], Finished) and found[-1] == wanted[-1]
    counts = [len({cell.row for cell in e.cells}) for e in wanted if isinstance(e, Unmasked)]
    assert min(counts) < 4, "no row ended early: the test shows nothing"
    for event, other in zip(found, wanted, strict=True):
        if isinstance(event, Unmasked) and isinstance(other, Unmasked):
            assert event.nfe == other.nfe and [c[:3] for c in event.cells] == [c[:3] for c in other.cells]
            own, theirs = ([c.confidence for c in e.cells] for e in (event, other))
            assert own == pytest.approx(theirs, abs=1e-5)
    assert {shape.rows for shape in passes._fixed} <= {4}


def test_no_more_recordings_than_allowed(model: LLaDAModelLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes that find no room are plain passes; the longest unused recording goes once it has rested."""
    monkeypatch.setattr(captured, "REST", 20)
    passes = CapturedPasses(model, Repeated, most_graphs=2)
    tokens = torch.full((1, 16), SMALL_MASK)

    @torch.no_grad()
    def call(length: int, times: int) -> None:
        ids, real = tokens[:, :length], torch.ones(1, length, dtype=torch.bool)
        for _ in range(times):
            wanted = Passes(model).states(ids, real, real)
            assert torch.equal(passes.states(ids, real, real), wanted)

    call(4, 3)
    call(5, 3)
    call(6, 3)
    assert passes.recorded == 2 and passes.plain == 2 + 3
    call(5, 20)  # 4 rests meanwhile
    call(6, 3)
    assert [shape.length for shape in passes._fixed] == [5, 6] and passes.recorded == 3
    assert passes.memory() == sum(f.ids.nbytes + f.recording.output.nbytes for f in passes._fixed.values())


def test_a_device_that_refuses(model: LLaDAModelLM, caplog: pytest.LogCaptureFixture) -> None:
    """A layer that cannot be captured: said once, and plain passes from then on."""

    def refuse(compute: Compute, pool: Any) -> Repeated:
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    passes = CapturedPasses(model, refuse)
    with caplog.at_level(logging.WARNING):
        assert run(passes, {}) == run(Passes(model), {})
    assert caplog.text.count("not captured: operation not permitted") == 1 and passes.replayed == 0


def test_threads_take_turns(model: LLaDAModelLM) -> None:
    """Eight runs at once on the same recordings, each as alone."""
    passes = CapturedPasses(model, Repeated, most_spare=2**20)
    prompts = [[[n + 1, 2 * n + 1, 3]] for n in range(8)]
    ways = [WAYS["plain"], WAYS["dual"]] * 4
    wanted = [run(Passes(model), way, one) for way, one in zip(ways, prompts, strict=True)]
    found: list[list[Event] | None] = [None] * 8

    def work(n: int) -> None:
        found[n] = run(passes, ways[n], prompts[n])

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == wanted


def test_spare_room_is_bounded(model: LLaDAModelLM) -> None:
    """Keys and values of an ended run serve the next one; where none may be kept, they and recordings go."""
    kept = CapturedPasses(model, Repeated, most_spare=2**20)
    room = kept.new_keys_values(1, 8)
    kept.give_back(room)
    assert kept.new_keys_values(1, 8) is room and kept.new_keys_values(1, 8) is not room
    freed = CapturedPasses(model, Repeated, most_spare=0)
    run(freed, {"cache": "dual"})
    assert freed._fixed == {} and freed._rooms == {} and freed.memory() == 0


def test_a_recorded_function_touches_the_device_alone() -> None:
    """What is recorded sends nothing to the device and reads nothing from it: a graph could hold neither."""
    model = small_llada()
    on_device(model)
    inverse, scale = inverse_frequencies(model.config)
    model._rotations[DEVICE] = OnDevice(inverse), scale
    moves: list[tuple[int, int]] = []

    def recorded(compute: Compute, pool: Any) -> Repeated:
        def watched() -> torch.Tensor:
            before = device.sends, device.reads
            result = compute()
            moves.append((device.sends - before[0], device.reads - before[1]))
            return result

        return Repeated(watched, pool)

    with SecondDevice() as device:
        for way in ("plain", "dual"):
            run(CapturedPasses(model, recorded, most_spare=2**20), WAYS[way])
    assert len(moves) > 12 and set(moves) == {(0, 0)}


def test_where_passes_are_captured(model: LLaDAModelLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on a CPU; on a GPU unless it is switched off or the model learns, and anew once weights move."""
    assert type(passes_of(model)) is Passes
    other = small_llada()
    monkeypatch.setattr(captured, "on_one_gpu", lambda model: True)
    monkeypatch.setattr(captured, "CapturedPasses", lambda model: CapturedPasses(model, Repeated))
    first = passes_of(other)
    assert isinstance(first, CapturedPasses) and passes_of(other) is first
    with plain_passes():
        assert type(passes_of(other)) is Passes
    other.blocks[0].q_proj.weight.data = other.blocks[0].q_proj.weight.data.clone()
    assert first.weights != weights_of(other) and passes_of(other) is not first
    monkeypatch.setenv("LLADA_VIZ_CAPTURE", "0")
    assert type(passes_of(other)) is Passes
    gone = weakref.ref(other)
    del other, first
    gc.collect()
    assert gone() is None, "captured passes keep no model alive"


def test_a_model_in_training_is_not_captured(model: LLaDAModelLM) -> None:
    passes = CapturedPasses(model, Repeated)
    model.train()
    try:
        run(passes, {})
    finally:
        model.eval()
    assert passes.recorded == 0 < passes.plain


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("way", WAYS)
def test_graphs_equal_plain_passes(way: str, dtype: torch.dtype) -> None:
    """Real graphs: the same kernels on the same numbers, so the same events; the padded batch and one row."""
    on_gpu = small_llada(2).to("cuda", dtype)
    passes = passes_of(on_gpu)
    assert isinstance(passes, CapturedPasses) and passes.record is Graph
    for prompts in (PROMPTS, PROMPTS[:1]):
        wanted = run(Passes(on_gpu), WAYS[way], prompts)
        assert run(passes, WAYS[way], prompts) == wanted == run(passes, WAYS[way], prompts)
    assert passes.recorded > 0 and not passes.refused and passes.memory() > 0
    queried = torch.ones(2, 17, dtype=torch.bool)
    denoise = GuidedDenoiser(ModelNetwork(on_gpu, "small", passes))
    canvas = new_canvas(PROMPTS, 12, SMALL_MASK)
    plain = GuidedDenoiser(ModelNetwork(on_gpu, "small", Passes(on_gpu)))(canvas, queried)
    for _ in range(3):
        torch.testing.assert_close(denoise(canvas, queried), plain)
