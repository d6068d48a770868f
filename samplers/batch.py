"""Decoding for scripts: requests as JSON lines in, results as JSON lines out, batched in between.

A bad request gets its own error line and does not stop the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from models.loading import LoadedModel
from models.reward import LoadedReward, load_reward
from models.ups_head import UPSHead, load_ups_head
from samplers.measuring.measures import Judge, Known, Opinion, measures_of
from samplers.measuring.measures_table import as_data
from samplers.measuring.row_log import Recorder
from samplers.registry import Sampler, entry, make
from samplers.requests import (
    SCORERS,
    PreparedRow,
    RequestError,
    Tools,
    check_tools,
    prepare_row,
    prepare_rows,
)

PROMPTS = ("prompt", "messages", "raw_prompt", "prompt_ids")
TOOLS = ("ups_head", "scorer", "prm")
Check = Callable[[str], Opinion]
"""What is to be thought of an answer's text."""
NO_CHECKS: Mapping[Any, Check] = MappingProxyType({})
NO_KNOWNS: Mapping[Any, Known] = MappingProxyType({})
FIELDS = {"id", *PROMPTS, "sampler", "settings", "seed", "constraints", "infill", "task", *TOOLS}


@dataclass(frozen=True)
class Job:
    """A checked request: its place in the file, its id, its sampler, its row and its tools."""

    place: int
    id: Any
    sampler: Sampler
    row: PreparedRow
    tools: Tools


class ToolBox:
    """Heads and reward models named in requests, each loaded once."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.loaded = loaded
        self._heads: dict[str, UPSHead] = {}
        self._rewards: dict[str, LoadedReward] = {}

    def tools(self, data: Mapping[str, Any]) -> Tools:
        """The tools of a request; a prm without a scorer means scorer prm."""
        head, reward = (self._path(data, name) for name in ("ups_head", "prm"))
        scorer = data.get("scorer") or ("prm" if reward else "")
        if not isinstance(scorer, str):
            raise RequestError(f"scorer = {scorer!r} is not valid; allowed: {', '.join(SCORERS)}")
        if head and head not in self._heads:
            self._heads[head] = load_ups_head(head, self.loaded.model.config.d_model)
        if reward and reward not in self._rewards:
            self._rewards[reward] = load_reward(reward, self.loaded.device)
        return Tools(self._heads.get(head), scorer, self._rewards.get(reward))

    def _path(self, data: Mapping[str, Any], name: str) -> str:
        value = data.get(name) or ""
        if not isinstance(value, str):
            raise RequestError(f"{name} = {value!r} is not valid; allowed: a path or hub id")
        return value


def read_request(box: ToolBox, place: int, line: str) -> Job:
    """One line of the requests file; ValueError with a sentence when it cannot be run."""
    data = parse_line(line)
    unknown = [key for key in data if key not in FIELDS]
    if unknown:
        raise RequestError(f"field {unknown[0]!r} is not known; allowed: {', '.join(sorted(FIELDS))}")
    name = data.get("sampler", "low_confidence")
    if not isinstance(name, str):
        raise RequestError(f"sampler = {name!r} is not valid; allowed: a name")
    entry(name)
    settings = data.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise RequestError(f"settings = {settings!r} is not valid; allowed: an object")
    sampler = make(name, settings)
    prompts = {key: data[key] for key in PROMPTS if data.get(key) is not None}
    tools = box.tools(data)
    check_tools(sampler, tools)
    row = prepare_row(
        box.loaded,
        sampler,
        seed=data.get("seed") or 0,
        constraints=data.get("constraints") or "",
        infill=data.get("infill"),
        task=data.get("task"),
        **prompts,
    )
    return Job(place, data.get("id"), sampler, row, tools)


def parse_line(line: str) -> dict[str, Any]:
    """A JSON object, or RequestError."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"request is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise RequestError(f"request = {line[:60]!r} is not valid; allowed: a JSON object")
    return data


def batches(jobs: Iterable[Job], most_rows: int, most_cells: int) -> Iterator[list[Job]]:
    """Jobs of one sampler and its tools together, of similar prompt length, within rows and rows * length."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.sampler, job.tools), []).append(job)
    for group in groups.values():
        group.sort(key=lambda job: len(job.row.prompt))
        batch: list[Job] = []
        for job in group:
            length = len(job.row.prompt) + job.sampler.gen_length
            if batch and (len(batch) == most_rows or (len(batch) + 1) * length > most_cells):
                yield batch
                batch = []
            batch.append(job)
        yield batch


def run_batch(
    loaded: LoadedModel,
    jobs: list[Job],
    checks: Mapping[Any, Check] = NO_CHECKS,
    knowns: Mapping[Any, Known] = NO_KNOWNS,
) -> list[dict[str, Any]]:
    """Decode one batch; one result for each job. `seconds`: the batch's time divided by its jobs; measures:
    see samplers.measuring.measures_table.

    checks: by the ids of jobs, whose answers and drafts they judge; knowns: by ids too, say which tokens are
    right, and then the measures hold `commits`: the confidence of each token known to be right or wrong.
    """
    prepared = prepare_rows(loaded, jobs[0].sampler, [job.row for job in jobs], jobs[0].tools)
    ends = [i for i in (loaded.eos_id, loaded.eot_id) if i is not None]
    recorder = Recorder(ends, full_drafts=any(job.id in checks for job in jobs))
    began, canvas = time.perf_counter(), prepared.canvas
    for event in prepared.stream():
        recorder.see(event)
    seconds = (time.perf_counter() - began) / len(jobs)
    answers = [canvas.answer(row) for row in range(canvas.rows)]
    return [
        {
            "id": job.id,
            "sampler": job.sampler.name,
            "output_ids": ids,
            "text": answer_text(loaded, ids),
            "nfe": prepared.denoise.row_nfe[row],
            "scorer_calls": prepared.score.row_calls[row] if prepared.score is not None else 0,
            "seconds": round(seconds, 6),
            "measures": as_data(
                measures_of(
                    recorder,
                    row,
                    _judge(loaded, checks.get(job.id)),
                    knowns.get(job.id),
                    prepared.denoise.row_forwards[row],
                ),
                commits=job.id in knowns,
            ),
        }
        for row, (job, ids) in enumerate(zip(jobs, answers, strict=True))
    ]


def _judge(loaded: LoadedModel, check: Check | None) -> Judge | None:
    return None if check is None else Judge(lambda ids: answer_text(loaded, list(ids)), check)


def answer_text(loaded: LoadedModel, ids: list[int]) -> str:
    """The text up to the first EOS, special tokens left out; "" without a tokenizer."""
    if loaded.tokenizer is None:
        return ""
    if loaded.eos_id in ids:
        ids = ids[: ids.index(loaded.eos_id)]
    return str(loaded.tokenizer.decode(ids, skip_special_tokens=True))


def run_requests(
    loaded: LoadedModel,
    lines: Iterable[str],
    most_rows: int = 32,
    most_cells: int = 16_384,
    progress: Callable[[int], None] = lambda done: None,
    checks: Mapping[Any, Check] = NO_CHECKS,
    knowns: Mapping[Any, Known] = NO_KNOWNS,
) -> list[dict[str, Any]]:
    """All requests; results in the order of the requests, errors among them. checks, knowns: see
    run_batch."""
    results: dict[int, dict[str, Any]] = {}
    jobs: list[Job] = []
    box = ToolBox(loaded)
    for place, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            jobs.append(read_request(box, place, line))
        except (ValueError, TypeError) as error:
            results[place] = {"id": _id_of(line), "error": str(error)}
            progress(len(results))
    for batch in batches(jobs, most_rows, most_cells):
        try:
            answers = run_batch(loaded, batch, checks, knowns)
        except (ValueError, RuntimeError, MemoryError) as error:
            answers = [{"id": job.id, "error": f"{type(error).__name__}: {error}"} for job in batch]
        for job, answer in zip(batch, answers, strict=True):
            results[job.place] = answer
        progress(len(results))
    return [results[place] for place in sorted(results)]


def _id_of(line: str) -> Any:
    try:
        return parse_line(line).get("id")
    except RequestError:
        return None
