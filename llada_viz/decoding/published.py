"""Published settings by title, from assets/settings/catalog.yaml: what a paper, or its code, was run with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from models.assets import assets
from samplers.registry import entry, make
from samplers.settings import SettingError

CATALOG = assets() / "settings" / "catalog.yaml"
SCORERS = ("", "prm")
TEXTS = ("title", "sampler", "source")


class CatalogError(ValueError):
    """A catalog that cannot be read; the message names file, entry and field."""


@dataclass(frozen=True)
class Published:
    """settings: those that were published, checked against the sampler; scorer: "prm" where a reward model
    was used, else ""; paper: its number at arXiv, "" for none; source: where the settings stand."""

    name: str
    title: str
    sampler: str
    settings: Mapping[str, Any]
    source: str
    paper: str = ""
    scorer: str = ""

    @property
    def cited(self) -> str:
        """Where the settings come from, as a sentence."""
        paper = f"arXiv {self.paper}; " if self.paper else ""
        return f"Published: {paper}{self.source}."


@cache
def published() -> Mapping[str, Published]:
    """The catalog that comes with the packages, by name, in the file's order."""
    return read_published(CATALOG)


def read_published(path: Path) -> dict[str, Published]:
    """Read and check a catalog."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CatalogError(f"{path.name} cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise CatalogError(f"{path.name}; allowed: entries by name")
    read = {str(name): _entry(f"{path.name}: {name}", str(name), given) for name, given in data.items()}
    titles = [one.title for one in read.values()]
    if twice := [title for title in titles if titles.count(title) > 1]:
        raise CatalogError(f"{path.name}: title = {twice[0]!r} is there twice")
    return read


def _entry(where: str, name: str, given: Any) -> Published:
    fields = {*TEXTS, "settings", "paper", "scorer"}
    if not isinstance(given, dict) or not {*TEXTS, "settings"} <= set(given) <= fields:
        raise CatalogError(f"{where}; allowed: the fields {', '.join(sorted(fields))}")
    if not all(isinstance(given.get(key, ""), str) for key in (*TEXTS, "paper", "scorer")):
        raise CatalogError(f"{where}; allowed: text as {', '.join((*TEXTS, 'paper', 'scorer'))}")
    if given.get("scorer", "") not in SCORERS or not isinstance(given["settings"], dict):
        raise CatalogError(f"{where}; allowed: scorer prm or none, settings by name")
    try:
        make(given["sampler"], given["settings"])
    except (SettingError, ValueError) as error:
        raise CatalogError(f"{where}: {error}") from None
    return Published(name=name, **given | {"sampler": entry(given["sampler"]).name})
