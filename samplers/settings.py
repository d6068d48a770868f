"""Settings of samplers: frozen dataclasses whose fields carry their own help, range and choices.

Forms, command-line flags and the docs table are generated from these fields.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_type_hints


class SettingError(ValueError):
    """A bad value. The message names the field, the value and what is allowed, as a command line needs
    it; `sentence` says the same to a reader of the page, who sees labels.

    label: of the field on the page; advice: a whole sentence for the page, with what to try; fixes: values
    that would do instead, the nearest first.
    """

    def __init__(
        self, name: str, value: Any, allowed: str, label: str = "", advice: str = "",
        fixes: tuple[float, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(f"{name} = {value!r} is not valid; allowed: {allowed}")
        self.name, self.value, self.allowed = name, value, allowed
        self.label, self.advice, self.fixes = label or label_of(name), advice, fixes

    @property
    def sentence(self) -> str:
        """For the page: "Steps must be a whole number from 1 to 4096." """
        if self.value is None or self.value == "":
            return f"{self.label} is empty."
        return self.advice or f"{self.label} must be {self.allowed}."


def sentence_of(error: Exception) -> str:
    """What the page says of an error: its own sentence for readers, else its message as a sentence, with a
    capital unless it begins with a name (of a setting, a file, a model)."""
    if sentence := getattr(error, "sentence", ""):
        return str(sentence)
    words = str(error).rstrip(".").split(" ")
    if words[0].isalpha() and words[1:2] != ["="]:
        words[0] = words[0][0].upper() + words[0][1:]
    return f"{' '.join(words)}."


def label_of(name: str) -> str:
    """The label of a field that has none of its own."""
    return name.replace("_", " ").capitalize()


def option(
    default: Any,
    help: str,
    label: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str = "",
    counted: bool = False,
) -> Any:
    """A dataclass field with its help text and what it allows (`low`, `high` inclusive). unit:
    "blocks" for a number that cannot exceed the blocks of the answer; counted: see `count_of`."""
    facts = {"help": help, "label": label, "low": low, "high": high, "choices": choices, "unit": unit}
    facts["counted"] = counted
    return field(default=default, metadata=facts)


@dataclass(frozen=True)
class Described:
    """One setting, described for forms, flags and tables."""

    name: str
    type: type
    default: Any
    help: str
    label: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    unit: str = ""
    counted: bool = False


def describe(cls: type) -> list[Described]:
    """The fields of a settings dataclass, in order."""
    hints = get_type_hints(cls)
    described = []
    for f in fields(cls):
        m = f.metadata
        default = f.default if f.default is not MISSING else None
        label = m.get("label") or label_of(f.name)
        described.append(
            Described(f.name, hints[f.name], default, m.get("help", ""), label, m.get("low"), m.get("high"),
                      m.get("choices", ()), m.get("unit", ""), m.get("counted", False))
        )  # fmt: skip
    return described


def check(settings: Any) -> None:
    """Raise SettingError for the first field outside its type, choices or range."""
    for d in describe(type(settings)):
        check_value(d, getattr(settings, d.name))


def check_value(d: Described, value: Any) -> None:
    """Raise SettingError for a value outside a setting's type, choices or range."""
    if d.choices:
        if value not in d.choices:
            advice = f"{d.label} must be one of: {', '.join(d.choices)}."
            raise SettingError(d.name, value, ", ".join(d.choices), d.label, advice)
        return
    if d.type is bool:
        if not isinstance(value, bool):
            raise SettingError(d.name, value, "true or false", d.label)
        return
    kinds = (int, float) if d.type is float else (d.type,)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise SettingError(d.name, value, _allowed_values(d), d.label, fixes=_nearest(d, value))
    if isinstance(value, (int, float)) and (
        value != value or (d.low is not None and value < d.low) or (d.high is not None and value > d.high)
    ):
        raise SettingError(d.name, value, _allowed_values(d), d.label, fixes=_nearest(d, value))


def _nearest(d: Described, value: Any) -> tuple[float, ...]:
    """The allowed number next to one that is not; () where there is none to name."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return ()
    low, high = (value if bound is None else bound for bound in (d.low, d.high))
    near = max(low, min(value, high))
    return (round(near) if d.type is int else near,)


def _allowed_values(d: Described) -> str:
    kind = {int: "a whole number", float: "a number", str: "text"}.get(d.type, d.type.__name__)
    kind = f"true, false or {kind}" if d.counted else kind
    if d.low is not None and d.high is not None:
        return f"{kind} from {d.low:g} to {d.high:g}"
    if d.low is not None:
        return f"{kind}, at least {d.low:g}"
    return kind if d.high is None else f"{kind}, at most {d.high:g}"


_SWITCHED = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def count_of(value: Any) -> Any:
    """A count that also says whether: True and "true" are 1, False and "false" 0, "top_5" is 5. Anything else
    stays as it is."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and (word := value.strip().lower()):
        number = word.removeprefix("top_")
        switched = _SWITCHED.get(word)
        if switched is not None:
            return int(switched)
        return int(number) if number.isdecimal() and len(number) < 10 else value
    return value


def parse(d: Described, text: str) -> Any:
    """The value a person typed on a command line; SettingError when it cannot be read."""
    if d.type is bool:
        if text.lower() not in _SWITCHED:
            raise SettingError(d.name, text, "true or false", d.label)
        return _SWITCHED[text.lower()]
    if d.type is str:
        return text
    if d.counted:
        text = count_of(text)
    try:
        return d.type(text)
    except ValueError:
        raise SettingError(d.name, text, _allowed_values(d), d.label) from None
