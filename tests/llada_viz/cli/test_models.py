"""`llada-viz models`: what it prints, and that what cannot be done is one sentence and exit code 2."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from llada_viz import command
from llada_viz.cli.models.quantizing import calibration_texts
from models.assets import locate
from models.catalog import catalog
from models.checkpoint import INDEX
from models.memory import gigabytes
from models.shards import read_header
from tests.checkpoints import write_checkpoint
from tests.fake_hub import COMMIT, PIECE, FakeHub, client_of, fake_hub
from tests.models.gptq.files import write_gptq

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
    assert "'tiny-llada' is a folder here; allowed: a hub id" in refused(capsys, "download", "tiny-llada")
    server.repos["people/tiny"].gated = True
    assert "is gated: accept its terms" in refused(capsys, "download", "people/tiny")
    server.repos["people/tiny"].files = {"config.json": b"{}", "pytorch_model.bin": b""}
    assert "weights as pickle" in refused(capsys, "download", "people/tiny")


def test_a_download_is_stopped_at_once(
    server: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C waits for the next piece of a file (10 MB, here a little one), not for its end, which is 25 s
    away; the same command then fetches it."""
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", PIECE)

    pressed: list[int] = []

    def pace(sent: int) -> None:
        if sent == 5 * PIECE and not pressed:  # once: several files are on their way
            pressed.append(sent)
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05 if sent else 0)

    server.repos["people/tiny"].pace = pace
    began, here = time.monotonic(), str(tmp_path / "here")
    assert command.main(["models", "download", "people/tiny", "--dir", here]) == 130
    assert capsys.readouterr().err == "stopped\n"
    assert not (tmp_path / "here" / "model.safetensors").exists()
    server.repos["people/tiny"].pace = None
    assert "of weights" in ran(capsys, "download", "people/tiny", "--dir", here)
    assert time.monotonic() - began < 20, "the second waits for the first one's lock"


@pytest.mark.parametrize("wide", [80, 120])
def test_list(wide: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(wide))
    lines = ran(capsys, "list").splitlines()
    assert max(map(len, lines)) <= wide
    assert {line.split()[0] for line in lines if line.startswith("  ")} - {"weights"} == {
        model.id for model in catalog().models
    }
    row = next(line for line in lines if "LLaDA-8B-Instruct " in line).split()
    assert row[1:5] == ["8.02", "B", "16.0", "GB"] and (wide == 80) == ("mit" not in row)
    assert "Dream: its network is not built here yet" in lines


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    data = {entry["id"]: entry for entry in json.loads(ran(capsys, "list", "--json"))}
    assert data["GSAI-ML/LLaDA-8B-Base"]["memory"]["bfloat16"] == 16_031_162_368
    assert data["Dream-org/Dream-v0-Instruct-7B"]["family"]["built"] is False
    assert data["GSAI-ML/LLaDA-1.5"]["license"] is None


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LLaDA-8B's names, shards and index at 1/16 of its width; nobody may change it."""
    return write_checkpoint(tmp_path_factory.mktemp("sharded") / "small")


def test_inspect(sharded: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = ran(capsys, "inspect", str(sharded))
    assert max(map(len, printed.splitlines())) <= 80
    for line in (
        "family     LLaDA",
        "shape      2 layers of 256, 4 heads, 4 for keys and values, FFN 768",
        "mask       token 2",
        "stored as  bfloat16",
        "tokenizer  2,816 tokens, mask <|mdm_mask|>",
    ):
        assert f"\n  {line}\n" in printed
    assert "canvas of 1,024 tokens" in printed
    data = json.loads(ran(capsys, "inspect", str(sharded), "--json", "--length", "512"))
    headers = sum(read_header(p).start for p in sharded.glob("*.safetensors"))
    assert data["memory"]["bfloat16"]["weights"] == sum(data["files"].values()) - headers
    assert data["parameters"] == data["numbers"]["bfloat16"] and not data["wrong"]


def test_inspect_parts_and_rewards(capsys: pytest.CaptureFixture[str]) -> None:
    assert "LoRA of rank " in ran(capsys, "inspect", "tiny-llada-few-steps")
    assert "kind       UPS head" in ran(capsys, "inspect", "tiny-llada-ups")
    assert "kind       reward model" in ran(capsys, "inspect", "tiny-prm")


def test_inspect_on_the_hub_fetches_no_weights(server: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    printed = ran(capsys, "inspect", "people/tiny")
    assert "not downloaded: model.safetensors" in printed and COMMIT in printed
    assert "2,816 tokens" in printed and "model.safetensors" not in server.fetched()


def broken(sharded: Path, folder: Path, file: str, change: Callable[[bytes], bytes | None]) -> str:
    """A copy of the checkpoint with one file changed, or without it."""
    shutil.copytree(sharded, folder)
    data = change((folder / file).read_bytes() if (folder / file).exists() else b"")
    (folder / file).unlink(missing_ok=True)
    if data is not None:
        (folder / file).write_bytes(data)
    return str(folder)


CONFIG, SHARD = "config.json", "model-00001-of-00006.safetensors"


@pytest.mark.parametrize(
    "file, change, words",
    [
        (CONFIG, lambda data: None, "has no config.json"),
        (CONFIG, lambda data: b"{", "config.json is not JSON"),
        (CONFIG, lambda data: data.replace(b'"llada"', b'"Dream"'), "whose network is not built here yet"),
        (CONFIG, lambda data: data.replace(b'"d_model": 256', b'"d_model": 128'), "has shape"),
        (CONFIG, lambda data: data.replace(b'_token_id": 2', b'_token_id": -2'), "mask_token_id = -2"),
        (SHARD, lambda data: None, f"has no {SHARD}"),
        (SHARD, lambda data: data[:-9], "half-downloaded or cut off"),
        (SHARD, lambda data: data + b"123", "longer than its header says"),
        (INDEX, lambda data: b"{}", "has no weight_map"),
        ("tokenizer.json", lambda data: b"{}", "is broken"),
        ("chat_template.jinja", lambda data: b"{{ raise_exception('no') }}", "chat template does not take"),
        ("quantize_config.json", lambda data: b'{"quant_method": "awq"}', "quant_method = 'awq' in"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_a_sentence(
    file: str, change: Any, words: str, sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = broken(sharded, tmp_path / "broken", file, change)
    try:
        assert command.main(["models", "inspect", folder]) == 2
    except SystemExit as ended:
        assert ended.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said and said.count("\n") == 1, said


def test_pickles_in_a_folder(sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(broken(sharded, tmp_path / "pickled", "pytorch_model.bin", lambda data: b"\x80"))
    for shard in [*folder.glob("*.safetensors"), folder / INDEX]:
        shard.unlink()
    assert command.main(["models", "inspect", str(folder)]) == 2
    assert "pytorch_model.bin is a pickle: reading one can run foreign code" in capsys.readouterr().err


def test_a_known_id_out_of_reach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the catalog knows is printed, and that the hub is out of reach is said."""
    with client_of("http://127.0.0.1:9", tmp_path / "empty"):
        assert command.main(["models", "inspect", "GSAI-ML/LLaDA-8B-Instruct"]) == 2
        said = capsys.readouterr()
        assert "16.0 GB" in said.out and "LLaDA's generate.py" in said.out
        assert "the hub cannot be reached" in said.err
        assert "the hub cannot be reached" in refused(capsys, "inspect", "people/unknown")
    for argv in (["inspect", "tiny-llada"], ["convert", "tiny-llada", "--out", str(tmp_path / "out")]):
        said_of_it = refused(capsys, *argv, "--revision", "v1")
        assert "revision = 'v1' for 'tiny-llada', a folder here" in said_of_it
    assert "length = 0; allowed: 1 to" in refused(capsys, "inspect", "tiny-llada", "--length", "0")


def test_escape_codes_of_a_config_are_not_sent(
    sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = broken(sharded, tmp_path / "evil", CONFIG, lambda data: data.replace(b'"llada"', b'"\\u001b[2J"'))
    command.main(["models", "inspect", evil])
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err and "x1b[2J" in said.out


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the public 4-bit LLaDA-8B is packed; nobody may change it."""
    return write_gptq(tmp_path_factory.mktemp("packed") / "small")


def test_inspect_gptq(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(ran(capsys, "inspect", str(packed), "--json"))
    headers = sum(read_header(p).start for p in packed.glob("*.safetensors"))
    assert data["stored"] == "gptq 4-bit (group 128)" and set(data["memory"]) == {"gptq-4"}
    assert data["memory"]["gptq-4"]["weights"] == sum(data["files"].values()) - headers
    wide = broken(packed, tmp_path / "odd", CONFIG, lambda data: data.replace(b'"bits": 4', b'"bits": 5'))
    assert command.main(["models", "inspect", wide]) == 2
    assert "bits = 5" in capsys.readouterr().err


def test_calibration_texts(tmp_path: Path) -> None:
    bundled = calibration_texts("", 128)
    assert len(bundled) == len(set(bundled)) > 90 and "What is 7 + 5?\n12" in bundled
    (tmp_path / "own.txt").write_text("\ufefffirst\n\n second one\nthird\n", encoding="utf-8")
    assert calibration_texts(str(tmp_path / "own.txt"), 2) == ["first", " second one"]
    (tmp_path / "own.csv").write_text("question,answer\nWhat is 1 + 1?,2\n")
    assert calibration_texts(str(tmp_path / "own.csv"), 128) == ["What is 1 + 1?\n2"]
    assert calibration_texts("linear", 3) == calibration_texts("linear", 4)[:3]


def test_quantize_asks_for_what_was_said(
    sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The quantizer is stood in for: its own tests run it (tests/models/gptq)."""
    seen: dict[str, Any] = {}

    def quantize(name: str, out: Path, **how: Any) -> None:
        seen.update(how, name=name)
        how["progress"](1, 2)
        write_gptq(out)

    monkeypatch.setattr("models.gptq.quantize", quantize)
    out, texts = tmp_path / "out", tmp_path / "own.txt"
    texts.write_text("one\ntwo\n")
    flags = ["--bits", "8", "--group", "64", "--symmetric", "--in-order", "--calibration", str(texts)]
    printed = ran(capsys, "quantize", str(sharded), "--out", str(out), *flags, "--seed", "3")
    del seen["progress"]
    assert seen == {"name": str(sharded), "bits": 8, "group_size": 64, "sym": True, "desc_act": False,
                    "calibration": ["one", "two"], "device": "auto", "seed": 3}  # fmt: skip
    assert printed.startswith(f"{out}: ") and printed.endswith("8 bits a weight, measured on 2 texts\n")


def test_what_cannot_be_quantized(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, empty = str(tmp_path / "out"), tmp_path / "empty.txt"
    empty.write_text("\n")
    assert "already; allowed: plain weights" in refused(capsys, "quantize", str(packed), "--out", out)
    for texts, words in (
        (empty, "has no text"),
        (tmp_path / "none.txt", "is no file"),
        ("none", "neither a file"),
    ):
        said = refused(capsys, "quantize", "tiny-llada", "--out", out, "--calibration", str(texts))
        assert words in said
    assert "limit = 0" in refused(capsys, "quantize", "tiny-llada", "--out", out, "--limit", "0")
    assert "wte.weight is missing" in refused(capsys, "quantize", "tiny-prm", "--out", out)
    assert "device = 'meta'" in refused(capsys, "quantize", "tiny-llada", "--out", out, "--device", "meta")
    assert not Path(out).exists()


def test_a_pipe_is_no_weight_file(sharded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(sharded, tmp_path / "m")
    file = min(folder.glob("*.safetensors"))
    file.unlink()
    os.mkfifo(file)
    assert command.main(["models", "inspect", str(folder)]) == 2
    assert f"has no {file.name}" in capsys.readouterr().err
