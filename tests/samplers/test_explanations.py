"""Each sampler has a short text for newcomers, in three parts."""

from __future__ import annotations

import pytest

from models.assets import assets
from samplers import SAMPLERS
from samplers.listing import explanation

PARTS = ("**What it does.** ", "**When to use it.** ", "**What to look at.** ")


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_a_text_for_every_sampler(name: str) -> None:
    parts = explanation(name).split("\n\n")
    assert len(parts) == 3 and all(part.startswith(head) for part, head in zip(parts, PARTS, strict=True))
    assert 60 < len(explanation(name).split()) < 170


def test_no_text_for_what_is_no_sampler() -> None:
    files = {path.stem for path in (assets() / "explain" / "samplers").glob("*.md")}
    assert files == set(SAMPLERS) and explanation("nothing") == ""
