"""The mean of two checkpoints: weight by weight, in the first one's types; refusals write nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import ModelError
from training.__main__ import main
from training.shared.averaging import average_folders
from training.shared.merge import MergeError

WEIGHTS = "model.safetensors"


def folder(path: Path, **tensors: torch.Tensor) -> str:
    """A folder with these weights and a config."""
    path.mkdir()
    save_file(tensors, path / WEIGHTS)
    (path / "config.json").write_text(f'{{"name": "{path.name}"}}')
    return str(path)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two checkpoints; the second in another type."""
    eight = torch.tensor([[1.0, 2.0], [-4.0, 0.5]]).to(torch.float8_e4m3fn)
    first = folder(tmp_path / "first", a=eight, b=torch.tensor([1.0, 3.0], dtype=torch.bfloat16))
    second = folder(
        tmp_path / "second", a=torch.tensor([[3.0, 2.0], [0.0, 0.5]]), b=torch.tensor([2.0, -3.0])
    )
    return first, second


def test_the_mean_has_the_types_and_the_files_of_the_first(pair: tuple[str, str], tmp_path: Path) -> None:
    assert average_folders(*pair, 0.25, tmp_path / "mean") == 2
    mean = load_file(tmp_path / "mean" / WEIGHTS)
    assert mean["a"].dtype == torch.float8_e4m3fn and mean["b"].dtype == torch.bfloat16
    assert mean["a"].float().tolist() == [[1.5, 2.0], [-3.0, 0.5]]
    assert mean["b"].tolist() == [1.25, 1.5]
    assert (tmp_path / "mean" / "config.json").read_text() == '{"name": "first"}'


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_0_or_1_is_one_of_them(pair: tuple[str, str], tmp_path: Path, share: float) -> None:
    average_folders(*pair, share, tmp_path / "mean")
    mean, one = load_file(tmp_path / "mean" / WEIGHTS), load_file(Path(pair[int(share)]) / WEIGHTS)
    assert all(torch.equal(mean[name].float(), one[name].float()) for name in one)


def test_what_cannot_be_averaged_is_refused_and_nothing_written(
    pair: tuple[str, str], tmp_path: Path
) -> None:
    first, second = pair
    out = tmp_path / "mean"
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(MergeError, match="share = .* allowed: 0 to 1"):
            average_folders(first, second, share, out)
    other_shape = folder(tmp_path / "wide", a=torch.zeros(2, 3), b=torch.zeros(2))
    fewer = folder(tmp_path / "fewer", b=torch.zeros(2))
    for other in (other_shape, fewer):
        for pair_of_them in ((first, other), (other, first)):
            with pytest.raises(ModelError, match="^a is not the same in .*allowed: one network twice"):
                average_folders(*pair_of_them, 0.5, out)
    packed = folder(tmp_path / "packed", a=torch.ones(2, dtype=torch.int32))
    with pytest.raises(ModelError, match=r"packed integers \(torch.int32\); allowed: .* real numbers"):
        average_folders(packed, packed, 0.5, out)
    shutil.rmtree(tmp_path / "fewer")
    with pytest.raises(ModelError, match="fewer"):
        average_folders(first, fewer, 0.5, out)
    assert not out.exists()
    with pytest.raises(MergeError, match="exists; allowed: a new folder"):
        average_folders(first, second, 0.5, tmp_path / "first")


def test_the_command_says_what_it_did(
    pair: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["average", *pair, "--share", "0.25", "--out", str(tmp_path / "mean")]
    assert main(command) == 0
    assert f"2 tensors: 0.75 of {pair[0]}, 0.25 of {pair[1]}" in capsys.readouterr().out
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
