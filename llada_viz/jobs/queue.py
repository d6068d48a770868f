"""Background jobs: processes that go on when their browser tab is closed or their server ends.

A job is a row of the job store (what shall become of it), a folder under the home's `runs/` (what has become
of it) and, while it runs, a `llada_viz.jobs.job_process` with the job's command as its child. All that
matters is in the row and the folder, nothing in a server's memory. So several servers can look after the
same jobs, and a server that starts finds those of the one before.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from llada_viz.jobs.home import PROGRAM
from llada_viz.jobs.job_folder import (
    EXIT,
    HEARTBEAT,
    JOB,
    LOG,
    STOP,
    TAG,
    End,
    end_of,
    kill_all_of,
    last_beat,
    write_json,
)
from llada_viz.jobs.job_store import Job, JobStore

LOGGER = logging.getLogger(__name__)
DEVICE = re.compile(r"cpu|mps|cuda:[0-9]{1,3}")
Argv = Sequence[str] | Callable[[Path], Sequence[str]]


class Jobs:
    """The jobs of one home folder. Every method may be called from any thread and any process.

    All in seconds. beat: between two heartbeats of a job, and between two checks of its stop file. grace:
    from SIGTERM to SIGKILL; it begins again when the job writes a file. silence: without a heartbeat, counted
    while this server watched, until a job is killed and called lost. start_limit: until a job's process must
    have begun. tick: between two rounds of `watch`.
    """

    def __init__(
        self,
        home: Path,
        *,
        beat: float = 1.0,
        grace: float = 60.0,
        silence: float = 60.0,
        start_limit: float = 60.0,
        tick: float = 1.0,
    ) -> None:
        for name, value in {"beat": beat, "grace": grace, "start_limit": start_limit, "tick": tick}.items():
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} = {value}; allowed: a number of seconds above 0")
        if not 2 * beat <= silence < float("inf"):
            raise ValueError(f"silence = {silence}; allowed: seconds, at least two beats of {beat}")
        self.store = JobStore(home)
        self.beat, self.grace, self.silence = beat, grace, silence
        self.start_limit, self.seconds_a_tick = start_limit, tick
        # job id -> (last heartbeat, seconds watched without a new one, when this was last checked)
        self._beats: dict[str, tuple[float | None, float, float]] = {}
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    def submit(
        self,
        kind: str,
        title: str,
        argv: Argv,
        config: Mapping[str, Any],
        device: str = "cpu",
        resume_args: Sequence[str] = (),
    ) -> str:
        """Queue a job and return its id, which cannot be guessed.

        argv: the command, or a function that is given the job's new folder, may put files there
        and returns the command. It runs in the program's folder, without a shell, and gets
        `resume_args` added when it is started again. config: a snapshot, stored as JSON.
        ValueError: a bad value. OSError: the home cannot be written.
        """
        if not DEVICE.fullmatch(device):
            raise ValueError(f"device = {device!r}; allowed: cpu, mps, cuda:0, cuda:1, …")
        job_id = secrets.token_urlsafe(18)
        folder = self.store.runs / job_id
        try:
            folder.mkdir(mode=0o700)
            command = argv(folder) if callable(argv) else argv
            values = {"id": job_id, "kind": kind, "title": title, "device": device, "created": time.time()}
            values |= {"argv": _words(command, "argv"), "resume_args": _words(resume_args, "resume_args")}
            if not command:
                raise ValueError("argv is empty; allowed: a program and its arguments")
            values["config"] = _plain(config)
            write_json(folder / JOB, values | {"beat": self.beat, "grace": self.grace})
            self.store.add({name: _column(value, name) for name, value in values.items()})
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return job_id

    def list(self) -> tuple[Job, ...]:
        """All jobs, the newest first."""
        with self.store.reading() as db:
            rows = db.execute("SELECT * FROM jobs ORDER BY created DESC, rowid DESC").fetchall()
        return tuple(self.store.job(row) for row in rows)

    def get(self, job_id: str) -> Job:
        """One job; ValueError when there is none with this id."""
        with self.store.reading() as db:
            return self.store.one(db, job_id)

    def stop(self, job_id: str) -> None:
        """Ask a job to end: SIGTERM, and SIGKILL after the grace. A queued one never starts.

        ValueError: it has ended.
        """
        with self.store.changing() as db:
            job = self.store.one(db, job_id)
            if job.state == "queued":
                note = "Cancelled."
                db.execute(
                    "UPDATE jobs SET state = 'stopped', note = ?, ended = ? WHERE id = ?",
                    (note, time.time(), job_id),
                )
            elif job.has_ended:
                raise ValueError(f"job = {job_id!r} is {job.state}; allowed to stop: queued or running")
            else:
                (job.folder / STOP).touch()
                db.execute("UPDATE jobs SET state = 'stopping' WHERE id = ?", (job_id,))

    def resume(self, job_id: str) -> None:
        """Queue a job again: the same command, plus its resume_args, in the same folder.

        ValueError: it is done, or has not ended.
        """
        with self.store.changing() as db:
            job = self.store.one(db, job_id)
            if not job.can_resume:
                raise ValueError(f"job = {job_id!r} is {job.state}; allowed to resume: stopped, failed, lost")
            kill_all_of(job_id)  # helpers that left the command's process group
            for name in (EXIT, STOP, HEARTBEAT):
                (job.folder / name).unlink(missing_ok=True)
            db.execute(
                "UPDATE jobs SET state = 'queued', code = NULL, note = '', ended = NULL,"
                " place = (SELECT max(place) + 1 FROM jobs) WHERE id = ?",
                (job_id,),
            )

    def remove(self, job_id: str) -> None:
        """Forget a job that has ended, and delete its folder. ValueError: it has not ended."""
        with self.store.changing() as db:
            job = self.store.one(db, job_id)
            if not job.has_ended:
                raise ValueError(f"job = {job_id!r} is {job.state}; allowed to remove: what has ended")
            with suppress(FileNotFoundError):
                shutil.rmtree(job.folder)
            db.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def reconcile(self) -> None:
        """Update the row of every running job from its folder: has it ended, or gone silent?"""
        with self.store.reading() as db:
            rows = db.execute("SELECT * FROM jobs WHERE state IN ('running', 'stopping')").fetchall()
        for job in map(self.store.job, rows):
            end = end_of(job.folder, job.started or 0.0, self.start_limit)
            if end is None and (silent := self._silent_for(job)) > self.silence:
                end = End("lost", None, f"No sign of life for {silent:.0f} s.", time.time())
            if end is not None:
                self._settle(job, end)

    def tick(self) -> None:
        """Reconcile, then start what is queued on free devices."""
        self.reconcile()
        with self.store.reading() as db:
            waiting = db.execute("SELECT 1 FROM jobs WHERE state = 'queued'").fetchone()
        while waiting and (job := self.store.claim()) is not None:
            try:
                self._start(job)
            except OSError as error:
                self._settle(job, End("failed", None, f"It could not be started: {error}.", time.time()))

    def watch(self) -> None:
        """Tick in a background thread until `close`."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="jobs", daemon=True)
            self._watcher.start()

    def close(self) -> None:
        """End the background thread. Jobs go on."""
        self._closing.set()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self) -> None:
        while not self._closing.wait(self.seconds_a_tick):
            try:
                self.tick()
            except Exception:  # a thread that ended here would leave the queue waiting for ever
                LOGGER.exception("jobs cannot be looked after; the next try is in a moment")

    def _start(self, job: Job) -> None:
        """Start the job's process without waiting for it. Only for a job that this server has claimed."""
        environment = os.environ | {"PYTHONUNBUFFERED": "1", TAG: job.id}
        with (job.folder / LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "llada_viz.jobs.job_process", str(job.folder)],
                cwd=PROGRAM,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        # Without a wait for it, an ended child would stay in the process table (a "zombie").
        threading.Thread(target=process.wait, name=f"reap {process.pid}", daemon=True).start()

    def _silent_for(self, job: Job) -> float:
        """Seconds that this server has watched a job without seeing a new heartbeat.

        Between two checks at most a quarter of `silence` is counted, so that neither a machine that slept nor
        a change of its clock makes a job look silent.
        """
        beat, now = last_beat(job.folder), time.monotonic()
        last, silent, looked = self._beats.get(job.id, (beat, 0.0, now))
        silent = silent + min(now - looked, self.silence / 4) if beat == last else 0.0
        self._beats[job.id] = (beat, silent, now)
        return silent

    def _settle(self, job: Job, end: End) -> None:
        """Record how a job ended, unless another server already has (and perhaps started it again)."""
        self._beats.pop(job.id, None)
        with self.store.changing() as db:
            changed = db.execute(
                "UPDATE jobs SET state = ?, code = ?, note = ?, ended = ?"
                " WHERE id = ? AND attempts = ? AND state IN ('running', 'stopping')",
                (end.state, end.code, end.note, end.ended, job.id, job.attempts),
            )
            if changed.rowcount and end.state == "lost":
                kill_all_of(job.id)


def _words(command: Sequence[str], name: str) -> Sequence[str]:
    """A command's words, checked: a list of texts that can be arguments of a process."""
    if isinstance(command, str):
        raise ValueError(f"{name} = {command!r}; allowed: a list of texts; no shell would split it")
    for word in command:
        if not isinstance(word, str) or "\0" in word:
            raise ValueError(f"{name} has {word!r}; allowed: texts without a null character")
    return [_text(word, name) for word in command]


def _text(value: str, name: str) -> str:
    """The text, if UTF-8 can hold it."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} = {value!r}; allowed: text that UTF-8 can hold") from error
    return value


def _plain(config: Mapping[str, Any]) -> Any:
    """A copy of the config as JSON holds it."""
    try:
        return json.loads(json.dumps(dict(config), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"config cannot be stored: {error}; allowed: JSON without NaN") from error


def _column(value: Any, name: str) -> Any:
    """A value as its column holds it: lists and dicts as JSON."""
    if isinstance(value, list | dict):
        return json.dumps(value)
    return _text(value, name) if isinstance(value, str) else value
