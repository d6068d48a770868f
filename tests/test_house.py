"""The files around the code agree with each other: requirements, pins, the README's front matter."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_requirements_agree():
    """A Space installs requirements.txt alone: it holds requirements-core.txt; all of it is pinned."""
    wanted, core, extra, dev, pins = (
        {line for line in (ROOT / name).read_text().splitlines() if line and line[0] not in "#-"}
        for name in (
            "requirements.txt", "requirements-core.txt", "requirements-eval.txt", "requirements-dev.txt",
            "constraints.txt",
        )
    )  # fmt: skip
    assert core < wanted
    pinned = {pin.split("==")[0] for pin in pins}
    assert {re.split(r"[<>=;]", line)[0] for line in wanted | extra | dev} <= pinned


def test_readme_is_a_space():
    """The Spaces front matter names the gradio that was tested and a file that exists."""
    front = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    assert fields["sdk"] == "gradio" and (ROOT / fields["app_file"]).is_file()
    assert f"gradio=={fields['sdk_version']}\n" in (ROOT / "constraints.txt").read_text()
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["python_version"]
    assert fields["python_version"].strip('"') == python
