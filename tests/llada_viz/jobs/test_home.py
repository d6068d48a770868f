"""The home folder: outside the program, the user's own, or a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llada_viz.jobs.home import PROGRAM, home_folder


def test_the_named_folder_is_made_and_private(tmp_path):
    folder = home_folder({"LLADA_VIZ_HOME": str(tmp_path / "a" / "b")})
    assert folder == tmp_path / "a" / "b" and folder.is_dir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert home_folder({"LLADA_VIZ_HOME": str(folder)}) == folder


def test_the_data_folder_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder({"XDG_DATA_HOME": str(tmp_path / "data")}) == tmp_path / "data" / "llada-viz"
    usual = tmp_path / ".local" / "share" / "llada-viz"
    for environment in ({}, {"XDG_DATA_HOME": "relative"}, {"LLADA_VIZ_HOME": ""}):
        assert home_folder(environment) == usual
    assert home_folder({"LLADA_VIZ_HOME": "~/mine"}) == tmp_path / "mine"


def test_not_inside_the_program(tmp_path):
    (tmp_path / "link").symlink_to(PROGRAM)
    for folder in (PROGRAM, PROGRAM / "data", tmp_path / "link" / "data", PROGRAM / "docs" / ".." / "data"):
        with pytest.raises(ValueError, match="lies in the program's own folder; allowed: LLADA_VIZ_HOME"):
            home_folder({"LLADA_VIZ_HOME": str(folder)})
    assert not (PROGRAM / "data").exists()


def test_a_place_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "home", Path("/proc/llada-viz")):
        with pytest.raises(OSError, match="cannot be made: .*; allowed"):
            home_folder({"LLADA_VIZ_HOME": str(folder)})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="cannot be written; allowed"):
        home_folder({"LLADA_VIZ_HOME": str(tmp_path)})
