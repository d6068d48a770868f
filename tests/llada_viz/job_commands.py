"""What the tests of the job engine run, and how they wait for it: real processes throughout."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from llada_viz.jobs.queue import Jobs

QUICK = {"beat": 0.05, "grace": 20.0, "tick": 0.05}
PATIENCE = 60.0  # seconds; the machine may be busy

SAVES_ON_SIGTERM = """
import signal, sys, time
from pathlib import Path
def save(*_):
    Path(sys.argv[1], "checkpoint").write_text("saved")
    print("saved", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
Path(sys.argv[1], "begun").write_text("yes")
time.sleep(100)
"""
IGNORES_SIGTERM = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(sys.argv[1], "begun").write_text("yes")
time.sleep(100)
"""
# Asked to end, it writes on, a line every 0.1 s: as many as its second argument says.
SAVES_SLOWLY = """
import signal, sys, time
from pathlib import Path
def save(*_):
    for line in range(int(sys.argv[2])):
        with open(sys.argv[1] + "/checkpoint", "a") as file: print(line, file=file)
        time.sleep(0.1)
    sys.exit(0)
signal.signal(signal.SIGTERM, save)
Path(sys.argv[1], "begun").write_text("yes")
time.sleep(100)
"""
# Appends for ever, and so does a helper that has left its process group.
WRITES_ON = """
import os, subprocess, sys, time
from pathlib import Path
LOOP = "import sys, time\\nwhile True: print(file=open(sys.argv[1], 'a')); time.sleep(0.02)"
helper = subprocess.Popen([sys.executable, "-c", LOOP, sys.argv[1] + "/helper"], start_new_session=True)
while not Path(sys.argv[1], "helper").exists(): time.sleep(0.02)
Path(sys.argv[1], "pids").write_text(f"{os.getppid()} {os.getpid()} {helper.pid}")
os.rename(sys.argv[1] + "/pids", sys.argv[1] + "/begun")
while True:
    print(file=open(sys.argv[1] + "/rows", "a"))
    time.sleep(0.02)
"""
WAITS_FOR_GO = """
import sys, time
from pathlib import Path
Path(sys.argv[1], "begun").write_text("yes")
while not Path(sys.argv[1], "go").exists(): time.sleep(0.05)
print("went")
"""


def python(code: str, *arguments: str) -> Callable[[Path], list[str]]:
    """A command for `Jobs.submit` that runs `code` with the run folder as its first argument."""
    return lambda folder: [sys.executable, "-c", code, str(folder), *arguments]


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.03)


def tick_until(jobs: Jobs, job_id: str, state: str) -> None:
    """Tick until the job is in this state; another end is an error."""

    def there() -> bool:
        jobs.tick()
        job = jobs.get(job_id)
        assert job.state == state or not job.has_ended, job
        return job.state == state

    until(there)


def begun(jobs: Jobs, job_id: str) -> Path:
    """Tick until the command has written `begun`; returns the run folder."""
    tick_until(jobs, job_id, "running")
    folder = jobs.get(job_id).folder
    until((folder / "begun").exists)
    return folder


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def environment() -> dict[str, str]:
    """For a second server: our packages, wherever it is started."""
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
