"""The training loop: one process or many, and exact after a resume.

`accelerate` places, wraps (DDP, FSDP, DeepSpeed) and casts; the same command runs under
`accelerate launch`. Every process builds the whole step's rows and takes its share, so that the
loss curve does not depend on their number.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedType
from accelerate.utils import DistributedDataParallelKwargs, GradientAccumulationPlugin
from torch import Tensor

from training.checkpoints import (
    latest,
    optimizer_tensors,
    prune,
    read_state,
    replace_folder,
    restore,
    write,
    write_state,
)
from training.metrics import Metrics, Window
from training.recipe import Batch, Recipe, rows_of
from training.schedule import rate_at
from training.trackers import Tracker

SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)


class Stopped(Exception):
    """The run was asked to end, and has saved."""


def accelerator_for(recipe: Recipe, device: str = "auto") -> Accelerator:
    """Placement and precision of a run. device: auto (a GPU where there is one) or cpu."""
    settings = recipe.settings
    cpu = device == "cpu" or not torch.cuda.is_available()
    precision = settings.precision
    if precision == "auto":
        precision = "no" if cpu else "bf16"
    return Accelerator(
        cpu=cpu,
        mixed_precision=precision,
        gradient_accumulation_plugin=GradientAccumulationPlugin(recipe.parts, sync_with_dataloader=False),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


class Engine:
    """One run: weights, optimizer, average and step."""

    def __init__(self, recipe: Recipe, out: Path, accelerator: Accelerator) -> None:
        self.recipe, self.out, self.accelerator = recipe, out, accelerator
        self.settings, self.step, self.seconds = recipe.settings, 0, 0.0
        self.metrics, self.window = Metrics(out / "metrics.jsonl"), Window()
        self.sharded = accelerator.distributed_type in SHARDED
        if self.sharded and self.settings.ema:
            raise ValueError(f"ema = {self.settings.ema} is not valid with FSDP or DeepSpeed; allowed: 0")
        if accelerator.distributed_type == DistributedType.DEEPSPEED:
            config = accelerator.state.deepspeed_plugin.deepspeed_config
            config["train_micro_batch_size_per_gpu"] = self._share_of(self.settings.batch_size)
        groups = [group for group in map(self._group, recipe.groups()) if group["params"]]
        optimizer = torch.optim.AdamW(
            [part for group in groups for part in _by_decay(group, self.settings.weight_decay)],
            lr=self.settings.learning_rate, betas=(0.9, self.settings.beta2), fused=True,
        )  # fmt: skip
        self.module, self.optimizer = accelerator.prepare(recipe.module, optimizer)
        plain = accelerator.unwrap_model(self.module)
        self.parameters = {n: p for n, p in plain.named_parameters() if p.requires_grad}
        self.average = {}
        if self.settings.ema:
            self.average = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.tracker = Tracker(self.settings.report_to, out, accelerator.is_main_process)
        self._asked_to_stop = False

    def _group(self, group: dict[str, Any]) -> dict[str, Any]:
        return {"name": "all", "factor": 1.0} | group | {"params": list(group["params"])}

    def _share_of(self, rows: int) -> int:
        processes = self.accelerator.num_processes
        if rows % (processes * self.recipe.parts):
            raise ValueError(
                f"batch_size = {rows} is not valid; allowed: a multiple of "
                f"{processes} processes x {self.recipe.parts} parts"
            )
        return rows // (processes * self.recipe.parts)

    def run(self) -> None:
        """Train to max_steps. Stopped: asked to end by a signal, after a checkpoint.

        FloatingPointError: the loss is no number; the last checkpoint is as it was.
        """
        self.module.train()
        began, last = time.monotonic() - self.seconds, self.settings.max_steps
        with _signals(self._stop):
            while self.step < last:
                self.recipe.before(self.step)
                self.window.add(self._one_step(self.recipe.batches(self.step)))
                self.step += 1
                self.seconds = time.monotonic() - began
                evaluated = self._evaluation()
                if self.step % self.settings.log_every == 0 or self.step == last:
                    self._log(evaluated)
                stopping = self._stopping()
                due = self.step % self.settings.save_every == 0 or stopping
                if (due or self._late) and self.recipe.can_save(self.step) or self.step == last:
                    self.save()
                    if stopping and self.step < last:
                        raise Stopped(f"stopped after step {self.step}")
                elif due:
                    self._late = True
        self.finish()

    _late = False  # a checkpoint is due as soon as the recipe allows one

    def _stop(self, *_: object) -> None:
        self._asked_to_stop = True

    def _stopping(self) -> bool:
        """Whether any process was asked to end."""
        if self.accelerator.num_processes == 1:
            return self._asked_to_stop
        flag = torch.tensor([float(self._asked_to_stop)], device=self.accelerator.device)
        return bool(self.accelerator.reduce(flag, "sum").item())

    def _one_step(self, batches: Any) -> dict[str, float]:
        settings, accelerator = self.settings, self.accelerator
        rate = rate_at(self.step, settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        torch.manual_seed(settings.seed * 1_000_003 + self.step * 97 + accelerator.process_index)
        total: dict[str, Tensor] = {}
        for batch in batches:
            with accelerator.accumulate(self.module):
                loss, figures = self.module(self._mine(batch))
                accelerator.backward(loss)
                for name, value in {"loss": loss, **figures}.items():
                    share = value.detach().float() / len(batches)
                    total[name] = total[name] + share if name in total else share
                if accelerator.sync_gradients:
                    self._leave_out()
                    if settings.clip:
                        accelerator.clip_grad_norm_(self.module.parameters(), settings.clip)
                self.optimizer.step()
                self.optimizer.zero_grad()
        self._check(means := self._everybodys(total))
        if self.average:
            decay = min(settings.ema, (self.step + 1) / (self.step + 10))
            now = [p.detach() for p in self.parameters.values()]
            torch._foreach_lerp_(list(self.average.values()), now, 1 - decay)
        return means

    def _mine(self, batch: Batch) -> Batch:
        """This process's rows."""
        processes, rows = self.accelerator.num_processes, len(batch[0])
        if rows % processes:
            raise ValueError(f"a step has parts of {rows} rows; allowed: a multiple of {processes} processes")
        mine = rows_of(batch, slice(self.accelerator.process_index, None, processes))
        return type(batch)(*(t.to(self.accelerator.device) for t in mine))  # type: ignore[call-arg]

    def _leave_out(self) -> None:
        for group in self.optimizer.param_groups:
            if not self.recipe.learns(self.step, group["name"]):
                for parameter in group["params"]:
                    parameter.grad = None

    def _everybodys(self, total: dict[str, Tensor]) -> dict[str, float]:
        names = list(total)
        values = torch.stack([total[name] for name in names])
        if self.accelerator.num_processes > 1:
            values = self.accelerator.reduce(values, "mean")
        return dict(zip(names, values.tolist(), strict=True))

    def _check(self, figures: dict[str, float]) -> None:
        if not math.isfinite(figures["loss"]):
            raise FloatingPointError(
                f"loss = {figures['loss']} at step {self.step}; allowed: a finite number. "
                "Lower learning_rate, or look for rows that cannot be learned"
            )

    def _evaluation(self) -> dict[str, float]:
        every = self.settings.eval_every
        if not every or (self.step % every and self.step != self.settings.max_steps):
            return {}
        self.module.eval()
        with torch.no_grad():
            found = self.recipe.evaluate()
        self.module.train()
        return {f"eval_{name}": round(value, 6) for name, value in found.items()}

    def _log(self, evaluated: dict[str, float]) -> None:
        line = {
            "step": self.step, **self.window.means(), "learning_rate": rate_at(self.step - 1, self.settings),
            "seconds": round(self.seconds, 2), **evaluated,
        }  # fmt: skip
        if self.accelerator.is_main_process:
            self.metrics.add(line)
            self.tracker.add(line)
            said = ", ".join(f"{k} {v:.4g}" for k, v in line.items() if k not in ("step", "seconds"))
            print(f"step {self.step} of {self.settings.max_steps}: {said}", flush=True)

    def save(self) -> None:
        """A checkpoint of this step, with the samples decoded from it."""
        state = self._export_state()
        if self.sharded:
            raise_later = self.out / "checkpoints" / f"step-{self.step}.state"
            self.accelerator.save_state(str(raise_later))
        if self.accelerator.is_main_process:
            write(self.out, self.step, lambda folder: self._fill(folder, state))
            prune(self.out, self.settings.keep)
        self._late = False
        self.accelerator.wait_for_everyone()

    def _fill(self, folder: Path, state: dict[str, Tensor]) -> None:
        self.recipe.export(folder, state)
        if self.settings.samples and not self.sharded:
            self.module.eval()
            with torch.no_grad():
                self.recipe.sample(folder / "samples")
            self.module.train()
        tensors = {f"weight.{n}": p for n, p in self.parameters.items()} if not self.sharded else {}
        tensors |= {f"average.{n}": t for n, t in self.average.items()}
        if not self.sharded:
            tensors |= optimizer_tensors(self.parameters, self.optimizer.optimizer)
        facts = {"step": self.step, "seconds": self.seconds, "sums": self.window.sums,
                 "steps": self.window.steps}  # fmt: skip
        write_state(folder, tensors, facts)

    def _export_state(self) -> dict[str, Tensor]:
        state = dict(self.accelerator.get_state_dict(self.module))
        return state | {name: t for name, t in self.average.items() if name in state}

    def finish(self) -> None:
        """Write final/."""
        state = self._export_state()
        if self.accelerator.is_main_process:
            replace_folder(self.out / "final", lambda folder: self.recipe.export(folder, state))
            self.tracker.close()
        self.accelerator.wait_for_everyone()

    def resume(self) -> bool:
        """Go on from the last checkpoint, if there is one; later log lines are dropped."""
        folder = latest(self.out)
        if folder is not None:
            tensors, facts = read_state(folder)
            if self.sharded:
                self.accelerator.load_state(str(folder.with_name(folder.name + ".state")))
            else:
                restore(self.parameters, self.optimizer.optimizer, tensors)
            for name in self.average:
                self.average[name].copy_(tensors[f"average.{name}"])
            self.step, self.seconds = facts["step"], facts["seconds"]
            self.window = Window(facts["sums"], facts["steps"])
        if self.accelerator.is_main_process:
            self.metrics.cut_after(self.step)
        self.accelerator.wait_for_everyone()
        return folder is not None


def _by_decay(group: dict[str, Any], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and vectors of a group apart: only matrices decay."""
    kept = {key: value for key, value in group.items() if key != "params"}
    parts = [
        kept | {"params": [p for p in group["params"] if p.ndim > 1], "weight_decay": weight_decay},
        kept | {"params": [p for p in group["params"] if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [part for part in parts if part["params"]]


class _signals:
    """SIGTERM and SIGINT call `stop` meanwhile; nothing is changed outside the main thread."""

    def __init__(self, stop: Callable[..., None]) -> None:
        self.stop, self.before = stop, {}  # type: ignore[var-annotated]

    def __enter__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                self.before[number] = signal.signal(number, self.stop)
            except ValueError:  # not the main thread
                return

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
