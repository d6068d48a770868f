"""`python -m tests.training.toy_worker toy …`: the training command with the toy as an objective.

TOY_DIES=N: it kills itself, as kill -9 does, while its N-th checkpoint is being written; TOY_STOPS=N:
every process is asked to end (SIGTERM) in step N; TOY_FAILS=N: none can make the rows of step N;
TOY_FSDP=1: FSDP2 on CPUs, which accelerate's own command line offers for GPUs only.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedType, PartialState
from accelerate.utils import FullyShardedDataParallelPlugin
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

import training.run
from tests.training.toy import Toy, ToyData, ToySettings
from training.__main__ import main
from training.engine.placement import accelerator_for
from training.engine.recipe import Batch, Recipe
from training.engine.settings import RunArguments
from training.registry import OBJECTIVES, Objective

destroy = torch.distributed.destroy_process_group


class Mortal(Toy):
    exports = 0

    def batches(self, step: int) -> Sequence[Batch]:
        if step + 1 == int(os.environ.get("TOY_STOPS", "0")):
            os.kill(os.getpid(), signal.SIGTERM)
        if step + 1 == int(os.environ.get("TOY_FAILS", "0")):
            raise ValueError("the rows of this step cannot be made")
        return super().batches(step)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        super().export(folder, state)
        self.exports += 1
        if self.exports == int(os.environ.get("TOY_DIES", "0")):
            os.kill(os.getpid(), signal.SIGKILL)


def build(arguments: RunArguments, settings: ToySettings) -> Toy:
    """What the registry calls."""
    return Mortal(settings)


def sharded(recipe: Recipe, device: str) -> Accelerator:
    """The accelerator of a GPU run with FSDP2, on CPUs."""
    accelerator = accelerator_for(recipe, device)
    state = accelerator.state
    state._shared_state["fsdp_plugin"] = FullyShardedDataParallelPlugin(
        fsdp_version=2, auto_wrap_policy="size_based_wrap", min_num_params=100_000,
        cpu_ram_efficient_loading=False,
    )  # fmt: skip
    for kept in (state, PartialState()):
        kept._shared_state["distributed_type"] = DistributedType.FSDP
    return accelerator


def leave(group: Any = None) -> None:
    """The wrapper is gone before the process group: if not, a process sometimes waits for itself."""
    assert not [thing for thing in gc.get_objects() if type(thing) is DistributedDataParallel]
    destroy(group)


if __name__ == "__main__":
    torch.distributed.destroy_process_group = leave
    if os.environ.get("TOY_FSDP"):
        training.run.accelerator_for = sharded
    OBJECTIVES["toy"] = Objective(
        "toy", "Toy", "Learns a sum.", "none", ToySettings, build, "model", ToyData()
    )
    sys.exit(main())
