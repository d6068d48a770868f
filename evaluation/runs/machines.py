"""A run on several machines, with a shared disk or without.

Every machine keeps the rows that it did in its own folder of the run's name. Before and after the work the
first process takes over the rows that its folder lacks, so it has all of them, and a stopped run resumes.
Model and data must be the same on every machine; that is compared before a row is begun.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from filelock import FileLock

from evaluation.runs.run_folder import RowKey, RunError, RunFolder
from evaluation.sets.problem_sets import ProblemSet


def open_run(
    state: Any, folder: RunFolder, manifest: Callable[[], Mapping[str, Any]], problems: ProblemSet
) -> FileLock | None:
    """Open the folder in the first process of every machine; returns the run's lock, in the first of all.
    state: accelerate's PartialState. RunError, in every process: one machine cannot, or has another model."""
    lock, verdicts = None, []
    if state.is_local_main_process:
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            if state.is_main_process:
                lock = folder.alone()
            made = manifest()
            folder.open(made, problems)
            rows = json.dumps([asdict(problem) for problem in problems.problems], sort_keys=True)
            verdicts = [("", {**made["identity"], "data": sha256(rows.encode()).hexdigest()})]
        except (ValueError, OSError) as error:
            if state.num_processes == 1:
                raise
            verdicts = [(str(error), {})]
    everybody = gathered(state, verdicts)
    for machine, (problem, identity) in enumerate(everybody):
        if problem:
            raise RunError(f"machine {machine}: {problem}" if machine else problem)
        for key, value in everybody[0][1].items():
            if identity[key] != value:
                raise RunError(
                    f"machine {machine} has another {key} than machine 0; allowed: the same model and "
                    "the same rows on every machine"
                )
    return lock


def take_over(state: Any, folder: RunFolder) -> set[RowKey]:
    """Add the rows of other machines to the first process's folder. Returns, in every process, the rows that
    are done: (line, row)."""
    if state.num_processes == 1:
        return _keys(folder)
    elsewhere = []
    if _machines(state) > 1 and state.is_local_main_process and not state.is_main_process:
        elsewhere = folder.rows()
    rows, done = gathered(state, elsewhere), []
    if state.is_main_process:
        known = _keys(folder)
        if missing := [row for row in rows if (row["line"], row["row"]) not in known]:
            folder.append(missing)
        done = [_keys(folder)]
    finished: set[RowKey] = gathered(state, done)[0]
    return finished


def _machines(state: Any) -> int:
    return int(state.num_processes) // int(os.environ.get("LOCAL_WORLD_SIZE") or state.num_processes)


def _keys(folder: RunFolder) -> set[RowKey]:
    return {(row["line"], row["row"]) for row in folder.rows()}


def gathered(state: Any, own: list[Any]) -> list[Any]:
    """The lists of all processes, one after the other, in every process."""
    if state.num_processes == 1:
        return own
    from accelerate.utils import gather_object

    everything: list[Any] = gather_object(own)
    return everything
