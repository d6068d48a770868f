"""`python -m llada_viz.jobs.job_process RUN_FOLDER`: runs one job's command and says how it ended.

It outlives the server that started it. The command dies with it, and inherits the lock of its
device: until the command is gone altogether, nothing else starts on that device. A job always has
the same device, so nothing else starts in this folder either. What the files in the folder mean:
`llada_viz.jobs.job_folder`.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from llada_viz.jobs.job_folder import (
    EXIT,
    HEARTBEAT,
    JOB,
    LOCK,
    LOG,
    PROCESS,
    STOP,
    device_lock,
    take,
    write_json,
)

PATIENT = 10  # a command that goes on saving after SIGTERM has at most this many times its grace
LOCK_PATIENCE = 2.0  # seconds to try: whoever looks whether a lock is held holds it for a moment
NOT_STARTED = 127  # exit code of a command that could not be started, as in a shell
PR_SET_PDEATHSIG = 1  # prctl(2)


def _die_with_parent() -> Callable[[], None]:
    """What a child does before exec so that it is killed when this process is."""
    parent = os.getpid()
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def before_exec() -> None:
        if prctl is not None and prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != parent:  # it died before it could be watched
            os.kill(os.getpid(), signal.SIGKILL)

    return before_exec


class JobProcess:
    """One job, from its locks to its exit.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job: dict[str, Any] = json.loads((folder / JOB).read_text(encoding="utf-8"))
        self.beat: float = self.job["beat"]
        self.signalled = False

    def run(self) -> bool:
        """Run the job; False when another process runs it or it has ended already."""
        if not self._take_run():
            return False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        device = self._take_device()
        if device is None:
            ended = {"code": None, "stopped": True, "killed": False, "note": ""}
        else:
            ended = self._run_command(device)
        write_json(self.folder / EXIT, ended | {"ended": time.time()})
        return True

    def _on_signal(self, *_: object) -> None:
        self.signalled = True

    def _asked_to_stop(self) -> bool:
        return self.signalled or (self.folder / STOP).exists()

    def _take_run(self) -> bool:
        """Take the run's lock; it is kept until this process ends."""
        give_up = time.monotonic() + LOCK_PATIENCE
        while take(self.folder / LOCK) is None:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.05)
        if (self.folder / EXIT).exists():
            return False
        (self.folder / HEARTBEAT).touch()
        return True

    def _take_device(self) -> int | None:
        """Wait for the device; None when asked to stop before it was free."""
        path = device_lock(self.folder, self.job["device"])
        path.parent.mkdir(exist_ok=True)
        announced = False
        while not self._asked_to_stop():
            if (descriptor := take(path)) is not None:
                return descriptor
            if not announced:
                print(f"Waiting for {self.job['device']}: another process holds {path}.", flush=True)
                announced = True
            (self.folder / HEARTBEAT).touch()
            time.sleep(self.beat)
        return None

    def _run_command(self, device: int) -> dict[str, Any]:
        """Start the command and stay with it until it and its process group are gone."""
        resumed = (self.folder / PROCESS).exists()
        command = self.job["argv"] + (self.job["resume_args"] if resumed else [])
        try:
            # Its own process group: a stop is sent to the command, not to its helpers (data loaders).
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                process_group=0,
                pass_fds=[device],
                preexec_fn=_die_with_parent(),
            )
        except (OSError, subprocess.SubprocessError) as error:
            note = f"{command[0]!r} could not be started: {error}"
            print(note, flush=True)
            return {"code": NOT_STARTED, "stopped": False, "killed": False, "note": note}
        try:
            started = {"command": command, "pid": child.pid, "started": time.time()}
            write_json(self.folder / PROCESS, started)
            return self._wait(child)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    def _wait(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Touch the heartbeat until the child ends. When a stop is asked for: SIGTERM, and after the grace
        SIGKILL. The grace begins again whenever a file was written, for PATIENT graces in all at most."""
        asked_at = deadline = float("inf")
        written: set[Fact] = set()
        waited = None  # seconds from SIGTERM to SIGKILL
        while True:
            with suppress(subprocess.TimeoutExpired):
                code = child.wait(timeout=self.beat)
                return {"code": code, "stopped": asked_at < float("inf"), "killed": waited is not None,
                        "waited": waited, "note": ""}  # fmt: skip
            (self.folder / HEARTBEAT).touch()
            now, grace = time.monotonic(), self.job["grace"]
            if asked_at == float("inf"):
                if self._asked_to_stop():
                    child.terminate()
                    asked_at, deadline, written = now, now + grace, written_in(self.folder)
                continue
            if (fresh := written_in(self.folder)) != written:
                deadline, written = min(now + grace, asked_at + PATIENT * grace), fresh
            if waited is None and now >= deadline:
                waited = round(now - asked_at, 1)
                os.killpg(child.pid, signal.SIGKILL)


Fact = tuple[str, int, int]


def written_in(folder: Path) -> set[Fact]:
    """(path, bytes, time of change) of the files that a command has saved: all but the log and the
    heartbeat, which change all the time."""
    facts_of_files = set()
    for path in folder.rglob("*"):
        if path.name not in (HEARTBEAT, LOG):
            with suppress(OSError):  # renamed or removed meanwhile
                facts = path.stat()
                facts_of_files.add((str(path), facts.st_size, facts.st_mtime_ns))
    return facts_of_files


def main(argv: list[str]) -> int:
    """Run the job in the folder argv[0]; 0 when this process ran it to its end, whatever that was."""
    if len(argv) != 1:
        print("usage: python -m llada_viz.jobs.job_process RUN_FOLDER", file=sys.stderr)
        return 2
    try:
        if JobProcess(Path(argv[0])).run():
            return 0
        print(f"{argv[0]}: another process runs this job, or it has ended", file=sys.stderr)
    except (OSError, ValueError, KeyError) as error:
        print(f"error: {argv[0]}: {error!r}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
