"""The stages in which the bundled model learns, as data: what each is made of, and how long it takes.

A stage may take several sittings. Each goes on from the weights that the last one left, with a warm-up of its
own, and leaves in `stages.json` beside its weights which steps of which stage are done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from tasks import (
    TASKS,
    CountdownSettings,
    CountdownTask,
    ExpressionSettings,
    ExpressionTask,
    WordSettings,
    WordTask,
)
from tasks.core import Task
from tasks.levels import LEVELS, MIDDLE
from training.bundled.bundled_data import ENGLISH, BundledMixture
from training.engine.settings import TrainSettings

RECORD = "stages.json"


@dataclass(frozen=True)
class Plan:
    """The settings of a run that trains the bundled model. mixtures: (first step, its mixture) each;
    vocab_size: tokens, which a stage that begins with fewer adds (training.bundled.tokenizer_growth);
    number_rows: see training.bundled.number_rows; compile: torch.compile of the blocks; muon: the
    blocks' matrices learn by Muon, all else by AdamW; threads: of the CPU."""

    train: TrainSettings
    mixtures: tuple[tuple[int, BundledMixture], ...]
    vocab_size: int = 2304
    d_model: int = 256
    n_heads: int = 4
    n_layers: int = 5
    mlp_hidden_size: int = 640
    max_sequence_length: int = 1024
    number_rows: bool = True
    compile: bool = True
    muon: bool = False
    threads: int = 2

    def mixture(self, step: int) -> BundledMixture:
        """The mixture of a step: the last that has begun by then."""
        return [mixture for first, mixture in self.mixtures if first <= step][-1]


@dataclass(frozen=True)
class Stage:
    """A part of the training, by name. done: steps of it that earlier sittings have done; seed: of this
    sitting, for every sitting draws rows of its own."""

    name: str
    plan: Plan
    done: int = 0
    seed: int = 0

    @property
    def left(self) -> int:
        """Steps that are left."""
        return self.plan.train.max_steps - self.done


@dataclass(frozen=True)
class Sitting:
    """What one run did: `steps` of a stage, `answers` in them, in so many minutes of the clock."""

    stage: str
    steps: int
    answers: int
    minutes: float


@dataclass(frozen=True)
class Record:
    """All sittings that led to some weights, the first one first."""

    sittings: tuple[Sitting, ...] = field(default=())

    @classmethod
    def read(cls, folder: Path | None) -> Record:
        """The record beside a model's weights; an empty one without a folder. ValueError: there is none, so
        it is not known what the model has learned."""
        if folder is None:
            return cls()
        path = folder / RECORD
        if not path.is_file():
            raise ValueError(f"from = {str(folder)!r} has no {RECORD}; allowed: a model of build-bundled")
        return cls(tuple(Sitting(**entry) for entry in json.loads(path.read_text())))

    def write(self, folder: Path) -> None:
        """Leave the record beside a model's weights."""
        entries = [asdict(sitting) for sitting in self.sittings]
        (folder / RECORD).write_text(json.dumps(entries, indent=1) + "\n")

    def with_sitting(self, sitting: Sitting) -> Record:
        """The record with one sitting more."""
        return Record((*self.sittings, sitting))

    def steps_of(self, stage: str) -> int:
        """Steps of a stage in all sittings."""
        return sum(sitting.steps for sitting in self.sittings if sitting.stage == stage)

    def next_stage(self, stages: Mapping[str, Plan]) -> Stage | None:
        """The first stage that has steps left; None after the last."""
        for name, plan in stages.items():
            stage = Stage(name, plan, self.steps_of(name), len(self.sittings))
            if stage.left > 0:
                return stage
        return None


_TRAIN = TrainSettings(
    max_steps=12_500, batch_size=78, learning_rate=1.2e-3, warmup=300, decay=0.42, ema=0.999,
    precision="auto", log_every=50, save_every=1000, samples=0,
)  # fmt: skip
FIRST = BundledMixture(
    right_scales=(20, 20, 60, 200),
    shares={"sudoku": 0.25, "linear": 0.20, "expression": 0.27, "word": 0.25, "countdown": 0.03},
)  # fmt: skip
# While the learning rate decays: more of the tasks that are furthest from their required accuracy, fewer
# of those that have it. Half of the negative results have their sign given, because in mistakes such as
# `10 - 11 = -3` the sign was mostly right and the digits were wrong.
LAST = replace(
    FIRST, signs=0.5, right_scales=(20, 20, 20, 60, 200),
    shares={"sudoku": 0.20, "linear": 0.24, "expression": 0.34, "word": 0.19, "countdown": 0.03},
)  # fmt: skip


def _harder() -> Plan:
    """A shorter run with a lower learning rate that decays for most of it, and with more of the harder
    tasks."""
    train = replace(
        _TRAIN, max_steps=7000, learning_rate=1e-3, warmup=100, decay=0.6, ema=0.998, save_every=500
    )
    shares = {"sudoku": 0.10, "linear": 0.28, "expression": 0.46, "word": 0.14, "countdown": 0.02}
    long = ExpressionTask(ExpressionSettings(two=0.08, three=0.27, parenthesised=0.5))
    return Plan(train, ((0, replace(LAST, shares=shares, tasks={**TASKS, "expression": long})),))


def _all_tasks() -> dict[str, Task]:
    """The generators of the stages with levels: both levels of each task, and what is between them."""
    middle = {f"{name}, middle": levels[MIDDLE] for name, levels in LEVELS.items()}
    return {
        **TASKS,
        **middle,
        "word, composed": WordTask(WordSettings(composed=1.0)),
        "countdown": CountdownTask(CountdownSettings(two=0.2)),
    }


# Sudokus and English are decoded in one block, so they are noised anywhere, and half of countdown, for it has
# to be planned.
LEVELLED = BundledMixture(
    rows=64,
    facts=4,
    plans=5,
    micro_batches=4,
    signs=0.3,
    right_scales=(20, 20, 60, 200),
    shares={
        "sudoku": 0.03, "sudoku, middle": 0.12,
        "linear": 0.05, "linear, middle": 0.05,
        "expression": 0.09, "expression, middle": 0.07,
        "word": 0.07, "word, composed": 0.24,
        "countdown": 0.20, ENGLISH: 0.08,
    },
    block_shares={"sudoku": 0.0, "sudoku, middle": 0.0, "countdown": 0.5, ENGLISH: 0.2},
    tasks=_all_tasks(),
    longest_tail=48,
    learned=16,
    widths=16,
)  # fmt: skip


def _with_levels() -> Plan:
    """All levels, countdown and English, at a plateau of the learning rate: its sittings can be of any
    length."""
    train = replace(
        _TRAIN, max_steps=8_402, batch_size=73, learning_rate=1e-3, warmup=200, decay=0.0, save_every=500
    )
    return Plan(train, ((0, LEVELLED),), vocab_size=2816, muon=True)


# What was furthest from where it has to be on the plateau gets more.
SETTLING = replace(
    LEVELLED,
    shares={
        "sudoku": 0.03, "sudoku, middle": 0.07,
        "linear": 0.05, "linear, middle": 0.05,
        "expression": 0.10, "expression, middle": 0.06,
        "word": 0.11, "word, composed": 0.22,
        "countdown": 0.19, ENGLISH: 0.12,
    },
)  # fmt: skip


def _settling() -> Plan:
    """Nearly the same rows while the learning rate falls to zero: in one sitting."""
    plan = _with_levels()
    train = replace(plan.train, max_steps=9_000, decay=0.9, ema=0.998)
    return replace(plan, train=train, mixtures=((0, SETTLING),))


def _mending() -> Plan:
    """The same rows, and in half of them the model first writes cells of its own: what it wrote wrong can
    then be seen, by a policy head and by samplers that edit. In one sitting."""
    plan = _settling()
    train = replace(plan.train, max_steps=3_000, decay=0.85)
    return replace(plan, train=train, mixtures=((0, replace(SETTLING, own=0.5)),))


STAGES = {"first": Plan(_TRAIN, ((0, FIRST), (7000, LAST))), "harder": _harder(), "levels": _with_levels(),
          "settling": _settling(), "mending": _mending()}  # fmt: skip
