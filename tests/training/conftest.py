"""accelerate keeps its state for a process; every test begins without."""

from __future__ import annotations

import pytest
from accelerate.state import AcceleratorState, GradientState


@pytest.fixture(autouse=True)
def fresh_accelerate() -> None:
    """Precision and accumulation may differ between tests."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """precision = auto is float32 here, whatever the machine's processor can."""
    monkeypatch.setattr("training.engine.placement.cpu_flags", frozenset)
