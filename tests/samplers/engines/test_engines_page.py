"""The examples of docs/engines.md run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from models.text import token_pieces
from samplers.__main__ import main
from samplers.events import Finished, Predicted
from samplers.fold import fold
from samplers.recording.traces import read_trace
from tests.samplers.engines.tiny_gemma import VOCABULARY, model

PAGE = (Path(__file__).parents[3] / "docs" / "engines.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def tokenizer(words: int, **special: str) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.WordLevel({f"w{i}": i for i in range(words)}, "w0"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="w0", **special)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_four_examples_of_at_most_five_lines() -> None:
    assert len(EXAMPLES) == 4
    for example in EXAMPLES:
        assert len([line for line in example.splitlines() if line]) <= 5


def test_a_streamer_writes_a_trace_and_is_followed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = model()
    settings = network.generation_config
    kept, settings.max_denoising_steps = settings.max_denoising_steps, 1
    try:
        words = tokenizer(VOCABULARY)
        names = {"model": network, "tokenizer": words, "inputs": words("w5 w6 w7", return_tensors="pt")}
        names["inputs"].pop("token_type_ids", None)
        exec(EXAMPLES[0], names)
        exec(EXAMPLES[1], names)
    finally:
        settings.max_denoising_steps = kept
    trace = read_trace(here / "run.jsonl")
    assert [len(e.cells) for e in trace.events if isinstance(e, Predicted)] == [3 * 12] * 22
    assert trace.pieces[5] == b"w5" and fold(trace.events).finished
    assert capsys.readouterr().out.splitlines()[-1] == "Finished 22"


def test_a_pipeline_writes_a_trace(here: Path) -> None:
    diffusers = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
    from tests.samplers.engines.test_diffusers import Table

    words = tokenizer(21, mask_token="w20", eos_token="w3")
    pipe = diffusers.LLaDA2Pipeline(
        model=Table(), scheduler=diffusers.BlockRefinementScheduler(), tokenizer=words
    )
    pipe.set_progress_bar_config(disable=True)
    torch.manual_seed(0)
    names: dict[str, Any] = {"pipe": pipe, "token_pieces": token_pieces}
    exec(EXAMPLES[2], names)
    trace = read_trace(here / "run.jsonl")
    last = trace.events[-1]
    assert isinstance(last, Finished) and trace.pieces[20] == b"w20"
    answer, shown = names["output"].sequences[0].tolist(), list(last.tokens[0])[-64:]
    assert shown == answer or 20 in answer


def test_histories_are_imported(here: Path) -> None:
    mask = 126336
    canvases = [[[12, mask, mask]], [[12, 13, mask]], [[12, 13, 14]]]
    output = SimpleNamespace(histories=[torch.tensor(canvas) for canvas in canvases])
    sampler = SimpleNamespace(sample=lambda prompts, return_dict: output)
    exec(EXAMPLES[3], {"json": json, "prompts": [], "sampler": sampler})
    [line] = [line for line in PAGE.splitlines() if line.startswith("python -m samplers import")]
    assert main(line.split()[3:]) == 0
    assert fold(read_trace(here / "run.jsonl").events).tokens == canvases[-1]
