"""LLaDA R3's own set-up as the README writes it, on miniature files of the published layouts.

The weights are random, so the answer means nothing: what is shown is that packed weights with LLaDA-8B's
names (group 128, asymmetric, act-order, in shards), a reward model of HuggingFaceH4's layout and back-masking
go together.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import llada_viz as lv
from samplers.registry import make
from tests.models.gptq.files import write_gptq
from tests.models.test_reward_parity import write_reward
from tests.test_readme import blocks

LLADA, PRM = "FunAGI/LLaDA-8B-Instruct-gptqmodel-4bit", "HuggingFaceH4/Qwen2.5-Math-1.5B-Instruct-PRM-0.2"
R3 = {"gen_length": 512, "block_length": 32, "steps": 128, "temperature": 0.6}
SMALLER = "prm=judge, gen_length=64, block_length=16, steps=16"


def r3_lines() -> str:
    """The block of the README that names the 4-bit weights."""
    return next(block for block in blocks("python") if LLADA in block)


def test_they_are_five_and_the_notebook_has_the_same() -> None:
    code = r3_lines()
    assert len([line for line in code.splitlines() if line]) == 5
    assert LLADA in code and PRM in code and "What is the value of x if 2x + 3 = 7?" in code
    notebook = (Path(__file__).parents[1] / "assets" / "llada_viz.ipynb").read_text(encoding="utf-8")
    assert LLADA in notebook and PRM in notebook
    assert 'sampler="backmask"' in code and 'sampler=\\"backmask\\"' in notebook
    for name, value in R3.items():  # the defaults here, written out there
        assert f"{name}={value}" in notebook and getattr(make("backmask", {}), name) == value


@pytest.mark.slow
def test_r3_on_files_of_the_published_layouts(tmp_path: Path) -> None:
    code = r3_lines()
    files = {LLADA: write_gptq(tmp_path / "llada"), PRM: write_reward(tmp_path / "prm", "trl", "40KB")}
    for old, new in ({name: str(path) for name, path in files.items()} | {"prm=judge": SMALLER}).items():
        assert code.count(old) == 1
        code = code.replace(old, new)
    code = code.replace("lv.load(", "lv.load(device='cpu', name=")
    names: dict[str, Any] = {}
    exec(compile(ast.parse(code), "README", "exec"), names)
    model, answer = names["model"], names["answer"]
    assert model.precision.startswith("gptq 4-bit")
    kinds = {type(event) for event in answer.events}
    assert {lv.CandidatesForked, lv.BlockScored, lv.CandidateChosen} <= kinds
    # Random scores are low: windows open, and what they hold is masked again.
    assert {lv.WindowTriggered, lv.Remasked} <= kinds
    scores = [score for event in answer.events if isinstance(event, lv.BlockScored) for score in event.scores]
    assert len({score for score in scores if score is not None}) > 3
    assert answer.scorer_calls > 4 and len(answer.tokens) == 64 and model.mask_id not in answer.tokens
