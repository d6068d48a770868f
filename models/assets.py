"""Where the bundled files are: beside the packages in a checkout, inside this one in an install."""

from __future__ import annotations

from functools import cache
from os.path import exists
from pathlib import Path

MODELS = "models"


@cache
def assets() -> Path:
    """The folder `assets`, as an absolute path."""
    installed = Path(__file__).resolve().parent / "assets"
    return installed if installed.is_dir() else installed.parents[1] / "assets"


def locate(name: str) -> str:
    """The path that a name of a model, an adapter, a head or a set stands for, from any folder.

    A path that exists is itself. Else the name of a bundled model's folder (`tiny-llada`) and a path
    below `assets/` are the bundled files; anything else stays as it is (a hub id, or a mistake).
    """
    path = Path(name)
    if not path.parts or path.is_absolute() or exists(name) or ".." in path.parts:
        return name
    if len(path.parts) == 1:
        bundled = assets() / MODELS / path
    elif path.parts[0] == "assets":
        bundled = assets().joinpath(*path.parts[1:])
    else:
        return name
    return str(bundled) if exists(bundled) else name
