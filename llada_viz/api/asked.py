"""What a request asks for: its JSON, field by field. What is not supported is refused by name, never ignored.

Beside OpenAI's fields: `sampler`, `settings` (an object), `scorer`, and `stream_provisional`, which adds the
field `llada_viz` to what is sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llada_viz.api.errors import ApiError, bad_value

DEFAULT_SAMPLER = "threshold"
MOST_STOPS, LONGEST_STOP = 4, 200
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
# Not supported: the values that ask for nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "logprobs": (False,), "top_logprobs": (0,), "tools": ([],), "tool_choice": ("none", "auto"),
    "functions": ([],), "function_call": ("none", "auto"), "parallel_tool_calls": (True, False),
    "response_format": ({"type": "text"},), "frequency_penalty": (0, 0.0), "presence_penalty": (0, 0.0),
    "logit_bias": ({},), "store": (False,), "service_tier": ("auto", "default"), "modalities": (["text"],),
    "audio": (), "prediction": (), "reasoning_effort": ("none",), "verbosity": (), "web_search_options": (),
    "echo": (False,), "suffix": ("",), "best_of": (1,),
}  # fmt: skip
# They say something about who asks, and nothing about the answer.
ABOUT_THE_CALLER = ("user", "metadata", "safety_identifier", "prompt_cache_key")
NEUTRAL_OF_A_MESSAGE: dict[str, tuple[Any, ...]] = {
    "tool_calls": ([],), "function_call": (), "refusal": (), "audio": (), "annotations": ([],), "name": ("",),
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """A checked request. prompts: one or several, each as `samplers.requests` takes it (messages, raw_prompt
    or prompt_ids); most_tokens: of one answer, None: as many as is usual; seed None: any; n: answers of each
    prompt; provisional: whether the field `llada_viz` was asked for."""

    chat: bool
    model: str
    prompts: tuple[dict[str, Any], ...]
    sampler: str
    settings: dict[str, Any] = field(default_factory=dict)
    scorer: str = ""
    n: int = 1
    seed: int | None = None
    most_tokens: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    include_usage: bool = False
    provisional: bool = False


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object of a body, without the fields that are null."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no number of JSON")

    try:
        data = json.loads(body.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ApiError(400, f"The body is not JSON: {why[:200]}.", code="invalid_json") from None
    if not isinstance(data, dict):
        raise ApiError(400, "The body is not a JSON object.", code="invalid_json")
    return {key: value for key, value in data.items() if value is not None}


def read_asked(data: dict[str, Any], chat: bool) -> Asked:
    """Check every field of a request; ApiError names the first that is wrong."""
    fields = Fields(data)
    prompts = _messages(fields) if chat else _prompts(fields)
    options = fields.take("stream_options", is_stream_options, '{"include_usage": true or false}', {})
    asked = Asked(
        chat=chat,
        model=fields.required("model", is_text, "the name of a model that /v1/models lists"),
        prompts=prompts,
        sampler=fields.take("sampler", is_text, "the name of a sampler", DEFAULT_SAMPLER),
        settings=_settings(fields),
        scorer=fields.take("scorer", is_text, "checker, or the name of a reward model", ""),
        n=fields.take("n", whole(1), "a whole number, at least 1", 1),
        seed=fields.take("seed", whole(0, 2**63 - 1), "a whole number from 0 to 2^63 - 1"),
        most_tokens=_most_tokens(fields),
        stop=_stop(fields),
        stream=fields.take("stream", is_flag, "true or false", False),
        include_usage=options.get("include_usage") is True,
        provisional=fields.take("stream_provisional", is_flag, "true or false", False),
    )
    fields.refuse_the_rest()
    return asked


Check = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    """Whether it is a string of Unicode, and no half of a character is in it."""
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def is_flag(value: Any) -> bool:
    """Whether it is true or false."""
    return isinstance(value, bool)


def is_object(value: Any) -> bool:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def is_stream_options(value: Any) -> bool:
    """Whether it is an object with the one option that there is, or with options that are off."""
    return is_object(value) and all(
        is_flag(flag) and (name == "include_usage" or not flag) for name, flag in value.items()
    )


def is_number(value: Any) -> bool:
    """Whether it is a finite number, and no larger than a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def whole(low: int, high: int | None = None) -> Check:
    """A check for whole numbers."""

    def check(value: Any) -> bool:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and value >= low and (high is None or value <= high)

    return check


class Fields:
    """The fields of a request, taken one by one, so that what nobody took can be refused."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._left = dict(data)

    def take(self, name: str, check: Check, allowed: str, default: Any = None) -> Any:
        """The value of a field, or the default; ApiError when the check fails."""
        if name not in self._left:
            return default
        value = self._left.pop(name)
        if not check(value):
            raise bad_value(name, value, allowed)
        return value

    def required(self, name: str, check: Check, allowed: str) -> Any:
        """The value of a field that must be there."""
        if name not in self._left:
            raise ApiError(400, f"{name} is missing; wanted: {allowed}.", name)
        return self.take(name, check, allowed)

    def refuse_the_rest(self) -> None:
        """ApiError for a field that is not supported, unless it asks for nothing."""
        for name, value in self._left.items():
            if name in ABOUT_THE_CALLER or (name in NEUTRAL and asks_for_nothing(value, NEUTRAL[name])):
                continue
            if name in NEUTRAL:
                raise ApiError(
                    400,
                    f"{name} is not supported by this server; leave it out.",
                    name,
                    "unsupported_parameter",
                )
            raise ApiError(400, f"{name[:60]} is no field of a request.", name[:60], "unknown_parameter")


def asks_for_nothing(value: Any, neutral: tuple[Any, ...]) -> bool:
    """Whether a value is one of the neutral ones, type and all (0 is not false)."""
    return any(type(value) is type(nothing) and value == nothing for nothing in neutral)


def _messages(fields: Fields) -> tuple[dict[str, Any], ...]:
    def is_list(value: Any) -> bool:
        return isinstance(value, list) and bool(value) and all(isinstance(turn, dict) for turn in value)

    messages = fields.required("messages", is_list, "a list of {role, content}, not empty")
    return ({"messages": [_turn(turn, i) for i, turn in enumerate(messages)]},)


def _turn(turn: dict[str, Any], i: int) -> dict[str, str]:
    """One message. Text in parts is joined; what is no text is refused."""
    given = {key: value for key, value in turn.items() if value is not None}
    role, content = given.pop("role", None), given.pop("content", None)
    if not isinstance(role, str) or role not in ROLES:
        raise bad_value(f"messages[{i}].role", role, ", ".join(ROLES))
    for name, value in given.items():
        if not asks_for_nothing(value, NEUTRAL_OF_A_MESSAGE.get(name, ())):
            raise ApiError(
                400, f"messages[{i}].{name[:60]} is not supported; allowed: role and content.",
                f"messages[{i}].{name[:60]}", "unsupported_parameter",
            )  # fmt: skip
    if isinstance(content, list):
        content = "".join(_part(part, f"messages[{i}].content[{j}]") for j, part in enumerate(content))
    if not is_text(content):
        raise bad_value(f"messages[{i}].content", content, "Unicode text, or a list of parts of type text")
    return {"role": ROLES[role], "content": str(content)}


def _part(part: Any, where: str) -> str:
    if not isinstance(part, dict) or part.get("type") != "text" or not is_text(part.get("text")):
        raise bad_value(where, part, '{"type": "text", "text": …}: this model reads text only')
    return str(part["text"])


def _prompts(fields: Fields) -> tuple[dict[str, Any], ...]:
    """Text, a list of texts, token ids, or a list of lists of ids. The text is read as it is."""
    allowed = "text, a list of texts, a list of token ids, or a list of such lists; not empty"

    def is_prompt(value: Any) -> bool:
        return isinstance(value, (str, list)) and bool(value)

    prompt = fields.required("prompt", is_prompt, allowed)
    every = [prompt] if isinstance(prompt, str) or whole(0)(prompt[0]) else prompt
    prompts: list[dict[str, Any]] = []
    for one in every:
        if is_text(one) and one:
            prompts.append({"raw_prompt": one})
        elif isinstance(one, list) and one and all(map(whole(0), one)):
            prompts.append({"prompt_ids": one})
        else:
            raise bad_value("prompt", one, allowed)
    return tuple(prompts)


def _settings(fields: Fields) -> dict[str, Any]:
    """`settings`, with `temperature` and `top_p` among them."""
    settings = dict(fields.take("settings", is_object, "an object of the sampler's settings", {}))
    for name in ("temperature", "top_p"):
        value = fields.take(name, is_number, "a number")
        if value is None:
            continue
        if name in settings:
            raise ApiError(400, f"{name} is given twice, beside and in settings; allowed: once.", name)
        settings[name] = float(value)
    return settings


def _most_tokens(fields: Fields) -> int | None:
    given = {
        name: value
        for name in ("max_completion_tokens", "max_tokens")
        if (value := fields.take(name, whole(1), "a whole number, at least 1")) is not None
    }
    if len(set(given.values())) > 1:
        raise ApiError(
            400, "max_tokens and max_completion_tokens differ; allowed: one of them.", "max_tokens"
        )
    return next(iter(given.values()), None)


def _stop(fields: Fields) -> tuple[str, ...]:
    def is_stop(value: Any) -> bool:
        stops = [value] if isinstance(value, str) else value
        return (
            isinstance(stops, list)
            and len(stops) <= MOST_STOPS
            and all(is_text(stop) and 0 < len(stop) <= LONGEST_STOP for stop in stops)
        )

    allowed = f"a text, or at most {MOST_STOPS} of them, each of 1 to {LONGEST_STOP} characters"
    stop = fields.take("stop", is_stop, allowed, [])
    return (stop,) if isinstance(stop, str) else tuple(stop)
