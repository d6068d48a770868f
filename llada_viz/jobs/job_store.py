"""Jobs as rows of an SQLite file that several servers may share."""

from __future__ import annotations

import fcntl
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
WAIT_S = 10.0  # for another connection that is writing
ACTIVE = ("running", "stopping")
ENDED = ("done", "failed", "stopped", "lost")
STATES = ("queued", *ACTIVE, *ENDED)
SCHEMA = f"""
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, title TEXT NOT NULL, device TEXT NOT NULL,
    argv TEXT NOT NULL, resume_args TEXT NOT NULL, config TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN {STATES}), place INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, started REAL, ended REAL,
    code INTEGER, note TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX one_active_job_a_device ON jobs (device) WHERE state IN {ACTIVE};
PRAGMA user_version = {SCHEMA_VERSION};
"""


@dataclass(frozen=True)
class Job:
    """One job as it was when read. Times are seconds since 1970; `note` is a sentence or ''."""

    id: str
    kind: str
    title: str
    device: str
    argv: tuple[str, ...]
    resume_args: tuple[str, ...]  # added to argv when the command is started again
    config: Any
    state: str  # one of STATES
    place: int  # the lowest queued one starts next
    attempts: int  # starts so far
    created: float
    started: float | None  # the last start
    ended: float | None
    code: int | None  # exit code of the command; -n: ended by signal n
    note: str
    folder: Path

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def can_resume(self) -> bool:
        return self.has_ended and self.state != "done"


class JobStore:
    """The table of jobs. Each call opens its own connection, so that any thread may call. OSError: the file
    cannot be used."""

    def __init__(self, home: Path) -> None:
        home = home.resolve()  # jobs do not run in the folder that we run in
        self.path = home / "jobs.sqlite3"
        self.runs = home / "runs"
        try:
            self.runs.mkdir(mode=0o700, exist_ok=True)
            with (home / "schema.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # switching to WAL does not wait for others
                self._make()
        except (OSError, sqlite3.Error) as error:
            raise self._trouble(error) from error

    def _make(self) -> None:
        with closing(self._connect()) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, SCHEMA_VERSION):
                raise ValueError(f"{self.path}: schema version = {version}; allowed: {SCHEMA_VERSION}")
            if version == 0:
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)
        db.row_factory = sqlite3.Row
        return db

    def _trouble(self, error: Exception) -> OSError:
        return OSError(f"the list of jobs {str(self.path)!r} cannot be used: {error}")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Each statement sees the newest state."""
        try:
            with closing(self._connect()) as db:
                yield db
        except sqlite3.Error as error:
            raise self._trouble(error) from error

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction: nobody else writes meanwhile, and an exception undoes it."""
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def job(self, row: sqlite3.Row) -> Job:
        """A row as a Job."""
        values = dict(row)
        for name in ("argv", "resume_args"):
            values[name] = tuple(json.loads(values[name]))
        values["config"] = json.loads(values["config"])
        return Job(**values, folder=self.runs / values["id"])

    def one(self, db: sqlite3.Connection, job_id: str) -> Job:
        """The job with this id; ValueError when there is none."""
        row = db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise ValueError(f"job = {job_id!r} is unknown; allowed: the id of a job in the list")
        return self.job(row)

    def add(self, values: Mapping[str, Any]) -> None:
        """A new row at the end of the queue. values: column -> what it holds."""
        marks = ", ".join(f":{name}" for name in values)
        with self.changing() as db:
            db.execute(
                f"INSERT INTO jobs ({', '.join(values)}, state, place)"
                f" VALUES ({marks}, 'queued', (SELECT coalesce(max(place), 0) + 1 FROM jobs))",
                values,
            )

    def claim(self) -> Job | None:
        """The next queued job whose device is free, now `running`; None when there is none.

        However many servers call this at once, only one of them gets a job.
        """
        with self.changing() as db:
            rows = db.execute(
                "UPDATE jobs SET state = 'running', attempts = attempts + 1, started = ?"
                " WHERE id = (SELECT id FROM jobs AS waiting WHERE state = 'queued' AND NOT EXISTS"
                f" (SELECT 1 FROM jobs WHERE device = waiting.device AND state IN {ACTIVE})"
                " ORDER BY place LIMIT 1) RETURNING *",
                (time.time(),),
            ).fetchall()
        return self.job(rows[0]) if rows else None
