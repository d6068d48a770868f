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
from training.bundled.build import Bundled, build
from training.bundled.stages import FIRST, STAGES, Plan, Record, Sitting, Stage
from training.engine.checkpoints import latest, read_state
from training.run import RunError

SHIPPED = Path(__file__).parents[3] / "assets" / "models" / "tiny-llada"
SMALL = replace(FIRST, rows=4, facts=2, facts_a_row=2)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(SHIPPED)


def small(steps: int = 4) -> Plan:
    train = replace(STAGES["first"].train, max_steps=steps, save_every=2, log_every=1, warmup=2, decay=0.0)
    mixtures = ((0, SMALL), (3, replace(SMALL, signs=0.5)))
    plan = Plan(train, mixtures, d_model=16, n_heads=2, n_layers=1, mlp_hidden_size=16)
    return replace(plan, compile=False, threads=1)


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
        wanted = engine.recipe.module.model(ids).logits  # type: ignore[operator]
    torch.testing.assert_close(left, wanted, atol=2e-3, rtol=2e-2)  # it is left in bf16


def test_sittings_go_on_from_weights_alone_and_are_recorded(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_tokenizer", lambda plan, start: start.tokenizer if start else tokenizer)
    plan = replace(small(5), mixtures=((0, replace(SMALL, facts=0)),))
    stages = {"one": plan, "two": small(2)}
    first = build(Stage("one", plan), tmp_path / "a", resume=False, steps=2)
    with pytest.raises(RunError, match="holds a run; allowed: --resume"):
        build(Stage("one", small(2)), tmp_path / "a", resume=False)
    stage = Record.read(first).next_stage(stages)
    assert stage is not None and (stage.name, stage.done, stage.left, stage.seed) == ("one", 2, 3, 1)
    second = build(stage, tmp_path / "b", resume=False, start=first)
    assert (second / "tokenizer.json").read_text() == (first / "tokenizer.json").read_text()
    one, two = (
        load(str(f), device="cpu").model.get_parameter("model.transformer.wte.weight")
        for f in (first, second)
    )
    assert not torch.equal(one, two)
    record = Record.read(second)
    assert [(s.stage, s.steps, s.answers) for s in record.sittings] == [("one", 2, 8), ("one", 3, 12)]
    following = record.next_stage(stages)
    assert following is not None and following.name == "two"
    assert record.with_sitting(Sitting("two", 2, 8, 0.1)).next_stage(stages) is None


def test_a_sitting_begins_with_the_mixture_that_its_stage_has_come_to() -> None:
    for done in (0, 2, 4):
        plan = module._sitting_plan(Stage("one", small(9), done), None)
        assert plan.train.max_steps == 9 - done
        assert [plan.mixture(s) for s in range(9 - done)] == [small(9).mixture(s) for s in range(done, 9)]


def test_weights_without_a_record_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no stages.json; allowed: a model of build-bundled"):
        build(Stage("one", small(2)), tmp_path / "run", resume=False, start=tmp_path)


def test_every_mixture_of_a_stage_has_as_many_parts(tokenizer: PreTrainedTokenizerFast) -> None:
    for plan in STAGES.values():
        assert len({m.micro_batches + bool(m.facts or m.plans) for _, m in plan.mixtures}) == 1
        assert all(m.rows + m.facts + m.plans == plan.train.batch_size for _, m in plan.mixtures)
    recipe = Bundled(small(), tokenizer)
    assert {len(recipe.batches(step)) for step in range(5)} == {recipe.parts}


def test_cells_that_fill_up_a_batch_are_not_learned(tokenizer: PreTrainedTokenizerFast) -> None:
    recipe = Bundled(small(), tokenizer)
    batch = recipe.batches(0)[0]
    filled = module._filled_up(batch.learned, 16)
    assert int(filled.sum()) % 16 == 0 and bool(filled[batch.learned].all())
    assert int(filled.sum()) > int(batch.learned.sum())
    assert torch.equal(module._filled_up(batch.learned, 1), batch.learned)
    logits = recipe.module.model(batch.input_ids).logits[batch.learned]  # type: ignore[operator]
    wanted = torch.nn.functional.cross_entropy(logits, batch.targets[batch.learned])
    torch.testing.assert_close(recipe.module(batch).loss, wanted)


def test_matrices_of_blocks_learn_by_muon_where_the_plan_says_so(tokenizer: PreTrainedTokenizerFast) -> None:
    for wanted in (False, True):
        recipe = Bundled(replace(small(), muon=wanted), tokenizer)
        found = {g["name"]: (len(list(g["params"])), g["muon"]) for g in recipe.groups() if "muon" in g}
        assert found == {"blocks": (9, wanted)}
        every = [p for group in recipe.groups() for p in group["params"]]
        assert len(every) == len(list(recipe.module.parameters()))


def test_what_the_model_wrote_itself_is_learned_too(tokenizer: PreTrainedTokenizerFast) -> None:
    plan = small()
    own = tuple((first, replace(mixture, own=0.5)) for first, mixture in plan.mixtures)
    recipe = Bundled(replace(plan, mixtures=own), tokenizer)
    batch = recipe.batches(0)[0]
    assert 0 < int(batch.own.sum()) < int(batch.learned.sum()) and not bool(
        (batch.own & ~batch.learned).any()
    )
    shown = recipe.module.with_own(batch)  # type: ignore[operator]
    assert torch.equal(shown[~batch.own], batch.input_ids[~batch.own])
    assert bool((shown[batch.own] != batch.targets[batch.own]).any())  # it has learned nothing yet
    assert not bool((shown[batch.own] == tokenizer.mask_token_id).any())
    assert torch.equal(shown, recipe.module.with_own(batch))  # type: ignore[operator]
    logits = recipe.module.model(shown).logits[batch.learned]  # type: ignore[operator]
    wanted = torch.nn.functional.cross_entropy(logits, batch.targets[batch.learned])
    torch.testing.assert_close(recipe.module(batch).loss, wanted)
