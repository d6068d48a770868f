"""Lists and objects in cells: JSON, or as Python and pandas write them into CSV."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|(?P<word>True|False|None)\b"""
    r"""|(?P<other>-?\d[\d.eE+-]*|[\[\]{}():,]))"""
)
WORDS = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]"}


def cell_value(cell: str) -> Any:
    """The value of a cell: its JSON, or a list or object as Python writes it; None for any other text."""
    for text in (cell, _as_json(cell)):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            continue
    return None


def _as_json(cell: str) -> str:
    """A list or object in Python's notation, rewritten to JSON token by token (nothing is evaluated); ""
    where the cell is none. Texts without commas between them, as numpy prints arrays, are no list."""
    if not cell.lstrip().startswith(("[", "{", "(")):
        return ""
    end, parts = 0, []
    while match := _TOKEN.match(cell, end):
        end = match.end()
        if match["text"]:
            try:
                parts.append(json.dumps(ast.literal_eval(match["text"])))
            except (ValueError, SyntaxError):
                return ""
        else:
            word = WORDS.get(match[0].strip(), match[0].strip())
            if word in ("]", "}") and parts[-1:] == [","]:
                parts.pop()  # Python writes (1,)
            parts.append(word)
    return "" if cell[end:].strip() else " ".join(parts)
