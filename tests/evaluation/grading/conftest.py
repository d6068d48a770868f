"""One grader for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evaluation.grading.grades import Grader


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=1, seconds=30) as grader:
        yield grader
