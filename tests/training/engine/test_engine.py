"""The loop: exact after a resume, late checkpoints, groups, averages, evaluation, being stopped."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.toy import Points, Toy, engine_of, lines, same, toy_settings, weights, whole
from training.engine.checkpoints import CheckpointError, checkpoints, latest, read_state
from training.engine.loop import Stopped
from training.engine.recipe import Batch
from training.engine.schedule import rate_at


class Killed(BaseException):
    """Nothing catches it, as nothing catches SIGKILL."""


def cut(out: Path, at: int, **changes: object) -> None:
    """A run that dies in the middle of step `at`."""

    class Dies(Toy):
        def batches(self, step: int) -> list[Batch]:
            if step == at:
                raise Killed
            return list(super().batches(step))

    with pytest.raises(Killed):
        engine_of(Dies(toy_settings(**changes)), out).run()


@pytest.mark.parametrize("changes", [
    {}, {"ema": 0.9}, {"accumulate": 4}, {"log_every": 5, "eval_every": 3}, {"clip": 0.0, "keep": 1},
])  # fmt: skip
@pytest.mark.parametrize("at", [3, 11, 14])
def test_a_killed_run_goes_on_exactly(tmp_path: Path, changes: dict, at: int) -> None:
    whole(tmp_path / "whole", **changes)
    cut(tmp_path / "cut", at, **changes)
    torch.manual_seed(99)
    engine = engine_of(Toy(toy_settings(**changes)), tmp_path / "cut")
    assert engine.resume() == (at > 7) and engine.step == at // 7 * 7
    engine.run()
    same(tmp_path / "cut", tmp_path / "whole")
    assert [line["step"] for line in lines(tmp_path / "cut")] == sorted(
        {line["step"] for line in lines(tmp_path / "cut")}
    )


def test_everything_that_is_saved_comes_back(tmp_path: Path) -> None:
    first = engine_of(Toy(toy_settings(ema=0.9, max_steps=14)), tmp_path)
    first.run()
    second = engine_of(Toy(toy_settings(ema=0.9, max_steps=14)), tmp_path)
    assert second.resume() and second.step == 14
    for name, value in first.parameters.items():
        assert torch.equal(value, second.parameters[name])
        assert torch.equal(first.average[name], second.average[name])
        ours, theirs = (e.optimizer.optimizer.state[e.parameters[name]] for e in (first, second))
        assert ours.keys() == theirs.keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_parts_give_the_curve_of_the_whole(tmp_path: Path) -> None:
    for parts in (1, 4):
        engine_of(Toy(toy_settings(accumulate=parts, dropout=0.0)), tmp_path / str(parts)).run()
    one, four = lines(tmp_path / "1"), lines(tmp_path / "4")
    for a, b in zip(one, four, strict=True):
        assert a == pytest.approx(b, abs=1e-5)


def test_a_step_of_other_parts_is_refused(tmp_path: Path) -> None:
    class Uneven(Toy):
        def batches(self, step: int) -> list[Batch]:
            return list(super().batches(step))[: 2 - step]

    with pytest.raises(ValueError, match="step 2 has 1 parts; allowed: 2"):
        engine_of(Uneven(toy_settings(accumulate=2)), tmp_path).run()


def test_rates_of_groups_and_their_decay(tmp_path: Path) -> None:
    engine = engine_of(Toy(toy_settings(weight_decay=0.1)), tmp_path)
    engine.run()
    found = {(g["name"], g["weight_decay"]): g["lr"] for g in engine.optimizer.param_groups}
    rate = rate_at(19, engine.settings)
    factors = {"body": 1.0, "head": 0.5}
    assert found == {(name, decay): rate * f for name, f in factors.items() for decay in (0.1, 0.0)}


def test_a_group_that_does_not_learn_stays_as_it_is(tmp_path: Path) -> None:
    class Alternating(Toy):
        seen: list[tuple[float, float]] = []

        def learns(self, step: int, group: str) -> bool:
            return (group == "head") == (step % 5 == 4)

        def before(self, step: int) -> None:
            self.seen.append((self.module.body[0].weight.sum().item(), self.module.head.weight.sum().item()))

    recipe = Alternating(toy_settings())
    engine_of(recipe, tmp_path / "whole").run()
    for step, (now, after) in enumerate(zip(recipe.seen, recipe.seen[1:], strict=False)):
        assert (now[0] == after[0]) == (step % 5 == 4) and (now[1] == after[1]) == (step % 5 != 4)
    engine = engine_of(Alternating(toy_settings()), tmp_path / "cut")
    engine.settings = toy_settings(max_steps=7, decay=0.0)  # before the decay both have the same rates
    engine.run()
    again = engine_of(Alternating(toy_settings()), tmp_path / "cut")
    assert again.resume()
    again.run()
    same(tmp_path / "whole", tmp_path / "cut")


def test_the_average_is_what_is_evaluated_sampled_and_left(tmp_path: Path) -> None:
    recipe = whole(tmp_path, ema=0.9, eval_every=7, samples=2, keep=0)
    for index, (_, folder) in enumerate(checkpoints(tmp_path)):
        average = float(weights(folder)["head.bias"].item())
        assert recipe.evaluated[index] == recipe.sampled[index] == average
        assert read_state(folder)[0]["weight.head.bias"].item() != average
        assert (folder / "samples").is_dir()
    assert recipe.evaluated[-1] == weights(tmp_path / "final")["head.bias"].item()


def test_every_evaluation_has_its_line(tmp_path: Path) -> None:
    whole(tmp_path, log_every=10, eval_every=4)
    evaluated = {line["step"]: "eval_mark" in line for line in lines(tmp_path)}
    assert evaluated == {4: True, 8: True, 10: False, 12: True, 16: True, 20: True}


class Bursts(Toy):
    """Rows of five steps are drawn at once, with the weights as they are then, as rollouts are."""

    drawn: dict[int, torch.Tensor]

    def before(self, step: int) -> None:
        if step % 5 == 0:
            scale = 1 + self.module.head.bias.detach().abs()
            self.drawn = {
                i: torch.randn(16, 4, generator=generator(i)) * scale for i in range(step, step + 5)
            }

    def batches(self, step: int) -> list[Batch]:
        return [Points(self.drawn[step])]

    def carried(self, step: int) -> dict[str, torch.Tensor]:
        return {str(i): rows for i, rows in self.drawn.items() if i >= step}

    def carry(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self.drawn = {int(name): rows for name, rows in tensors.items()}


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_m17_what_later_steps_learn_from_is_saved_too(tmp_path: Path) -> None:
    """A checkpoint inside an outer iteration: the run goes on with the rows that were drawn before it."""
    engine_of(Bursts(toy_settings(save_every=4, keep=0)), tmp_path / "whole").run()
    assert [step for step, _ in checkpoints(tmp_path / "whole")] == [4, 8, 12, 16, 20]

    class Dies(Bursts):
        def batches(self, step: int) -> list[Batch]:
            if step == 9:
                raise Killed
            return super().batches(step)

    with pytest.raises(Killed):
        engine_of(Dies(toy_settings(save_every=4)), tmp_path / "cut").run()
    again = engine_of(Bursts(toy_settings(save_every=4)), tmp_path / "cut")
    assert again.resume() and again.step == 8
    again.run()
    same(tmp_path / "whole", tmp_path / "cut")


class Asked(Toy):
    """Is asked to end in the middle of something: work that says three times how far it is."""

    def __init__(self, place: str, **changes: Any) -> None:
        super().__init__(toy_settings(samples=1, eval_every=5, **changes))
        self.place, self.steps = place, 0

    def work(self, place: str, together: bool) -> None:
        for done in range(3):
            if place == self.place and self.steps == 10 and done == 1:
                os.kill(os.getpid(), signal.SIGTERM)
            self.progress(place, done, 3, together)

    def before(self, step: int) -> None:
        self.steps = step
        self.work("rollouts", False)

    def batches(self, step: int) -> list[Batch]:
        self.work("rows", True)
        if self.place == "parts" and step == 10:
            os.kill(os.getpid(), signal.SIGTERM)
        self.steps = step + 1
        return list(super().batches(step))

    def evaluate(self) -> dict[str, float]:
        self.work("evaluating", True)
        return super().evaluate()

    def sample(self, folder: Path) -> None:
        self.work("decoding a sample", False)
        super().sample(folder)


@pytest.mark.parametrize("place", ["rollouts", "rows", "parts", "evaluating", "decoding a sample"])
def test_m17_a_stop_at_any_moment_leaves_the_last_finished_step(tmp_path: Path, place: str) -> None:
    """And the run that goes on has the figures of one that was not stopped, the evaluation among them."""
    changes = {"save_every": 10 if place == "decoding a sample" else 100, "accumulate": 2}
    recipe = Asked(place, **changes)
    with pytest.raises(Stopped, match="stopped after step 10"):
        engine_of(recipe, tmp_path / "cut").run()
    folder = tmp_path / "cut" / "checkpoints" / "step-10"
    assert latest(tmp_path / "cut") == folder and len(checkpoints(tmp_path / "cut")) == 1
    assert len(recipe.evaluated) == (1 if place in ("evaluating", "decoding a sample") else 2)
    again = engine_of(Asked("never", **changes), tmp_path / "cut")
    assert again.resume()
    again.run()
    engine_of(Asked("never", **changes), tmp_path / "whole").run()
    same(tmp_path / "cut", tmp_path / "whole")


def test_m17_a_checkpoint_is_written_before_the_evaluation(tmp_path: Path) -> None:
    class Looks(Toy):
        def evaluate(self) -> dict[str, float]:
            saved = latest(tmp_path)
            return super().evaluate() | {"saved": float(saved.name.removeprefix("step-")) if saved else 0}

    engine_of(Looks(toy_settings(eval_every=7)), tmp_path).run()
    found = {line["step"]: line["eval_saved"] for line in lines(tmp_path) if "eval_saved" in line}
    assert found == {7: 7, 14: 14, 20: 20}


def test_m17_killed_in_an_evaluation_it_goes_on_with_it(tmp_path: Path) -> None:
    class Dies(Toy):
        def evaluate(self) -> dict[str, float]:
            raise Killed

    changes = {"eval_every": 7, "log_every": 4}
    with pytest.raises(Killed):
        engine_of(Dies(toy_settings(**changes)), tmp_path / "cut").run()
    engine = engine_of(Toy(toy_settings(**changes)), tmp_path / "cut")
    assert engine.resume() and engine.step == 7
    engine.run()
    whole(tmp_path / "whole", **changes)
    same(tmp_path / "cut", tmp_path / "whole")


def test_old_states_go_and_what_was_learned_stays(tmp_path: Path) -> None:
    whole(tmp_path, save_every=5, keep=2)
    found = checkpoints(tmp_path)
    assert [step for step, folder in found if (folder / "training").is_dir()] == [15, 20]
    assert [step for step, folder in found if weights(folder)] == [5, 10, 15, 20]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_saves_and_goes_on_exactly(tmp_path: Path, number: int) -> None:
    class Interrupted(Toy):
        def batches(self, step: int) -> list[Batch]:
            if step == 9:
                os.kill(os.getpid(), number)
            return list(super().batches(step))

    before = signal.getsignal(number)
    with pytest.raises(Stopped, match="step 10"):
        engine_of(Interrupted(toy_settings()), tmp_path / "cut").run()
    assert signal.getsignal(number) is before
    assert latest(tmp_path / "cut") == tmp_path / "cut" / "checkpoints" / "step-10"
    engine = engine_of(Toy(toy_settings()), tmp_path / "cut")
    assert engine.resume()
    engine.run()
    whole(tmp_path / "whole")
    same(tmp_path / "cut", tmp_path / "whole")


def test_a_signal_while_a_result_is_written_waits_for_it(tmp_path: Path) -> None:
    class Slow(Toy):
        def export(self, folder: Path, state: dict) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            super().export(folder, state)

    engine_of(Slow(toy_settings(save_every=100)), tmp_path).run()
    assert weights(tmp_path / "final").keys() == weights(tmp_path / "checkpoints" / "step-20").keys()


@pytest.mark.parametrize("broken", ["loss", "grad_norm"])
def test_a_loss_or_gradient_that_is_no_number_ends_the_run(tmp_path: Path, broken: str) -> None:
    class Bad(Toy):
        def batches(self, step: int) -> list[Batch]:
            if step == 9:
                bias = self.module.head.bias
                if broken == "loss":
                    bias.data.fill_(torch.nan)
                else:
                    bias.register_hook(lambda grad: grad * torch.nan)
            return list(super().batches(step))

    with pytest.raises(FloatingPointError, match=f"{broken} = nan at step 10"):
        engine_of(Bad(toy_settings(save_every=1, keep=0)), tmp_path).run()
    assert [step for step, _ in checkpoints(tmp_path)] == list(range(1, 10))
    assert not any(value.isnan().any() for value in read_state(latest(tmp_path))[0].values())  # type: ignore[arg-type]


def test_a_checkpoint_of_another_shape_is_a_sentence(tmp_path: Path) -> None:
    whole(tmp_path)
    engine = engine_of(Toy(toy_settings(width=9)), tmp_path)
    with pytest.raises(CheckpointError, match=r"weight of body.0.weight = \(8, 4\); allowed: \(9, 4\)"):
        engine.resume()


def test_a_longer_run_goes_on_after_a_finished_one(tmp_path: Path) -> None:
    whole(tmp_path / "long", decay=0.25, max_steps=40)
    whole(tmp_path / "grown", decay=0.0, max_steps=20)
    engine = engine_of(Toy(toy_settings(decay=0.25, max_steps=40)), tmp_path / "grown")
    assert engine.resume()
    engine.run()
    same(tmp_path / "long", tmp_path / "grown")
