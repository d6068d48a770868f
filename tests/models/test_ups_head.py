"""UPS heads: saved with their shape, loaded again, refused when they do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.checkpoint import ModelError
from models.ups_head import UPSHead, load_ups_head


@pytest.mark.parametrize("width", [0, 24])
def test_save_and_load(tmp_path: Path, width: int) -> None:
    torch.manual_seed(0)
    head = UPSHead(16, width)
    head.save(tmp_path / "head.safetensors")
    again = load_ups_head(tmp_path / "head.safetensors", 16)
    hidden = torch.randn(3, 5, 16)
    assert again.ups_width == width
    torch.testing.assert_close(again(hidden), head(hidden))
    assert again(hidden.bfloat16()).shape == (3, 5)


def test_heads_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "head.safetensors"
    UPSHead(16).save(path)
    with pytest.raises(ModelError, match="width 16; allowed: 32"):
        load_ups_head(path, 32)
    with pytest.raises(ModelError, match="is no file"):
        load_ups_head(tmp_path / "none", 16)
    path.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="cannot be read"):
        load_ups_head(path, 16)
    save_file({"other": torch.ones(2)}, path)
    with pytest.raises(ModelError, match="allowed: weight and bias"):
        load_ups_head(path, 16)
