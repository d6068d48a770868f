"""The training loop, for one process or many. A resumed run goes on exactly as if it had not stopped.

The library accelerate places the model, wraps it (DDP, FSDP, DeepSpeed) and sets the precision; the same
command runs under `accelerate launch`. Every process builds all rows of a step and takes its share of them,
so the losses do not depend on the number of processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedType
from torch import Tensor
from torch.distributed.tensor import DTensor

from training.engine.checkpoints import (
    latest,
    optimizer_tensors,
    prune,
    read_state,
    replace_folder,
    restore,
    write,
    write_state,
)
from training.engine.machines import check_shared, from_first, tensors_from_first
from training.engine.metrics import Metrics, Window
from training.engine.optimizer import optimizer_of
from training.engine.placement import SHARDED, read_shards, take_shards, write_shards
from training.engine.progress import EVALUATING, FILE, SAVING, STEP, Progress
from training.engine.recipe import Batch, Recipe, Stopped, moved, rows_of
from training.engine.schedule import rate_at
from training.engine.signals import StopSignals
from training.engine.trackers import Tracker


class Engine:
    """One run: the recipe's module, its optimizer, the moving average of its weights, and the step."""

    def __init__(self, recipe: Recipe, out: Path, accelerator: Accelerator) -> None:
        self.recipe, self.out, self.accelerator = recipe, out, accelerator
        self.settings, self.step, self.seconds = recipe.settings, 0, 0.0
        self.metrics, self.window = Metrics(out / "metrics.jsonl"), Window()
        self.kind = accelerator.distributed_type
        if self.kind in SHARDED and accelerator.num_processes > 1:
            check_shared(out)
        self.module, self.optimizer = accelerator.prepare(recipe.module, optimizer_of(recipe))
        plain = accelerator.unwrap_model(self.module)
        self.parameters = {n: p for n, p in plain.named_parameters() if p.requires_grad}
        self.average = {}
        if self.settings.ema:
            self.average = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.tracker = Tracker(self.settings.report_to, out, accelerator.is_main_process)
        self.signals = StopSignals()
        self.saved = 0  # the step of the last checkpoint
        self.reported = True  # whether the step has its line in the log, if one is due
        self.progress = Progress(out / FILE if accelerator.is_main_process else None, self.settings)

    def run(self) -> None:
        """Train to max_steps. Stopped: a signal asked the run to end; a checkpoint of its last step is saved.

        FloatingPointError: the loss is not finite; the last checkpoint is as it was.
        """
        self.module.train()
        began, last = time.monotonic() - self.seconds, self.settings.max_steps
        self.recipe.progress = self._progress  # type: ignore[method-assign]
        try:
            with self.signals:
                try:
                    self.recipe.prepare()
                    if not self.reported:
                        self._report()
                    while self.step < last:
                        self.one_step()
                        self.seconds = time.monotonic() - began
                        self._after_step()
                    self.finish()
                except Stopped:
                    self._stopped()
        finally:
            del self.recipe.progress  # else engine and recipe would keep each other in memory
            self.tracker.close()

    def one_step(self) -> None:
        """Rows, forward, backward, optimizer; the figures go into the window."""
        with self.progress.timed(STEP):
            self._seed(1)
            batches = self._parts()
            self.progress.tell("", 0, 0)
            self.window.add(self._one_step(batches))
        self.step += 1

    def _stopped(self) -> None:
        """Save what the last checkpoint does not have, then raise Stopped."""
        if self.step > self.saved:
            self.save()
        raise Stopped(f"stopped after step {self.step}" if self.step else "stopped before the first step")

    def _progress(self, doing: str, done: int, count: int, together: bool = True) -> None:
        """See Recipe."""
        self.progress.tell(doing, done, count)
        if self._stopping() if together else self.signals.stop_requested:
            raise Stopped

    def _parts(self) -> Sequence[Batch]:
        """The batches of the coming step. On an error (a judge is down, say) a checkpoint is saved first."""
        try:
            self.recipe.before(self.step)
            return self.recipe.batches(self.step)
        except Stopped:
            raise
        except Exception as error:
            self._save_before(error)
            raise

    def _save_before(self, error: Exception) -> None:
        """Save a checkpoint before an error between two steps ends the run, where there is something new."""
        if self.step > self.saved and self._intact(error):
            self.save()

    def _intact(self, error: Exception) -> bool:
        """Whether a checkpoint can be saved after an error between two steps: all weights are finite, and
        there is no other process that would wait for this one."""
        numbers = all(bool(p.isfinite().all()) for p in self.parameters.values())
        return numbers and self.accelerator.num_processes == 1 and not isinstance(error, FloatingPointError)

    def _after_step(self) -> None:
        """Save, evaluate and log, as far as each is due. Saving comes first: an evaluation may then be broken
        off at any moment, and a resumed run makes it again."""
        self.progress.step, self.reported = self.step, False
        self.progress.tell("", 0, 0)
        last = self.step == self.settings.max_steps
        if last or self.step % self.settings.save_every == 0:
            self.save()
        if not last and self._stopping():
            raise Stopped
        self._report()

    def _report(self) -> None:
        """Evaluate and log the step that was finished last, where these are due. An error of the evaluation
        ends the run after a checkpoint; the line is logged once a resumed run has evaluated."""
        try:
            evaluated = self._evaluation()
        except Stopped:
            raise
        except Exception as error:
            self._save_before(error)
            raise
        if evaluated or self.step % self.settings.log_every == 0 or self.step == self.settings.max_steps:
            self._log(evaluated)
        self.reported = True

    def _stopping(self) -> bool:
        """Whether any process was asked to end."""
        if self.accelerator.num_processes == 1:
            return self.signals.stop_requested
        flag = torch.tensor([float(self.signals.stop_requested)], device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum").item())

    def _seed(self, salt: int = 0) -> None:
        """Seed torch for this step and process (for dropout, rollouts), whatever was drawn before."""
        process = self.accelerator.process_index
        torch.manual_seed(self.settings.seed * 1_000_003 + self.step * 97 + process + (salt << 40))

    def _one_step(self, batches: Sequence[Batch]) -> dict[str, float]:
        """One optimizer step; returns the means of its figures over all rows. Stopped is raised between two
        parts, before a weight has changed. FloatingPointError: the weights are no longer finite."""
        accelerator = self.accelerator
        # 1. The rate and the randomness of the step.
        if len(batches) != self.recipe.parts:  # accelerate was told this number
            raise ValueError(f"step {self.step + 1} has {len(batches)} parts; allowed: {self.recipe.parts}")
        rate = rate_at(self.step, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self._seed()
        total: dict[str, Tensor] = {}  # name -> Float[], the sum over parts of means / parts
        for number, batch in enumerate(batches):
            if number and self._stopping():  # nothing of this step has changed a weight yet
                raise Stopped
            with accelerator.accumulate(self.module):
                # 2. The loss over this process's rows of a part, Float[], and its gradients, which add up.
                loss, figures = self.module(self._process_rows(batch))
                accelerator.backward(loss)
                for name, value in {"loss": loss, **figures}.items():
                    part = value.detach().float() / len(batches)
                    total[name] = total[name] + part if name in total else part
                # 3. After the last part, processes share gradients and weights change; after the others,
                #    accelerate makes these calls do nothing.
                if accelerator.sync_gradients:
                    self._leave_out()
                    self._clip(total)
                self.optimizer.step()
                self.optimizer.zero_grad()
        # 4. The figures of all processes, and whether they are numbers.
        self._check(means := self._mean_over_processes(total))
        # 5. The moving average follows the weights, more slowly as the run goes on.
        if self.average:
            decay = min(self.settings.ema, (self.step + 1) / (self.step + 10))
            now = [p.detach() for p in self.parameters.values()]
            torch._foreach_lerp_(list(self.average.values()), now, 1 - decay)
        return means

    def _process_rows(self, batch: Batch) -> Batch:
        """This process's rows of a batch, on its device."""
        processes, rows = self.accelerator.num_processes, len(batch[0])
        if rows % processes:
            raise ValueError(f"a step has parts of {rows} rows; allowed: a multiple of {processes} processes")
        own_rows = rows_of(batch, slice(self.accelerator.process_index, None, processes))
        return moved(own_rows, self.accelerator.device)

    def _leave_out(self) -> None:
        """Parameter groups that do not learn in this step keep their weights and moments."""
        for group in self.optimizer.param_groups:
            if not self.recipe.learns(self.step, group["name"]):
                if self.kind == DistributedType.DEEPSPEED:  # its gradients are out of reach
                    raise ValueError("alternating groups are not valid with DeepSpeed; allowed: DDP, FSDP")
                for parameter in group["params"]:
                    parameter.grad = None

    def _clip(self, total: dict[str, Tensor]) -> None:
        largest = self.settings.clip or math.inf
        norm = self.accelerator.clip_grad_norm_(self.module.parameters(), largest)
        if norm is not None:  # DeepSpeed clips for itself, and may not know before its step
            norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
            total["grad_norm"] = torch.as_tensor(norm, device=self.accelerator.device).float()

    def _mean_over_processes(self, total: dict[str, Tensor]) -> dict[str, float]:
        names = list(total)
        values = torch.stack([total[name] for name in names])
        if self.accelerator.num_processes > 1:
            values = self.accelerator.reduce(values, "mean")
        return dict(zip(names, values.tolist(), strict=True))

    def _check(self, figures: dict[str, float]) -> None:
        """FloatingPointError, before anything is saved, where loss or gradient is not finite: the weights
        are spoilt then."""
        for name in ("loss", "grad_norm"):
            if not math.isfinite(value := figures.get(name, 0.0)):
                raise FloatingPointError(
                    f"{name} = {value} at step {self.step + 1}; allowed: a finite number. "
                    "Lower learning_rate, or look for rows that cannot be learned"
                )

    @contextmanager
    def as_saved(self) -> Iterator[None]:
        """For evaluation and samples: no dropout, no gradient, and the averaged weights if there are any."""
        self.module.eval()
        self._swap_average()
        try:
            with torch.no_grad():
                yield
        finally:
            self._swap_average()
            self.module.train()

    def _swap_average(self) -> None:
        for name, average in self.average.items():
            averaged = average.clone()
            average.copy_(self.parameters[name].detach())
            self.parameters[name].detach().copy_(averaged)

    def _evaluation(self) -> dict[str, float]:
        every = self.settings.eval_every
        if not every or (self.step % every and self.step != self.settings.max_steps):
            return {}
        with self.progress.timed(EVALUATING), self.as_saved():
            figures = self.recipe.evaluate()
        return {f"eval_{name}": round(value, 6) for name, value in figures.items()}

    def _log(self, evaluated: Mapping[str, float]) -> None:
        line = {
            "step": self.step, **self.window.means(), "learning_rate": rate_at(self.step - 1, self.settings),
            "seconds": round(self.seconds, 2), **evaluated,
        }  # fmt: skip
        if self.accelerator.is_main_process:
            self.metrics.add(line)
            self.tracker.add(line)
            figures = ", ".join(f"{k} {v:.4g}" for k, v in line.items() if k not in ("step", "seconds"))
            print(f"step {self.step} of {self.settings.max_steps}: {figures}", flush=True)

    def save(self) -> None:
        """Save a checkpoint of this step, with samples decoded from it (without them when asked to end)."""
        with self.progress.timed(SAVING):
            state = self._export_state()
            if self.kind in SHARDED:
                write_shards(self.accelerator, self.out, self._tensors())
            if self.accelerator.is_main_process:
                write(self.out, self.step, lambda folder: self._fill(folder, state))
                prune(self.out, self.settings.keep)
        self.saved = self.step
        self.accelerator.wait_for_everyone()

    def _fill(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        self.recipe.export(folder, state)
        tensors = {f"average.{n}": t for n, t in self.average.items()}
        tensors |= {f"recipe.{n}": t.clone() for n, t in self.recipe.carried(self.step).items()}
        if self.kind in SHARDED:
            take_shards(self.out, folder)
        else:
            tensors |= self._tensors()
            if self.settings.samples:  # with shards every process would have to decode
                with self.as_saved(), suppress(Stopped):
                    self.recipe.sample(folder / "samples")
        facts = {"step": self.step, "seconds": self.seconds, "sums": self.window.sums}
        write_state(folder, tensors, facts | {"processes": self.accelerator.num_processes})

    def _tensors(self) -> dict[str, Tensor]:
        weights = {f"weight.{n}": p for n, p in self.parameters.items()}
        return weights | optimizer_tensors(self.parameters, self.optimizer.optimizer)

    def _export_state(self) -> dict[str, Tensor]:
        state = dict(self.accelerator.get_state_dict(self.module))
        return state | {name: t for name, t in self.average.items() if name in state}

    def finish(self) -> None:
        """Write final/, the folder with what the whole run learned."""
        self.progress.tell(SAVING, 0, 0)
        state = self._export_state()
        if self.accelerator.is_main_process:
            replace_folder(self.out / "final", lambda folder: self.recipe.export(folder, state))
        self.accelerator.wait_for_everyone()

    def resume(self) -> bool:
        """Load the last checkpoint, if there is one; lines of the log after its step are removed."""
        folder = from_first(lambda: latest(self.out))
        if folder is not None:
            tensors, facts = self._state_of(folder)
            if self.kind != DistributedType.DEEPSPEED:
                restore(self.parameters, self.optimizer.optimizer, tensors)
            for name in self.average:
                self.average[name].copy_(tensors[f"average.{name}"])
            carried = {n.removeprefix("recipe."): t for n, t in tensors.items() if n.startswith("recipe.")}
            self.recipe.carry(carried)
            self.step, self.saved, self.seconds = facts["step"], facts["step"], facts["seconds"]
            self.progress.step = self.step
        if self.accelerator.is_main_process:
            self.metrics.cut_after(self.step)
        if folder is not None:
            self.reported = from_first(lambda: self.metrics.has(self.step))
            self.window = Window({} if self.reported else facts["sums"])
        return folder is not None

    def _state_of(self, folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and facts of a checkpoint: the first process's, or of shards each process's own."""
        if self.kind in SHARDED:
            facts = read_state(folder)[1]
            return read_shards(self.accelerator, folder, facts["processes"]), facts
        tensors: dict[str, Tensor] = {}

        def read() -> dict[str, Any]:
            saved, facts = read_state(folder)
            tensors.update(saved)
            return facts

        facts = from_first(read)
        return tensors_from_first(tensors, self.accelerator.device), facts

    def close(self) -> None:
        """Release the DDP wrapper; nothing can be trained after it. It has to go before the process group:
        if it held the last reference, torch (2.13) would destroy the group while holding the GIL (Python's
        global lock) and wait for a gloo thread that may itself wait for the GIL."""
        if self.accelerator.num_processes > 1:
            self.module = self.accelerator.unwrap_model(self.module)
            self.accelerator.free_memory()
