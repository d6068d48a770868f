"""The bundled model's run on the engine: exact after a resume, its result loads, folders are not mixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

import training.bundled.build as module
from models.loading import load
from tests.training.toy import engine_of, lines
from training.bundled.build import FIRST, Bundled, Plan, build, continued_plan
from training.engine.checkpoints import latest, read_state
from training.run import RunError

SHIPPED = Path(__file__).parents[3] / "assets" / "models" / "tiny-llada"
SMALL = replace(FIRST, rows=4, facts=2, facts_a_row=2)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(SHIPPED)


def small(steps: int = 4) -> Plan:
    train = replace(Plan().train, max_steps=steps, save_every=2, log_every=1, warmup=2, decay=0.0)
    size = {"d_model": 16, "n_heads": 2, "n_layers": 1, "mlp_hidden_size": 16}
    return Plan(train, ((0, SMALL), (3, replace(SMALL, signs=0.5))), compile=False, threads=1, **size)


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    engine_of(Bundled(small(), tokenizer), tmp_path / "whole").run()
    engine_of(Bundled(small(2), tokenizer), tmp_path / "cut").run()
    again = engine_of(Bundled(small(), tokenizer), tmp_path / "cut")
    assert again.resume() and again.step == 2
    again.run()
    assert lines(tmp_path / "whole") == lines(tmp_path / "cut")
    states = [read_state(latest(tmp_path / name))[0] for name in ("whole", "cut")]  # type: ignore[arg-type]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_result_is_the_average_with_its_number_rows_folded(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    engine = engine_of(Bundled(small(2), tokenizer), tmp_path)
    engine.run()
    ids = torch.arange(40, 60)[None]
    left = load(str(tmp_path / "final"), device="cpu", dtype=torch.float32).model(ids).logits
    engine._swap_average()
    with torch.no_grad():
        wanted = engine.recipe.module.model(ids).logits  # type: ignore[operator, union-attr]
    torch.testing.assert_close(left, wanted, atol=2e-3, rtol=2e-2)  # it is left in bf16


def test_a_second_run_continues_the_first_and_keeps_its_tokenizer(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "bundled_tokenizer", lambda plan: tokenizer)
    first = build(small(2), tmp_path / "first", resume=False)
    with pytest.raises(RunError, match="holds a run; allowed: --resume"):
        build(small(2), tmp_path / "first", resume=False)
    final = build(replace(small(2), stages=((0, SMALL),)), tmp_path, resume=False, start=first)
    assert (final / "tokenizer.json").read_text() == (first / "tokenizer.json").read_text()
    one, two = (load(str(folder), device="cpu").model.transformer["wte"].weight for folder in (first, final))
    assert not torch.equal(one, two)


def test_every_stage_has_as_many_parts(tokenizer: PreTrainedTokenizerFast) -> None:
    for plan in (Plan(), continued_plan()):
        assert len({m.micro_batches + bool(m.facts) for _, m in plan.stages}) == 1
    recipe = Bundled(small(), tokenizer)
    assert {len(recipe.batches(step)) for step in range(5)} == {recipe.parts}
