"""The folders of a study: one run folder a task, and beside them the report of all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from evaluation.runs.execute import manifest
from evaluation.runs.plan import Line, Plan
from evaluation.runs.run_folder import RunFolder
from evaluation.scaling.plot import plot
from evaluation.scaling.recipes import Method
from evaluation.scaling.results import TaskResult, as_data, as_markdown
from evaluation.scaling.study import Candidate, TaskStudy
from evaluation.scaling.workers import Decoder
from evaluation.sets.problem_sets import ProblemSet
from models.whole_file import write_whole

REPORT, SUMMARY = "report.md", "summary.json"


def task_study(problems: ProblemSet, own: Mapping[str, Any], tuning: int, folder: Path) -> TaskStudy:
    """A task: the first `tuning` of the problems are for tuning, so that more can be evaluated later. own:
    its decode settings. ValueError: they do not say how long an answer and its blocks are."""
    for key in ("gen_length", "block_length"):
        if key not in own:
            raise ValueError(
                f"{problems.name}: the model's prompts.json gives no {key}; allowed: one that does"
            )
    drawn = problems.problems
    return TaskStudy(problems.name, own, RunFolder(folder), drawn[:tuning], drawn[tuning:])


def open_study(
    study: TaskStudy, methods: Sequence[Method], decoder: Decoder, model: str, adapter: str
) -> FileLock:
    """Begin the run in its folder or go on with it; the lock is held while it runs. RunError: the folder
    holds another run, or is being run."""
    lines: dict[str, Line] = {}
    for method in methods:
        for recipe, way in enumerate(method.recipes):
            for rung in range(len(way.ladder)):
                line = study.line(Candidate(method, recipe, rung))
                lines[line.label] = line
    problems = ProblemSet(study.task, (*study.tuning, *study.evaluated))
    plan = Plan(
        problems, tuple(lines.values()), seed=decoder.seed, ups_head=decoder.ups_head, prm=decoder.prm
    )
    made = manifest(decoder.loaded, model, plan, adapter)
    made["identity"] |= {"set": study.task, "tuning": len(study.tuning)}
    study.folder.path.mkdir(parents=True, exist_ok=True)
    lock = study.folder.alone()
    try:
        study.folder.open(made, problems)
    except BaseException:
        lock.release()
        raise
    return lock


def write_report(out: Path, results: Sequence[tuple[Path, TaskResult]]) -> str:
    """report.md and summary.json in the folder of each task, and in `out` these of all its tasks, with the
    plot scaling.svg: tasks may be studied one after the other. Returns the report of all."""
    for folder, result in results:
        write_whole(folder / REPORT, as_markdown(result))
        write_whole(folder / SUMMARY, json.dumps(as_data(result), indent=1) + "\n")
    folders = sorted(path.parent for path in out.glob(f"*/{SUMMARY}"))
    tasks = [json.loads((folder / SUMMARY).read_text(encoding="utf-8")) for folder in folders]
    text = "\n".join((folder / REPORT).read_text(encoding="utf-8") for folder in folders)
    write_whole(out / REPORT, text)
    write_whole(out / SUMMARY, json.dumps(tasks, indent=1) + "\n")
    write_whole(out / "scaling.svg", plot(tasks))
    return text
