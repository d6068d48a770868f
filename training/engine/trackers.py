"""Optional experiment trackers beside metrics.jsonl: trackio, TensorBoard, wandb."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Tracker:
    """Sends every logged line to a tracker; does nothing for `none`, or in a process other than the main
    one. A resumed run is a new run there."""

    def __init__(self, name: str, out: Path, main: bool) -> None:
        self.name = name if main else "none"
        self.run: Any = None
        if self.name == "trackio":
            self.run = _package("trackio").init(project="llada-viz", name=out.name)
        elif self.name == "wandb":
            self.run = _package("wandb").init(project="llada-viz", name=out.name, dir=str(out))
        elif self.name == "tensorboard":
            board = _package("tensorboard", "torch.utils.tensorboard")
            self.run = board.SummaryWriter(str(out / "tensorboard"))

    def add(self, line: Mapping[str, Any]) -> None:
        """Send the figures of one step."""
        figures = {key: value for key, value in line.items() if key != "step"}
        if self.name in ("trackio", "wandb"):
            self.run.log(figures, step=line["step"])
        elif self.name == "tensorboard":
            for key, value in figures.items():
                self.run.add_scalar(key, value, line["step"])

    def close(self) -> None:
        """Flush what is not sent yet, and close the tracker."""
        if self.name in ("trackio", "wandb"):
            self.run.finish()
        elif self.name == "tensorboard":
            self.run.close()


def _package(name: str, module: str = "") -> Any:
    try:
        return importlib.import_module(module or name)
    except ImportError:
        raise ValueError(f"report_to = {name!r} needs its package: pip install {name}") from None
