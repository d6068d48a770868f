r"""Gold answers that are lists in a data file: `["$5$"]`, `['1', '2']`, `['5' '6']` (numpy), `"5"`.

Nothing is evaluated: quoted items are read with one pattern. Brackets without quotes are mathematics
([1, 2] is an interval) and left as they are, unless they hold a single item.
"""

from __future__ import annotations

import re

MOST_LETTERS = 4_000
_ITEM = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_LIST = re.compile(r"^(?:np\.)?(?:array)?\(?\s*([\[({])(.*?)[\])}]\s*(?:,\s*dtype=\w+)?\)?$", re.DOTALL)
_SINGLE = re.compile(r"^\[\s*([^\[\](),;\"']+?)\s*\]$")


def items_of(text: str) -> list[str] | None:
    """The items of a list as data files write it, None where the text is no such list.

    An object ({"value": 5}) has no items that could be an answer: an empty list, as for [].
    """
    text = text.strip()
    if len(text) > MOST_LETTERS:
        return None
    if text in ("[]", "()"):
        return []
    if match := _SINGLE.match(text):
        return [match[1]]
    if re.match(r"^(\"[^\"]*\"|'[^']*')$", text):
        return [text[1:-1]]
    if not (match := _LIST.match(text)) or not re.match(r"\s*[\[(]*\s*['\"]", match[2]):
        return None
    unquoted = _ITEM.sub("", match[2])
    if match[1] == "{" and ":" in unquoted:
        return []
    if re.search(r"[^\s,\[\]()]", unquoted):
        return None
    return [_unescaped(first or second) for first, second in _ITEM.findall(match[2])]


def _unescaped(item: str) -> str:
    r"""`\\frac` is `\frac`, and so is `\frac` itself, which strict JSON would not allow."""
    item = re.sub(r"\\u([0-9a-cA-CefEF][0-9a-fA-F]{3})", lambda match: chr(int(match[1], 16)), item)
    item = item.replace(r"\"", '"').replace(r"\'", "'")
    return item.replace("\\\\", "\\") if "\\\\" in item else item
