"""`llada-viz models list`: the catalog, family by family, or as JSON."""

from __future__ import annotations

import argparse
import json
import textwrap
from dataclasses import asdict
from typing import Any

from llada_viz.cli.terminal import columns, width
from models.catalog import Known, catalog
from models.memory import PRECISIONS, gigabytes

SHOWN = {"bfloat16": "bfloat16", "int8": "int8", "4-bit": "nf4"}
NARROW = 100
NOTE = (
    "First how many weights, then the memory that they take, as bfloat16 and with fewer bits a weight "
    "(4-bit: NF4, or GPTQ where the file is stored so). A run needs more: llada-viz models inspect MODEL. "
    "-: unknown, or not loaded so."
)


def add_flags(command: argparse.ArgumentParser) -> None:
    """--json."""
    command.add_argument("--json", action="store_true", help="everything that is known, as JSON")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    print(json.dumps([as_data(m) for m in catalog().models], indent=1) if args.json else as_text(width()))
    return 0


def as_data(model: Known) -> dict[str, Any]:
    """One model, with its memory in bytes at each precision; null: not known, or not loaded so."""
    fields = asdict(model) | {"parameters": model.parameters}
    return {k: v for k, v in fields.items() if k != "counted"} | {
        "memory": {precision: model.bytes_at(precision) for precision in PRECISIONS}
    }


def as_text(columns_wide: int) -> str:
    """A table a family. Below 100 columns: without int8, context and licence."""
    narrow = columns_wide < NARROW
    shown = {title: precision for title, precision in SHOWN.items() if not narrow or title != "int8"}
    head = ["", "weights", *shown] if narrow else ["", "weights", *shown, "context", "licence"]
    rows: list[list[str]] = []
    for family in catalog().families.values():
        members = [m for m in catalog().models if m.family == family]
        if not members:
            continue
        state = "" if family.built else ": its network is not built here yet"
        rows.append([f"{family.title}{state}"])
        rows += [_row(model, shown, narrow) for model in members]
    table = columns([head, *rows], right=range(1, len(head) - (not narrow)))
    return f"{table}\n\n{textwrap.fill(NOTE, columns_wide)}"


def _row(model: Known, shown: dict[str, str], narrow: bool) -> list[str]:
    parameters = model.parameters
    count = model.kind if model.kind in ("adapter", "UPS head") else "-"
    if parameters is not None:
        count = short_count(parameters)
    sizes = [model.bytes_at(precision) for precision in shown.values()]
    if model.stored == "gptq-4":
        sizes[-1] = model.bytes_at("gptq-4")
    cells = [f"  {model.id}", count, *("-" if size is None else gigabytes(size) for size in sizes)]
    if narrow:
        return cells
    context = "-" if model.context is None else f"{model.context:,}"
    licence = (model.license or "-") + (", gated" if model.gated else "")
    return [*cells, context, licence]


def short_count(number: int) -> str:
    """8015581184 -> "8.02 B"."""
    if number >= 10**9:
        return f"{number / 1e9:.2f} B" if number < 10**10 else f"{number / 1e9:.1f} B"
    return f"{number / 1e6:.1f} M" if number >= 10**5 else f"{number:,}"
