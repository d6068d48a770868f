"""A loaded model with what its runs may use, whoever loaded it; and the settings and tools of one run.

The page's `Bundled` and `Attached` are served things too. Requests choose among what was loaded, and never
load anything themselves.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from llada_viz.decoding.bundled import prompt_settings, prompts_of, task_settings
from models.assets import locate
from models.flags import load_flagged
from models.loading import LoadedModel
from models.reward import LoadedReward, load_reward
from models.ups_head import UPSHead, load_ups_head
from samplers.registry import Entry, Sampler, entry
from samplers.requests import NO_TOOLS, RequestError, Tools
from tasks.recognise import problem_of

CHECKER = "checker"
NO_CHECKER = (
    "{title} needs scores. The exact checker scores the five bundled kinds of problem, and this prompt is "
    "none of them; allowed: such a prompt, or a reward model as the scorer"
)
NO_CHECKER_HERE = (
    "{title} needs scores. The exact checker scores the five bundled kinds of problem, and this prompt is "
    "none of them. Choose a reward model as the scorer, or ask such a problem."
)
NO_HEAD = (
    "{what} needs a UPS head, and none is loaded that was trained on this network; allowed: another choice, "
    "or a head that the Train tab trains (remask-sft)"
)
NO_HEAD_HERE = (
    "{title} needs a UPS head for these settings, and none is loaded that was trained on this network. Train "
    "one in Train, or change the settings."
)
USUAL = {"gen_length": 128, "block_length": 32}
"""Sizes of an answer where the model's folder names none."""


class Served(Protocol):
    """A model that answers, and its tools. problem: why `loaded` is None."""

    @property
    def loaded(self) -> LoadedModel | None: ...
    @property
    def problem(self) -> str: ...
    @property
    def ups_head(self) -> UPSHead | None: ...
    @property
    def rewards(self) -> tuple[str, ...]: ...
    def reward(self, name: str) -> LoadedReward: ...
    def steps_for(self, gen_length: int, block_length: int) -> int | None: ...
    def prompt_settings(self, prompt: str) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Flagged:
    """What a command line named. defaults: settings of an answer; prompts: the model's prompts.json."""

    loaded: LoadedModel
    ups_head: UPSHead | None = None
    own_reward: LoadedReward | None = None
    defaults: Mapping[str, Any] = field(default_factory=lambda: dict(USUAL))
    problem: str = ""
    prompts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def rewards(self) -> tuple[str, ...]:
        """The name of the reward model, if there is one."""
        return (self.own_reward.name,) if self.own_reward else ()

    def reward(self, name: str) -> LoadedReward:
        """The reward model."""
        assert self.own_reward is not None
        return self.own_reward

    def steps_for(self, gen_length: int, block_length: int) -> int | None:
        """None: no number of steps of its own."""
        return None

    def prompt_settings(self, prompt: str) -> dict[str, Any]:
        """Settings that only this prompt needs; {} for most."""
        return prompt_settings(self.prompts, prompt)


def load_served(args: argparse.Namespace) -> Flagged:
    """Load what --model, --adapter, --ups-head and --prm name; ModelError: a sentence."""
    loaded = load_flagged(args)
    head = load_ups_head(args.ups_head, loaded.model.config.d_model) if args.ups_head else None
    reward = load_reward(args.prm, loaded.device) if args.prm else None
    folder = Path(locate(args.model))
    return Flagged(loaded, head, reward, model_defaults(folder), prompts=prompts_of(folder))


def model_defaults(folder: Path) -> dict[str, Any]:
    """The settings of an answer that the prompts.json of a model's folder asks for, or the usual ones."""
    return task_settings(prompts_of(folder)) or dict(USUAL)


def answer_settings(
    served: Served, sampler: str, defaults: Mapping[str, Any], own: Mapping[str, Any]
) -> dict[str, Any]:
    """All sizes of an answer. own: settings that were asked for, which stay as they are. What is
    missing comes from the defaults, in whole blocks, with a step for each cell or as many as the model was
    trained for."""
    fields = {setting.name: setting for setting in entry(sampler).settings}
    size = own.get("block_length", defaults.get("block_length", USUAL["block_length"]))
    length = own.get("gen_length", defaults.get("gen_length", USUAL["gen_length"]))
    # What is out of range stays as it is, so that the refusal names it, and not what would follow from it.
    given = {"block_length": size, "gen_length": length}
    whole = all(type(n) is int and 0 < n <= (fields[name].high or n) for name, n in given.items())
    if whole and "block_length" not in own and length % size:
        size = length if length < size else next(n for n in range(size, 0, -1) if length % n == 0)
    if whole and "gen_length" not in own:
        length = -(-length // size) * size
    sizes = {"gen_length": length, "block_length": size}
    if whole and length % size == 0:
        sizes["steps"] = served.steps_for(length, size) or length
    early_stop = served.loaded is not None and served.loaded.eos_id is not None
    settings = {"early_stop": early_stop, **defaults, "steps": USUAL["gen_length"], **sizes, **own}
    settings = {name: value for name, value in settings.items() if name in fields or name in own}
    blocks = length // size if whole else 1
    for name, setting in fields.items():
        if setting.unit == "blocks" and name not in own and setting.default > blocks:
            settings[name] = max(blocks, 1)
    return settings


def tools_for(
    served: Served, sampler: Sampler, question: str, scorer: str = ""
) -> tuple[Tools, dict[str, Any] | None]:
    """The tools that a run needs, and the bundled problem that the question asks (None: it is none).

    scorer: a value of `scorers`, or "" for whichever there is: the exact checker for the bundled problems,
    else a reward model. RequestError: the sampler needs a scorer or a UPS head that is not there.
    """
    task, described, tools = problem_of(question), entry(sampler.name), NO_TOOLS
    if sampler.needs.scorer:
        if not scorer:
            scorer = CHECKER if task is not None or not served.rewards else served.rewards[0]
        check_scorer(served, scorer)
        if scorer != CHECKER:
            tools = Tools(scorer="prm", reward=served.reward(scorer))
        elif task is None:
            raise RequestError(
                *(text.format(title=described.title) for text in (NO_CHECKER, NO_CHECKER_HERE))
            )
        else:
            tools = Tools(scorer=CHECKER)
    elif scorer:
        raise RequestError(f"scorer = {scorer!r} is not used by sampler {sampler.name}; allowed: none")
    if sampler.needs.head:
        if served.ups_head is None:
            raise no_head(described)
        tools = replace(tools, ups_head=served.ups_head)
    return tools, task


def scorers(served: Served) -> list[tuple[str, str]]:
    """(shown, value) of whatever can score: the exact checker, then the reward models."""
    return [("exact checker", CHECKER), *((f"reward model: {name}", name) for name in served.rewards)]


def check_scorer(served: Served, scorer: str) -> None:
    """RequestError unless it is one of `scorers`."""
    allowed = [value for _, value in scorers(served)]
    if scorer not in allowed:
        raise RequestError(f"scorer = {scorer!r} is not known; allowed: {', '.join(allowed)}")


def no_head(sampler: Entry) -> RequestError:
    """The refusal of a sampler that needs a UPS head where there is none."""
    with_head = ", ".join(f"{name} = {value!r}" for name, value in sampler.with_head.items())
    message = NO_HEAD.format(what=with_head or sampler.title)
    return RequestError(message, NO_HEAD_HERE.format(title=sampler.title))
