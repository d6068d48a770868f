"""Jobs: processes that outlive servers, one a device, each started once, none written to by two."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llada_viz.jobs.job_folder import device_lock, is_held, kill_all_of
from llada_viz.jobs.queue import Jobs
from tests.llada_viz.job_commands import (
    IGNORES_SIGTERM,
    QUICK,
    SAVES_ON_SIGTERM,
    WAITS_FOR_GO,
    WRITES_ON,
    alive,
    begun,
    environment,
    python,
    tick_until,
    until,
)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Any]:
    made = Jobs(tmp_path, **QUICK)
    yield made
    made.close()
    for job in made.list():
        kill_all_of(job.id)


def log(jobs: Any, job_id: Any) -> Any:
    return (jobs.get(job_id).folder / "log.txt").read_text()


def test_a_command_runs_to_its_end(jobs: Any) -> None:
    code = "import os, sys; print('out', os.environ['PYTHONUNBUFFERED']); print('err', file=sys.stderr)"
    job_id = jobs.submit("evaluation", "a title", python(code), {"rows": 3})
    assert jobs.get(job_id).state == "queued" and jobs.get(job_id).started is None
    tick_until(jobs, job_id, "done")
    job = jobs.get(job_id)
    assert (job.code, job.note, job.attempts, job.config) == (0, "", 1, {"rows": 3})
    assert job.created <= job.started <= job.ended <= time.time()
    assert sorted(log(jobs, job_id).split()) == ["1", "err", "out"]
    assert json.loads((job.folder / "job.json").read_text())["config"] == {"rows": 3}


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("raise SystemExit(3)", 3, "exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", -9, "signal 9"),
        ("import os; os.kill(os.getpid(), 40)", -40, "signal 40"),
    ],
)
def test_a_failing_command(jobs: Any, code: str, exit_code: int, said: str) -> None:
    job_id = jobs.submit("evaluation", "t", python(code), {})
    tick_until(jobs, job_id, "failed")
    assert jobs.get(job_id).code == exit_code and said in jobs.get(job_id).note


def test_a_command_that_does_not_exist(jobs: Any) -> None:
    job_id = jobs.submit("evaluation", "t", ["/no/such/program"], {})
    tick_until(jobs, job_id, "failed")
    assert jobs.get(job_id).code == 127 and "/no/such/program" in jobs.get(job_id).note


def test_stop_then_resume_in_the_same_folder(jobs: Any) -> None:
    second = "import sys; print(sys.argv[2:], open(sys.argv[1] + '/checkpoint').read())"
    code = f"import sys\nif sys.argv[2:]:\n    {second}\nelse:\n    exec({SAVES_ON_SIGTERM!r})"
    job_id = jobs.submit("training", "t", python(code), {}, resume_args=["--resume"])
    folder = begun(jobs, job_id)
    jobs.stop(job_id)
    jobs.stop(job_id)  # a second click changes nothing
    assert jobs.get(job_id).state == "stopping"
    tick_until(jobs, job_id, "stopped")
    assert (folder / "checkpoint").read_text() == "saved" and jobs.get(job_id).code == 0
    jobs.resume(job_id)
    assert jobs.get(job_id).state == "queued" and jobs.get(job_id).ended is None
    tick_until(jobs, job_id, "done")
    job = jobs.get(job_id)
    assert job.folder == folder and job.attempts == 2
    assert log(jobs, job_id).splitlines() == ["saved", "['--resume'] saved"]
    assert json.loads((folder / "process.json").read_text())["command"] == [*job.argv, "--resume"]


def test_a_command_that_ignores_the_stop_is_killed(tmp_path: Path, jobs: Any) -> None:
    hasty = Jobs(tmp_path, **QUICK | {"grace": 0.3})
    job_id = hasty.submit("evaluation", "t", python(IGNORES_SIGTERM), {})
    begun(hasty, job_id)
    hasty.stop(job_id)
    tick_until(hasty, job_id, "stopped")
    assert hasty.get(job_id).code == -9 and "Stopped hard after" in hasty.get(job_id).note


def test_what_is_queued_is_stopped_at_once_and_starts_afresh(jobs: Any) -> None:
    job_id = jobs.submit("evaluation", "t", python("import sys; print(sys.argv[2:])"), {}, resume_args=["-r"])
    jobs.stop(job_id)
    assert jobs.get(job_id).state == "stopped" and jobs.get(job_id).attempts == 0
    jobs.tick()
    assert jobs.get(job_id).state == "stopped"
    jobs.resume(job_id)
    tick_until(jobs, job_id, "done")
    assert log(jobs, job_id) == "[]\n"  # it had never begun: nothing to resume


def test_one_job_a_device_in_order(jobs: Any) -> None:
    ids = [jobs.submit("evaluation", str(n), python(WAITS_FOR_GO), {}) for n in range(3)]
    other = jobs.submit("evaluation", "other", python(WAITS_FOR_GO), {}, device="cuda:0")
    begun(jobs, ids[0])
    begun(jobs, other)  # at the same time as the first
    for first, second in zip(ids, ids[1:], strict=False):
        jobs.tick()
        assert jobs.get(first).state == "running" and jobs.get(second).state == "queued"
        (jobs.get(first).folder / "go").touch()
        tick_until(jobs, first, "done")
        begun(jobs, second)
        assert jobs.get(second).started >= jobs.get(first).ended
    assert [job.title for job in jobs.list()] == ["other", "2", "1", "0"]


@pytest.mark.parametrize("victim", [0, 1])  # the job's process; its whole process group
def test_a_killed_process_is_lost_and_leaves_nothing_behind(jobs: Any, victim: int) -> None:
    job_id = jobs.submit("evaluation", "t", python(WRITES_ON), {})
    folder = begun(jobs, job_id)
    pids = [int(word) for word in (folder / "begun").read_text().split()]
    assert all(map(alive, pids))
    (os.killpg if victim else os.kill)(pids[0], signal.SIGKILL)
    tick_until(jobs, job_id, "lost")
    assert "gone" in jobs.get(job_id).note and jobs.get(job_id).ended <= time.time()
    until(lambda: not any(map(alive, pids)))
    until(lambda: not is_held(device_lock(folder, "cpu")))
    sizes = [(folder / name).stat().st_size for name in ("rows", "helper")]
    time.sleep(0.2)
    assert sizes == [(folder / name).stat().st_size for name in ("rows", "helper")]
    (folder / "begun").unlink()
    jobs.resume(job_id)
    begun(jobs, job_id)


def test_another_process_with_the_same_number_is_not_taken_for_ours(jobs: Any) -> None:
    job_id = jobs.submit("evaluation", "t", python(WRITES_ON), {})
    folder = begun(jobs, job_id)
    os.kill(int((folder / "begun").read_text().split()[0]), signal.SIGKILL)
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = json.loads((folder / "process.json").read_text())
    (folder / "process.json").write_text(json.dumps(started | {"pid": bystander.pid}))
    (folder / "heartbeat").touch()
    tick_until(jobs, job_id, "lost")
    jobs.resume(job_id)
    tick_until(jobs, job_id, "running")
    jobs.stop(job_id)
    tick_until(jobs, job_id, "stopped")
    assert bystander.poll() is None
    bystander.communicate(b"\n")
    assert bystander.returncode == 0


def test_a_process_that_hangs_is_killed_and_lost(tmp_path: Path, jobs: Any) -> None:
    strict = Jobs(tmp_path, **QUICK, silence=1.0)
    job_id = strict.submit("evaluation", "t", python(WRITES_ON), {})
    folder = begun(strict, job_id)
    pids = [int(word) for word in (folder / "begun").read_text().split()]
    os.kill(pids[0], signal.SIGSTOP)
    for _ in range(3):
        strict.tick()
    assert strict.get(job_id).state == "running"
    tick_until(strict, job_id, "lost")
    assert "No sign of life" in strict.get(job_id).note
    until(lambda: not any(map(alive, pids)))


def test_a_machine_that_was_asleep_does_not_lose_its_jobs(tmp_path: Path, jobs: Any) -> None:
    strict = Jobs(tmp_path, **QUICK, silence=0.8)
    code = "import os, sys; open(sys.argv[1] + '/parent', 'w').write(str(os.getppid()))\n" + WAITS_FOR_GO
    job_id = strict.submit("evaluation", "t", python(code), {})
    folder = begun(strict, job_id)
    process = int((folder / "parent").read_text())
    os.kill(process, signal.SIGSTOP)
    strict.tick()
    time.sleep(1.2)  # everything stood still
    strict.tick()
    assert strict.get(job_id).state == "running"
    os.kill(process, signal.SIGCONT)
    (folder / "go").touch()
    tick_until(strict, job_id, "done")


def test_a_process_that_never_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jobs: Any) -> None:
    late = Jobs(tmp_path, **QUICK, start_limit=0.2)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    job_id = late.submit("evaluation", "t", ["true"], {})
    tick_until(late, job_id, "lost")
    assert "never began" in late.get(job_id).note


def test_a_process_that_cannot_be_started(jobs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/python")
    job_id = jobs.submit("evaluation", "t", ["true"], {})
    tick_until(jobs, job_id, "failed")
    assert "/no/python" in jobs.get(job_id).note


@pytest.mark.parametrize("ends_before", [False, True])
def test_a_killed_server_and_the_next(tmp_path: Path, jobs: Any, ends_before: bool) -> None:
    server = f"""
import sys, time
from pathlib import Path
from llada_viz.jobs.queue import Jobs
jobs = Jobs(Path(sys.argv[1]), beat=0.05, tick=0.05)
argv = lambda folder: [sys.executable, "-c", {WAITS_FOR_GO!r}, str(folder)]
print(jobs.submit("evaluation", "t", argv, {{}}), flush=True)
jobs.watch()
time.sleep(100)
"""
    arguments = [sys.executable, "-c", server, str(tmp_path)]
    ways = {"stdout": subprocess.PIPE, "text": True, "env": environment(), "start_new_session": True}
    with subprocess.Popen(arguments, **ways) as first:
        job_id = first.stdout.readline().strip()
        folder = jobs.get(job_id).folder
        until((folder / "begun").exists)
        os.killpg(first.pid, signal.SIGKILL)  # and all that did not leave its process group
    if ends_before:
        (folder / "go").touch()
        until((folder / "exit.json").exists)
    second = Jobs(tmp_path, **QUICK)
    if not ends_before:
        second.tick()
        assert second.get(job_id).state == "running"
        (folder / "go").touch()
    tick_until(second, job_id, "done")
    assert second.get(job_id).attempts == 1 and log(second, job_id) == "went\n"


def test_the_watcher_does_it_alone(jobs: Any) -> None:
    jobs.watch()
    jobs.watch()
    ids = [jobs.submit("evaluation", "t", python("print(1)"), {}) for _ in range(2)]
    until(lambda: all(jobs.get(job_id).state == "done" for job_id in ids))


@pytest.mark.slow
def test_two_servers_start_every_job_once(tmp_path: Path, jobs: Any) -> None:
    devices = ["cpu", "cuda:0", "cuda:1"]
    command = ["/bin/sh", "-c", 'echo start >> "$0/starts"; sleep 0.1; echo end >> "$0/starts"']
    ids = [
        jobs.submit("evaluation", str(n), lambda folder: [*command, str(folder)], {}, devices[n % 3])
        for n in range(15)
    ]
    server = """
import sys, time
from pathlib import Path
from llada_viz.jobs.queue import Jobs
jobs = Jobs(Path(sys.argv[1]), beat=0.05)
while any(not job.has_ended for job in jobs.list()):
    jobs.tick()
    time.sleep(0.01)
"""
    arguments = [sys.executable, "-c", server, str(tmp_path)]
    others = [subprocess.Popen(arguments, env=environment()) for _ in range(2)]
    assert [process.wait(120) for process in others] == [0, 0]
    ended = [jobs.get(job_id) for job_id in ids]
    assert {(job.state, job.attempts) for job in ended} == {("done", 1)}
    assert {(job.folder / "starts").read_text() for job in ended} == {"start\nend\n"}
    for device in devices:
        mine = [job for job in ended if job.device == device]
        assert all(a.ended <= b.started for a, b in zip(mine, mine[1:], strict=False))
