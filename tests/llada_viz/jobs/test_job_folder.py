"""What a run folder tells, at every moment between a start and an end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llada_viz.jobs.job_folder import (
    EXIT,
    HEARTBEAT,
    LOCK,
    TAG,
    end_of,
    is_held,
    kill_all_of,
    take,
    write_json,
)
from tests.llada_viz.job_commands import environment

FINE = {"code": 0, "stopped": False, "killed": False, "note": "", "ended": 5.0}


def test_a_job_that_has_not_begun(tmp_path: Path) -> None:
    assert end_of(tmp_path, time.time(), 60.0) is None
    assert end_of(tmp_path, time.time() - 61, 60.0).state == "lost"


def test_a_job_whose_lock_is_held_runs_whatever_else_there_is(tmp_path: Path) -> None:
    held = take(tmp_path / LOCK)
    for name in ("", HEARTBEAT, EXIT):
        if name:
            (tmp_path / name).touch()
        assert end_of(tmp_path, 0.0, 60.0) is None
    os.close(held)


def test_a_job_that_began_and_is_gone(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()  # as after a power cut
    (tmp_path / HEARTBEAT).touch()
    os.utime(tmp_path / HEARTBEAT, (1000.0, 1000.0))
    end = end_of(tmp_path, time.time(), 60.0)
    assert (end.state, end.code, end.ended) == ("lost", None, 1000.0)


@pytest.mark.parametrize(
    ("said", "state", "word"),
    [
        ({}, "done", ""),
        ({"code": 2}, "failed", "exit code 2"),
        ({"code": 127, "note": "no such program"}, "failed", "no such program"),
        ({"code": -9}, "failed", "out of memory"),
        ({"stopped": True}, "stopped", ""),
        ({"stopped": True, "code": 1}, "stopped", ""),
        ({"stopped": True, "code": None}, "stopped", ""),
        ({"stopped": True, "killed": True, "code": -9}, "stopped", "Stopped hard."),
        (
            {"stopped": True, "killed": True, "code": -9, "waited": 61.2},
            "stopped",
            "Stopped hard after 61 s.",
        ),
    ],
)
def test_how_it_ended(tmp_path: Path, said: dict[str, Any], state: str, word: str) -> None:
    write_json(tmp_path / EXIT, FINE | said)
    end = end_of(tmp_path, time.time(), 60.0)
    assert (end.state, end.code, end.ended) == (state, (FINE | said)["code"], 5.0) and word in end.note


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", json.dumps(FINE | {"code": "0x"}), "\udcff"])
def test_an_end_that_cannot_be_read(tmp_path: Path, text: Any) -> None:
    (tmp_path / EXIT).write_bytes(text.encode(errors="surrogateescape"))
    end = end_of(tmp_path, time.time(), 60.0)
    assert end.state == "lost" and "exit.json cannot be read" in end.note


def test_locks(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path) and not path.exists()  # looking makes nothing
    first = take(path)
    assert first is not None and is_held(path) and take(path) is None
    os.close(first)
    assert not is_held(path)
    os.close(take(path))


def test_looking_keeps_no_lock_even_if_a_fork_copied_the_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = []
    (tmp_path / "lock").touch()
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", copies.append)  # as if another process still had it open
        assert not is_held(tmp_path / "lock")
    taken = take(tmp_path / "lock")
    assert taken is not None
    for descriptor in (*copies, taken):
        os.close(descriptor)


def test_only_the_tagged_are_killed() -> None:
    command = [sys.executable, "-c", "input()"]
    tags = [environment() | {TAG: tag} for tag in ("abc", "abcd", "ab")] + [
        environment() | {"OTHER": f"{TAG}=abc"}
    ]
    processes = [subprocess.Popen(command, env=tag, stdin=subprocess.PIPE) for tag in tags]
    time.sleep(0.2)  # a process has its environment from exec on
    kill_all_of("abc")
    assert processes[0].wait(60) == -9
    assert [process.poll() for process in processes[1:]] == [None, None, None]
    for process in processes:
        process.communicate(b"\n" if process.returncode is None else None)
    assert [process.returncode for process in processes[1:]] == [0, 0, 0]


def test_a_file_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"n": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"n": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"n": 1}
