"""From what a request asks for to a run that can start. Nothing is loaded: it chooses among what there is."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from llada_viz.api.asked import Asked
from llada_viz.api.errors import ApiError
from llada_viz.decoding.served import Served, answer_settings, tools_for
from llada_viz.decoding.sharing import sharing_of
from models.loading import LoadedModel
from samplers.registry import canonical, entry, make
from samplers.requests import Prepared, prepare_row, prepare_rows, prompt_ids

TOO_LONG = "context_length_exceeded"


@dataclass(frozen=True)
class Limits:
    """body: bytes of a request; rows: answers that one request may have decoded together; gen_length: tokens
    of an answer; runs: requests that are answered at once; patience: seconds for a body to arrive."""

    body: int = 1 << 20
    rows: int = 8
    gen_length: int = 2048
    runs: int = 16
    patience: float = 30.0


@dataclass(frozen=True)
class Ready:
    """A run that waits for its first step. most_tokens: of an answer's text, None: all there are."""

    asked: Asked
    loaded: LoadedModel
    prepared: Prepared
    prompt_tokens: int
    seeds: tuple[int, ...]
    most_tokens: int | None


def make_ready(asked: Asked, served: Served, defaults: Mapping[str, Any], limits: Limits) -> Ready:
    """Check a request against the model and the limits. ApiError; ValueError with a sentence."""
    loaded = _model(asked, served)
    _check_rows(asked, limits.rows)
    prompts = [prompt_ids(loaded, **prompt) for prompt in asked.prompts]
    question = _question(asked)
    defaults = {**defaults, **served.prompt_settings(question)}
    settings = _settings(asked, served, defaults, limits, loaded, max(map(len, prompts)))
    sampler = make(entry(asked.sampler).name, settings)
    if sampler.needs.scorer:  # it decodes many candidates of its own
        _check_rows(asked, 1, f" with sampler {sampler.name}")
    seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
    seeds = tuple((seed + i) % 2**63 for i in range(asked.n))
    tools, task = tools_for(served, sampler, question, asked.scorer)
    tools, given_task = replace(tools, sharing=sharing_of(loaded)), task if tools.scorer else None
    rows = [
        prepare_row(loaded, sampler, seed=row_seed, task=given_task, **prompt)
        for prompt in asked.prompts
        for row_seed in seeds
    ]
    prepared = prepare_rows(loaded, sampler, rows, tools)
    total = sum(map(len, prompts))
    return Ready(replace(asked, sampler=sampler.name), loaded, prepared, total, seeds, asked.most_tokens)


def _model(asked: Asked, served: Served) -> LoadedModel:
    loaded = served.loaded
    if loaded is None or asked.model != loaded.name:
        there = f"the one here is {loaded.name}" if loaded else f"none is loaded ({served.problem})"
        raise ApiError(
            404, f"The model {asked.model[:80]!r} does not exist; {there}.", "model", "model_not_found"
        )
    if loaded.tokenizer is None:
        raise ApiError(400, f"The model {loaded.name} has no tokenizer, so it cannot write text.", "model")
    return loaded


def _settings(
    asked: Asked,
    served: Served,
    defaults: Mapping[str, Any],
    limits: Limits,
    loaded: LoadedModel,
    prompt: int,
) -> dict[str, Any]:
    """All settings of the sampler. `max_tokens` becomes whole blocks, which the context must hold."""
    name = entry(asked.sampler).name
    own = canonical(asked.settings)
    if asked.most_tokens is not None and "gen_length" in own:
        raise ApiError(400, "gen_length and max_tokens are both given; allowed: one of them.", "max_tokens")
    usual = answer_settings(served, name, defaults, own)
    length, size, room = usual["gen_length"], usual["block_length"], loaded.max_length - prompt
    make(name, usual)  # refuses bad values before anything is computed from them
    wanted = asked.most_tokens or (length if "gen_length" in own else 1)
    if wanted > limits.gen_length:
        field = "max_tokens" if asked.most_tokens else "gen_length"
        raise ApiError(400, f"{field} = {wanted}; allowed: 1 to {limits.gen_length}.", field)
    if wanted > room or (room < size and "gen_length" not in own):
        raise ApiError(
            400, f"This model's context is {loaded.max_length} tokens; the prompt has {prompt} and the "
            f"answer asks for {wanted}, in blocks of {size}. Shorten one of them.",
            "messages" if asked.chat else "prompt", TOO_LONG,
        )  # fmt: skip
    if "gen_length" not in own:
        wanted = asked.most_tokens or min(length, limits.gen_length)
        blocks = min(-(-wanted // size), room // size)
        own = own | {"block_length": size, "gen_length": blocks * size}
    return answer_settings(served, name, defaults, own)


def _check_rows(asked: Asked, most: int, why: str = "") -> None:
    """ApiError for more answers than one request may ask for."""
    if asked.n * len(asked.prompts) > most:
        what = f"n = {asked.n}" + (f" of {len(asked.prompts)} prompts" if len(asked.prompts) > 1 else "")
        raise ApiError(400, f"{what}; allowed: at most {most} in all{why}.", "n")


def _question(asked: Asked) -> str:
    """What a scorer is told: the last user turn, or the prompt's text."""
    prompt = asked.prompts[0]
    asked_turns = [turn["content"] for turn in prompt.get("messages", ()) if turn["role"] == "user"]
    return asked_turns[-1] if asked_turns else str(prompt.get("raw_prompt", ""))
