"""A job's run folder: the files through which its process and the servers talk to each other. There is no
other connection, so any of them may die without the others.

    job.json       what to run, written once (by the server)
    lock           an flock held as long as the job's process lives: the kernel frees it, even after
                   kill -9 or a power cut, and unlike a process id it is never somebody else's
    heartbeat      touched every `beat` seconds, to show that the process lives
    process.json   the last start of the command; when it exists, the next start is a resumption
    stop           its existence asks for a stop (by the server)
    exit.json      how it ended; written in one piece, before the lock is freed
    log.txt        standard output and error of the process and of the command

Whatever else is in it, the command wrote. `end_of` relies on the order: the lock is taken, then the first
heartbeat, then exit.json, then the lock is freed. POSIX only.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.whole_file import write_whole

JOB, LOG, LOCK, HEARTBEAT = "job.json", "log.txt", "lock", "heartbeat"
PROCESS, STOP, EXIT = "process.json", "stop", "exit.json"
TAG = "LLADA_VIZ_JOB"  # environment variable with the job's id, on its process and all below it


@dataclass(frozen=True)
class End:
    """How a job ended: state, exit code (-n: signal n), a sentence or '', seconds since 1970."""

    state: str
    code: int | None
    note: str
    ended: float


def write_json(path: Path, value: Any) -> None:
    """Write a value as a JSON file, whole or not at all."""
    write_whole(path, json.dumps(value, indent=1) + "\n")


def device_lock(run_folder: Path, device: str) -> Path:
    """The lock that every job on `device` takes."""
    return run_folder.parents[1] / "locks" / f"{device}.lock"


def take(path: Path) -> int | None:
    """A descriptor that holds the lock, or None while another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def is_held(path: Path) -> bool:
    """Whether a process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough if a fork just copied it
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def kill_all_of(job_id: str) -> None:
    """SIGKILL whatever runs for this job: every process whose environment has its tag.

    Linux only; elsewhere a command that outlives this process keeps its device locked until it
    ends. A process descriptor is opened before the tag is read, so that no other process that got
    the same id in between can be hit.
    """
    tag = f"{TAG}={job_id}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # ended meanwhile, or another user's
            descriptor = os.pidfd_open(int(process.name))
            try:
                if tag in (process / "environ").read_bytes().split(b"\0"):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)


def last_beat(folder: Path) -> float | None:
    """When the heartbeat was touched last, in seconds since 1970; None before the first."""
    try:
        return (folder / HEARTBEAT).stat().st_mtime
    except FileNotFoundError:
        return None


def end_of(folder: Path, started: float, start_limit: float) -> End | None:
    """How a job that was started at `started` ended; None while it runs or may yet begin.

    Reading heartbeat, lock and exit.json in this order leaves no moment at which a job that has
    just begun, or just ended, looks lost. start_limit: seconds that it may take to begin.
    """
    beat = last_beat(folder)
    if is_held(folder / LOCK):
        return None
    if (folder / EXIT).exists():
        try:
            return _read_end(folder / EXIT)
        except (ValueError, KeyError, TypeError) as error:
            return End("lost", None, f"{EXIT} cannot be read: {error!r}.", time.time())
    if beat is not None:
        note = "Its process is gone and did not say how it ended: killed, or the machine went down."
        return End("lost", None, note, beat)
    if time.time() - started > start_limit:
        return End("lost", None, "It was started, but its process never began.", time.time())
    return None


def _read_end(path: Path) -> End:
    """What exit.json says, with a sentence where the state alone does not tell."""
    record = json.loads(path.read_text(encoding="utf-8"))
    code, note, ended = record["code"], record["note"], float(record["ended"])
    if record["stopped"]:
        after = f" after {record['waited']:.0f} s" if record.get("waited") is not None else ""
        return End("stopped", code, f"Stopped hard{after}." if record["killed"] else note, ended)
    if code == 0:
        return End("done", 0, note, ended)
    how = f"ended with exit code {code}"
    if code < 0:
        how = f"was ended by signal {-code}"
        if code == -signal.SIGKILL:
            how += " (SIGKILL; the machine may have run out of memory)"
    return End("failed", code, note or f"The command {how}; the log says more.", ended)
