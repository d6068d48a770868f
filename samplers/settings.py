"""Settings of samplers: frozen dataclasses whose fields carry their own help, range and choices.

Forms, command-line flags and the docs table are generated from these fields.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_type_hints


class SettingError(ValueError):
    """A bad value; the message names the field, the value and what is allowed."""

    def __init__(self, name: str, value: Any, allowed: str) -> None:
        super().__init__(f"{name} = {value!r} is not valid; allowed: {allowed}")
        self.name, self.value, self.allowed = name, value, allowed


def option(
    default: Any,
    help: str,
    label: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
) -> Any:
    """A dataclass field with its help text and what it allows (`low`, `high` inclusive). unit:
    "blocks" for a number that cannot exceed the blocks of the answer."""
    facts = {"help": help, "label": label, "low": low, "high": high, "choices": choices, "unit": unit}
    return field(default=default, metadata=facts)


@dataclass(frozen=True)
class Described:
    """One setting as forms, flags and tables see it."""

    name: str
    type: type
    default: Any
    help: str
    label: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    unit: str = ""


def describe(cls: type) -> list[Described]:
    """The fields of a settings dataclass, in order."""
    hints = get_type_hints(cls)
    found = []
    for f in fields(cls):
        m = f.metadata
        default = f.default if f.default is not MISSING else None
        label = m.get("label") or f.name.replace("_", " ").capitalize()
        found.append(
            Described(f.name, hints[f.name], default, m.get("help", ""), label, m.get("low"), m.get("high"),
                      m.get("choices", ()), m.get("unit", ""))
        )  # fmt: skip
    return found


def check(settings: Any) -> None:
    """Raise SettingError for the first field outside its type, choices or range."""
    for d in describe(type(settings)):
        value = getattr(settings, d.name)
        if d.choices:
            if value not in d.choices:
                raise SettingError(d.name, value, ", ".join(d.choices))
            continue
        if d.type is bool:
            if not isinstance(value, bool):
                raise SettingError(d.name, value, "true or false")
            continue
        kinds = (int, float) if d.type is float else (d.type,)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise SettingError(d.name, value, _wanted(d))
        if isinstance(value, (int, float)) and (
            value != value or (d.low is not None and value < d.low) or (d.high is not None and value > d.high)
        ):
            raise SettingError(d.name, value, _wanted(d))


def _wanted(d: Described) -> str:
    kind = {int: "a whole number", float: "a number", str: "text"}.get(d.type, d.type.__name__)
    if d.low is not None and d.high is not None:
        return f"{kind} from {d.low:g} to {d.high:g}"
    if d.low is not None:
        return f"{kind}, at least {d.low:g}"
    return kind if d.high is None else f"{kind}, at most {d.high:g}"


def parse(d: Described, text: str) -> Any:
    """The value a person typed on a command line; SettingError when it cannot be read."""
    if d.type is bool:
        known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in known:
            raise SettingError(d.name, text, "true or false")
        return known[text.lower()]
    if d.type is str:
        return text
    try:
        return d.type(text)
    except ValueError:
        raise SettingError(d.name, text, _wanted(d)) from None
