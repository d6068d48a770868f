"""Exports of the page: one at a time for each visitor, handed out once, cancelled, and of nothing that
is not on the list."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import llada_viz.export.exports as module
from llada_viz.decoding.comparison import Comparison, Comparisons
from llada_viz.decoding.runs import Run, Runs, recorded
from llada_viz.export.asked import comparison_finder, kept_finder, run_finder
from llada_viz.export.exports import Exports, Limits
from llada_viz.export.hand_out import routes
from llada_viz.gallery.gallery import Gallery
from llada_viz.gallery.shelf import Shelf
from samplers.recording.traces import read_trace

SAVED = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"
ME, YOU = "m" * 24, "y" * 24


def opened(name: str = "wino") -> Run:
    return recorded(read_trace(SAVED / f"{name}.jsonl"))


class Desk:
    """One run, what may be asked about it, and the address of the files."""

    def __init__(self, limits: Limits | None = None) -> None:
        runs = Runs()
        self.run = runs.open(read_trace(SAVED / "wino.jsonl"))
        self.exports, self.find = Exports(limits), run_finder(runs)
        self.web = TestClient(Starlette(routes=routes(self.exports)))

    def begin(self, form: str = "html", key: str = ME, **asked: Any) -> dict[str, Any]:
        return self.exports.begin({"id": self.run.id, "form": form, "key": key, **asked}, self.find)

    def foretell(self, **asked: Any) -> dict[str, Any]:
        return self.exports.foretell({"id": self.run.id, **asked}, self.find)

    def wait(self, token: str) -> dict[str, Any]:
        until = time.monotonic() + 300
        while time.monotonic() < until:
            answer = self.exports.now({"token": token})
            if "done" not in answer:
                return answer
            time.sleep(0.02)
        raise AssertionError("the export does not end")

    def files(self) -> list[Path]:
        """What lies in the folder once nobody writes any more."""
        for thread in threading.enumerate():
            if thread.name == "export":
                thread.join(300)
        return [] if self.exports._folder is None else list(self.exports._folder.iterdir())


def test_a_file_is_foretold_made_and_handed_out_once() -> None:
    desk = Desk()
    said = desk.foretell(form="html")["said"]
    answer = desk.wait(desk.begin()["token"])
    assert answer["name"].endswith(".html") and answer["size"] in said
    address = f"/export/{answer['file']}"
    assert desk.web.head(address).status_code == 404, "looking is not fetching"
    got = desk.web.get(address)
    assert got.status_code == 200 and "Recorded with LLaDA Viz" in got.text
    assert got.headers["content-disposition"] == f'attachment; filename="{answer["name"]}"'
    assert got.headers["cache-control"] == "no-store" and got.headers["content-security-policy"] == "sandbox"
    assert desk.web.get(address).status_code == 404 and desk.files() == []
    assert desk.exports.now({"token": answer["file"]})["error"] == "This export is over: begin it again."


def test_a_visitor_has_one_at_a_time_and_another_one_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, going = Desk(), threading.Event()
    told = module.Job.told

    def slowly(job: Any, done: int, of: int) -> None:
        going.wait(300)
        told(job, done, of)

    monkeypatch.setattr(module.Job, "told", slowly)
    mine, yours = desk.begin(), desk.begin("csv", YOU)
    assert "cancel it first" in desk.begin("csv")["error"]
    assert "token" in desk.begin(key="o" * 24)
    assert desk.begin(key="p" * 24)["error"] == module.BUSY
    assert desk.web.delete(f"/export/{mine['token']}").status_code == 204
    assert "error" in desk.exports.now({"token": mine["token"]})
    assert desk.begin()["error"] == module.BUSY, "the cancelled one has not stopped yet"
    going.set()
    desk.files()
    again = desk.begin("csv")
    assert desk.wait(again["token"])["name"].endswith(".csv")
    assert desk.wait(yours["token"])["name"].endswith(".csv")
    suffixes = [path.suffix for path in desk.files()]
    assert suffixes.count(".html") == 1 and suffixes.count(".csv") == 2, "the cancelled one is gone"


def test_nobody_waits_and_nobody_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    token = desk.begin()["token"]
    assert desk.files() == [] and "is over" in desk.exports.now({"token": token})["error"]
    monkeypatch.setattr(module, "PATIENCE", 90.0)
    monkeypatch.setattr(module, "KEPT", 0.05)
    token = desk.begin()["token"]
    desk.files()
    until = time.monotonic() + 60
    while desk.files() and time.monotonic() < until:
        time.sleep(0.05)
    assert desk.files() == [] and desk.web.get(f"/export/{token}").status_code == 404


def test_what_a_killed_server_left_goes_a_day_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, fresh, other = (tmp_path / name for name in (f"{module.PREFIX}a", f"{module.PREFIX}b", "other"))
    for folder in (old, fresh, other):
        folder.mkdir()
        (folder / "run.html").write_text("left")
    for folder in (old, other):
        os.utime(folder, (1e9, 1e9))
    desk = Desk()
    assert "token" in desk.begin() and len(desk.files()) == 1
    assert not old.exists() and fresh.is_dir() and other.is_dir()
    assert desk.exports._folder is not None
    shutil.rmtree(desk.exports._folder)
    assert "file" in desk.wait(desk.begin("csv")["token"]), "a folder that is gone is made anew"


@pytest.mark.parametrize("asked, said", [
    ({"form": "exe"}, "form: that is not known; allowed: html, csv"),
    ({"form": "../../etc/passwd"}, "form: that is not known"),
    ({"form": ["html"]}, "form: that is not known"),
    ({"form": "gif", "pace": 7}, "pace: that is not known; allowed: 2, 4, 8, 12, 24"),
    ({"form": "gif", "pace": True}, "pace: that is not known"),
    ({"form": "gif", "size": "huge"}, "size: that is not known; allowed: usual, small"),
    ({"form": "svg", "theme": "<b>"}, "theme: that is not known; allowed: light, dark"),
    ({"form": "svg", "frames": "1"}, "one whole number for each run"),
    ({"form": "svg", "frames": [0, 1, 2]}, "one whole number for each run"),
    ({"form": "svg", "frames": [True]}, "one whole number for each run"),
    ({"form": "svg", "frames": [9999]}, "Frame 9999 is not there"),
    ({"id": ["x"]}, "no longer has this run"),
    ({"id": "../runs"}, "no longer has this run"),
    ({"key": "short"}, "no key of its own"),
])  # fmt: skip
def test_what_is_not_on_the_list_is_refused(asked: dict[str, Any], said: str) -> None:
    desk = Desk()
    assert said in desk.begin(**asked)["error"] and desk.files() == []
    assert "key" in asked or said in desk.foretell(**asked)["error"]


def test_what_is_no_request_at_all() -> None:
    desk = Desk()
    nothing: tuple[Any, ...] = (None, [], "x", 3, {})
    for asked in nothing:
        assert "error" in desk.exports.foretell(asked, desk.find)
        assert "error" in desk.exports.begin(asked, desk.find)
        assert "error" in desk.exports.now(asked)
    assert desk.web.get("/export/nothing").status_code == 404
    assert desk.web.delete("/export/nothing").status_code == 404


def test_a_public_host_says_what_is_too_much_and_what_is_smaller() -> None:
    desk = Desk(Limits(size=1000))
    for answer in (desk.foretell(form="html"), desk.begin("html")):
        assert "files of up to 1 kB" in answer["error"] and "Smaller: a still" in answer["error"]
    slow = Desk(Limits(seconds=0.0))
    assert "Smaller: the small size" in slow.foretell(form="gif")["error"]


def test_what_cannot_be_written_here_is_known_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    desk = Desk()
    assert ("mp4" in desk.foretell(form="csv")["missing"]) is (shutil.which("ffmpeg") is None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs ffmpeg" in desk.foretell(form="csv")["missing"]["mp4"]
    assert "needs ffmpeg" in desk.begin("mp4")["error"]


def test_boards_side_by_side_and_kept_traces(tmp_path: Path) -> None:
    desk, comparisons = Desk(), Comparisons()
    pair = comparisons.add(Comparison([opened(), opened("remdm")], "time"))
    both = comparison_finder(comparisons)
    token = desk.exports.begin({"id": pair.id, "form": "html", "key": ME}, both)["token"]
    page = desk.web.get(f"/export/{desk.wait(token)['file']}").text
    assert '"measure":"time"' in page
    still = {"id": pair.id, "form": "svg", "frames": [2, 3]}
    assert desk.exports.foretell(still, both)["said"].startswith("SVG, ")
    assert "up to 1 runs" in desk.exports.foretell({"id": pair.id, "form": "csv"}, both)["error"]
    gallery = Gallery(tmp_path / "kept")
    card = gallery.put(read_trace(SAVED / "wino.jsonl"), "Mine")
    kept = kept_finder(Shelf(gallery, Runs(), public=False))
    assert "said" in desk.exports.foretell({"id": card.id, "form": "csv"}, kept)
    gallery.remove(card.id)
    for id in (card.id, "../kept", None):
        assert "not in the gallery" in desk.exports.foretell({"id": id, "form": "csv"}, kept)["error"]


def test_a_run_that_goes_on_is_not_exported() -> None:
    desk = Desk()
    desk.run.ended = False
    assert "press Stop first" in desk.begin()["error"]
