"""What is tried: set-ups of plain decoding, and the methods that are given the same set-up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evaluation.runs.plan import Line
from samplers.registry import entry, parse_settings

PLAIN = "plain"
FULL = "full"
"""In place of a number of steps: one token a step, beyond which plain decoding gains nothing from more."""
SHARED = frozenset(("gen_length", "block_length", "steps", "temperature", "early_stop"))
"""Settings of a set-up."""


@dataclass(frozen=True)
class SetUp:
    """How plain decoding is set up. level: of the problems, "" for the task's own; steps: of the whole
    answer; gen_length: a multiple of block_length, as steps are of the number of blocks."""

    task: str
    level: str
    steps: int
    block_length: int
    temperature: float
    gen_length: int
    early_stop: bool = True

    @property
    def name(self) -> str:
        """Of its folder: "expression-middle-8-steps-blocks-of-16-T-0.6"."""
        level = f"-{self.level}" if self.level else ""
        return f"{self.task}{level}-{self.steps}-steps-blocks-of-{self.block_length}-T-{self.temperature:g}"

    @property
    def words(self) -> str:
        """In a table: "expression, middle; 8 steps, blocks of 16, T 0.6"."""
        level = f", {self.level}" if self.level else ""
        sizes = f"{self.steps} steps, blocks of {self.block_length}, T {self.temperature:g}"
        return f"{self.task}{level}; {sizes}"

    @property
    def blocks(self) -> int:
        """Of the answer."""
        return self.gen_length // self.block_length

    @property
    def settings(self) -> dict[str, Any]:
        """What every method shares with plain decoding."""
        return {
            "gen_length": self.gen_length, "block_length": self.block_length, "steps": self.steps,
            "temperature": self.temperature, "early_stop": self.early_stop,
        }  # fmt: skip

    def plain(self, steps: int = 0) -> Line:
        """Plain decoding (low_confidence); steps: 0 for the set-up's own, else more."""
        if steps in (0, self.steps):
            return Line(PLAIN, "low_confidence", self.settings)
        return Line(f"{PLAIN}, {steps} steps", "low_confidence", {**self.settings, "steps": steps})


@dataclass(frozen=True)
class Method:
    """What may mend an answer. settings: beside those of the set-up; what is counted in blocks is at most the
    answer's; scorer: "", "checker" or "prm"; draws: needs a temperature above 0, for its candidates differ by
    what is drawn alone."""

    label: str
    sampler: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    scorer: str = ""
    draws: bool = False

    def line(self, set_up: SetUp) -> Line:
        """The method with a set-up."""
        settings = {**set_up.settings, **self.settings}
        for setting in entry(self.sampler).settings:
            if setting.unit == "blocks":
                wanted = settings.get(setting.name, setting.default)
                settings[setting.name] = min(wanted, set_up.blocks)
        return Line(self.label, self.sampler, settings, self.scorer)


def _scored(sampler: str, draws: bool = False, **settings: Any) -> tuple[Method, ...]:
    return tuple(Method(f"{sampler}/{s}", sampler, settings, s, draws) for s in ("checker", "prm"))


METHODS: tuple[Method, ...] = (
    *_scored("backmask", num_candidates_per_block=1, num_demasking_candidates=6, backmasking_lookback=2),
    *_scored("window_refine", window=4, num_refinement_samples=6),
    *_scored("vanilla_prm", draws=True),
    *_scored("best_of_n", draws=True),
    Method("remedi/ups", "remedi", {"policy": "ups"}),
    Method("remedi/tps_prob", "remedi", {"policy": "tps_prob"}),
    Method("wino", "wino"),
    Method("remdm", "remdm"),
    Method("edit", "edit"),
    Method("edit/t2m", "edit", {"mode": "t2m"}),
)


def chosen_methods(names: Sequence[str]) -> tuple[Method, ...]:
    """The methods of these labels, or of these samplers; all without names. ValueError: there is none."""
    for name in names:
        if all(name not in (method.label, method.sampler) for method in METHODS):
            allowed = ", ".join(method.label for method in METHODS)
            raise ValueError(f"methods = {name!r} is not known; allowed: {allowed}, or a sampler of these")
    return tuple(m for m in METHODS if not names or m.label in names or m.sampler in names)


def with_settings(methods: Sequence[Method], pairs: Sequence[str]) -> tuple[Method, ...]:
    """The methods with other settings. pairs: `METHOD.key=value`, of a label or of a sampler. ValueError: no
    such method or setting, or one that the set-up decides."""
    changed = {method.label: dict(method.settings) for method in methods}
    for pair in pairs:
        name, _, own = pair.partition(".")
        meant = [method for method in methods if name in (method.label, method.sampler)]
        if not meant or "=" not in own:
            allowed = ", ".join(method.label for method in methods)
            raise ValueError(
                f"set = {pair!r} is not valid; allowed: METHOD.key=value, METHOD one of {allowed}"
            )
        for method in meant:
            found = parse_settings(method.sampler, [own])
            if shared := found.keys() & SHARED:
                raise ValueError(
                    f"set = {pair!r}: plain decoding and the methods share {min(shared)}; allowed: another "
                    "setting, and set-ups with --steps, --blocks, --temperatures"
                )
            changed[method.label] |= found
    return tuple(replace(method, settings=changed[method.label]) for method in methods)


def set_ups(
    task: str, level: str, own: Mapping[str, Any], steps: Sequence[str], blocks: Sequence[int],
    temperatures: Sequence[float],
) -> Iterator[SetUp]:  # fmt: skip
    """Every combination, each once. own: the task's settings with the model (prompts.json), which say how
    long an answer may be; lengths and steps are raised to whole blocks, steps are at most one token a
    step. ValueError names a number of steps or a block length that is none."""
    seen: set[SetUp] = set()
    for size in blocks:
        if size < 1:
            raise ValueError(f"blocks = {size} is not valid; allowed: block lengths of at least 1")
        length = -(-int(own["gen_length"]) // size) * size
        for wanted in steps:
            if wanted != FULL and not (wanted.isdecimal() and int(wanted)):
                raise ValueError(f"steps = {wanted!r} is not valid; allowed: whole numbers, and {FULL}")
            count = length if wanted == FULL else min(int(wanted), length)
            count = -(-count // (length // size)) * (length // size)
            for temperature in temperatures:
                found = SetUp(
                    task, level, count, size, temperature, length, bool(own.get("early_stop", False))
                )
                if found not in seen:
                    seen.add(found)
                    yield found


def methods_for(set_up: SetUp, methods: Sequence[Method]) -> list[Method]:
    """Those that a set-up's temperature leaves something to do."""
    return [method for method in methods if set_up.temperature > 0 or not method.draws]
