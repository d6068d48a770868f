"""The GRPO recipe: groups, what a step's rows are, groups left out, resume, two processes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluation.sets.columns import SetError
from models.adapters import load_adapted
from samplers.settings import SettingError
from tests.training.engine.test_processes import PYTHON, close, command, done, together
from tests.training.small_model import small_folder
from tests.training.toy import engine_of, lines
from training.engine.recipe import step_generator
from training.engine.settings import RunArguments
from training.grpo.judge import JudgeError
from training.grpo.objective import GRPO, GRPOSettings
from training.grpo.policy_gradient import log_probabilities
from training.shared.questions import Question

QUICK = {"max_steps": 6, "inner": 3, "batch_size": 8, "group_size": 4, "gen_length": 16, "rollout_steps": 4,
         "learning_rate": 1e-2, "warmup": 0, "log_every": 1, "samples": 0, "precision": "no", "save_every": 2,
         "temperature": 1.0, "lora_dropout": 0.0, "decay": 0.0, "max_length": 256}  # fmt: skip


class HashRewards:
    """0 to 1 from the text; None for texts that `fails` names."""

    def __init__(self) -> None:
        self.fails: set[str] = set()

    def __call__(self, questions: Sequence[Question], texts: Sequence[str]) -> list[float | None]:
        values = [hashlib.sha256(text.encode()).digest()[0] / 255 for text in texts]
        return [None if text in self.fails else v for v, text in zip(values, texts, strict=True)]

    def correct(self, questions: Sequence[Question], texts: Sequence[str]) -> list[float | None]:
        return [1.0 for _ in texts]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("model"))


def recipe(model: str, *data: str, **changes: object) -> GRPO:
    settings = GRPOSettings(**(QUICK | changes))  # type: ignore[arg-type]
    found = GRPO(RunArguments(model, data or ("expression", "linear")), settings)
    found.rewards.close()
    found.rewards = HashRewards()  # type: ignore[assignment]
    return found


def test_rows_of_an_outer_iteration(model: str) -> None:
    grpo = recipe(model)
    grpo.before(0)
    inner = [grpo.batches(step)[0] for step in range(3)]
    first = inner[0]
    assert len(first.tokens) == 8 and torch.equal(first.tokens, inner[1].tokens)
    prompts = first.tokens[:, :-16]
    assert (prompts[:4] == prompts[0]).all() and (prompts[4:] == prompts[4]).all()
    assert not torch.equal(prompts[0], prompts[4])
    assert len({tuple(row) for row in first.tokens[:, -16:].tolist()}) > 4  # seeds differ in a group
    assert torch.allclose(first.advantage.view(2, 4).sum(-1), torch.zeros(2), atol=1e-6)
    assert bool(first.hidden[:, -16:].all()) and not bool((first.hidden & ~first.attention).any())
    assert not torch.equal(first.hidden, inner[1].hidden)  # masks of its own
    shares = torch.cat([b.hidden[:, :-16][b.attention[:, :-16]] for b in inner]).float().mean()
    assert 0.05 < shares < 0.3
    grpo.before(1)  # not an outer boundary: nothing is written anew
    assert grpo.batches(1)[0] is not None and torch.equal(grpo.batches(1)[0].tokens, first.tokens)


@pytest.mark.parametrize("rank", [0, 4])
def test_old_and_reference_are_taken_under_the_steps_own_masks(model: str, rank: int) -> None:
    grpo = recipe(model, lora_r=rank)
    with torch.no_grad():  # a policy that has left its reference
        for parameter in grpo.loaded.model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=step_generator(0, 0)))
    grpo.before(0)
    for step in range(3):
        (batch,) = grpo.batches(step)
        network = grpo.loaded.model.eval()
        now = log_probabilities(network, *batch[:5], grpo.loaded.mask_id)
        assert torch.equal(now, batch.old[batch.counted])
        with grpo.module.reference() as reference:
            was = log_probabilities(reference, *batch[:5], grpo.loaded.mask_id)
        assert torch.equal(was, batch.reference[batch.counted])
        assert (was - now).abs().max() > 1e-3


def test_without_kl_there_is_no_reference(model: str) -> None:
    grpo = recipe(model, lora_r=0, kl_beta=0.0)
    assert grpo.module.frozen is None
    grpo.before(0)
    (batch,) = grpo.batches(0)
    found = grpo.module(batch)
    assert "kl" not in found.figures and bool(found.loss.isfinite())


def test_a_run_begins_at_ratio_1_and_leaves_an_adapter(model: str, tmp_path: Path) -> None:
    grpo = recipe(model, lora_r=4)
    engine_of(grpo, tmp_path).run()
    found = lines(tmp_path)
    assert [line["moved"] == 0 for line in found] == [True, False, False] * 2
    assert found[0]["kl"] == 0 and found[5]["kl"] > 0
    load_adapted(model, str(tmp_path / "final"), "cpu")


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


@pytest.mark.parametrize("at", [2, 3, 4])
def test_m17_a_run_resumed_inside_an_outer_iteration_equals_an_uninterrupted_one(
    model: str, tmp_path: Path, at: int
) -> None:
    """save_every = 2 falls inside an outer iteration of 3 steps: the rows of its rest are saved too."""
    engine_of(recipe(model), tmp_path / "whole").run()
    names = sorted(path.name for path in (tmp_path / "whole" / "checkpoints").iterdir())
    assert names == ["step-2", "step-4", "step-6"]
    cut, before = recipe(model), GRPO.batches

    def batches(step: int) -> Any:
        if step == at:
            raise Killed
        return before(cut, step)

    cut.batches = batches  # type: ignore[method-assign]
    with pytest.raises(Killed):
        engine_of(cut, tmp_path / "cut").run()
    rest = engine_of(recipe(model), tmp_path / "cut")
    assert rest.resume() and rest.step == at // 2 * 2
    rest.run()
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")


def test_a_group_without_a_reward_is_left_out_and_none_at_all_is_an_error(model: str) -> None:
    grpo = recipe(model)
    grpo.before(0)
    whole, rewards = grpo.batches(0)[0], grpo.rewards
    seen: list[str] = []

    def failing(questions: Sequence[Question], found: Sequence[str]) -> list[float | None]:
        seen.extend(found)
        return [None, *HashRewards()(questions, found)[1:]]

    grpo.rewards = failing  # type: ignore[assignment]
    grpo.before(0)
    batch = grpo.batches(0)[0]
    assert not bool(batch.counted[:4].any()) and torch.equal(batch.counted[4:], whole.counted[4:])
    assert torch.equal(batch.advantage[4:], whole.advantage[4:]) and bool((batch.advantage[:4] == 0).all())
    assert batch.reward.mean().item() == pytest.approx(whole.reward[4:].mean().item())
    grpo.rewards = rewards
    rewards.fails = set(seen)  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="every group has an answer without a reward"):
        grpo.before(0)


def test_steps_context_is_what_the_sampler_saw(model: str) -> None:
    """The tokens of a step are the likeliest at temperature 0, shown what they were drawn from."""
    grpo = recipe(model, context="steps", prompt_mask=0.0)
    decoded = grpo._decoded
    grpo._decoded = lambda doing, asked, seeds: decoded(doing, asked, seeds, 0.0)  # type: ignore[method-assign]
    grpo.before(0)
    tops = []
    for step in range(3):
        (batch,) = grpo.batches(step)
        assert (batch.counted.sum(-1) <= 4).all()  # 16 cells in 4 steps
        shown = batch.tokens.masked_fill(batch.hidden, grpo.loaded.mask_id)
        logits = grpo.loaded.model.eval()(shown, attention_mask=batch.attention).logits[:, -16:]
        logits[..., grpo.loaded.mask_id] = -torch.inf
        tops.append((logits.argmax(-1) == batch.tokens[:, -16:])[batch.counted])
    assert len(torch.cat(tops)) > 20 and bool(torch.cat(tops).all())


def test_files_are_questions_too(model: str, tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("question,answer\n" + "".join(f"{n} + 1?,{n + 1}\n" for n in range(5)))
    grpo = recipe(model, str(path))
    places = [grpo.sets[0].at(place) for place in range(10)]
    assert {q.prompt: q.answer for q in places[:5]} == {f"{n} + 1?": str(n + 1) for n in range(5)}
    assert {q.prompt for q in places[:5]} == {q.prompt for q in places[5:]}
    assert grpo.evaluate() == {}


def test_a_prompt_without_room_is_never_drawn_and_a_model_has_room_for_the_rows(
    model: str, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("question,answer\n2 + 2?,4\n" + "so long " * 200 + ",5\n3 + 3?,6\n")
    grpo = recipe(model, str(path), max_steps=3, inner=1, batch_size=4)
    for step in range(3):  # two questions each: every row's turn came
        grpo.before(step)
        assert grpo.batches(step)[0].tokens.shape[1] <= 256
    assert {grpo.sets[0].at(place).prompt for place in range(6)} == {"2 + 2?", "3 + 3?"}
    shortest = grpo.batches(2)[0].tokens.shape[1]
    assert recipe(model, str(path), max_length=shortest).sets[0].at(0).prompt in ("2 + 2?", "3 + 3?")
    with pytest.raises(SetError, match=f"every row of sums.csv .* .the shortest has {shortest} tokens"):
        recipe(model, str(path), max_length=shortest - 1)
    with pytest.raises(SettingError, match="max_length = 257 is not valid; allowed: at most 256"):
        recipe(model, str(path), max_length=257)


def test_evaluation_is_on_held_out_problems(model: str) -> None:
    found = recipe(model, eval_rows=6).evaluate()
    assert found["accuracy"] == 1 and 0 < found["reward"] < 1


def test_an_evaluation_without_scores_says_so_and_has_no_number(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    grpo = recipe(model, eval_rows=6)
    grpo.rewards = lambda asked, texts: [None] * len(texts)  # type: ignore[assignment]
    grpo.rewards.correct = lambda asked, texts: [1.0, 0.0] + [None] * (len(texts) - 2)  # type: ignore
    assert grpo.evaluate() == {"accuracy": 0.5}
    said = capsys.readouterr().out
    assert "6 of 6 answers have no reward" in said and "4 of 6 answers have no accuracy" in said


def test_a_judge_that_goes_down_costs_no_step(model: str, tmp_path: Path) -> None:
    engine_of(recipe(model), tmp_path / "whole").run()
    grpo = recipe(model, save_every=6)
    rewards = grpo.rewards

    def down_later(asked: Sequence[Question], texts: Sequence[str]) -> list[float | None]:
        if engine.step == 3:
            raise JudgeError("judge is down")
        return rewards(asked, texts)

    grpo.rewards = down_later  # type: ignore[assignment]
    engine = engine_of(grpo, tmp_path / "cut")
    with pytest.raises(JudgeError, match="judge is down"):
        engine.run()
    rest = engine_of(recipe(model, save_every=6), tmp_path / "cut")
    assert rest.resume() and rest.step == 3
    rest.run()
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")


@pytest.mark.parametrize(("change", "name"), [
    ({"max_steps": 7}, "max_steps"), ({"batch_size": 9}, "batch_size"), ({"temperature": 0.0}, "temperature"),
    ({"rollout_steps": 5}, "rollout_steps"), ({"block_length": 7}, "block_length"),
    ({"context": "all"}, "context"), ({"reward_judge": 1.0}, "judge_url"),
])  # fmt: skip
def test_settings_that_cannot_be(change: dict[str, object], name: str) -> None:
    with pytest.raises(SettingError, match=f"{name} = .* is not valid; allowed"):
        GRPOSettings(**(QUICK | change))  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_processes_write_the_answers_of_one(tmp_path: Path) -> None:
    wanted = {"max_steps": 2, "inner": 1, "batch_size": 96, "group_size": 4, "rollout_steps": 2,
              "learning_rate": 1e-4, "log_every": 1, "samples": 0, "lora_r": 4, "lora_dropout": 0,
              "temperature": 1.5, "gen_length": 16}  # fmt: skip
    named = ["training", "grpo", "--model", "assets/models/tiny-llada", "--data", "expression"]
    done([*PYTHON, *named, *command(tmp_path / "one", wanted)])
    together([*named, *command(tmp_path / "two", wanted)])
    close(tmp_path / "two", tmp_path / "one")
    assert len({line["reward"] for line in lines(tmp_path / "one")}) == 2
    dropping = wanted | {"lora_r": 0, "lora_dropout": 0.3, "accumulate": 2, "batch_size": 16, "inner": 2}
    began = ["--load-lora", "assets/models/tiny-llada-few-steps"]
    together([*named, *command(tmp_path / "drop", dropping, *began)])
    first, second = lines(tmp_path / "drop")
    assert first["moved"] == first["kl"] == 0 and second["moved"] > 0
