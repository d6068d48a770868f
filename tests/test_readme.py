"""The README's Python lines run, and its command lines name things that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.__main__ import parser as evaluation
from models.assets import assets
from samplers.__main__ import parser as samplers
from training.__main__ import parser as training

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PARSERS = {"samplers": samplers, "evaluation": evaluation, "training": training}


def blocks(kind: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def python_lines() -> str:
    """The first Python block of the README: five lines (and an empty one)."""
    return blocks("python")[0]


def test_the_python_section_opens_with_five_lines_that_run(tmp_path: Path) -> None:
    code = python_lines()
    assert len([line for line in code.splitlines() if line]) == 5
    setup = f"import sys; sys.path.append({str(ROOT)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    said = done.stdout.splitlines()
    assert said[0] == "Started 0" and any(line.startswith("Finished") for line in said) and len(said[-1]) > 3


def command_lines() -> list[str]:
    """The commands of ours in the README that are whole: none with … or a name in capitals to fill in."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    lines = re.findall(r"^python -m (?:samplers|evaluation|training) .*$", text, re.MULTILINE)
    return [line for line in lines if "…" not in line and "lm-eval" not in line]


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_can_be_read(line: str) -> None:
    _, _, module, *words = shlex.split(line.replace("$M", "tiny-llada"), comments=True)
    args = PARSERS[module]().parse_args(words)
    for name in ("model", "prm"):
        value = str(getattr(args, name, None) or "")
        assert value in ("", "M", "MODEL") or (assets() / "models" / value).is_dir(), line


def test_there_are_command_lines() -> None:
    assert len(command_lines()) >= 15
