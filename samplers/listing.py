"""The registry as data, as text and as the page docs/samplers.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from models.assets import assets
from samplers.registry import OFFICIAL, SAMPLERS, Entry
from samplers.settings import Described
from samplers.text_tables import markdown_table


def as_data() -> list[dict[str, Any]]:
    """What `python -m samplers list --json` prints."""
    return [
        {
            "name": e.name,
            "aliases": list(e.aliases),
            "title": e.title,
            "summary": e.summary,
            "paper": e.paper,
            "needs": asdict(e.needs),
            "settings": [asdict(d) | {"type": d.type.__name__} for d in e.settings],
        }
        for e in SAMPLERS.values()
    ]


def as_text() -> str:
    """One line for each sampler, and one for each of its settings."""
    lines = []
    for e in SAMPLERS.values():
        lines.append(f"{', '.join((e.name, *e.aliases))}: {e.summary} ({e.paper})")
        lines += [f"  {d.name} = {d.default}  {d.help} Allowed: {allowed(d)}." for d in e.settings]
    return "\n".join(lines)


SETTINGS_HEAD = ("setting", "default", "allowed", "what it does")


def as_markdown() -> str:
    """The page docs/samplers.md: the settings of each sampler, then the other projects' spellings."""
    head = "# Samplers\n\nWritten by `python -m samplers list --markdown`; a test keeps it true.\n"
    parts = [head, *(_section(e) for e in SAMPLERS.values()), "## Spellings of the papers' repositories\n"]
    for official, (name, values) in OFFICIAL.items():
        translations = "".join(f"; `{a}` is `{b}`" for a, b in values.items() if a != b)
        parts.append(f"- `{official}` is `{name}`{translations}")
    return "\n".join(parts)


def _section(e: Entry) -> str:
    lines = [f"## `{e.name}`\n", f"{e.title}. {e.summary} ({e.paper})"]
    if e.aliases:
        lines.append("Also called " + ", ".join(f"`{a}`" for a in e.aliases) + ".")
    if e.needs.scorer:
        lines.append("It needs a scorer: `checker` or `prm`.")
    if e.needs.mask:
        lines.append("It puts masks back: it needs a model that has a mask.")
    if e.with_head:
        with_settings = " and ".join(f"`{key} = {value}`" for key, value in e.with_head.items())
        lines.append(f"With {with_settings} it needs a UPS head.")
    if explanation(e.name):
        lines += ["", f"Its text, picture and measurements: [{e.title}](samplers/{e.name}.md)."]
    rows = ((f"`{d.name}`", d.default, allowed(d), d.help) for d in e.settings)
    return "\n".join([*lines, "", markdown_table(SETTINGS_HEAD, rows)]) + "\n"


def explanation(name: str) -> str:
    """What a sampler does, when to use it and what to look at, in Markdown; "" for one without a text."""
    path = assets() / "explain" / "samplers" / f"{name}.md"
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def allowed(d: Described) -> str:
    """What a setting may be, in words."""
    if d.choices:
        return ", ".join(d.choices)
    if d.type is bool:
        return "true, false"
    if d.low is not None and d.high is not None:
        return f"{'true, false, ' * d.counted}{d.low:g} to {d.high:g}"
    return d.type.__name__
