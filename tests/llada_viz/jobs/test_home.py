"""The home folder: outside the program, the user's own, or a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llada_viz.jobs.home import PROGRAM, home_folder


def home_at(folder: object) -> Path:
    """The home folder with LLADA_VIZ_HOME set."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLADA_VIZ_HOME", str(folder))
        return home_folder()


def test_the_named_folder_is_made_and_private(tmp_path: Path) -> None:
    folder = home_at(tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b" and folder.is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert home_at(folder) == folder


def test_the_data_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("platformdirs")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("LLADA_VIZ_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert home_folder() == tmp_path / "data" / "llada-viz"
    usual = tmp_path / ".local" / "share" / "llada-viz"
    for named in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", named)
        assert home_folder() == usual
    assert home_at("~/mine") == tmp_path / "mine"


def test_a_home_of_version_0_1_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system's habit is another folder (macOS), old jobs keep opening."""
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LLADA_VIZ_HOME", "")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    habit = tmp_path / "Library" / "llada-viz"
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_, **__: habit)
    before = tmp_path / ".local" / "share" / "llada-viz"
    before.mkdir(parents=True)
    assert home_folder() == before
    before.rmdir()
    assert home_folder() == habit
    before.mkdir(parents=True)
    assert home_folder() == habit


def test_not_inside_the_program(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(PROGRAM)
    for folder in (PROGRAM, PROGRAM / "data", tmp_path / "link" / "data", PROGRAM / "docs" / ".." / "data"):
        with pytest.raises(ValueError, match="lies in the program's own folder; allowed: LLADA_VIZ_HOME"):
            home_at(folder)
    assert not (PROGRAM / "data").exists()


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "home", Path("/proc/llada-viz")):
        with pytest.raises(OSError, match="cannot be made: .*; allowed"):
            home_at(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="cannot be written; allowed"):
        home_at(tmp_path)
