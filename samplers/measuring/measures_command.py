"""`measures`, and the flag --measures of `run` and `batch`: tables and JSON of what runs did."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from models.text import cell_texts
from samplers.events import Event, Started
from samplers.measuring.judges import (
    Pieces,
    ends_among,
    judge_by,
    known_to_first_error,
    prompt_check,
    question_in,
)
from samplers.measuring.measures import measure
from samplers.measuring.measures_table import Data, as_data, run_table, summary_table
from samplers.measuring.regret import regret
from samplers.network import Network


def add_measures(commands: Any) -> None:
    """Flags of `measures`."""
    command = commands.add_parser("measures", help="what saved runs did: order, drafts, tokens a forward")
    command.add_argument("files", type=Path, nargs="+", help="traces")
    command.add_argument("--gold", default="", help="right answer, where the prompt does not say it")
    command.add_argument("--json", action="store_true", help="all numbers, of every cell, as JSON lines")


def measures_of_files(args: argparse.Namespace) -> None:
    """One run as a list, several as a table."""
    from samplers.recording.traces import read_trace

    found: dict[str, Data] = {}
    for path in args.files:
        trace = read_trace(path)
        if (rows := len(trace.events[0].tokens)) > 1:  # type: ignore[attr-defined]
            print(f"{path}: measures of the first of {rows} rows", file=sys.stderr)
        ends = ends_among(trace.pieces)
        data = measured(trace.events, trace.pieces, ends, args.gold, cells=args.json)
        found[str(path)] = {"sampler": str(trace.settings.get("sampler", "")), **data}
    if args.json:
        for name, data in found.items():
            print(json.dumps({"file": name, **data}))
    else:
        print(shown({f"{Path(name).stem} ({d['sampler']})": d for name, d in found.items()}))


def shown(runs: dict[str, Data]) -> str:
    """One run as a list, several as a table."""
    return run_table(*runs.values()) if len(runs) == 1 else summary_table({k: [d] for k, d in runs.items()})


def measured(
    events: Sequence[Event], pieces: Pieces, ends: Collection[int], gold: str = "",
    network: Network | None = None, cells: bool = False,
) -> Data:  # fmt: skip
    """The numbers of a run of one row. Where its prompt is a problem of tasks/, its answers are judged;
    network: the one that decoded, which is asked again for the regret."""
    first = events[0]
    assert isinstance(first, Started)
    prompt = "".join(cell_texts(pieces, first.tokens[0][: first.prompt_length], None))
    check, question = prompt_check(prompt, gold), question_in(prompt)
    judge = judge_by(check, pieces, first.mask_id) if check else None
    known = known_to_first_error(*question, pieces, ends, gold) if check and question else None
    found = measure(events, 0, ends, judge, known)
    return as_data(found, regret(events, network) if network is not None else None, cells)
