"""What the page calls to export what a component shows (assets/canvas/exporting.mjs)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llada_viz.export.asked import Find
from llada_viz.export.exports import Answer, Exports


def export_functions(exports: Exports, find: Find) -> list[Callable[[Any], Answer]]:
    """Server functions of a component. find: its runs by an id."""

    def foretell(request: Any) -> Answer:
        """See `Exports.foretell`."""
        return exports.foretell(request, find)

    def export(request: Any) -> Answer:
        """See `Exports.begin`."""
        return exports.begin(request, find)

    def exported(request: Any) -> Answer:
        """See `Exports.now`."""
        return exports.now(request)

    return [foretell, export, exported]
