"""Many visitors on one page: each presses Run, reads the answer to its end, waits a little, presses again.

`python -m benchmarks.visitors [--old FOLDER] [--visitors 20] [--seconds 180] [--short] [--json]`

Serves the page as a process of its own and talks to it over real HTTP as a browser does: a heartbeat, Run
through the queue, its answer and the frames through one stream of server-sent events, then the events that
follow. Two ways take turns: the page with one run at a time (`LLADA_VIZ_SHARED=0`; with `--old` the page of
another checkout, say a `git worktree` of an earlier commit), and the page as it is. Prints runs, failures,
seconds from the press to the first frame with tokens, how evenly visitors were served, and memory; then one
line PASS or FAIL for each bar.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.page_client import PageClient, PageFacts, read_facts

ROOT = Path(__file__).parents[1]
PAUSE = (1.0, 3.0)  # seconds from the end of a run to the next press
LONGEST_START = 600.0
# The bars.
FIRST_FRAME, SHARE, FASTER, GROWTH, LEAST = 1.5, 0.95, 2.0, 0.05, 0.5


@dataclass
class Seen:
    """What the visitors of one page saw."""

    runs: list[int]  # finished in time, of each visitor
    first_frames: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    memory: dict[str, float] = field(default_factory=dict)  # MiB: start, minute, end
    server_cpu: float = 0.0  # processor seconds
    client_cpu: float = 0.0
    bytes_read: int = 0


@contextmanager
def served(folder: Path, shared: bool, threads: int) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The page of a checkout on a free port: (port, process). Ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "LLADA_VIZ_HOME": home,
            "LLADA_VIZ_SHARED": "1" if shared else "0", "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        command = [sys.executable, "app.py"]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        try:
            _wait_for(port, server)
            yield port, server
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LONGEST_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the page ended with code {server.returncode} before it was served")
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"the page was not served within {LONGEST_START:g} s")


def memory_of(pid: int) -> float:
    """Resident memory, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def processor_of(pid: int) -> float:
    """Processor seconds so far, of all threads."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


async def visit(client: PageClient, number: int, seen: Seen, until: float, changes: dict[str, Any]) -> None:
    """One visitor, to the end of the time. changes: of the form's values, by elem_id."""
    pauses = random.Random(number)
    await asyncio.sleep(pauses.uniform(0, PAUSE[1]))
    async with client:
        while (pressed := time.monotonic()) < until:
            try:
                run = await client.run(changes)
            except Exception as error:  # whatever a server can do wrong is a failed run
                seen.failures.append(f"{type(error).__name__}: {error}")
            else:
                seen.first_frames.append(run.first_tokens - pressed)
                seen.durations.append(run.ended - pressed)
                seen.runs[number] += run.ended <= until
            await asyncio.sleep(pauses.uniform(*PAUSE))
    seen.bytes_read += client.bytes_read


async def watch(pid: int, seen: Seen, began: float, seconds: float) -> None:
    """Note the server's memory after the first minute (or a third of the time) and at the end."""
    seen.memory["start"] = memory_of(pid)
    await asyncio.sleep(max(0.0, began + min(60.0, seconds / 3) - time.monotonic()))
    seen.memory["minute"] = memory_of(pid)
    await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))
    seen.memory["end"] = memory_of(pid)


async def all_visit(port: int, pid: int, options: argparse.Namespace) -> Seen:
    """All visitors of one page at once."""
    facts: PageFacts = await read_facts(port)
    warm = PageClient(port, facts, "warm")
    async with warm:
        await warm.run({})
    seen = Seen([0] * options.visitors)
    own, server = processor_here(), processor_of(pid)
    began = time.monotonic()
    until = began + options.seconds
    visitors = []
    for number in range(options.visitors):
        client = PageClient(port, facts, f"visitor{number:04}{random.randrange(10**9)}")
        visitors.append(visit(client, number, seen, until, {"seed": number} if options.own_seeds else {}))
    await asyncio.gather(watch(pid, seen, began, options.seconds), *visitors)
    seen.client_cpu, seen.server_cpu = processor_here() - own, processor_of(pid) - server
    return seen


def processor_here() -> float:
    """Processor seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; nan for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def figures(seen: Seen) -> dict[str, Any]:
    """What is printed of one way."""
    mean = sum(seen.runs) / len(seen.runs)
    return {
        "runs": sum(seen.runs),
        "failed": len(seen.failures),
        "failures": sorted(set(seen.failures))[:5],
        "first_frame_median": round(percentile(seen.first_frames, 0.5), 3),
        "first_frame_95": round(percentile(seen.first_frames, 0.95), 3),
        "in_time": round(sum(t < FIRST_FRAME for t in seen.first_frames) / max(1, len(seen.first_frames)), 4),
        "run_median": round(percentile(seen.durations, 0.5), 3),
        "least_over_mean": round(min(seen.runs) / mean, 3) if mean else 0.0,
        "memory_mib": {name: round(value, 1) for name, value in seen.memory.items()},
        "growth": round(seen.memory["end"] / seen.memory["minute"] - 1, 4),
        "server_cpu": round(seen.server_cpu, 1),
        "client_cpu": round(seen.client_cpu, 1),
        "mib_read": round(seen.bytes_read / 2**20, 2),
    }


def bars(old: dict[str, Any] | None, new: dict[str, Any]) -> list[tuple[bool, str]]:
    """(met, sentence) of every bar."""
    ratio = new["runs"] / max(1, old["runs"]) if old else float("nan")
    return [
        (not new["failed"], f"failed runs: {new['failed']} (wanted: 0)"),
        (new["in_time"] >= SHARE, f"first frame under {FIRST_FRAME} s: {new['in_time']:.1%} ({SHARE:.0%})"),
        (ratio >= FASTER, f"runs against one at a time: {ratio:.2f} x ({FASTER:g} x)"),
        (new["growth"] <= GROWTH, f"memory after the first minute: {new['growth']:+.1%} ({GROWTH:.0%})"),
        (new["least_over_mean"] >= LEAST, f"least / mean: {new['least_over_mean']:.2f} ({LEAST:g})"),
    ]


def main() -> int:
    """Measure and print; 1 when a bar is not met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--old", type=Path, help="checkout whose page is the old way")
    parser.add_argument("--only", choices=("old", "new"))
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--short", action="store_true", help="5 visitors for 20 s")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="OMP_NUM_THREADS of the page"
    )
    parser.add_argument("--own-seeds", action="store_true", help="each visitor has a seed of its own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.short:
        options.visitors, options.seconds = 5, 20.0
    ways = {"old": (options.old or ROOT, False), "new": (ROOT, True)}
    found: dict[str, dict[str, Any]] = {}
    for way, (folder, shared) in ways.items():
        if options.only not in (None, way):
            continue
        with served(folder.resolve(), shared, options.threads) as (port, server):
            found[way] = figures(asyncio.run(all_visit(port, server.pid, options)))
        print(json.dumps({way: found[way]}) if options.json else report(way, found[way]), flush=True)
    if "new" not in found:
        return 0
    results = bars(found.get("old"), found["new"])
    for met, sentence in results:
        print(f"{'PASS' if met else 'FAIL'}  {sentence}")
    return 0 if all(met for met, _ in results) else 1


def report(way: str, row: dict[str, Any]) -> str:
    """The figures of one way, in lines."""
    return f"{way}\n" + "\n".join(f"  {name:20} {value}" for name, value in row.items())


if __name__ == "__main__":
    sys.exit(main())
