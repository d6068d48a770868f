"""The registry of objectives as text and as the page docs/objectives.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from samplers.listing import SETTINGS_HEAD, allowed
from samplers.settings import Described, describe
from samplers.text_tables import markdown_table
from training.engine.settings import TrainSettings
from training.registry import OBJECTIVES, Objective


def as_text(name: str = "") -> str:
    """One line for each objective; of a named one, a line for each of its settings."""
    if not name:
        return "\n".join(
            f"{entry.name:12} {entry.summary} ({entry.paper}) Leaves: {entry.leaves}."
            for entry in OBJECTIVES.values()
        )
    entry = OBJECTIVES[name]
    settings = [f"  {d.name:24} {d.default!s:>10}  {d.help}" for d in describe(entry.settings)]
    return "\n".join([f"{entry.title}: {entry.summary} ({entry.paper})", *settings])


def as_markdown() -> str:
    """The page docs/objectives.md: all objectives, what they share, then a section each."""
    shared = {d.name: d for d in describe(TrainSettings)}
    rows = [
        (f"[`{entry.name}`](#{entry.name})", entry.summary, entry.leaves, entry.paper)
        for entry in OBJECTIVES.values()
    ]
    parts = [
        "# Objectives\n\nWritten by `python -m training list --markdown`; a test keeps it true.\n",
        markdown_table(("objective", "what it does", "leaves", "paper"), rows) + "\n",
        f"## Settings of every objective\n\n{_table(shared.values())}",
        *(_section(entry, shared) for entry in OBJECTIVES.values()),
    ]
    return "\n".join(parts)


def _section(entry: Objective[Any], shared: Mapping[str, Described]) -> str:
    """The section of one objective. Of its settings only those that are its own, or have another default
    than TrainSettings gives them."""
    note = entry.data.note("MODEL")
    lines = [
        f"## `{entry.name}`\n",
        f"{entry.title}. {entry.summary} ({entry.paper}) Leaves: {entry.leaves}.",
    ]
    if entry.goes_on_from:
        flags = " and ".join(f"`--{flag.replace('_', '-')}`" for flag in entry.goes_on_from)
        lines.append(f"It goes on from an earlier result with {flags}.")
    if note.needs:
        lines.append(f"Data: {_no_tag(note.needs)}.")
    if note.command:
        lines.append(f"To make such data: `{note.command}`.")
    own = [d for d in describe(entry.settings) if shared.get(d.name) != d]
    return "\n".join([*lines, "", _table(own)])


def _table(settings: Iterable[Described]) -> str:
    rows = ((f"`{d.name}`", "empty" if d.default == "" else d.default, _allowed(d), _no_tag(d.help))
            for d in settings)  # fmt: skip
    return markdown_table(SETTINGS_HEAD, rows) + "\n"


def _no_tag(text: str) -> str:
    return text.replace("<", "\\<")


def _allowed(d: Described) -> str:
    if d.low is not None and d.high is None:
        return f"at least {d.low:g}"
    return "text" if d.type is str and not d.choices else allowed(d)
