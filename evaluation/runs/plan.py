"""What a run does: problems, lines (each a sampler and its settings), worked examples, seed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evaluation.sets.problem_sets import Problem, ProblemSet
from samplers.registry import OFFICIAL, Needs, entry, make, parse_settings
from samplers.settings import SettingError

QUESTION_MARK = "{question}"


@dataclass(frozen=True)
class Line:
    """One column of the comparison: a sampler and its settings. scorer: "", "checker" or "prm"."""

    label: str
    sampler: str
    settings: Mapping[str, Any]
    scorer: str = ""

    def __post_init__(self) -> None:
        make(self.sampler, self.settings)

    @cached_property
    def needs(self) -> Needs:
        """What the sampler needs with these settings."""
        return make(self.sampler, self.settings).needs

    @cached_property
    def drafts(self) -> int:
        """How many drafts of a cell its runs note; 0: none, as with samplers that know none."""
        return int(getattr(make(self.sampler, self.settings), "drafts", 0))


@dataclass(frozen=True)
class Plan:
    """A whole run. shots: worked examples that stand before every question; template: text with
    {question}; shots_from: the set they were asked from, "" for the run's own; the seed of row n is seed + n,
    the same for every line; commits: keep the confidence of each
    token that is known to be right or wrong, of bundled tasks."""

    problems: ProblemSet
    lines: tuple[Line, ...]
    template: str = QUESTION_MARK
    shots: tuple[Problem, ...] = ()
    seed: int = 0
    ups_head: str = ""
    prm: str = ""
    commits: bool = False
    shots_from: str = ""

    def __post_init__(self) -> None:
        if QUESTION_MARK not in self.template:
            raise ValueError(f"template = {self.template!r} is not valid; allowed: text with {QUESTION_MARK}")
        labels = [line.label for line in self.lines]
        if not labels or len(set(labels)) != len(labels):
            raise ValueError(f"lines = {', '.join(labels) or 'none'}; allowed: at least one, each name once")
        for line in self.lines:
            if line.scorer == "checker" and any(not problem.task for problem in self.problems.problems):
                raise ValueError(
                    f"{line.label} needs scores, and the exact checker knows the bundled tasks only; "
                    "allowed: a reward model (--prm), or a sampler without a scorer"
                )
            if (line.scorer == "prm") > bool(self.prm):
                raise ValueError(f"{line.label} has scorer prm and no reward model was given (--prm)")
            if line.needs.head and not self.ups_head:
                raise ValueError(f"{line.label} needs a UPS head and no head was given (--ups-head)")
        last = max((problem.number for problem in self.problems.problems), default=0)
        asked = {problem.question for problem in self.problems.problems}
        if shot := next((shot for shot in self.shots if shot.question in asked), None):
            raise ValueError(f"a worked example is evaluated itself: {shot.question[:60]!r}")
        if not 0 <= self.seed < 2**63 - last:
            raise ValueError(f"seed = {self.seed} is not valid; allowed: 0 to 2^63 less the rows")

    def seed_of(self, problem: Problem) -> int:
        """The seed of a row, the same for every line, so that only the sampler differs."""
        return self.seed + problem.number

    def messages(self, problem: Problem) -> list[dict[str, str]]:
        """The conversation: the worked examples, then the question."""
        turns = []
        for shot in self.shots:
            turns.append({"role": "user", "content": self._question(shot)})
            turns.append({"role": "assistant", "content": shot.answer})
        return [*turns, {"role": "user", "content": self._question(problem)}]

    def _question(self, problem: Problem) -> str:
        return self.template.replace(QUESTION_MARK, problem.question)

    def request(self, line: Line, problem: Problem) -> dict[str, Any]:
        """A line for `samplers.batch.run_requests`."""
        request: dict[str, Any] = {
            "id": problem.number, "messages": self.messages(problem), "sampler": line.sampler,
            "settings": dict(line.settings), "seed": self.seed_of(problem),
        }  # fmt: skip
        if line.scorer:
            request["scorer"] = line.scorer
            if problem.task:
                request["task"] = {"name": problem.task, "problem": dict(problem.fields)}
        if line.scorer == "prm":
            request["prm"] = self.prm
        if line.needs.head:
            request["ups_head"] = self.ups_head
        return request

    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to be resumed, besides the rows; lines may be added."""
        return {
            "template": self.template, "seed": self.seed,
            "shots": [asdict(shot) for shot in self.shots], "ups_head": self.ups_head, "prm": self.prm,
            "commits": "kept" if self.commits else "",
        }  # fmt: skip


def names_of(text: str) -> list[str]:
    """Names that commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def lines_of(
    names: Sequence[str], pairs: Sequence[str], base: Mapping[str, Any], scorer: str
) -> tuple[Line, ...]:
    """Lines from the command line. pairs: `key=value` for every sampler that has the setting,
    `sampler.key=value` for one; base: settings of the set, which the pairs override; scorer: of the
    samplers that need one."""
    unused, lines = set(pairs), []
    for name in names:
        sampler = entry(name)
        setting_names = {d.name for d in sampler.settings}
        own = []
        for pair in pairs:
            key = pair.partition("=")[0].strip()
            target, dot, setting = key.partition(".")
            if dot and target in (name, sampler.name):
                own.append(setting + pair[pair.index("=") :] if "=" in pair else pair)
                unused.discard(pair)
            elif not dot and OFFICIAL.get(key, (key,))[0] in setting_names:
                own.append(pair)
                unused.discard(pair)
        settings = {key: value for key, value in base.items() if key in setting_names}
        settings |= parse_settings(sampler.name, own)
        lines.append(Line(name, sampler.name, settings, scorer if sampler.needs.scorer else ""))
    for pair in sorted(unused):
        raise SettingError("set", pair, f"key=value of one of {', '.join(names)}")
    return tuple(lines)


def read_lines(path: Path) -> tuple[Line, ...]:
    """Lines from a JSON file: a list of {label, sampler, settings, scorer}."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return tuple(
            Line(str(e["label"]), str(e["sampler"]), dict(e.get("settings", {})), str(e.get("scorer", "")))
            for e in entries
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"lines = {path.name}: {error!r}; allowed: a list of {{label, sampler, settings, scorer}}"
        ) from None


def recorded_plan(manifest: Mapping[str, Any], problems: Sequence[Problem]) -> Plan:
    """The plan of a run in a folder, from its manifest and its problems."""
    identity = manifest["identity"]
    return Plan(
        ProblemSet(manifest["data"]["name"], tuple(problems)),
        tuple(Line(**line) for line in manifest["lines"]),
        identity["template"], tuple(Problem(**shot) for shot in identity["shots"]), identity["seed"],
        identity["ups_head"], identity["prm"],
    )  # fmt: skip
