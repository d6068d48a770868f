"""How to do a run again, from its manifest: the command, the file of its lines, and what it ran on. Folders
of the machine that did it are not named."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from evaluation.runs.plan import QUESTION_MARK

LINES = "lines.json"


def command(manifest: Mapping[str, Any]) -> str:
    """The command line, for the folder in which LINES is."""
    data, same = manifest["data"], manifest["identity"]
    flags = {
        "--model": manifest["model"]["name"], "--data": data["name"], "--question": data.get("question"),
        "--answer": data.get("answer"), "--lines": LINES, "--limit": data["rows"],
        "--shots": len(same["shots"]), "--shots-from": data.get("shots_from"),
        "--template": same["template"] if same["template"] != QUESTION_MARK else "",
        "--seed": same["seed"], "--ups-head": Path(same["ups_head"]).name, "--prm": Path(same["prm"]).name,
        "--out": "runs/again",
    }  # fmt: skip
    words = [shlex.quote(f"{flag}={value}") for flag, value in flags.items() if value]
    return " \\\n  ".join(["python -m evaluation run", *words])


def lines(manifest: Mapping[str, Any]) -> str:
    """The text of LINES."""
    return json.dumps(manifest["lines"], indent=1, ensure_ascii=False)


def as_html(manifest: Mapping[str, Any]) -> str:
    """Command, lines and versions."""
    model, same = manifest["model"], manifest["identity"]
    precision = model.get("precision", model["dtype"])  # runs before 0.4 have none
    facts = {
        "made": manifest["created"],
        "model": f"{model['name']}, {precision} on {model['device']}",
        "weights": f"sha256 {model['sha256']}",
        "versions": ", ".join(f"{name} {version}" for name, version in manifest["versions"].items()),
    }
    if same["shots"]:
        facts["worked examples"] = " · ".join(shot["question"] for shot in same["shots"])
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(text))}</dd>" for name, text in facts.items())
    return (
        f"<pre>{escape(command(manifest))}</pre><p>With this as <code>{LINES}</code>:</p>"
        f"<pre>{escape(lines(manifest))}</pre><dl>{listed}</dl>"
    )
