"""Cells of a table that a spreadsheet would take for a formula."""

from __future__ import annotations

import re
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"[+-] ?\d[\d.,  ]*(e[+-]?\d+)?%?", re.IGNORECASE)
"""A sign in front of a number does not make it a formula."""


def harmless(value: Any) -> Any:
    """The value; text that begins as a formula gets an apostrophe before it. Numbers stay as they are."""
    risky = isinstance(value, str) and value.startswith(FORMULA) and not NUMBER.fullmatch(value)
    return f"'{value}" if risky else value
