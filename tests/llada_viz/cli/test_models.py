"""`llada-viz models`: what it prints, and that what cannot be done is one sentence and exit code 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llada_viz import command
from models.assets import locate
from models.memory import gigabytes
from tests.fake_hub import COMMIT, FakeHub, fake_hub

TINY = Path(locate("tiny-llada"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeHub]:
    with fake_hub(tmp_path / "cache") as made:
        made.add("people/tiny", TINY)
        yield made


def ran(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What a command that succeeds prints."""
    assert command.main(["models", *argv]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one sentence of a command that ends with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        command.main(["models", *argv])
    said = capsys.readouterr()
    assert ended.value.code == 2 and said.err.startswith("error: ") and said.err.count("\n") == 1, said.err
    assert not said.out
    return said.err


def test_download(server: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = ran(capsys, "download", "people/tiny", "--revision", COMMIT, "--dir", str(tmp_path / "here"))
    weights = (TINY / "model.safetensors").read_bytes()
    size = gigabytes(len(weights))
    assert printed == f"people/tiny: {size} of weights, revision {COMMIT}\n{tmp_path / 'here'}\n"
    assert (tmp_path / "here" / "model.safetensors").read_bytes() == weights


def test_downloads_that_cannot_be(server: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the hub has no such model" in refused(capsys, "download", "people/none")
    assert "revision = 'v7' is not one of" in refused(capsys, "download", "people/tiny", "--revision", "v7")
    server.repos["people/tiny"].gated = True
    assert "is gated: accept its terms" in refused(capsys, "download", "people/tiny")
    server.repos["people/tiny"].files = {"config.json": b"{}", "pytorch_model.bin": b""}
    assert "weights as pickle" in refused(capsys, "download", "people/tiny")
