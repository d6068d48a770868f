"""The documentation: a page for every tab and sampler, links that lead somewhere, commands that run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from samplers import SAMPLERS
from scripts.docs_site import build, links, named_pages, reached
from scripts.run_pictures import pictures
from scripts.sampler_pages import page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUNS = re.compile(r"^<!-- runs -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A block of commands that run as they stand, in an empty folder, on a CPU, in less than a minute each."""
TABS = re.findall(
    r'gr\.Tab\("([^"]+)", id="(\w+)"', (ROOT / "llada_viz" / "page.py").read_text(encoding="utf-8")
)
PAGES = [path for path in reached() if path.suffix == ".md"]


def blocks() -> list[tuple[str, str]]:
    """(page, commands) of every block that says that it runs."""
    return [
        (path.relative_to(ROOT).as_posix(), block)
        for path in sorted(DOCS.rglob("*.md"))
        for block in RUNS.findall(path.read_text(encoding="utf-8"))
    ]


def slug(heading: str) -> str:
    """The anchor that GitHub and the site give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize(("title", "name"), TABS)
def test_every_tab_has_a_page_that_says_what_goes_wrong(title: str, name: str) -> None:
    text = (DOCS / "tabs" / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {title}\n") and "## What goes wrong" in text
    assert f"docs/tabs/{name}.md" in named_pages()


def test_there_are_tabs() -> None:
    assert {"visualize", "compare", "evaluate", "train", "models"} <= {name for _, name in TABS}


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_sampler_has_its_page(name: str) -> None:
    """Written by `python -m scripts.sampler_pages`."""
    assert (DOCS / "samplers" / f"{name}.md").read_text(encoding="utf-8") == page(SAMPLERS[name])
    assert f"docs/samplers/{name}.md" in named_pages()
    for table in re.findall(r"^\| line .*\n\| ---.*\n((?:\|.*\n)+)", page(SAMPLERS[name]), re.MULTILINE):
        assert len(table.splitlines()) == 1 + (name != "low_confidence") + SAMPLERS[name].needs.scorer


def test_no_page_for_what_is_no_sampler() -> None:
    assert {path.stem for path in (DOCS / "samplers").glob("*.md")} == set(SAMPLERS)


def test_the_pictures_of_the_samplers_are_their_runs() -> None:
    """Drawn by `python -m scripts.run_pictures`."""
    drawn = dict(pictures())
    assert set(drawn) == set(SAMPLERS)
    for name, picture in drawn.items():
        path = ROOT / "assets" / "explain" / "pictures" / f"{name}.svg"
        assert path.read_text(encoding="utf-8") == picture


def test_every_link_leads_somewhere() -> None:
    """Of all pages of the site, to files and to headings."""
    assert len(PAGES) > 40
    for path in PAGES:
        for target in links(path):
            assert target.is_file(), f"{path.relative_to(ROOT)}: {target}"
        text = path.read_text(encoding="utf-8")
        for to, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)]+)\)", text):
            other = (path.parent / to).read_text(encoding="utf-8") if to else text
            anchors = {slug(heading) for heading in re.findall(r"^#+ (.*)$", other, re.MULTILINE)}
            assert anchor in anchors, f"{path.relative_to(ROOT)}: {to}#{anchor}"


def test_every_page_is_on_the_site() -> None:
    """Found from the navigation, or by links of what is."""
    lost = set(DOCS.rglob("*.md")) - set(PAGES)
    assert {path.relative_to(DOCS).parts[0] for path in lost} <= {"decisions"}


def test_there_are_commands_that_run() -> None:
    assert sum(len(block.splitlines()) for _, block in blocks()) >= 10


@pytest.mark.long
@pytest.mark.parametrize(("where", "block"), blocks(), ids=[where for where, _ in blocks()])
def test_commands_that_say_they_run(where: str, block: str, tmp_path: Path) -> None:
    found = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": found, "PYTHONPATH": str(ROOT), "LLADA_VIZ_HOME": str(tmp_path / "home")}
    for line in block.splitlines():
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout + done.stderr, f"{where}: {line}\n{done.stderr}"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs the extra docs: make docs")
def test_the_site_builds_and_asks_nobody(tmp_path: Path) -> None:
    assert build(tmp_path) == 0
    written = sorted((tmp_path / "site").rglob("*.html"))
    assert len(written) > 40
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?://[^"]*"', text), path
