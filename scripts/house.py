"""Measures of the house: `python scripts/house.py [COMMIT …]`, of the working tree or of commits.

Files directly in each package, arrows (imports) between rooms, statements and the longest function.
A room is a package's folder: training/dpo, or the package itself for files directly in it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("tasks", "models", "samplers", "evaluation", "training", "llada_viz")


def sources(commit: str) -> Iterator[tuple[str, str]]:
    """(path, text) of every module of the packages; "" is the working tree."""
    listing = ["git", "ls-tree", "-r", "--name-only", commit] if commit else ["git", "ls-files"]
    for path in subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split("\n"):
        if path.endswith(".py") and path.split("/")[0] in PACKAGES:
            shown = ["git", "show", f"{commit}:{path}"]
            yield (
                path,
                subprocess.run(shown, capture_output=True, text=True, check=True).stdout
                if commit
                else Path(path).read_text(encoding="utf-8"),
            )


def room_of(module: str, rooms: set[str]) -> str:
    """The folder of a dotted name, as far as it is one."""
    parts = module.split(".")
    while len(parts) > 1 and "/".join(parts) not in rooms:
        parts.pop()
    return "/".join(parts)


def measures(commit: str) -> dict[str, object]:
    """What is printed of one tree."""
    trees = {path: ast.parse(text) for path, text in sources(commit)}
    rooms = {path.rpartition("/")[0] for path in trees}
    arrows: Counter[tuple[str, str]] = Counter()
    for path, tree in trees.items():
        here = path.rpartition("/")[0]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
                there = room_of(node.module, rooms)
                if there != here:
                    arrows[here, there] += 1
    functions = [
        ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path}:{node.name}")
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    direct = Counter(path.split("/")[0] for path in trees if path.count("/") == 1)
    return {
        "modules": len(trees),
        "files directly in": {name: direct[name] for name in PACKAGES},
        "rooms": len(rooms),
        "pairs of rooms with an arrow": len(arrows),
        "arrows between rooms": sum(arrows.values()),
        "statements": sum(isinstance(node, ast.stmt) for tree in trees.values() for node in ast.walk(tree)),
        "longest function": max(functions),
        "functions of 40 lines and more": sum(length >= 40 for length, _ in functions),
    }


if __name__ == "__main__":
    for commit in sys.argv[1:] or [""]:
        print(commit or "working tree")
        for name, value in measures(commit).items():
            print(f"  {name}: {value}")
