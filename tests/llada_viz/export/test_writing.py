"""Runs as films, stills and the rest: whole files, sizes said before, refusals in words."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

import llada_viz.export.moving as moving
from llada_viz.decoding.runs import Run, recorded
from llada_viz.export.board import lane_of, picture
from llada_viz.export.drawing import Box, Text
from llada_viz.export.fonts import unknown
from llada_viz.export.forecast import foretold
from llada_viz.export.moments import Fold
from llada_viz.export.moving import CannotDraw, film_of
from llada_viz.export.raster import image_of
from llada_viz.export.writing import Wanted, write
from llada_viz.render.question import question_of
from models.assets import assets
from samplers.recording.traces import read_trace

SAVED = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"


def run(name: str = "wino", **changes: Any) -> Run:
    return recorded(replace(read_trace(SAVED / f"{name}.jsonl"), **changes))


@pytest.mark.parametrize("path", sorted(SAVED.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_last_moment_is_the_answer(path: Path) -> None:
    recording = recorded(read_trace(path))
    fold, seen = Fold(recording.frames), recording.maker.seen
    last = fold.at(len(recording.frames) - 1)
    assert [cell.is_open for cell in last.cells] == seen.undecided
    words = [cell.text for cell, text in zip(last.cells, seen.texts, strict=True) if text.strip().isalnum()]
    assert words == [text.strip() for text in seen.texts if text.strip().isalnum()]
    middle = fold.at(len(recording.frames) // 2)
    assert middle == Fold(recording.frames).at(len(recording.frames) // 2), "going back begins anew"
    lane = lane_of(recording)
    for number in (0, len(recording.frames) // 2, len(recording.frames) - 1):
        sheet = picture([lane], [number])
        ends = [(item.x + item.width, item.y + item.height) for item in sheet.items if isinstance(item, Box)]
        assert max(x for x, _ in ends) <= sheet.width and max(y for _, y in ends) <= sheet.height
        assert max(item.y for item in sheet.items if isinstance(item, Text)) <= sheet.height


def test_a_picture_says_right_or_wrong_only_where_that_is_known() -> None:
    trace = read_trace(assets() / "traces" / "opening.jsonl")
    question = question_of(recorded(trace).layout.prompt)
    for golds, word in (({}, "Finished."), ({question: "110"}, "Right."), ({question: "3"}, "Wrong.")):
        recording = recorded(trace, golds)
        sheet = picture([lane_of(recording)], [len(recording.frames) - 1])
        assert [item.text for item in sheet.items if isinstance(item, Text) and item.bold][-1] == word


def test_a_gif_has_a_picture_a_frame_and_its_size_was_foretold(tmp_path: Path) -> None:
    recording, told = run(), []
    path, wanted = tmp_path / "run.gif", Wanted("gif", pace=10)
    write(path, wanted, [recording], lambda done, of: told.append((done, of)))
    with Image.open(path) as image:
        assert image.format == "GIF" and getattr(image, "n_frames", 0) >= len(recording.frames) - 2
        assert image.info["loop"] == 0
    assert told[-1] == (len(recording.frames), len(recording.frames))
    said = foretold(wanted, [recording]).said
    assert said.startswith(f"GIF, {len(recording.frames)} pictures, ") and "about" in said


def test_what_is_told_can_end_it_and_nothing_half_is_left(tmp_path: Path) -> None:
    def cancel(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "run.gif", Wanted("gif"), [run()], cancel)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg on the PATH")
def test_an_mp4(tmp_path: Path) -> None:
    write(tmp_path / "run.mp4", Wanted("mp4"), [run()])
    assert (tmp_path / "run.mp4").read_bytes()[4:8] == b"ftyp"


def test_without_ffmpeg_an_mp4_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotDraw, match="needs ffmpeg on the PATH"):
        write(tmp_path / "run.mp4", Wanted("mp4"), [run()])
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho no such codec >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(CannotDraw, match="ffmpeg refused to write the film: no such codec"):
        write(tmp_path / "run.mp4", Wanted("mp4"), [run()])
    assert not (tmp_path / "run.mp4").exists()


def test_an_svg_is_xml_with_the_words_in_it_and_fetches_nothing(tmp_path: Path) -> None:
    hostile = {piece: b"<b>&\x00" for piece in read_trace(SAVED / "wino.jsonl").pieces}
    for recording in (run(), run(pieces=hostile)):
        write(tmp_path / "run.svg", Wanted("svg"), [recording])
        tree = ElementTree.parse(tmp_path / "run.svg")
        words = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
        assert recording.layout.sampler in words
        assert "href" not in (tmp_path / "run.svg").read_text()


def test_a_pdf_has_its_fonts_in_it_and_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        write(tmp_path / name, Wanted("pdf", frames=(5, 7), dark=True), [run(), run("remdm")])
    first = (tmp_path / "a.pdf").read_bytes()
    assert first.startswith(b"%PDF") and b"FontFile2" in first and first == (tmp_path / "b.pdf").read_bytes()


def test_two_runs_are_in_step_by_nfe_and_long_ones_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    lanes = [lane_of(run()), lane_of(run("low_confidence"))]
    film = film_of(lanes)
    assert film[-1] == tuple(len(lane.run.frames) - 1 for lane in lanes)
    for at in film:
        costs = [lane.run.frames[number]["nfe"] for lane, number in zip(lanes, at, strict=True)]
        assert min(costs) <= max(costs)
    monkeypatch.setattr(moving, "MOST_PICTURES", 4)
    assert len(film_of(lanes)) == 4 and film_of(lanes)[-1] == film[-1]
    sheet = picture(lanes, film[-1])
    assert image_of(sheet, 0.5).width == pytest.approx(sheet.width / 2, abs=2)


@pytest.mark.parametrize("wanted, count, said", [
    (Wanted("doc"), 1, "is not known: choose html, csv, gif"),
    (Wanted("csv"), 2, "CSV takes up to 1 runs"),
    (Wanted("gif"), 5, "GIF takes up to 4 runs"),
    (Wanted("svg", frames=(999,)), 1, "Frame 999 is not there: choose 0 to"),
    (Wanted("gif", pace=0), 1, "0.5 to 30 pictures a second"),
])  # fmt: skip
def test_what_cannot_be_written_is_a_sentence(wanted: Wanted, count: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(CannotDraw, match=said):
        write(tmp_path / "run", wanted, [run()] * count)
    assert list(tmp_path.iterdir()) == []


def test_letters_that_no_font_has_are_named() -> None:
    assert unknown("abc 12") == set() and unknown("\uf8fe") == {"\uf8fe"}
