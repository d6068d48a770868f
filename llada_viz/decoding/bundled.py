"""The bundled model: loaded once, with the heads beside it and its example prompts."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from llada_viz.decoding.presets import Repair, offered
from models.adapters import CONFIG as ADAPTER_FILE
from models.assets import MODELS, assets, locate
from models.checkpoint import ModelError
from models.loading import LoadedModel, load
from models.prompt_settings import decode_settings, level_settings
from models.reward import LoadedReward, load_reward
from models.text import token_pieces
from models.ups_head import UPSHead, load_ups_head
from tasks import HELD_OUT, TASKS, generate
from tasks.recognise import kind_of, level_of

FOLDER = assets() / MODELS / "tiny-llada"
FOLDER_VARIABLE = "LLADA_VIZ_MODEL"
# Beside the model's folder: the UPS head that was trained on it, and a reward model for its problems.
HEAD_SUFFIX, HEAD_FILE = "-ups", "ups_head.safetensors"
REWARDS = ("tiny-prm",)


@dataclass(frozen=True)
class Adapter:
    """A bundled adapter: what its button says, and how many tokens a step it was trained for."""

    button: str
    tokens_a_step: int

    def steps_for(self, gen_length: int, block_length: int) -> int:
        """The steps of an answer; every block takes the same number."""
        return gen_length // block_length * -(-block_length // self.tokens_a_step)


ADAPTERS = {"tiny-llada-few-steps": Adapter("Use the 8-step adapter", 4)}  # by folder
# (task, what its button says, seed of the held-out problem that the button asks)
EXAMPLES = (
    ("sudoku", "Sudoku", 3),
    ("linear", "Equation", 2),
    ("expression", "Expression", 1),
    ("word", "Word problem", 9),
    ("countdown", "Countdown", 11),
)
DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


@dataclass(frozen=True)
class Example:
    """A held-out problem as a prompt, and the settings its task is decoded with."""

    label: str
    prompt: str
    settings: dict[str, Any]
    answer: str = ""


def prompts_of(folder: Path) -> dict[str, dict[str, Any]]:
    """What the prompts.json of a model's folder says of each task; {} where it cannot be read."""
    try:
        prompts = json.loads((folder / "prompts.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return prompts if isinstance(prompts, dict) else {}


def prompt_and_answer(prompts: dict[str, dict[str, Any]], task: str, seed: int) -> tuple[str, str]:
    """A held-out problem as a prompt, and its right answer. Where prompts.json has no template for its task:
    in the task's own."""
    problem = generate(task, HELD_OUT, 1, seed)[0]
    template = prompts.get(task, {}).get("template", TASKS[task].template)
    return str(template).format(**problem.fields), problem.answer


def task_settings(prompts: dict[str, dict[str, Any]], task: str = "", level: str = "") -> dict[str, Any]:
    """The settings that a task's answers need at a level. "" (problems of no task): those of the longest
    answers at the usual levels."""
    if task in prompts:
        return decode_settings(prompts, task, level)
    settings = (decode_settings(prompts, name) for name in prompts)
    return max(settings, key=lambda of_task: int(of_task.get("gen_length", 0)), default={})


def prompt_settings(prompts: dict[str, dict[str, Any]], prompt: str) -> dict[str, Any]:
    """Settings that only this prompt needs, because its wording tells a level with settings of its own, such
    as a 6x6 sudoku, whose answers are long; {} for all others."""
    level = level_of([prompt])
    return level_settings(prompts, kind_of([prompt]), level) if level else {}


@dataclass
class Bundled:
    """The model of a folder. When it cannot be loaded, `loaded` is None and `problem` says why."""

    folder: Path = field(default_factory=lambda: Path(locate(os.environ.get(FOLDER_VARIABLE) or str(FOLDER))))
    loaded: LoadedModel | None = None
    problem: str = ""

    def __post_init__(self) -> None:
        self._rewards: dict[str, LoadedReward] = {}
        try:
            self.loaded = load(str(self.folder))
        except ModelError as error:
            self.problem = f"The bundled model cannot be loaded. {error}."

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of every token."""
        tokenizer = self.loaded.tokenizer if self.loaded else None
        return token_pieces(tokenizer) if tokenizer else []

    @property
    def name(self) -> str:
        return self.loaded.name if self.loaded else self.folder.name

    @property
    def head_file(self) -> Path | None:
        """The file of the UPS head that was trained on this model, None where there is none."""
        path = self.folder.with_name(self.folder.name + HEAD_SUFFIX) / HEAD_FILE
        return path if path.is_file() else None

    @property
    def has_head(self) -> bool:
        """Whether there is a head. Does not load it."""
        return self.loaded is not None and self.head_file is not None

    @cached_property
    def ups_head(self) -> UPSHead | None:
        """The head that was trained on this model, None where there is none; ModelError: it is broken."""
        if self.loaded is None or self.head_file is None:
            return None
        return load_ups_head(self.head_file, self.loaded.model.config.d_model).to(self.loaded.device)

    @property
    def adapters(self) -> dict[str, Path]:
        """Folders of the adapters at hand, by name."""
        folders = {name: self.folder.with_name(name) for name in ADAPTERS}
        return {name: path for name, path in folders.items() if (path / ADAPTER_FILE).is_file()}

    def steps_for(self, gen_length: int, block_length: int) -> int | None:
        """None: the bundled model needs no number of steps of its own (compare `Attached.steps_for`)."""
        return None

    @property
    def rewards(self) -> tuple[str, ...]:
        """Names of the reward models at hand."""
        return tuple(name for name in REWARDS if (self.reward_folder(name) / "config.json").is_file())

    def reward_folder(self, name: str) -> Path:
        """The folder of a reward model."""
        return self.folder.with_name(name)

    def reward(self, name: str) -> LoadedReward:
        """The reward model of a name among `rewards`, loaded once; ModelError: it is broken."""
        if name not in self._rewards:
            device = self.loaded.device if self.loaded else "auto"
            self._rewards[name] = load_reward(str(self.reward_folder(name)), device)
        return self._rewards[name]

    @property
    def chip(self) -> str:
        """Name, device and precision for the page's header."""
        if self.loaded is None:
            return f"{self.name} · not loaded"
        device = self.loaded.device.split(":")[0].upper()
        return f"{self.name} · {device} · {DTYPES.get(self.loaded.dtype, self.loaded.dtype)}"

    @cached_property
    def prompts(self) -> dict[str, dict[str, Any]]:
        """What prompts.json says of each task: its template and settings; {} where it cannot be read."""
        return prompts_of(self.folder)

    def settings_of(self, task: str, level: str = "") -> dict[str, Any]:
        """The settings that a task's answers need. "" (problems of no task): those of the longest answers."""
        return task_settings(self.prompts, task, level)

    def prompt_settings(self, prompt: str) -> dict[str, Any]:
        """Settings that only this prompt needs; {} for most."""
        return prompt_settings(self.prompts, prompt)

    @cached_property
    def examples(self) -> list[Example]:
        """One example for each task. Without a readable prompts.json, in the task's own template."""
        examples = []
        for task, label, seed in EXAMPLES:
            settings = dict(self.prompts.get(task, {}).get("settings", {}))
            prompt, answer = prompt_and_answer(self.prompts, task, seed)
            examples.append(Example(label, prompt, settings, answer))
        return examples

    @cached_property
    def repairs(self) -> dict[str, Repair]:
        """Repairs that can be watched with these weights, by the names of their presets."""
        if self.loaded is None:
            return {}
        return offered(self.folder, self.head_file, {name: self.reward_folder(name) for name in self.rewards})

    @property
    def golds(self) -> dict[str, str]:
        """The right answers of the examples and repairs, by prompt with single spaces."""
        asked = [(example.prompt, example.answer) for example in self.examples]
        asked += [(repair.preset.prompt, repair.preset.answer) for repair in self.repairs.values()]
        return {" ".join(prompt.split()): answer for prompt, answer in asked}
