"""GPTQ checkpoints that several tests read; they are never written to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.models.gptq.files import write_gptq


@pytest.fixture(scope="session")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the public 4-bit file: asymmetric, act-order, group 128; in shards."""
    return write_gptq(tmp_path_factory.mktemp("gptq") / "public")


@pytest.fixture(scope="session")
def single(tmp_path_factory: pytest.TempPathFactory, public: Path) -> Path:
    """The same weights in one file."""
    folder = tmp_path_factory.mktemp("gptq") / "single"
    shutil.copytree(public, folder, ignore=shutil.ignore_patterns("model*"))
    shards = [load_file(file) for file in sorted(public.glob("*.safetensors"))]
    assert len(shards) > 1
    save_file(
        {key: tensor for shard in shards for key, tensor in shard.items()}, folder / "model.safetensors"
    )
    return folder
