"""A network in memory and on disk computes what it computes in memory alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch

import models.device_map
from llada_viz import decode
from models.adapters import apply_adapter, load_adapted
from models.checkpoint import ModelError
from models.device_map import place_of
from models.llada import computes_on
from models.loading import LoadedModel, give_back_memory, load
from models.reordered import can_reorder
from samplers.network import ModelNetwork
from tests.random_adapter import write_adapter

IDS = torch.arange(40).reshape(2, 20)
MASK = torch.ones(2, 20, dtype=torch.bool)
MASK[1, :5] = False


def split(monkeypatch: pytest.MonkeyPatch, folder: Path, offload: Path, share: float) -> LoadedModel:
    """Loaded with room for a share of its weights, in float32, in memory."""
    plain = load(str(folder), "cpu")
    size = sum(p.numel() * 4 for p in plain.model.parameters())
    monkeypatch.setattr(models.device_map, "room", lambda _: {"cpu": int(size * share)})
    return load(str(folder), "cpu", device_map="auto", offload=str(offload))


@pytest.mark.parametrize("kind", ["sharded", "grouped"])
@pytest.mark.parametrize("share", [0.9, 0.01])
def test_weights_on_disk_give_the_same_logits(
    kind: str, share: float, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder: Path = request.getfixturevalue(kind)
    plain, parted = load(str(folder), "cpu"), split(monkeypatch, folder, tmp_path, share)
    places = set(parted.model.hf_device_map.values())
    assert "disk" in places and any(p.device.type == "meta" for p in parted.model.parameters())
    assert ("cpu" in places) == (share > 0.5)
    assert (parted.device, parted.dtype) == ("cpu", "float32")
    with torch.no_grad():
        assert torch.equal(parted.model(IDS, MASK).logits, plain.model(IDS, MASK).logits)
        cells = torch.zeros_like(MASK)
        cells[:, 10:] = True
        for network in (ModelNetwork(plain.model), ModelNetwork(parted.model)):
            logits = network.head(network.states(IDS, MASK, cells))
            assert torch.equal(logits, plain.model(IDS, MASK, cells=cells).logits)


@pytest.mark.parametrize("how", [{}, {"cache": "prefix"}, {"cache": "dual"}, {"cfg_scale": 1.0}])
def test_it_decodes_the_same_tokens(
    how: dict[str, Any], sharded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"sampler": "threshold", "gen_length": 16, "block_length": 8, "steps": 8} | how
    plain, parted = load(str(sharded), "cpu"), split(monkeypatch, sharded, tmp_path, 0.5)
    assert decode(parted, "2 + 3?", **asked).text == decode(plain, "2 + 3?", **asked).text


def test_threads_wait_for_each_other(sharded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parted = split(monkeypatch, sharded, tmp_path, 0.01)
    wanted = load(str(sharded), "cpu").model(IDS).logits.detach()
    with ThreadPoolExecutor(4) as pool:
        for logits in pool.map(lambda _: parted.model(IDS).logits.detach(), range(12)):
            assert torch.equal(logits, wanted)


def test_an_adapter_is_not_merged_into_weights_on_several_devices(
    sharded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = str(write_adapter(tmp_path / "adapter", str(sharded)))
    with pytest.raises(
        ModelError, match="cannot be merged into weights on several devices; allowed: a plain"
    ):
        apply_adapter(split(monkeypatch, sharded, tmp_path, 0.5), adapter)
    monkeypatch.undo()
    whole = load_adapted(str(sharded), adapter, "cpu", device_map="auto")
    wanted = load_adapted(str(sharded), adapter, "cpu")
    assert torch.equal(whole.model(IDS).logits, wanted.model(IDS).logits)


def test_weights_that_come_and_go_are_not_reordered(
    sharded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert can_reorder(load(str(sharded), "cpu", device_map="auto").model)
    assert not can_reorder(split(monkeypatch, sharded, tmp_path, 0.5).model)


def test_with_enough_memory_nothing_is_moved(sharded: Path) -> None:
    loaded = load(str(sharded), "cpu", device_map="auto")
    assert set(loaded.model.hf_device_map.values()) == {"cpu"}
    assert all(p.device.type == "cpu" for p in loaded.model.parameters())


def test_what_is_on_disk_goes_with_the_network(
    sharded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted = split(monkeypatch, sharded, tmp_path, 0.5)
    (folder,) = tmp_path.iterdir()
    assert any(file.suffix == ".dat" for file in folder.iterdir())
    del parted
    give_back_memory()
    assert not any(tmp_path.iterdir())


def test_disk_is_used_only_where_a_folder_is_named(
    sharded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.device_map, "room", lambda _: {"cpu": 1000})
    with pytest.raises(ModelError, match="MB of its weights fit no memory; allowed: offload = a folder"):
        load(str(sharded), "cpu", device_map="auto")
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="offload = .*file' cannot be made .File exists.; allowed: a folder"):
        load(str(sharded), "cpu", device_map="auto", offload=str(tmp_path / "file"))
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("models.device_map.shutil.disk_usage", lambda _: usage)
    with pytest.raises(ModelError, match="offload = .* has 0.0 MB"):
        load(str(sharded), "cpu", device_map="auto", offload=str(tmp_path / "new"))


def test_words_that_are_not_known_or_do_not_go_together(sharded: Path) -> None:
    with pytest.raises(ModelError, match="device_map = 'balanced' is not known; allowed: empty, auto"):
        load(str(sharded), "cpu", device_map="balanced")
    with pytest.raises(ModelError, match="without a device_map; allowed: with device_map = auto"):
        load(str(sharded), "cpu", offload="folder")
    with pytest.raises(ModelError, match="allowed: one of them"):
        load(str(sharded), "cpu", device_map="auto", quantization="nf4")


def test_a_weight_is_where_the_innermost_module_is() -> None:
    places = {"a": 0, "a.b.1": "disk", "a.b.10": "cpu"}
    assert [place_of(key, places) for key in ("a.w", "a.b.1.w", "a.b.10.w")] == [0, "disk", "cpu"]
    assert place_of("anything", {"": "cpu"}) == "cpu"
    with pytest.raises(KeyError):
        place_of("c.w", places)


def test_a_block_says_where_it_computes(
    sharded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parted = split(monkeypatch, sharded, tmp_path, 0.01).model
    assert {computes_on(block) for block in parted.blocks} == {torch.device("cpu")}
    for keys, values in parted.new_keys_values(2, 7):
        assert keys.shape == values.shape == (2, 4, 7, 64) and keys.device.type == "cpu"
