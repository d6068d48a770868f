"""From what somebody asks for, on the page or by its API, to a run that is ready to start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from llada_viz.decoding.attached import Attachments, Using
from llada_viz.decoding.conversation import Message
from llada_viz.decoding.served import CHECKER, tools_for
from llada_viz.decoding.setups import MOST_PROMPT
from llada_viz.decoding.sharing import sharing_of
from llada_viz.decoding.zero_gpu import Order, adapter_of, lent, rows_of
from models.checkpoint import ModelError
from samplers.registry import head_users, make
from samplers.requests import Prepared, RequestError, prepare


def checked_prompt(using: Using, prompt: str | None) -> str:
    """The prompt, "" for none. ModelError: no model is loaded. RequestError: the prompt is too long."""
    if using.loaded is None:
        raise ModelError(using.problem.rstrip("."))
    length = len(prompt or "")
    if length > MOST_PROMPT:
        raise RequestError(
            f"prompt has {length} characters; allowed: at most {MOST_PROMPT}",
            f"The prompt has {length:,} characters; it may have {MOST_PROMPT:,}.",
        )
    return prompt or ""


def prepare_run(
    using: Using, sampler: str, settings: Mapping[str, Any], prompt: str, seed: Any, constraints: str = "",
    scorer: str = CHECKER, earlier: Sequence[Message] = (),
) -> Prepared:  # fmt: skip
    """A run that is ready to start, here or on ZeroGPU. prompt: a checked one; scorer: a value of `scorers`,
    for samplers that need one; earlier: turns of a conversation that the prompt goes on with. RequestError:
    the sampler needs a scorer or a UPS head that is not there."""
    ready = prepare_here(using, sampler, settings, prompt, seed, constraints, scorer, earlier)

    def order() -> Order:
        steps, rows = ready.sampler.steps, rows_of(ready.sampler)
        return Order(
            adapter_of(using), sampler, dict(settings), prompt, seed, constraints, scorer, steps, rows,
            tuple(earlier),
        )  # fmt: skip

    return lent(ready, order)


def prepare_ordered(attachments: Attachments, order: Order) -> Prepared:
    """In a worker of ZeroGPU: the run of an order, with the adapter loaded where the worker lacks it."""
    name = attachments.add_bundled(order.adapter) if order.adapter else ""
    return prepare_here(
        attachments.using(name), order.sampler, order.settings, order.prompt, order.seed,
        order.constraints, order.scorer, order.earlier,
    )  # fmt: skip


def prepare_here(
    using: Using, sampler: str, settings: Mapping[str, Any], prompt: str, seed: Any, constraints: str,
    scorer: str, earlier: Sequence[Message] = (),
) -> Prepared:  # fmt: skip
    """As `prepare_run`, to be decoded by this process."""
    assert using.loaded is not None
    built = make(sampler, settings)
    tools, task = tools_for(using, built, prompt, scorer if built.needs.scorer else "")
    tools = replace(tools, sharing=sharing_of(using.loaded))
    asked: dict[str, Any] = {"prompt": prompt}
    if earlier:
        asked = {"messages": [*earlier, {"role": "user", "content": prompt}]}
    return prepare(
        using.loaded, sampler, settings, tools,
        seed=without_fraction(seed), constraints=constraints, task=task, **asked,
    )  # fmt: skip


def head_settings(using: Using) -> dict[str, dict[str, Any]]:
    """Sampler -> the settings with which it uses a UPS head, where there is one and it can; else {}."""
    return {sampler.name: dict(sampler.with_head) for sampler in head_users()} if using.has_head else {}


def without_fraction(value: Any) -> Any:
    """A browser sends whole numbers as floats: 64.0 becomes 64. Anything else stays as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
