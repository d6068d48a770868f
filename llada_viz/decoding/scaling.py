"""Published settings at the size of the model in use: a network that has learned answers of 64 tokens is not
asked for 512. What is changed is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from llada_viz.decoding.attached import Attached, Using
from llada_viz.decoding.bundled import prompts_of, task_settings
from samplers.registry import entry
from tasks.recognise import kind_of, level_of

NO_SIZES: Mapping[str, int] = MappingProxyType({})
SIZES = ("gen_length", "block_length", "steps")


@dataclass(frozen=True)
class Scaled:
    """Settings for the model in use, with all sizes; said: what was changed, as a sentence."""

    settings: Mapping[str, Any]
    said: str


def own_sizes(using: Using, prompt: str) -> dict[str, int]:
    """Answer length, block length and steps that the model in use needs for a prompt; {} where it has none of
    its own, as a model of any length."""
    prompts = using.bundled.prompts if isinstance(using, Attached) else using.prompts
    if isinstance(using, Attached) and "model" in using.origins:
        prompts = prompts_of(using.origins["model"].folder)
    settings = task_settings(prompts, kind_of([prompt]), level_of([prompt]))
    sizes = {name: settings[name] for name in SIZES if name in settings}
    return sizes if len(sizes) == len(SIZES) else {}


def scaled(
    sampler: str, settings: Mapping[str, Any], using: Using, prompt: str, own: Mapping[str, int] = NO_SIZES
) -> Scaled:
    """A sampler's settings at the sizes of the model in use. Tokens a step, the share of the answer that a
    setting in blocks has, and whether the answer is one block stay as they were; nothing else is changed.
    own: sizes to scale to, where they are not those that the prompt needs."""
    own = own or own_sizes(using, prompt)
    given = {name: settings[name] for name in SIZES if name in settings}
    room = using.loaded.max_length if using.loaded else given.get("gen_length", 0) + 1
    if not given:
        steps = using.steps_for(own["gen_length"], own["block_length"]) if own else None
        sizes = {**own, "steps": steps} if steps else own
        said = f"{_sizes(sizes)}: the source names no sizes." if sizes else "The source names no sizes."
        return Scaled({**settings, **sizes}, said)
    if not own and given["gen_length"] < room:
        return Scaled(dict(settings), f"{_sizes(given)}, as published.")
    return _to(own or _halved(given, room), sampler, settings, using.name)


def _halved(sizes: Mapping[str, int], room: int) -> dict[str, int]:
    """Sizes of an answer that takes at most half the room, which its prompt needs too."""
    length = sizes["gen_length"]
    while length > max(room // 2, 1):
        length //= 2
    block = sizes["block_length"]
    return {"gen_length": length, "block_length": block if length % block == 0 else length}


def _to(own: Mapping[str, int], sampler: str, settings: Mapping[str, Any], model: str) -> Scaled:
    length = own["gen_length"]
    block = length if settings["block_length"] == settings["gen_length"] else own["block_length"]
    blocks, blocks_before = length // block, settings["gen_length"] // settings["block_length"]
    a_step = settings["gen_length"] / settings["steps"]
    sizes = {"gen_length": length, "block_length": block, "steps": blocks * max(1, round(block / a_step))}
    in_blocks = [s for s in entry(sampler).settings if s.unit == "blocks" and s.name in settings]
    counted = {
        s.name: max(1, min(blocks, round(settings[s.name] * blocks / blocks_before))) for s in in_blocks
    }
    said = [f"Scaled to {model}: {_sizes(sizes)} (published: {_sizes(settings)})"]
    said += [
        f"{s.label} {counted[s.name]} (published: {settings[s.name]})"
        for s in in_blocks
        if counted[s.name] != settings[s.name]
    ]
    return Scaled({**settings, **sizes, **counted}, "; ".join(said) + ".")


def _sizes(sizes: Mapping[str, Any]) -> str:
    length, block, steps = (sizes[name] for name in SIZES)
    blocks = "one block" if block == length else f"blocks of {block}"
    return f"{length:,} tokens in {blocks}, {steps:,} steps"
