"""A sweep: one run for every combination of some settings' values, and a table of the results."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samplers.text_tables import markdown_table
from training.engine.saying import first_process, say
from training.run import Request, RunError, train

TABLE = "table.md"
MOST_COMBINATIONS = 1000


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


def sweep(out: Path, grid: Mapping[str, tuple[str, ...]], ask: Callable[[list[str], Path], Request]) -> str:
    """Run the combinations that are not finished yet; returns the table, which is also in out/table.md.

    ask: makes the request of a combination, from its `key=value` pairs and its folder. All requests are
    made before the first run, so that a bad value costs nothing. A failed run has its error in the table.
    """
    requests = [
        (values, ask([f"{k}={v}" for k, v in zip(grid, values, strict=True)],
                     out / folder_name(list(grid), values)))
        for values in combinations(grid)
    ]  # fmt: skip
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
            (out / TABLE).write_text(table(list(grid), outcomes), encoding="utf-8")
    return table(list(grid), outcomes)


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
