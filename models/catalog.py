"""The checkpoints that people use: what is known of each, read from catalog.yaml and checked.

Memory is computed from a model's shape, never written down. A field that is None could not be verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from models.errors import ModelError
from models.memory import PRECISIONS, weight_bytes
from models.shape import Shape, shape_of

CATALOG = Path(__file__).with_name("catalog.yaml")
KINDS = ("model", "reward model", "adapter", "UPS head")


@dataclass(frozen=True)
class Family:
    """Checkpoints that one network runs. Where model_type of config.json does not tell: architectures, or a
    field that only this family has."""

    key: str
    title: str
    model_type: str
    architectures: tuple[str, ...] = ()
    field: str = ""
    built: bool = False

    def claims(self, config: Mapping[str, Any]) -> bool:
        """Whether a config.json is of this family rather than of another with its model_type."""
        listed = config.get("architectures")
        named = {str(each) for each in listed} if isinstance(listed, list) else set()
        return bool(named & set(self.architectures) or (self.field and config.get(self.field)))

    def refusal(self, setting: str, name: str) -> str:
        """What is said where its network is asked for and not built."""
        kind = f"{self.title} (model_type = {self.model_type!r})"
        return f"{setting} = {name!r} is of the family {kind}, whose network is not built here yet"


@dataclass(frozen=True)
class Preset:
    """Settings that the authors publish. source: where."""

    name: str
    sampler: str
    settings: Mapping[str, Any]
    source: str


@dataclass(frozen=True)
class Known:
    """A checkpoint. id: a bundled name or a hub id; stored: precision of its file; context: in tokens;
    template: where its chat template is; config: sizes, under the names of its config.json; counted: its
    weights, where there is no config."""

    id: str
    name: str
    family: Family
    kind: str = "model"
    license: str | None = None
    gated: bool | None = None
    context: int | None = None
    mask_id: int | None = None
    template: str | None = None
    stored: str = "bfloat16"
    config: Mapping[str, Any] | None = None
    counted: int | None = None
    presets: tuple[Preset, ...] = ()

    @property
    def shape(self) -> Shape | None:
        return shape_of(self.config) if self.config else None

    @property
    def parameters(self) -> int | None:
        shape = self.shape
        return shape.parameters if shape else self.counted

    def bytes_at(self, precision: str) -> int | None:
        """Of its weights. None: not known, or a precision that the family is not loaded in."""
        shape = self.shape
        if shape is None:
            full = {"float32": 4, "bfloat16": 2, "float16": 2}.get(precision)
            return self.counted * full if self.counted and full else None
        if self.stored not in ("float32", "bfloat16") and precision != self.stored:
            return None
        return weight_bytes(shape, precision)


@dataclass(frozen=True)
class Catalog:
    """All families and models, in the file's order."""

    families: Mapping[str, Family]
    models: tuple[Known, ...]

    def find(self, name: str) -> Known | None:
        """The model of an id, whatever its case."""
        return next((m for m in self.models if m.id.lower() == name.lower()), None)

    def family_of(self, config: Mapping[str, Any]) -> Family | None:
        """The family that a config.json belongs to."""
        alike = [f for f in self.families.values() if f.model_type == config.get("model_type")]
        plain = [f for f in alike if not f.architectures]
        return next((f for f in alike if f.claims(config)), plain[0] if plain else None)


@cache
def catalog() -> Catalog:
    """The catalog that comes with the packages."""
    return read_catalog(CATALOG)


def read_catalog(path: Path) -> Catalog:
    """Read and check a catalog. ModelError names entry and field."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        groups = {group: data[group] for group in ("families", "models")}
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError) as error:
        raise ModelError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(groups["families"], dict) or not isinstance(groups["models"], list):
        raise ModelError(f"{path.name}: families must be a mapping, models a list")
    families = {key: _family(path.name, key, entry) for key, entry in groups["families"].items()}
    models = tuple(_known(path.name, entry, families) for entry in groups["models"])
    ids = [model.id.lower() for model in models]
    for name in ids:
        if ids.count(name) > 1:
            raise ModelError(f"{path.name}: id = {name!r} is there twice")
    return Catalog(families, models)


def _family(file: str, key: Any, entry: Any) -> Family:
    values = _checked(file, str(key), entry, Family, {"key": key})
    return Family(**values | {"architectures": tuple(values.get("architectures", ()))})


def _known(file: str, entry: Any, families: Mapping[str, Family]) -> Known:
    name = str(entry.get("id")) if isinstance(entry, dict) else repr(entry)
    values = _checked(file, name, entry, Known)
    for field, allowed in (("family", tuple(families)), ("kind", KINDS), ("stored", PRECISIONS)):
        if field in values and values[field] not in allowed:
            raise ModelError(
                f"{file}: {field} = {values[field]!r} of {name!r}; allowed: {', '.join(map(str, allowed))}"
            )
    presets = tuple(_preset(file, name, preset) for preset in values.get("presets", ()))
    known = Known(**values | {"family": families[values["family"]], "presets": presets})
    if known.config and known.config.get("model_type") != known.family.model_type:
        raise ModelError(f"{file}: config of {name!r} is not of model_type {known.family.model_type!r}")
    try:
        known.bytes_at(known.stored)
    except ModelError as error:
        raise ModelError(f"{file}: config of {name!r}: {error}") from None
    return known


def _preset(file: str, name: str, entry: Any) -> Preset:
    return Preset(**_checked(file, f"a preset of {name}", entry, Preset))


TYPES: dict[str, type] = (
    dict.fromkeys(("id", "name", "title", "model_type", "family", "kind", "license", "template", "stored",
                   "sampler", "source", "key", "field"), str)
    | dict.fromkeys(("context", "mask_id", "counted"), int)
    | {"gated": bool, "built": bool, "architectures": list, "presets": list, "config": dict, "settings": dict}
)  # fmt: skip


def _checked(
    file: str, name: str, entry: Any, kind: type[Any], more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The fields of an entry: those of the class, of their types, and all that it needs."""
    if not isinstance(entry, dict):
        raise ModelError(f"{file}: {name} is {type(entry).__name__}; allowed: a mapping of fields")
    values = {**entry, **(more or {})}
    known = {f.name: f for f in fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise ModelError(f"{file}: {key} of {name!r} is no field; allowed: {', '.join(known)}")
        good = isinstance(value, TYPES[key]) and (TYPES[key] is not int or not isinstance(value, bool))
        if not good or value in ("", -1) or (TYPES[key] is int and value < 0):
            raise ModelError(f"{file}: {key} = {value!r} of {name!r} is not valid")
    for key, field in known.items():
        if field.default is MISSING and key not in values:
            raise ModelError(f"{file}: {name!r} has no {key}")
    return values
