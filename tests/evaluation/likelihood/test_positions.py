"""Likelihood by position: rows and masks by seed, exact for a network without context, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from evaluation.__main__ import main
from evaluation.cli.positions import named_folders
from evaluation.likelihood.positions import (
    PositionPlan,
    bucket_likelihoods,
    drift,
    estimate,
    even_masks,
    long_rows,
)
from models.loading import load
from tests.training.small_model import small_folder, small_network

PLAN = PositionPlan(length=64, buckets=4, rows=3, shares=2, seed=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("small"))


def test_every_bucket_has_as_many_masks() -> None:
    for share in (0.01, 0.25, 0.75, 1.0):
        masked = even_masks(PLAN, share, torch.Generator().manual_seed(0)).view(4, 16)
        assert set(masked.sum(-1).tolist()) == {max(1, round(16 * share))}
    one, other = (even_masks(PLAN, 0.5, torch.Generator().manual_seed(n)) for n in (0, 1))
    assert not torch.equal(one, other)


def test_rows_are_held_out_texts_by_seed(folder: str) -> None:
    loaded = load(folder, device="cpu")
    rows = long_rows(loaded, PLAN)
    assert rows.shape == (3, 64) and rows.dtype == torch.int64
    assert torch.equal(rows, long_rows(loaded, PLAN))
    assert not torch.equal(rows, long_rows(loaded, replace(PLAN, seed=2)))
    assert loaded.mask_id not in rows


def test_a_network_without_attention_is_scored_exactly() -> None:
    """Every token then has a log-likelihood of its own, whatever is masked beside it."""
    network = small_network()
    for block in network.blocks:
        torch.nn.init.zeros_(block.attn_out.weight)
    rows = torch.randint(3, 2000, (2, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = network(torch.full((1, 1), 2)).logits[0, 0]
    logits[2] = -torch.inf
    each = logits.log_softmax(-1)[rows].view(2, 4, 16)
    found = bucket_likelihoods(network, 2, rows, replace(PLAN, rows=2, shares=200))
    assert found.shape == (2, 4)
    torch.testing.assert_close(found, each.mean(-1).double(), atol=0.02, rtol=0)


def test_drift_is_behind_minus_before_and_has_an_interval() -> None:
    found = torch.tensor([[-1.0, -1.0, -2.0, -4.0], [-1.0, -3.0, -2.0, -2.0]], dtype=torch.double)
    assert drift(found, PLAN, 32).tolist() == [-2.0, 0.0]
    assert drift(found, PLAN, 33).tolist() == [-4 + 4 / 3, 0.0]
    measured = estimate(drift(found, PLAN, 32))
    assert (measured.mean, measured.low, measured.high) == (-1.0, -2.0, 0.0)
    assert estimate(found[:, 0], found[:, 1]).mean == 1.0
    for context in (0, 49, 64):
        with pytest.raises(ValueError, match="context is .*allowed: between 16 and length = 64"):
            drift(found, PLAN, context)


@pytest.mark.parametrize(("fields", "said"), [
    ({"buckets": 5}, "buckets is 5"), ({"buckets": 0}, "buckets is 0"), ({"rows": 0}, "rows is 0"),
    ({"shares": 0}, "shares is 0"), ({"length": 0}, "length is 0"),
])  # fmt: skip
def test_plans_that_do_not_fit(fields: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(PLAN, **fields)


@pytest.mark.parametrize("text", ["a", "a=", "=b", "a=/no/such/folder", "as it is=."])
def test_bad_columns(text: str) -> None:
    with pytest.raises(ValueError, match="with = "):
        named_folders([text])


def test_the_command(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--model", folder, "--device", "cpu", "--length", "512", "--buckets", "4", "--rows", "2"]
    asked = ["positions", *flags, "--shares", "2", "--with", f"trained={folder}"]
    out = tmp_path / "positions.json"
    assert main([*asked, "--estimate"]) == 0
    assert "3 models x 2 texts x 2 draws" in capsys.readouterr().out
    assert main([*asked, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "| 384 – 511 |" in printed and "drift behind 256" in printed
    kept = json.loads(out.read_text())
    assert set(kept["found"]) == {"as it is", "YaRN, not trained", "trained"} and kept["context"] == 256
    assert kept["found"]["as it is"] == kept["found"]["trained"] != kept["found"]["YaRN, not trained"]


def test_a_text_that_fits_needs_no_stretching(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--model", folder, "--device", "cpu", "--length", "256", "--rows", "1"]
    assert main(["positions", *flags]) == 2
    assert "length = 256; allowed: more than 256" in capsys.readouterr().err
