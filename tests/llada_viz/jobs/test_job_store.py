"""Rows that several servers share: hostile text is data, a job is claimed once, errors are sentences."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llada_viz.jobs.job_folder import End
from llada_viz.jobs.job_store import JobStore
from llada_viz.jobs.queue import Jobs
from tests.llada_viz.job_commands import environment

HOSTILE = [
    "'); DROP TABLE jobs; --",
    "<script>alert(1)</script>",
    "../../etc",
    "$(touch x)",
    "a\0b\n\u202e",
    "💥",
]


@pytest.fixture
def jobs(tmp_path: Path) -> Any:
    return Jobs(tmp_path)


def end(store: Any, job_id: Any, state: str = "done") -> None:
    with store.changing() as db:
        db.execute("UPDATE jobs SET state = ? WHERE id = ?", (state, job_id))


def test_hostile_text_is_data(jobs: Any) -> None:
    ids = [jobs.submit(text, text, ["echo", text.replace("\0", "")], {text: [text]}) for text in HOSTILE]
    assert len(set(ids)) == len(HOSTILE) and min(map(len, ids)) >= 22
    for text, job_id in zip(HOSTILE, ids, strict=True):
        job = jobs.get(job_id)
        assert (job.kind, job.title, job.config) == (text, text, {text: [text]})
        assert job.argv == ("echo", text.replace("\0", ""))
        assert job.folder.parent == jobs.store.runs
    for text in HOSTILE:
        for method in (jobs.get, jobs.stop, jobs.resume, jobs.remove):
            with pytest.raises(ValueError, match="is unknown; allowed: the id of a job"):
                method(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"device": "cuda"}, "device = 'cuda'; allowed: cpu, mps, cuda:0"),
        ({"device": "cpu/../x"}, "device = "),
        ({"device": "cuda:٣"}, "device = "),
        ({"argv": []}, "argv is empty"),
        ({"argv": "rm -r x"}, "argv = 'rm -r x'; allowed: a list"),
        ({"argv": ["a", 1]}, "argv has 1"),
        ({"argv": ["a\0b"]}, "without a null character"),
        ({"argv": ["\ud800"]}, "text that UTF-8 can hold"),
        ({"resume_args": "--resume"}, "resume_args = "),
        ({"title": "\ud800"}, "title = "),
        ({"config": {"a": float("nan")}}, "config cannot be stored"),
        ({"config": {"a": object()}}, "config cannot be stored"),
    ],
)
def test_bad_values_are_refused_and_leave_nothing(jobs: Any, change: dict[str, Any], said: str) -> None:
    values = {"kind": "evaluation", "title": "t", "argv": ["true"], "config": {}} | change
    with pytest.raises(ValueError, match=said):
        jobs.submit(**values)
    assert jobs.list() == () and list(jobs.store.runs.iterdir()) == []


def test_files_of_a_command_that_cannot_be_prepared_are_gone(jobs: Any) -> None:
    def prepare(folder: str) -> None:
        (folder / "data.csv").write_text("a,b")
        raise ValueError("rows = 0")

    with pytest.raises(ValueError, match="rows = 0"):
        jobs.submit("evaluation", "t", prepare, {})
    assert jobs.list() == () and list(jobs.store.runs.iterdir()) == []


@pytest.mark.parametrize("name", ["beat", "grace", "start_limit", "tick", "silence"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf")])
def test_intervals_are_checked(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} = {value}; allowed"):
        Jobs(tmp_path, **{name: value})


STATES = {"stop": {"queued", "running", "stopping"}, "resume": {"stopped", "failed", "lost"}}
STATES["remove"] = STATES["resume"] | {"done"}


@pytest.mark.parametrize("method", STATES)
@pytest.mark.parametrize("state", ["queued", "running", "stopping", "done", "failed", "stopped", "lost"])
def test_what_is_allowed_when(jobs: Any, method: Any, state: str) -> None:
    job_id = jobs.submit("evaluation", "t", ["true"], {})
    end(jobs.store, job_id, state)
    if state in STATES[method]:
        getattr(jobs, method)(job_id)
    else:
        with pytest.raises(ValueError, match=f"is {state}; allowed to {method}"):
            getattr(jobs, method)(job_id)
        assert jobs.get(job_id).state == state


def test_removed_is_gone(jobs: Any) -> None:
    ids = [jobs.submit("evaluation", "t", ["true"], {}) for _ in range(3)]
    shutil.rmtree(jobs.get(ids[1]).folder)  # somebody tidied up
    for job_id in ids[:2]:
        jobs.stop(job_id)
        jobs.remove(job_id)
    assert [job.id for job in jobs.list()] == [ids[2]]
    assert [path.name for path in jobs.store.runs.iterdir()] == [ids[2]]


def test_resumed_goes_to_the_end_of_the_queue(jobs: Any) -> None:
    first, second = (jobs.submit("evaluation", t, ["true"], {}) for t in "ab")
    jobs.stop(first)
    jobs.resume(first)
    assert jobs.store.claim().id == second


def test_an_end_that_was_seen_too_late_changes_nothing(jobs: Any) -> None:
    job_id = jobs.submit("evaluation", "t", ["true"], {})
    seen = jobs.store.claim()
    end(jobs.store, job_id, "lost")  # by another server, and resumed, and started again
    jobs.resume(job_id)
    again = jobs.store.claim()
    assert again.attempts == 2
    jobs._settle(seen, End("failed", 1, "", 0.0))
    assert jobs.get(job_id).state == "running"
    jobs._settle(again, End("failed", 1, "", 0.0))
    assert jobs.get(job_id).state == "failed"


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(["cpu", "cuda:0", "cuda:1", "end"]), max_size=12))
def test_one_a_device_and_in_order_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, events: Any
) -> None:
    jobs = Jobs(tmp_path_factory.mktemp("home"))
    queued, running = [], {}
    for event in events:
        if event != "end":
            queued.append((jobs.submit("evaluation", "t", ["true"], {}, event), event))
        elif running:
            end(jobs.store, running.pop(min(running)))
        free = [(job_id, device) for job_id, device in queued if device not in running]
        claimed = jobs.store.claim()
        assert (claimed.id if claimed else None) == (free[0][0] if free else None)
        if claimed:
            queued.remove(free[0])
            running[claimed.device] = claimed.id


def test_many_claim_at_once_and_each_job_goes_to_one(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    ids = [jobs.submit("evaluation", "t", ["true"], {}, f"cuda:{n % 2}") for n in range(24)]
    claims, crowded = [], []

    def claim() -> None:
        store = JobStore(tmp_path)
        while len(claims) < len(ids):
            if job := store.claim():
                claims.append(job.id)
                with store.reading() as db:
                    running = db.execute("SELECT device FROM jobs WHERE state = 'running'").fetchall()
                crowded.append(len(running) > len({row[0] for row in running}))
                end(store, job.id)

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Counter(claims) == Counter(ids) and not any(crowded)


def test_many_open_a_new_home_at_once(tmp_path: Path) -> None:
    code = "import sys, pathlib, llada_viz.jobs.job_store as s; s.JobStore(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command, env=environment()) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6


def test_the_file_is_wal_and_has_a_version(jobs: Any) -> None:
    with jobs.store.reading() as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(ValueError, match="schema version = 7; allowed: 1"):
        Jobs(jobs.store.path.parent)


def test_a_failed_change_is_undone(jobs: Any) -> None:
    job_id = jobs.submit("evaluation", "t", ["true"], {})
    with pytest.raises(OSError, match="list of jobs .* cannot be used: CHECK"), jobs.store.changing() as db:
        db.execute("UPDATE jobs SET title = 'new' WHERE id = ?", (job_id,))
        db.execute("UPDATE jobs SET state = 'nonsense' WHERE id = ?", (job_id,))
    assert jobs.get(job_id).title == "t"


def test_homes_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite3").write_text("this is not a database, however long one looks at it")
    (tmp_path / "file").write_text("")
    for home in (tmp_path, tmp_path / "file", tmp_path / "missing"):
        with pytest.raises(OSError, match="the list of jobs .* cannot be used: "):
            JobStore(home)


def test_a_full_disk_is_a_sentence_and_leaves_the_list_whole(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from llada_viz.jobs.queue import Jobs
jobs = Jobs(Path(sys.argv[1]))
jobs.submit("evaluation", "small", ["true"], {})
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # no file may grow beyond
for size in (50_000, 5_000_000):  # the database is full; the folder is
    try:
        jobs.submit("evaluation", "big", ["true"], {"text": "x" * size})
    except OSError as error:
        print(error)
print([job.title for job in jobs.list()], len(list(jobs.store.runs.iterdir())))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert done.stderr == "" and len(lines) == 3
    assert "the list of jobs" in lines[0] and "File too large" in lines[1]
    assert lines[2] == "['small'] 1"
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite3")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
