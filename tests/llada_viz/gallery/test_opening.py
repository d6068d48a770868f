"""The run that the page opens with: any trace will do, and a broken one leaves an empty board."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from llada_viz.decoding.runs import Runs
from llada_viz.gallery.opening import FILE, opening_run
from llada_viz.render.frames import NO_GOLDS
from models.assets import assets

MOST_BYTES = 100_000


def test_the_bundled_run_shows_something_that_is_taken_back() -> None:
    run = opening_run(NO_GOLDS)
    assert run is not None and run.ended and run.stream is None
    kinds = [frame["kind"] for frame in run.frames]
    assert kinds[0] == "start" and kinds[-1] == "finish"
    assert {"remask", "edit"} & set(kinds), "nothing is taken back"
    assert (assets() / FILE).stat().st_size < MOST_BYTES


def test_without_a_trace_the_page_opens_with_nothing(tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "broken.jsonl").write_text("{}\n")
    with caplog.at_level(logging.WARNING):
        assert opening_run(NO_GOLDS, tmp_path / "missing.jsonl") is None
        assert opening_run(NO_GOLDS, tmp_path / "broken.jsonl") is None
    assert caplog.text.count("opens without a recorded run") == 2


def test_the_run_is_kept_however_many_others_come() -> None:
    run, runs = opening_run(NO_GOLDS), Runs(most=1)
    assert run is not None
    runs.keep(run)
    for _ in range(3):
        runs.open(run.trace())
    assert runs.get(run.id) is run and run not in runs.all()
    assert runs.get("") is None and runs.get(["no", "id"]) is None
