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

from llada_viz.decoding.bundled import prompts_of, task_settings
from models.assets import locate
from models.flags import load_flagged
from models.loading import LoadedModel
from models.reward import LoadedReward, load_reward
from models.ups_head import UPSHead, load_ups_head
from samplers.registry import Sampler, entry
from samplers.requests import NO_TOOLS, RequestError, Tools
from tasks.recognise import problem_of

CHECKER = "checker"
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


@dataclass(frozen=True)
class Flagged:
    """What a command line named. defaults: settings of an answer."""

    loaded: LoadedModel
    ups_head: UPSHead | None = None
    own_reward: LoadedReward | None = None
    defaults: Mapping[str, Any] = field(default_factory=lambda: dict(USUAL))
    problem: str = ""

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


def load_served(args: argparse.Namespace) -> Flagged:
    """Load what --model, --adapter, --ups-head and --prm name; ModelError: a sentence."""
    loaded = load_flagged(args)
    head = load_ups_head(args.ups_head, loaded.model.config.d_model) if args.ups_head else None
    reward = load_reward(args.prm, loaded.device) if args.prm else None
    return Flagged(loaded, head, reward, model_defaults(Path(locate(args.model))))


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
    whole = all(isinstance(n, int) and n > 0 for n in (size, length))
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

    scorer: "checker", the name of a reward model, or "" for whichever there is: the exact checker for the
    bundled problems, else a reward model. RequestError: what is needed is not there.
    """
    task = problem_of(question)
    tools = NO_TOOLS
    if sampler.needs.scorer:
        tools = _scoring(served, sampler, task is not None, scorer)
    elif scorer:
        raise RequestError(f"scorer = {scorer!r} is not used by sampler {sampler.name}")
    if sampler.needs.head:
        if served.ups_head is None:
            raise RequestError(
                f"sampler {sampler.name} needs a UPS head with these settings, and none is loaded; allowed: "
                "other settings"
            )
        tools = replace(tools, ups_head=served.ups_head)
    return tools, task


def _scoring(served: Served, sampler: Sampler, is_task: bool, scorer: str) -> Tools:
    allowed = [*([CHECKER] if is_task else []), *served.rewards]
    if not scorer and allowed:
        scorer = allowed[0]
    if scorer not in allowed:
        what = ", ".join(allowed) or "a sampler without a scorer"
        why = "the exact checker scores the bundled kinds of problem only" if scorer in ("", CHECKER) else ""
        raise RequestError(
            f"scorer = {scorer!r} cannot score this for sampler {sampler.name}"
            f"{': ' + why if why else ''}; allowed: {what}"
        )
    if scorer == CHECKER:
        return Tools(scorer=CHECKER)
    return Tools(scorer="prm", reward=served.reward(scorer))
