"""A sweep: one run for every combination of some settings' values, and a table of the results."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samplers.text_tables import markdown_table
from training.engine.saying import duration, first_process, say
from training.estimate import estimate
from training.run import Request, RunError, train

TABLE = "table.md"
MOST_COMBINATIONS = 1000
MEASURED = 4.0
"""Seconds after which the measurement of one kind of work is broken off."""


@dataclass(frozen=True)
class Outcome:
    """One combination's result: its values as typed, the last figures of its metrics, and the error that
    ended it ("": none)."""

    values: tuple[str, ...]
    figures: Mapping[str, float]
    failed: str = ""


def parse_grid(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """`key=v1,v2` texts as {key: values}; RunError for a key or value that is given twice, or no text at
    all."""
    grid: dict[str, tuple[str, ...]] = {}
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        options = tuple(value.strip() for value in values.split(","))
        if not equals or not key or "" in options or len(set(options)) < len(options):
            raise RunError(f"grid = {text!r} is not valid; allowed: key=value,value,… all different")
        if key in grid:
            raise RunError(f"grid names {key!r} twice; allowed: one --grid a setting")
        grid[key] = options
    if not grid:
        raise RunError("grid is missing; allowed: --grid key=value,value,…, once or more")
    return grid


def combinations(grid: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """All combinations, the last setting changing fastest; RunError for more than MOST_COMBINATIONS."""
    combined = list(itertools.product(*grid.values()))
    if len(combined) > MOST_COMBINATIONS:
        raise RunError(f"grid has {len(combined)} combinations; allowed: at most {MOST_COMBINATIONS}")
    return combined


def folder_name(names: Sequence[str], values: Sequence[str]) -> str:
    """`r_incorrect=0.1,ups_width=64`, safe in a path."""
    text = ",".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
    return re.sub(r"[^\w.,=+-]", "_", text)


def grid_texts(of_config: Mapping[str, Sequence[Any]], texts: Sequence[str]) -> list[str]:
    """The grid of a config as `key=v1,v2` texts, those of the command line in place of its own."""
    given = {text.partition("=")[0].strip() for text in texts}
    own = [f"{key}={','.join(map(str, values))}" for key, values in of_config.items() if key not in given]
    return [*own, *texts]


Requests = Sequence[tuple[tuple[str, ...], Request]]


def requests_of(
    out: Path, grid: Mapping[str, tuple[str, ...]], ask: Callable[[list[str], Path], Request]
) -> Requests:
    """The values and the request of every combination. ask: makes a request from `key=value` pairs and a
    folder. All are made before the first run, so that a bad value costs nothing."""
    return [
        (values, ask([f"{k}={v}" for k, v in zip(grid, values, strict=True)],
                     out / folder_name(list(grid), values)))
        for values in combinations(grid)
    ]  # fmt: skip


def foreseen(requests: Sequence[Request]) -> str:
    """A sentence on how long those that are not finished take: the mean of the first and the last of them,
    measured for some seconds where one process does them."""
    left = [request for request in requests if not (request.out / "final").is_dir()]
    if not left:
        return f"all {len(requests)} runs are finished"
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # processes that are measured apart would wait for ever
        return f"{len(left)} of {len(requests)} runs are left"
    ends = left[:: max(1, len(left) - 1)]
    try:
        measured = [estimate(r.objective, r.arguments, r.settings, MEASURED).total(r.settings) for r in ends]
    except (OSError, RuntimeError, ValueError) as error:
        return f"{len(left)} of {len(requests)} runs are left; their time cannot be measured: {error}"
    whole = duration(sum(measured) / len(measured) * len(left))
    return f"{len(left)} of {len(requests)} runs are left: about {whole} on this machine, measured"


def sweep(out: Path, names: Sequence[str], requests: Requests) -> str:
    """Run the combinations that are not finished yet; returns the table, which is also in out/table.md. A
    failed run has its error in the table. names: of the settings that the grid changes."""
    outcomes = []
    for number, (values, request) in enumerate(requests, 1):
        say(f"{request.out.name} ({number} of {len(requests)})")
        failed = ""
        try:
            train(request)
        except (FloatingPointError, OSError, RuntimeError, ValueError) as error:
            failed = f"{type(error).__name__}: {error}"
            say(failed)
        outcomes.append(Outcome(values, last_figures(request.out / "metrics.jsonl"), failed))
        if first_process():
            (out / TABLE).write_text(table(names, outcomes), encoding="utf-8")
    return table(names, outcomes)


def last_figures(path: Path) -> dict[str, float]:
    """Of a metrics.jsonl: step, loss and seconds of its last line, and the last of each eval_ figure."""
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    evaluated = {k: v for line in lines for k, v in line.items() if k.startswith("eval_")}
    last: dict[str, Any] = lines[-1] if lines else {}
    return {k: last[k] for k in ("step", "loss") if k in last} | evaluated | {
        k: last[k] for k in ("seconds",) if k in last
    }  # fmt: skip


def table(names: Sequence[str], outcomes: Sequence[Outcome]) -> str:
    """A Markdown table with a row for each combination; a column of errors only where there are some."""
    columns = list(dict.fromkeys(key for o in outcomes for key in o.figures if key != "seconds"))
    columns += ["seconds"] if any("seconds" in o.figures for o in outcomes) else []
    failed = ["failed"] if any(o.failed for o in outcomes) else []
    rows = [
        (
            *o.values,
            *(f"{o.figures[c]:.4g}" if c in o.figures else "" for c in columns),
            *(o.failed[:200] for _ in failed),
        )
        for o in outcomes
    ]
    numbers = range(len(names), len(names) + len(columns))
    return markdown_table([*names, *columns, *failed], rows, numbers) + "\n"
