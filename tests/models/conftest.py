"""Checkpoints that several tests of loading read; they are never written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkpoints import write_checkpoint


@pytest.fixture(scope="session")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LLaDA-8B's layout at 1/16 of the width, two layers, bf16."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "sharded")


@pytest.fixture(scope="session")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with what iLLaDA has: fewer heads for keys and values, the embedding as the head; one file."""
    folder = tmp_path_factory.mktemp("checkpoints") / "grouped"
    return write_checkpoint(folder, sharded=False, n_kv_heads=1, weight_tying=True)
