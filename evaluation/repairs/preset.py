"""A preset: one repair that can be watched. A JSON file with the prompt, the sampler, its settings and the
seed, the rates of these settings beside it, and in a trace of the same name the run itself.

{"format": "llada-viz-preset", "name": …, "title": …, "prompt": …, "sampler": …, "settings": {…}, "seed":
…, …}
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from evaluation.repairs.rates import Rates
from models.assets import locate
from models.checkpoint import weights_digest
from models.text import half_character
from models.ups_head import HEAD_FILE
from models.whole_file import write_whole
from samplers.registry import Needs, make
from tasks import at_level

FORMAT = "llada-viz-preset"
MOST_BYTES = 1_000_000
"""Of a preset's file."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_Kind = TypeVar("_Kind")


class PresetError(ValueError):
    """A file that is no preset, or one of another model; the message says which, and what is allowed."""


@dataclass(frozen=True)
class Part:
    """A model, a UPS head or a reward model. name: as it was given; sha256: of its weights."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Preset:
    """One repair. task, level, fields, answer: the problem (answer: where the checker needs it); settings:
    all of the sampler's; scorer: "", "checker" or "prm"; plain: the settings of plain decoding with the
    same set-up; plain_text, text: what both answer; wrong: the line that was taken back; clarity: see
    evaluation.repairs.clarity; set_up: in words; parts: by "model", "ups_head", "prm", those that are
    used."""

    name: str
    title: str
    task: str
    level: str
    fields: Mapping[str, str]
    answer: str
    prompt: str
    sampler: str
    settings: Mapping[str, Any]
    seed: int
    scorer: str
    plain: Mapping[str, Any]
    plain_text: str
    text: str
    wrong: str
    clarity: float
    set_up: str
    rates: Rates
    parts: Mapping[str, Part]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise PresetError(f"name = {self.name!r}; allowed: small letters, digits, '_', '.' and '-'")
        at_level(self.task, self.level)
        make("low_confidence", self.plain)
        self._check_roles(make(self.sampler, self.settings).needs)

    def _check_roles(self, needs: Needs) -> None:
        """All parts that the run uses must be named: without its model's digest a preset would fit every
        model."""
        if self.scorer not in (("checker", "prm") if needs.scorer else ("",)):
            raise PresetError(f"scorer = {self.scorer!r}; allowed with {self.sampler}: what it needs")
        used = {"model", *(["ups_head"] if needs.head else []), *(["prm"] if self.scorer == "prm" else [])}
        if missing := used - set(self.parts):
            raise PresetError(f"parts lack {', '.join(sorted(missing))}; allowed: all that the run uses")

    @property
    def sentence(self) -> str:
        """The rates, as a sentence with its measure: "Of 200 problems (…) it mends …"."""
        return f"On {self.rates.problems:,} problems ({self.set_up}) it {self.rates.sentence}."

    def check_parts(self, parts: Mapping[str, Part]) -> None:
        """PresetError unless what is at hand is what the preset was made with."""
        for role, part in self.parts.items():
            found = parts.get(role)
            if found is None or found.sha256 != part.sha256:
                now = f"{found.name} with other weights" if found else "none"
                raise PresetError(
                    f"preset {self.name!r} was made with the {role} {part.name} ({part.sha256[:12]}…), "
                    f"and here is {now}; allowed: the same weights"
                )


def write_preset(folder: Path, preset: Preset) -> Path:
    """Write folder/NAME.json; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {"format": FORMAT, **asdict(preset), "sentence": preset.sentence}
    write_whole(folder / f"{preset.name}.json", json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    return folder / f"{preset.name}.json"


def read_preset(path: Path) -> Preset:
    """The preset of a file. PresetError: it is none, or is named otherwise than its file."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise PresetError(f"preset = {path.name!r} is too large; allowed: {MOST_BYTES:,} bytes")
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise PresetError(f"preset = {path.name!r} has no format {FORMAT!r}")
        data.pop("sentence", None)
        parts = {role: _of_kinds(Part, part) for role, part in data["parts"].items()}
        fields = {name: _text(f"fields, {name}", value) for name, value in data["fields"].items()}
        rates = _of_kinds(Rates, data["rates"])
        preset = _of_kinds(Preset, {**data, "parts": parts, "fields": fields, "rates": rates})
    except PresetError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PresetError(
            f"preset = {path.name!r} cannot be read ({error}); allowed: a preset's file"
        ) from None
    if preset.name != path.stem:
        raise PresetError(f"preset = {path.name!r} has the name {preset.name!r}; allowed: its file's name")
    return preset


_NUMBERS = {float: (int, float), int: (int,), int | None: (int, type(None))}


def _of_kinds(kind: type[_Kind], data: Mapping[str, Any]) -> _Kind:
    """A dataclass from plain values, whose texts must be texts and whose numbers must be finite numbers, as
    its fields say: files are hostile input."""
    hints = get_type_hints(kind)
    for name, value in data.items():
        hint = hints.get(name)
        if hint is str:
            _text(name, value)
        elif hint in _NUMBERS and (
            isinstance(value, bool)
            or not isinstance(value, _NUMBERS[hint])
            or (isinstance(value, float) and not math.isfinite(value))
        ):
            raise ValueError(f"{name} = {value!r}; allowed: a number")
    return kind(**data)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or half_character(value):
        raise ValueError(f"{name} = {str(value)[:60]!a}; allowed: Unicode text")
    return value


def trace_of(path: Path) -> Path:
    """The file of a preset's trace, beside it."""
    return path.with_suffix(".jsonl")


def parts_at_hand(model: str, ups_head: str = "", prm: str = "", revision: str = "") -> dict[str, Part]:
    """The digests of what is there; "" for what is not."""
    parts = {"model": Part(_short(model), weights_digest(model, revision))}
    if ups_head:
        parts["ups_head"] = Part(_short(ups_head), head_digest(ups_head))
    if prm:
        parts["prm"] = Part(_short(prm), weights_digest(prm))
    return parts


def head_digest(ups_head: str) -> str:
    """SHA-256 of a UPS head's file: a file, its folder, or a bundled name."""
    path = Path(locate(ups_head))
    path = path / HEAD_FILE if path.is_dir() else path
    return sha256(path.read_bytes()).hexdigest()


def _short(name: str) -> str:
    """What a preset calls a part: a hub id as it is, of a folder its last name only."""
    return Path(name).name if Path(locate(name)).exists() else name
