"""A plain trainer: micro-batches in, one optimizer step, EMA, checkpoints that resume exactly.

Nothing here knows what is learned: `micro_batches(step)` yields the data of a step as a function
of the step alone, `loss_of(model, batch)` is the objective.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


@dataclass(frozen=True)
class TrainSettings:
    """Steps are optimizer steps; `decay` is the share of them over which the rate falls to zero."""

    max_steps: int
    learning_rate: float = 1.2e-3
    warmup: int = 300
    decay: float = 0.3
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    bf16: bool = True
    log_every: int = 50
    save_every: int = 1000

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_steps", 1, math.inf), ("learning_rate", 0, 1), ("decay", 0, 1), ("ema", 0, 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} = {value} is out of range; allowed: {low} to {high}")


def rate_at(step: int, settings: TrainSettings) -> float:
    """Warm-up, plateau, linear decay to zero: the plateau does not depend on `max_steps`, so a
    run can be lengthened before its decay begins without changing what came before."""
    decay_steps = max(1, round(settings.decay * settings.max_steps))
    rise = min(1.0, (step + 1) / max(1, settings.warmup))
    fall = min(1.0, (settings.max_steps - step) / decay_steps)
    return settings.learning_rate * min(rise, fall)


class Trainer:
    """Weights, optimizer, average and step of one run; `run` continues from where it stands."""

    def __init__(self, model: nn.Module, settings: TrainSettings, out: Path) -> None:
        self.model, self.settings, self.out, self.step = model, settings, out, 0
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        matrices = [p for p in self.parameters.values() if p.ndim > 1]
        vectors = [p for p in self.parameters.values() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": settings.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.average = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.device = next(iter(self.parameters.values())).device
        self.seconds = 0.0

    def run(
        self,
        micro_batches: Callable[[int], Iterable[Any]],
        loss_of: Callable[[nn.Module, Any], Tensor],
        on_save: Callable[[Trainer], None] | None = None,
    ) -> None:
        """Train to `max_steps`; logs to out/metrics.jsonl, saves to out/checkpoint."""
        self.model.train()
        began, losses = time.monotonic() - self.seconds, []
        while self.step < self.settings.max_steps:
            losses.append(self._one_step(micro_batches(self.step), loss_of))
            self.step += 1
            self.seconds = time.monotonic() - began
            if self.step % self.settings.log_every == 0:
                self._log(sum(losses) / len(losses))
                losses = []
            if self.step % self.settings.save_every == 0 or self.step == self.settings.max_steps:
                self.save()
                if on_save:
                    on_save(self)

    def _one_step(
        self, parts: Iterable[Any], loss_of: Callable[[nn.Module, Any], Tensor]
    ) -> float:
        rate = rate_at(self.step, self.settings)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batches, total = list(parts), 0.0
        torch.manual_seed(self.settings.seed * 1_000_003 + self.step)
        for batch in batches:
            precision = torch.autocast(self.device.type, torch.bfloat16)
            with precision if self.settings.bf16 else nullcontext():
                loss = loss_of(self.model, batch) / len(batches)
            loss.backward()
            total += float(loss.detach())
        if not math.isfinite(total):
            raise FloatingPointError(f"loss = {total} at step {self.step}; allowed: a finite loss")
        nn.utils.clip_grad_norm_(list(self.parameters.values()), self.settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        decay = min(self.settings.ema, (self.step + 1) / (self.step + 10))
        torch._foreach_lerp_(
            list(self.average.values()), [p.detach() for p in self.parameters.values()], 1 - decay
        )
        return total

    def _log(self, loss: float) -> None:
        rate = rate_at(self.step - 1, self.settings)
        line = {"step": self.step, "loss": round(loss, 5), "learning_rate": rate,
                "seconds": round(self.seconds, 1)}  # fmt: skip
        self.out.mkdir(parents=True, exist_ok=True)
        with (self.out / "metrics.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")

    def swap_average(self) -> None:
        """Exchange the weights and their moving average (call again to change back)."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                kept = parameter.detach().clone()
                parameter.copy_(self.average[name])
                self.average[name].copy_(kept)

    def save(self) -> None:
        """Write out/checkpoint as a whole: a new folder, then a rename over the old one."""
        tensors = {f"weight.{n}": p.detach() for n, p in self.parameters.items()}
        tensors |= {f"average.{n}": t for n, t in self.average.items()}
        for name, parameter in self.parameters.items():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{key}.{name}"] = torch.as_tensor(value)
        fresh, final, old = (self.out / n for n in ("checkpoint.new", "checkpoint", "checkpoint.old"))
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        save_file({n: t.contiguous() for n, t in tensors.items()}, fresh / "state.safetensors")
        state = {"step": self.step, "seconds": self.seconds, "settings": asdict(self.settings)}
        (fresh / "state.json").write_text(json.dumps(state))
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            os.replace(final, old)
        os.replace(fresh, final)
        shutil.rmtree(old, ignore_errors=True)

    def resume(self) -> bool:
        """Continue from out/checkpoint if there is one; later log lines are dropped."""
        places = (self.out / name for name in ("checkpoint", "checkpoint.old"))
        folder = next((place for place in places if place.exists()), None)
        if folder is None:
            return False
        state = json.loads((folder / "state.json").read_text())
        tensors = load_file(folder / "state.safetensors", device=str(self.device))
        self.step, self.seconds = state["step"], state["seconds"]
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weight.{name}"])
                self.average[name].copy_(tensors[f"average.{name}"])
                self.optimizer.state[parameter] = {
                    key: tensors[f"{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")
                }
        log = self.out / "metrics.jsonl"
        if log.exists():
            lines = [x for x in log.read_text().splitlines() if json.loads(x)["step"] <= self.step]
            log.write_text("".join(x + "\n" for x in lines))
        return True
