"""A set-up as a Python program and as a command: each makes the run's tokens again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any

from llada_viz.decoding.served import CHECKER
from llada_viz.decoding.setups import Setup
from tasks.recognise import problem_of

LOADING = ("revision", "quantization", "dtype", "device_map", "offload")


def to_python(setup: Setup) -> str:
    """A program that decodes the set-up and prints the answer."""
    loading = {"adapter": setup.sources.adapter} | {n: getattr(setup.sources, n) for n in LOADING}
    asked = {"prompt": setup.prompt}
    lines = ["import llada_viz as lv", ""]
    arguments = [repr(setup.sources.model), *_named({n: v for n, v in loading.items() if v})]
    lines.append(f"model = lv.load({', '.join(arguments)})")
    given: dict[str, Any] = asked | {"sampler": setup.sampler, "seed": setup.seed}
    if setup.earlier:
        messages = [dict(turn) for turn in setup.earlier]
        given |= {"prompt": None, "messages": [*messages, {"role": "user", "content": setup.prompt}]}
    given |= {name: value for name, value in _tools(setup).items() if value} | dict(setup.settings)
    lines.append("decoded = lv.decode(\n    model,")
    lines += [f"    {argument}," for argument in _named(given)]
    lines += [")", "print(decoded.text)", ""]
    return "\n".join(lines)


def to_command(setup: Setup) -> str:
    """A command of a shell that decodes the set-up in the terminal."""
    words = ["python", "-m", "samplers", "run", *setup.sources.flags, f"--sampler={setup.sampler}"]
    for name, value in setup.settings.items():
        words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    words.append(f"--seed={setup.seed}")
    for name, value in _tools(setup).items():
        if value and name not in ("ups_head", "prm"):  # these are flags of the sources
            words.append(f"--{name}={_json(value) if name == 'task' else value}")
    if setup.earlier:
        turns = [*map(dict, setup.earlier), {"role": "user", "content": setup.prompt}]
        words.append(f"--messages={_json(turns)}")
    else:
        words.append(f"--prompt={setup.prompt}")
    return shlex.join(words)


CODE: dict[str, Callable[[Setup], str]] = {"Python": to_python, "Command": to_command}
"""What a set-up can be copied as."""


def _tools(setup: Setup) -> dict[str, Any]:
    """What a run gets beside its settings, by the names that both the face and the command have."""
    scorer = setup.scorer and (CHECKER if setup.scorer == CHECKER else "prm")
    return {
        "constraints": setup.constraints,
        "ups_head": setup.sources.ups_head,
        "scorer": scorer,
        "prm": setup.sources.prm,
        "task": problem_of(setup.prompt) if scorer == CHECKER else None,
    }


def _named(values: dict[str, Any]) -> list[str]:
    return [f"{name}={value!r}" for name, value in values.items()]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
