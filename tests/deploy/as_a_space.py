"""`python -m tests.deploy.as_a_space`: app.py where only what requirements.txt installs can be imported.

The packages of the other extras (lm_eval, openai, bitsandbytes, modal, pytest, …) are in the environment of
the tests, so they are hidden from every finder; that is what an environment without them looks like.
"""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


def plain(name: str) -> str:
    """The name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(lines: Sequence[str]) -> set[str]:
    """Distributions that pip would install for these lines, as far as they are installed here."""
    todo = [Requirement(line) for line in lines]
    seen: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        for extra in ("", *wanted.extras):
            if (plain(wanted.name), extra) in seen:
                continue
            seen.add((plain(wanted.name), extra))
            try:
                further = [Requirement(line) for line in requires(wanted.name) or ()]
            except PackageNotFoundError:
                continue  # of another system, or one that is left out without a compiler
            todo += [r for r in further if r.marker is None or r.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


class Hiding:
    """A finder before all others, which asks them unless the module is hidden."""

    def __init__(self, finders: Sequence[Any], modules: set[str], distributions: set[str]) -> None:
        self.finders, self.modules, self.distributions = finders, modules, distributions

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """None for a hidden module, wherever it is."""
        if name.partition(".")[0] in self.modules:
            return None
        found = (finder.find_spec(name, path, target) for finder in self.finders)
        return next((spec for spec in found if spec is not None), None)

    def find_distributions(self, *context: Any) -> Iterator[Any]:
        """Those whose version one may ask for."""
        for finder in self.finders:
            for found in getattr(finder, "find_distributions", lambda *_: ())(*context):
                if plain(found.metadata["Name"]) not in self.distributions:
                    yield found


def hide_the_rest() -> None:
    """From now on nothing else can be imported. A package that was imported before must be needed itself."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    kept = closure([line for line in text.splitlines() if line and not line.startswith("#")])
    owners = {module: {plain(name) for name in names} for module, names in packages_distributions().items()}
    ours = plain("llada-viz")
    hidden = {module for module, names in owners.items() if not names & {*kept, ours, "setuptools", "pip"}}
    distributions = set().union(*owners.values()) - kept - {ours}
    before = hidden & {name.partition(".")[0] for name in sys.modules}
    assert not before, f"imported before they were hidden: {before}"
    sys.meta_path[:] = [Hiding(tuple(sys.meta_path), hidden, distributions)]
    print("hidden:", " ".join(sorted(hidden)), flush=True)


if __name__ == "__main__":
    hide_the_rest()
    sys.argv = ["app.py"]
    runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
