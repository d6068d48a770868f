"""Jobs and runs of the tests go to a folder of their own, never to the user's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """LLADA_VIZ_HOME for the whole session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLADA_VIZ_HOME", str(tmp_path_factory.mktemp("home")))
        yield
