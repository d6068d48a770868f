"""The process above a command: locks, heartbeat, stop, exit.json, and no orphan, without a server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llada_viz.jobs.job_folder import EXIT, HEARTBEAT, LOCK, STOP, device_lock, is_held, take, write_json
from tests.llada_viz.job_commands import (
    IGNORES_SIGTERM,
    SAVES_ON_SIGTERM,
    SAVES_SLOWLY,
    WAITS_FOR_GO,
    alive,
    environment,
    until,
)


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    made = tmp_path / "runs" / "an id"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def start(folder: str) -> Iterator[Any]:
    """Starts the process on a command; whatever is left of it is killed after the test."""
    started = []

    def start(code: Any, grace: float = 20.0, *more: Any) -> Any:
        argv = [sys.executable, "-c", code, str(folder), *more]
        job = {"argv": argv, "resume_args": ["--resume"], "device": "cpu", "beat": 0.05, "grace": grace}
        write_json(folder / "job.json", job)
        command = [sys.executable, "-m", "llada_viz.jobs.job_process", str(folder)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, env=environment(), start_new_session=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def ended(folder: str) -> Any:
    return json.loads((folder / EXIT).read_text())


def test_importing_it_is_light() -> None:
    code = "import sys, llada_viz.jobs.job_process; print(*{m.split('.')[0] for m in sys.modules})"
    said = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
    loaded = said.stdout.split()
    assert "llada_viz" in loaded and not {"gradio", "torch", "numpy", "pandas", "sqlite3"} & set(loaded)


def test_it_runs_the_command_and_says_how_it_ended(folder: str, start: Any) -> None:
    process = start("print('hello'); raise SystemExit(5)")
    assert process.communicate()[0] == "hello\n" and process.returncode == 0
    said = ended(folder)
    assert (said["code"], said["stopped"], said["killed"]) == (5, False, False)
    assert not is_held(folder / LOCK) and not is_held(device_lock(folder, "cpu"))


def test_the_heart_beats_while_the_command_runs(folder: str, start: Any) -> None:
    process = start(WAITS_FOR_GO)
    until((folder / "begun").exists)
    first = (folder / HEARTBEAT).stat().st_mtime_ns
    until(lambda: (folder / HEARTBEAT).stat().st_mtime_ns > first)
    assert is_held(folder / LOCK) and is_held(device_lock(folder, "cpu"))
    (folder / "go").touch()
    assert process.wait(60) == 0


@pytest.mark.parametrize("way", ["file", "SIGTERM", "SIGINT"])
def test_a_stop_reaches_the_command(folder: str, start: Any, way: str) -> None:
    process = start(SAVES_ON_SIGTERM)
    until((folder / "begun").exists)
    (folder / STOP).touch() if way == "file" else process.send_signal(signal.Signals[way])
    assert process.wait(60) == 0 and (folder / "checkpoint").read_text() == "saved"
    said = ended(folder)
    assert (said["code"], said["stopped"], said["killed"]) == (0, True, False)


def test_after_the_grace_it_kills(folder: str, start: Any) -> None:
    process = start(IGNORES_SIGTERM, grace=0.2)
    until((folder / "begun").exists)
    process.terminate()
    assert process.wait(60) == 0
    said = ended(folder)
    assert (said["code"], said["stopped"], said["killed"]) == (-9, True, True)


def test_m17_the_grace_grows_while_something_is_written(folder: str, start: Any) -> None:
    """Five times the grace passes, and what is written is whole."""
    process = start(SAVES_SLOWLY, 1.0, "50")
    until((folder / "begun").exists)
    process.terminate()
    assert process.wait(60) == 0
    assert not ended(folder)["killed"] and len((folder / "checkpoint").read_text().splitlines()) == 50


def test_m17_it_does_not_grow_for_ever(folder: str, start: Any) -> None:
    process = start(SAVES_SLOWLY, 0.6, "1000")  # a busy machine may stop it for a third of a second
    until((folder / "begun").exists)
    process.terminate()
    assert process.wait(60) == 0
    assert ended(folder)["killed"] and ended(folder)["waited"] >= 6.0


def test_it_waits_for_its_device_and_can_be_stopped_there(folder: str, start: Any) -> None:
    device = device_lock(folder, "cpu")
    device.parent.mkdir()
    held = take(device)
    process = start("print('ran')")
    assert "Waiting for cpu" in process.stdout.readline()
    assert is_held(folder / LOCK)
    process.terminate()
    assert "ran" not in process.communicate()[0]
    assert (ended(folder)["code"], ended(folder)["stopped"]) == (None, True)
    (folder / EXIT).unlink()
    process = start("print('ran')")
    assert "Waiting for cpu" in process.stdout.readline()
    os.close(held)
    assert process.communicate()[0] == "ran\n"


def test_killed_it_takes_the_command_along(folder: str, start: Any) -> None:
    code = "import os, sys, time; f = open(sys.argv[1] + '/pid', 'w'); f.write(str(os.getpid())); f.close()\n"
    process = start(code + WAITS_FOR_GO)
    until((folder / "begun").exists)
    child = int((folder / "pid").read_text())
    assert alive(child)
    process.kill()
    process.wait()
    until(lambda: not alive(child))
    until(lambda: not is_held(device_lock(folder, "cpu")))
    assert not is_held(folder / LOCK) and not (folder / EXIT).exists()


def test_the_command_leaves_no_helper_in_its_group(folder: str, start: Any) -> None:
    code = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        "open(sys.argv[1] + '/pid', 'w').write(str(p.pid)); p.returncode = 0"
    )
    assert start(code).wait(60) == 0
    until(lambda: not alive(int((folder / "pid").read_text())))


def test_the_command_gets_the_usual_signals_and_no_lock_of_the_run(folder: str, start: Any) -> None:
    code = (
        "import os, signal, sys\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.getsignal(signal.SIGTERM).name)\n"
        "files = [os.path.realpath(f'/proc/self/fd/{n}') for n in range(3, 20)]\n"
        "print([os.path.basename(file) for file in files if os.path.exists(file)])"
    )
    assert start(code).communicate()[0].splitlines() == ["set() SIG_DFL", "['cpu.lock']"]


@pytest.mark.slow
def test_one_process_a_folder_and_none_after_the_end(folder: str, start: Any) -> None:
    first = start(WAITS_FOR_GO)
    until((folder / "begun").exists)
    second = start(WAITS_FOR_GO)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 2 and "another process runs this job" in said
    (folder / "go").touch()
    assert first.communicate()[0] == "went\n"
    before = ended(folder)
    third = start(WAITS_FOR_GO)
    assert third.wait(60) == 2 and ended(folder) == before


def test_a_second_start_resumes(folder: str, start: Any) -> None:
    code = "import sys; print(sys.argv[2:])"
    assert start(code).communicate()[0] == "[]\n"
    (folder / EXIT).unlink()
    assert start(code).communicate()[0] == "['--resume']\n"


def test_a_folder_that_holds_no_job(folder: str) -> None:
    command = [sys.executable, "-m", "llada_viz.jobs.job_process"]
    run = {"env": environment(), "capture_output": True, "text": True}
    for arguments, said in (([], "usage"), ([str(folder)], "error: ")):
        process = subprocess.run(command + arguments, **run)
        assert process.returncode == 2 and said in process.stderr and "Traceback" not in process.stderr
