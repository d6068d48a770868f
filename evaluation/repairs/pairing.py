"""One set-up tried: plain decoding and the methods on the same problems from the same seeds, then plain
decoding with more steps, until it costs what the methods cost. One run folder for each set-up, which is
resumable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluation.repairs.grid import Method, SetUp, methods_for
from evaluation.repairs.preset import Part
from evaluation.repairs.rates import Rates, mean_nfe, rates_of, steps_to_try
from evaluation.runs.execute import Share, manifest, run, work_left
from evaluation.runs.machines import gathered, open_run, take_over
from evaluation.runs.plan import Plan
from evaluation.runs.run_folder import ResultRow, RunError, RunFolder
from evaluation.runs.sampler_table import NothingToGrade
from evaluation.runs.summary import by_line
from evaluation.sets.problem_sets import Problem, ProblemSet
from models.loading import LoadedModel

ANEW = 10**6
"""Added to the seed of every problem, for plain decoding that draws once more."""


@dataclass(frozen=True)
class Decoder:
    """What all set-ups are decoded with. model, ups_head, prm: as they were named; parts: digests of the
    three that are there, by "model", "ups_head" and "prm"; state: accelerate's PartialState."""

    loaded: LoadedModel
    model: str
    ups_head: str
    prm: str
    parts: Mapping[str, Part]
    state: Any


@dataclass
class Pairing:
    """One set-up on its problems. seed: problem n is decoded with seed + n by every method."""

    decoder: Decoder
    set_up: SetUp
    methods: Sequence[Method]
    problems: ProblemSet
    out: Path
    seed: int = 0
    raised: list[int] = field(default_factory=list)  # steps of plain decoding beyond the set-up's own

    def __post_init__(self) -> None:
        self.methods = methods_for(self.set_up, self.methods)
        self.folder = RunFolder(self.out / self.set_up.name)

    @property
    def plan(self) -> Plan:
        """The run as far as it is known what has to be decoded."""
        lines = [self.set_up.plain(), *(method.line(self.set_up) for method in self.methods)]
        lines += [self.set_up.plain(steps) for steps in self.raised]
        decoder = self.decoder
        return Plan(self.problems, tuple(lines), seed=self.seed, ups_head=decoder.ups_head, prm=decoder.prm)

    @property
    def anew(self) -> Plan:
        """Plain decoding with other seeds: what it mends of its own errors by drawing once more."""
        return Plan(self.problems, (self.set_up.plain(),), seed=self.seed + ANEW)

    @property
    def anew_folder(self) -> RunFolder:
        """Where `anew` is kept."""
        return RunFolder(self.folder.path / "drawn-anew")

    def run(self) -> Iterator[tuple[int, int]]:
        """Decode what is left, in all processes; yields (rows done, rows there will be, as far as is
        known)."""
        yield from self._run(self.plan, self.folder)
        while wanted := self._steps_to_try():
            self.raised += wanted
            yield from self._run(self.plan, self.folder)
        if self.set_up.temperature > 0:
            yield from self._run(self.anew, self.anew_folder)

    def _run(self, plan: Plan, folder: RunFolder) -> Iterator[tuple[int, int]]:
        state, loaded = self.decoder.state, self.decoder.loaded
        lock = open_run(state, folder, lambda: self._manifest(plan), plan.problems)
        try:
            share = Share(state.process_index, state.num_processes)
            work = work_left(plan, folder, share, take_over(state, folder))
            total = len(plan.problems.problems) * len(plan.lines)
            for done in run(loaded, plan, folder, NothingToGrade(), work):
                yield done, total
            state.wait_for_everyone()
            take_over(state, folder)
        finally:
            if lock is not None:
                lock.release()

    def _manifest(self, plan: Plan) -> dict[str, Any]:
        """Also the head and the reward model must be the same when the run goes on."""
        made = manifest(self.decoder.loaded, self.decoder.model, plan)
        digests = {f"{name}_sha256": part.sha256 for name, part in self.decoder.parts.items()}
        return {**made, "identity": {**made["identity"], **digests}}

    def _steps_to_try(self) -> list[int]:
        """More steps for plain decoding, where its NFE is still under a method's; the same in all
        processes."""
        own: list[list[int]] = []
        if self.decoder.state.is_main_process:
            rows = self.rows()
            tried = {steps: mean_nfe(of.values()) for steps, of in self._plain(rows).items()}
            targets = [mean_nfe(rows[method.label].values()) for method in self.methods]
            found = {steps_to_try(self.set_up, tried, target) for target in targets}
            own = [sorted(steps for steps in found if steps is not None)]
        wanted: list[int] = gathered(self.decoder.state, own)[0]
        return wanted

    def rows(self) -> dict[str, dict[int, ResultRow]]:
        """Finished rows by label and problem. RunError: a request was refused, or a row is missing."""
        return self._finished(self.plan, self.folder)

    def _finished(self, plan: Plan, folder: RunFolder) -> dict[str, dict[int, ResultRow]]:
        labels = [line.label for line in plan.lines]
        wanted = {problem.number for problem in plan.problems.problems}
        found = by_line((row for row in folder.rows() if row["row"] in wanted), labels)
        for label in labels:
            for row in found[label].values():
                if "error" in row:
                    raise RunError(f"{label}, row {row['row']}: {row['error']}")
            if len(found[label]) < len(wanted):
                raise RunError(
                    f"{label} has {len(found[label])} of {len(wanted)} rows: decode the others first"
                )
        return {label: found[label] for label in labels}

    def _plain(self, rows: Mapping[str, dict[int, ResultRow]]) -> dict[int, dict[int, ResultRow]]:
        """The rows of plain decoding by its steps."""
        tried = (self.set_up.steps, *self.raised)
        return {steps: rows[self.set_up.plain(steps).label] for steps in tried}

    def rates(self) -> list[Rates]:
        """Of every method, once all is decoded."""
        rows, anew = self.rows(), None
        plain = self._plain(rows)
        if self.set_up.temperature > 0:
            (anew,) = self._finished(self.anew, self.anew_folder).values()
        return [rates_of(m.label, rows[m.label], plain, self.set_up.steps, anew) for m in self.methods]

    def mended(self, method: Method) -> list[Problem]:
        """The problems that plain decoding gets wrong and the method right, in their order."""
        rows = self.rows()
        plain, own = rows[self.set_up.plain().label], rows[method.label]
        return [
            p for p in self.problems.problems if own[p.number]["correct"] and not plain[p.number]["correct"]
        ]
