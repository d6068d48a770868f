"""Fetching checkpoints, with huggingface_hub's own client and a hub on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from models import hub
from models.checkpoint import ModelError, find_file, weight_files
from models.shards import read_header
from tests.fake_hub import COMMIT, FakeHub, client_of, fake_hub

NAME = "people/model"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def server(cache: Path) -> Iterator[FakeHub]:
    with fake_hub(cache) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint of two shards, with files beside it that are never wanted."""
    made = tmp_path / "made"
    (made / "onnx").mkdir(parents=True)
    places = {}
    for number in (1, 2):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({f"w{number}": torch.full((400, 500), float(number))}, made / file)
        places[f"w{number}"] = file
    (made / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    (made / "config.json").write_text('{"model_type": "llada"}')
    (made / "modeling_llada.py").write_text("raise SystemExit")
    (made / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (made / "onnx" / "config.json").write_text("{}")
    return made


def sentence(*args: Any, **more: Any) -> str:
    with pytest.raises(ModelError) as caught:
        hub.snapshot(*args, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_whole_checkpoint_is_fetched_and_nothing_else(server: FakeHub, folder: Path) -> None:
    server.add(NAME, folder)
    seen: list[tuple[int, int]] = []
    place = hub.snapshot(NAME, progress=lambda done, total: seen.append((done, total)))
    wanted = {"config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
              "model-00002-of-00002.safetensors"}  # fmt: skip
    assert {p.name for p in place.iterdir()} == wanted == set(server.fetched())
    size = sum((folder / name).stat().st_size for name in wanted)
    assert seen[-1] == (size, size) and [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert hub.commit_of(place) == COMMIT
    assert [p.name for p in weight_files(NAME)] == sorted(n for n in wanted if n.endswith("safetensors"))
    assert find_file(NAME, "tokenizer.json") is None


def test_a_download_goes_on_with_what_is_missing(server: FakeHub, folder: Path) -> None:
    repo = server.add(NAME, folder)
    second = "model-00002-of-00002.safetensors"
    repo.cut[second] = 1000
    assert "cannot be reached" in sentence(NAME)
    repo.cut.clear()
    before = len(server.fetched())
    hub.snapshot(NAME)
    assert server.fetched()[before:] == [second]


def test_a_revision_and_a_folder(server: FakeHub, folder: Path, tmp_path: Path) -> None:
    server.add(NAME, folder)
    place = hub.snapshot(NAME, COMMIT, tmp_path / "here")
    assert place == (tmp_path / "here").resolve() and hub.commit_of(place) == COMMIT
    assert find_file(str(place), "config.json") == place / "config.json"
    assert "revision = 'v9' is not one of people/model" in sentence(NAME, "v9")


def test_out_of_reach_the_cache_is_used(server: FakeHub, folder: Path, cache: Path) -> None:
    server.add(NAME, folder)
    place = hub.snapshot(NAME)
    with client_of("http://127.0.0.1:9", cache):
        assert hub.snapshot(NAME) == place
        assert hub.find(NAME, "config.json") == place / "config.json"
        assert hub.find(NAME, "nothing.json") is None
        assert "the hub cannot be reached (ConnectError" in sentence("people/other")
    with client_of(server.url, cache), pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert hub.snapshot(NAME) == place
        assert "HF_HUB_OFFLINE keeps it" in sentence("people/other")
        with pytest.raises(ModelError, match="HF_HUB_OFFLINE keeps it"):
            hub.find("people/other", "config.json")


def test_gated(server: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add(NAME, folder, gated=True)
    page = f"{server.url}/{NAME}"
    assert sentence(NAME).endswith(
        f"accept its terms on {page}, then set HF_TOKEN to a token of that account"
    )
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    assert "the account of HF_TOKEN has no access" in sentence(NAME)
    monkeypatch.setenv("HF_TOKEN", server.token)
    assert (hub.snapshot(NAME) / "config.json").is_file()


@pytest.mark.parametrize("name", ["people/absent", "absent", "a/b/c", "/nowhere/model", "../up", "a b/c", ""])
def test_names_that_are_nothing(name: str, server: FakeHub) -> None:
    assert "is neither a bundled name" in sentence(name) or "hub has no such model" in sentence(name)
    with pytest.raises(ModelError):
        hub.find(name, "config.json")


def test_pickles_are_refused_before_anything_is_fetched(server: FakeHub, folder: Path) -> None:
    for file in [*folder.glob("*.safetensors"), folder / "model.safetensors.index.json"]:
        file.unlink()
    server.add(NAME, folder)
    assert "weights as pickle (pytorch_model.bin), and reading a pickle can run foreign code" in sentence(
        NAME
    )
    server.repos[NAME].files.pop("pytorch_model.bin")
    assert "no weights as safetensors" in sentence(NAME)
    assert server.fetched() == []


def test_a_full_disk_is_said_before_anything_is_fetched(
    server: FakeHub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(NAME, folder)
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert "needs 0.0 GB more on disk" in sentence(NAME) and server.fetched() == []


def test_a_shard_that_was_cut_off_on_the_hub(server: FakeHub, folder: Path) -> None:
    repo = server.add(NAME, folder)
    file = "model-00001-of-00002.safetensors"
    repo.files[file] = repo.files[file][:-7]
    assert f"{file} is half-downloaded or cut off: it has 800,073 bytes" in sentence(NAME)


def test_headers(folder: Path, tmp_path: Path) -> None:
    file = folder / "model-00001-of-00002.safetensors"
    header = read_header(file)
    assert header.tensors["w1"].shape == (400, 500) and header.tensors["w1"].dtype == "F32"
    assert header.start + header.tensors["w1"].stop == file.stat().st_size
    whole, broken = file.read_bytes(), tmp_path / "broken.safetensors"
    cases = {
        whole[:4]: "cut off in its header",
        whole[:40]: "cut off in its header",
        whole + b"x": "longer than its header says",
        whole[:-1]: "half-downloaded or cut off",
        b"\x80\x04" + whole: "cut off in its header",
        whole.replace(
            b"[400,500]", b"[400,501]"
        ): "tensor w1 has 800,000 bytes; shape [400, 501] of F32 takes",
        whole.replace(b'"dtype"', b'"dtyqe"'): "cannot be read as safetensors",
    }
    for data, words in cases.items():
        broken.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            read_header(broken)
        assert words in str(caught.value)
