"""The files around the code agree with each other: requirements, pins, the README's front matter."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from llada_viz import __version__

ROOT = Path(__file__).parents[1]


PACKAGES = ("tasks", "models", "samplers", "evaluation", "training", "llada_viz")
NAMES = {"yaml": "pyyaml", "huggingface_hub": "huggingface-hub", "math_verify": "math-verify",
         "PIL": "pillow"}  # fmt: skip
"""Modules whose package is called otherwise."""
ELSEWHERE = {"opencompass", "spaces"}
"""Imported where somebody has them: OpenCompass and a Space bring themselves."""
BY_NAME = {"optimum", "trackio", "tensorboard", "wandb", "deepspeed"}
"""Never imported by us: accelerate starts trackers and DeepSpeed by their names, and peft asks for optimum
beside gptqmodel."""
GIVEN = {"torch", "transformers", "gradio", "plotly", "gptqmodel", "accelerate", "pandas", "sympy"}


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return found


def lines(name: str) -> set[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {line for line in text.splitlines() if line and not line.startswith(("#", "-"))}


def package_of(line: str) -> str:
    return re.split(r"[<>=;\[ ]", line)[0].lower()


def imported(folders: tuple[str, ...]) -> set[str]:
    """Packages that the modules import, inside functions too; ours and Python's own apart."""
    found: set[str] = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    found -= {*sys.stdlib_module_names, *PACKAGES, *ELSEWHERE, "app", "benchmarks", "scripts", "tests"}
    return {NAMES.get(name, name) for name in found}


def test_requirements_agree() -> None:
    """A Space installs requirements.txt alone: the dependencies and the extra gptq, among them the eight
    given packages; what make installs is pinned."""
    extras = project()["optional-dependencies"]
    wanted = {*project()["dependencies"], *extras["gptq"]}
    assert lines("requirements.txt") == wanted
    assert {package_of(line) for line in wanted} >= GIVEN
    pinned = {package_of(pin) for pin in lines("constraints.txt")}
    assert {package_of(line) for line in (*wanted, *extras["suites"], *extras["dev"])} <= pinned


def test_every_dependency_is_imported_and_every_import_is_one() -> None:
    extras = project()["optional-dependencies"]
    always = {package_of(line) for line in project()["dependencies"]}
    extra = {package_of(line) for name in ("gptq", "suites", "diffusers", "train") for line in extras[name]}
    used = imported(PACKAGES)
    assert always - used == set(), "nobody imports these"
    assert used - always <= extra, "these are imported and stand in no list"
    assert extra - used <= BY_NAME
    tools = {package_of(line) for line in extras["dev"]}
    assert imported(("tests", "benchmarks")) <= always | extra | tools


def test_one_version() -> None:
    """The wheel's version is read from the package that says it."""
    assert "version" in project()["dynamic"] and "version" not in project()
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_nobody_changes_the_path_to_find_our_packages() -> None:
    for folder in (*PACKAGES, "benchmarks", "tests", "scripts"):
        for path in (path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sh")):
            assert "sys.path." + "insert" not in path.read_text(encoding="utf-8"), path


def test_readme_is_a_space() -> None:
    """The Spaces front matter names the gradio that was tested and a file that exists."""
    front = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    fields = dict(line.split(": ", 1) for line in front.splitlines())
    assert fields["sdk"] == "gradio" and (ROOT / fields["app_file"]).is_file()
    assert f"gradio=={fields['sdk_version']}\n" in (ROOT / "constraints.txt").read_text()
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["python_version"]
    assert fields["python_version"].strip('"') == python
