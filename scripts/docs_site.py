"""The documentation as a site: `python -m scripts.docs_site FOLDER`, or `make docs`; needs the extra `docs`.

The pages link to each other, and to files beside docs/, as GitHub shows them. So the site is built from a
copy in which every file keeps its place: the pages that mkdocs.yml names, whatever they link to, and so on.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "mkdocs.yml"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def named_pages() -> list[str]:
    """The pages of the site's navigation, as paths from the repository's root."""
    return list(_leaves(yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["nav"]))


def _leaves(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [leaf for part in parts for leaf in _leaves(part)]


def links(page: Path) -> list[Path]:
    """The files and folders that a page links to, whether they exist or not."""
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    inside = [to for to in LINK.findall(text) if "://" not in to and not to.startswith("mailto:")]
    return [(page.parent / to).resolve() for to in inside]


def reached() -> list[Path]:
    """The named pages, and every file that can be reached from them by links."""
    todo, seen = [ROOT / page for page in named_pages()], set[Path]()
    while todo:
        path = todo.pop()
        if path in seen or not path.is_file() or not path.is_relative_to(ROOT):
            continue
        seen.add(path)
        if path.suffix == ".md":
            todo += links(path)
    return sorted(seen)


def copy_pages(source: Path) -> None:
    """Every reached file, at its place under `source`."""
    shutil.rmtree(source, ignore_errors=True)
    for path in reached():
        copy = source / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def build(folder: Path) -> int:
    """Build the site in `folder`/site; what mkdocs returns. A link that leads nowhere fails it."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    copy_pages(folder / "source")
    config |= {"docs_dir": str(folder / "source"), "site_dir": str(folder / "site")}
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "-f",
        str(folder / "mkdocs.yml"),
    ]
    return subprocess.run(command, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}).returncode


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]).resolve()))
