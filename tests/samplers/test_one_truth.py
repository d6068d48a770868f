"""Guidance and cache are what the settings say: the sampler builds its denoiser and refuses another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.loading import load
from models.ups_head import load_ups_head
from samplers import SAMPLERS, GuidedDenoiser, ModelNetwork, collect, decode, make, new_canvas
from samplers.__main__ import main
from samplers.events import Event, Started, to_json
from samplers.network import PolicyModelNetwork
from samplers.recording.traces import read_trace
from samplers.registry import Needs, entry, head_users
from samplers.settings import SettingError
from tests.networks import VECTORS, TableNetwork, TableScorer, ToyNetwork

TINY = str(VECTORS / "tiny_llada")
SHAPE = {"steps": 8, "gen_length": 8, "block_length": 4}
PROMPT = [3, 14, 15, 92]


class Silent(TableNetwork):
    """A network that must not be asked anything."""

    def states(self, *args: Any) -> Tensor:
        raise AssertionError("a forward was made")


@pytest.mark.parametrize(("settings", "built", "field"), [
    ({"cfg_scale": 2, "cache": "dual"}, {}, "cfg_scale"),
    ({"cfg_scale": 2.0}, {}, "cfg_scale"),
    ({}, {"cfg_scale": 0.5}, "cfg_scale"),
])  # fmt: skip
def test_a_denoiser_that_disagrees_is_refused_before_the_first_forward(
    settings: dict[str, Any], built: dict[str, Any], field: str
) -> None:
    sampler = make("low_confidence", SHAPE | settings)
    with pytest.raises(SettingError, match=rf"^{field} = .*sampler\.denoiser\(network\)"):
        decode(sampler, GuidedDenoiser(Silent(), **built), new_canvas([PROMPT], 8, 20))


@pytest.mark.parametrize(("settings", "cache", "block_length", "field"), [
    ({"cache": "dual"}, "none", 4, "cache"),
    ({}, "prefix", 4, "cache"),
    ({"cache": "dual"}, "dual", 8, "block_length"),
])  # fmt: skip
def test_a_cache_that_disagrees_is_refused(
    settings: dict[str, Any], cache: str, block_length: int, field: str
) -> None:
    denoise = GuidedDenoiser(ModelNetwork(load(TINY, device="cpu").model), 0.0, cache, block_length)
    with pytest.raises(SettingError, match=rf"^{field} = "):
        decode(make("low_confidence", SHAPE | settings), denoise, new_canvas([PROMPT], 8, 119))
    assert denoise.nfe == 0


def test_without_a_cache_the_block_length_of_a_denoiser_says_nothing() -> None:
    _, final = collect(
        make("low_confidence", SHAPE)(GuidedDenoiser(TableNetwork()), new_canvas([[1]], 8, 20))
    )
    assert not bool(final.masked.any())


def said(events: list[Event]) -> list[Any]:
    """Events as a trace has them."""
    return [to_json(event) for event in events]


def through_the_api(settings: dict[str, Any]) -> list[Event]:
    loaded, sampler = load(TINY, device="cpu"), make("low_confidence", SHAPE | settings)
    canvas = new_canvas([PROMPT], 8, loaded.mask_id, eos_id=loaded.eos_id, eot_id=loaded.eot_id)
    return collect(sampler(sampler.denoiser(ModelNetwork(loaded.model, loaded.name)), canvas))[0]


def through_the_command_line(settings: dict[str, Any], trace: Path) -> list[Event]:
    flags = [flag for key, value in (SHAPE | settings).items() for flag in ("--set", f"{key}={value}")]
    what = ["--model", TINY, "--device", "cpu", "--prompt-ids", str(PROMPT), "--trace", str(trace)]
    assert main(["run", *what, *flags]) == 0
    return list(read_trace(trace).events)


@pytest.mark.parametrize("settings", [
    {}, {"cfg_scale": 1.5}, {"cache": "prefix"}, {"cache": "dual"}, {"cfg_scale": 1.5, "cache": "dual"},
])  # fmt: skip
def test_the_api_decodes_as_the_command_line_does(settings: dict[str, Any], tmp_path: Path) -> None:
    events = through_the_api(settings)
    assert said(events) == said(through_the_command_line(settings, tmp_path / "run.trace"))
    assert isinstance(events[0], Started)
    network = events[0].settings["network"]
    assert network["cfg_scale"] == settings.get("cfg_scale", 0.0)
    assert ("approximate" in network) == ("cache" in settings)
    assert events[-1].nfe == (16 if "cfg_scale" in settings else 8)
    if settings:
        plain = through_the_api({})
        assert said(events[1:]) != said(plain[1:]), "the setting changed nothing"


def test_a_network_without_what_a_sampler_needs_is_refused() -> None:
    head = make("remedi", SHAPE | {"policy": "ups"})
    for sampler, words in ((head, "a UPS head"), (make("wino", SHAPE), "see a block twice")):
        with pytest.raises(SettingError, match=f"^network = 'toy' .*{words}"):
            sampler.denoiser(ToyNetwork())
        denoise = GuidedDenoiser(ToyNetwork())
        with pytest.raises(SettingError, match=words):
            next(sampler(denoise, new_canvas([[1]], 8, 20)))
        assert denoise.calls == 0
    with pytest.raises(SettingError, match="a UPS head"):
        head.denoiser(ModelNetwork(load(TINY, device="cpu").model))


def test_a_network_without_keys_and_values_has_no_cache() -> None:
    with pytest.raises(SettingError, match="^cache = 'dual'"):
        make("low_confidence", SHAPE | {"cache": "dual"}).denoiser(TableNetwork())


def test_needs_follow_the_settings() -> None:
    assert make("remedi", {}).needs == entry("remedi").needs == Needs(mask=True)
    assert make("remedi", {"policy": "ups"}).needs == Needs(head=True, mask=True)
    assert make("wino", {}).needs == Needs(shadow=True, mask=True)
    scored = {name for name, found in SAMPLERS.items() if found.needs.scorer}
    assert scored == {"backmask", "best_of_n", "vanilla_prm", "window_refine"}
    for found in head_users():
        assert make(found.name, found.with_head).needs.head
        assert not make(found.name, {**found.with_head, **found.without_head}).needs.head


def test_a_head_scores_cells_and_is_named_in_the_trace() -> None:
    loaded = load(TINY, device="cpu")
    head = load_ups_head(VECTORS / "tiny_llada" / "ups_head.safetensors", loaded.model.config.d_model)
    sampler = make("remedi", SHAPE | {"policy": "ups"})
    denoise = sampler.denoiser(PolicyModelNetwork(loaded.model, loaded.name, head))
    events, _ = collect(sampler(denoise, new_canvas([PROMPT], 8, loaded.mask_id), TableScorer()))
    assert isinstance(events[0], Started)
    assert events[0].settings["network"]["ups_width"] == head.ups_width
    assert torch.is_grad_enabled()
