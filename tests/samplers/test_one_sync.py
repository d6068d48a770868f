"""A step waits for the device once: when its events are handed over.

Counted on a CPU with a second device that is none (tests/second_device.py): the whole network runs on it, and
whatever would wait for a GPU is an error there. Marked gpu: the same on a real one, under PyTorch's own mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

import samplers.blocks
from models.rope import inverse_frequencies
from models.ups_head import UPSHead
from samplers import SAMPLERS, PolicyModelNetwork, make, new_canvas
from samplers.blocks import BlockSettings
from samplers.events import Event, Started, Unmasked
from tests.networks import SMALL_MASK, TableScorer, small_llada
from tests.second_device import DEVICE, HostWaits, OnDevice, SecondDevice, on_device

SETTINGS = {
    "steps": 4, "gen_length": 6, "block_length": 3, "window": 2, "backmasking_lookback": 2,
    "num_candidates_per_block": 2, "num_demasking_candidates": 2, "num_refinement_samples": 2,
    "num_samples": 2, "edit_threshold": 0.01, "post_steps": 2, "threshold": 0.3, "draft_threshold": 0.1,
}  # fmt: skip
WAYS: dict[str, dict[str, Any]] = {
    "as it is": {"schedule": "cap"},
    "prefix cache, margin, drawn": {
        "cache": "prefix", "confidence": "margin", "factor": 1.0, "free_last_rank": True, "policy": "ups",
        "mode": "t2m", "temperature": 0.7, "top_p": 0.9, "alg_temp": 0.5, "schedule": "loop",
    },
    "dual cache, guided, EOS put off": {
        "cache": "dual", "cfg_scale": 0.5, "confidence": "random", "policy": "random", "eos_gating": True,
        "eos_deferral": "renormalised", "early_stop": True, "unmask_strategy": "min_kl",
    },
    "origin, top k": {"confidence": "origin", "eos_gating": True, "temperature": 1.0, "top_k": 3},
}  # fmt: skip
PROMPTS = [[3, 14, 15, 9, 6], [5, 8]]
EOS = 30


def network(place: Callable[[Any], Any] = lambda module: module) -> PolicyModelNetwork:
    """A small LLaDA with a UPS head; the same weights every time, moved by `place`."""
    model = small_llada()
    head = UPSHead(model.config.d_model).eval().requires_grad_(False)
    return PolicyModelNetwork(place(model), "small", place(head))


def network_on_second_device() -> PolicyModelNetwork:
    """The same on the second device, its rotary frequencies too, which a first pass puts there."""
    moved = network(on_device)
    inverse, scale = inverse_frequencies(moved.model.config)
    moved.model._rotations[DEVICE] = OnDevice(inverse), scale
    return moved


def sampler_of(name: str, way: dict[str, Any]) -> BlockSettings:
    """The sampler with those of the settings that it has, and their choices."""
    known = {d.name: d for d in SAMPLERS[name].settings}
    chosen = {k: v for k, v in (SETTINGS | way).items() if k in known}
    allowed = {k: v for k, v in chosen.items() if not known[k].choices or v in known[k].choices}
    made = make(name, allowed)
    assert isinstance(made, BlockSettings)
    return made


def steps(sampler: BlockSettings, net: PolicyModelNetwork) -> Iterator[tuple[Event, int]]:
    """Each event, and the denoiser calls until then."""
    denoise = sampler.denoiser(net)
    canvas = new_canvas(PROMPTS, 6, SMALL_MASK, seeds=[1, 2], eos_id=EOS)
    for event in sampler(denoise, canvas, TableScorer() if sampler.needs.scorer else None):
        yield event, denoise.calls


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_step_waits_once(name: str, way: str) -> None:
    """As many transfers to the host as denoiser calls, after every call; and the events of a host's run."""
    sampler, calls_seen = sampler_of(name, WAYS[way]), 0
    with sdpa_kernel(SDPBackend.MATH):
        wanted = [event for event, _ in steps(sampler, network())]
    found = []
    with SecondDevice() as device:
        for event, calls in steps(sampler, network_on_second_device()):
            found.append(event)
            if isinstance(event, Unmasked) and event.step >= 0:
                assert device.reads == calls, f"step {event.step} waited more than once"
                calls_seen = calls
    assert calls_seen >= 2 and device.reads == calls_seen
    assert isinstance(wanted[0], Started) and found[1:] == wanted[1:]


INJECTED: dict[str, Callable[[Tensor], Any]] = {
    "item": lambda x: x[0, 0].item(),
    "bool": lambda x: bool((x[0, 0] > 0).any()),
    "float": lambda x: float(x.sum()),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "nonzero": lambda x: (x > 0).nonzero(),
    "a mask": lambda x: x[x > 0],
    "writing by a mask": lambda x: x.__setitem__(x[:, 0] > 9, x[:1]),
    "a mask of the host": lambda x: x[torch.ones(len(x), dtype=torch.bool)],
    "an index of the host": lambda x: x[torch.tensor([0])],
    "a list": lambda x: x[[0]],
    "writing by a list": lambda x: x.__setitem__((slice(None), [0]), -1.0),
    "equal": lambda x: torch.equal(x, x),
    "masked_select": lambda x: x.masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "a number sent": lambda x: x + torch.tensor([1.0], device=x.device),
    "a blocking copy there": lambda x: torch.ones(1).to(x.device),
    "copy_ there": lambda x: x.copy_(torch.ones(x.shape)),
    "copy_ back": lambda x: torch.empty(x.shape).copy_(x),
    "a host tensor": lambda x: x + torch.ones(x.shape),
}


@pytest.mark.parametrize("kind", INJECTED)
def test_what_waits_is_caught(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing that waits, put into a step, fails it: the count cannot pass wrongly."""
    net, sampler = network_on_second_device(), sampler_of("threshold", {})
    plain = net.head

    def head(states: Tensor) -> Tensor:
        logits = plain(states)
        INJECTED[kind](logits)
        return logits

    with monkeypatch.context() as patch:
        patch.setattr(net, "head", head)
        with pytest.raises((HostWaits, RuntimeError)), SecondDevice():
            list(steps(sampler, net))
    with SecondDevice():
        list(steps(sampler, net))


def test_a_second_transfer_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    net, sampler = network_on_second_device(), sampler_of("threshold", {})
    monkeypatch.setattr(net, "head", lambda states: (states.cpu(), net.model.head(states).float())[1])
    with SecondDevice() as device:
        calls = [c for _, c in steps(sampler, net)][-1]
    assert device.reads == 2 * calls


@contextmanager
def waits_allowed(mode: str) -> Iterator[None]:
    """PyTorch's sync debug mode, put back afterwards."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_step_waits_once_on_a_gpu(name: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """set_sync_debug_mode("error") everywhere but in the hand-over, which happens once a call."""
    net, sampler, reads = network(lambda module: module.to("cuda")), sampler_of(name, WAYS[way]), 0
    hand_over = samplers.blocks.to_host

    def counted(*parts: Tensor) -> list[Tensor]:
        nonlocal reads
        reads += 1
        with waits_allowed("default"):
            return hand_over(*parts)

    for _ in range(3):  # what first passes make: library handles, rotary frequencies, graphs
        list(steps(sampler, net))
    monkeypatch.setattr(samplers.blocks, "to_host", counted)
    with waits_allowed("error"):
        for event, calls in steps(sampler, net):
            if isinstance(event, Unmasked) and event.step >= 0:
                assert reads == calls
