"""What a handler is given: the value of every input, as the page opens but for what is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def given(inputs: Iterable[Any], changes: Mapping[Any, Any] | None = None) -> dict[Any, Any]:
    """component -> value. changes: of some of the components."""
    changed = changes or {}
    return {component: changed.get(component, component.value) for component in inputs}


def looked(
    tab: Any, job: str | None, mine: Iterable[str] = (), seen: str = "", **more: Any
) -> dict[Any, Any]:
    """What a look at a job is given. more: values of the tab's own components, by their names there."""
    panel = tab.panel
    changes = {panel.job: job, panel.visitor_jobs: list(mine), panel.last_look: seen}
    return given(panel.look_inputs, changes | {getattr(tab, name): value for name, value in more.items()})
