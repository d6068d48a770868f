"""A house rule: who may ask which objective or sampler something is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

# Root class -> the package whose files may ask which of its subclasses something is; "": the folder of
# the subclass, which is an objective's own. Everybody else asks the registry's entry.
ASKED_BY = {"TrainSettings": "", "Recipe": "", "BlockSettings": "samplers"}


def descendants(trees: Mapping[str, ast.Module]) -> dict[str, str]:
    """Class that descends from a root of ASKED_BY, by name -> the folder that may ask for it."""
    bases: dict[str, tuple[str, set[str]]] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                named = {ast.unparse(base).split("[")[0].rpartition(".")[2] for base in node.bases}
                bases[node.name] = path.rpartition("/")[0], named
    family = {name: name for name in ASKED_BY}
    for _ in bases:  # as deep as the longest chain could be
        for name, (_folder, parents) in bases.items():
            for parent in parents & family.keys():
                family.setdefault(name, family[parent])
    return {name: ASKED_BY[first] or bases[name][0] for name, first in family.items() if name not in ASKED_BY}


def asked_classes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, class) of isinstance, issubclass, `type(x) is C` and `case C():`; aliases are looked through."""
    real = {alias.asname: alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
            for alias in node.names if alias.asname}  # fmt: skip
    for node in ast.walk(tree):
        places: list[ast.expr] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            places = node.args[1:]
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(re.match(r"type\(|.*\.__class__$", ast.unparse(side)) for side in sides):
                places = sides
        elif isinstance(node, ast.MatchClass):
            places = [node.cls]
        for part in (part for place in places for part in ast.walk(place)):
            if isinstance(part, ast.Name | ast.Attribute):
                name = part.id if isinstance(part, ast.Name) else part.attr
                yield part.lineno, real.get(name, name)


def switches(trees: Mapping[str, ast.Module]) -> list[str]:
    """A complaint for every question that its own package should answer. trees: by path."""
    own = descendants(trees)
    return [
        f"{path}:{line}: asks for {name}; ask the registry's entry, or do it in {own[name]}/"
        for path, tree in trees.items()
        for line, name in asked_classes(tree)
        if name in own and not path.startswith(f"{own[name]}/")
    ]
