"""Jobs and runs of the tests go to a folder of their own, not the user's; what takes longest goes first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """LLADA_VIZ_HOME for the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLADA_VIZ_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the longest time limit go first, then those with a slow test: of several processes none is
    left alone at the end with a file that waits for minutes."""
    longest: dict[Path, float] = {}
    for item in items:
        limit = item.get_closest_marker("timeout")
        seconds = limit.args[0] if limit else float(item.get_closest_marker("slow") is not None)
        longest[item.path] = max(longest.get(item.path, 0), seconds)
    items.sort(key=lambda item: -longest[item.path])
