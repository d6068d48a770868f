"""Peak memory of loading a checkpoint, as a multiple of the bytes of the loaded weights.

`python -m benchmarks.loading [--gigabytes 2] [--folder DIR] [--json] [--bar 1.1]`

Makes a checkpoint of random bf16 weights in six shards and an index (tests/checkpoints.py; under --folder,
removed afterwards) and loads it in a process of its own: as it is, as float32, and with half of it on disk.
Another process reads that one's RssAnon from /proc every millisecond, from before the load to its end; the
difference is divided by the bytes of the weights that are then in memory.

What is counted: anonymous memory, the process's own, which nobody can take back. What is not: pages of the
weight files, which are mapped while they are read (RssFile; printed beside it). The kernel drops these when
it needs room. A loader that only maps its files would look free here, so the weights must own their memory:
their bytes are found again in RssAnon after the load, and the ratio at the end is printed too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

LAYER = 4 * 2048 * 2048 + 3 * 2048 * 6144  # weights of a layer of the checkpoint
WAYS = {"as stored": "bfloat16", "to float32": "float32", "half on disk": "bfloat16"}
LIMIT = 1800.0
"""Seconds that one load may take."""


@dataclass(frozen=True)
class Measured:
    """One load, in bytes. peak, end: anonymous memory above that before; mapped: pages of files at most."""

    way: str
    weights: int
    peak: int
    end: int
    mapped: int
    seconds: float

    @property
    def ratio(self) -> float:
        return self.peak / self.weights


def resident(process: int, field: str) -> int:
    """RssAnon or RssFile of a process, in bytes; 0 once it is gone."""
    try:
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[1]) * 1024 if found else 0


def load_and_tell(folder: str, way: str, offload: str) -> None:
    """The process that is measured. It says when it is ready, waits for a line, and says what it loaded."""
    import models.device_map
    from models.loading import load

    dtype = getattr(torch, WAYS[way])
    if way == "half on disk":
        stored = sum(file.stat().st_size for file in Path(folder).glob("*.safetensors"))
        models.device_map.room = lambda _: {"cpu": stored // 2}
    gc.collect()
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.perf_counter()
    how = {"device_map": "auto", "offload": offload} if way == "half on disk" else {}
    model = load(folder, "cpu", dtype, **how).model
    seconds = time.perf_counter() - start
    here = [p for p in model.parameters() if p.device.type == "cpu"]
    print(json.dumps([sum(p.numel() * p.element_size() for p in here), seconds]), flush=True)
    sys.stdin.readline()


def measure(folder: Path, way: str) -> Measured:
    """Load once in a process of its own, and watch its memory."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as offload:
        command = [sys.executable, "-m", "benchmarks.loading", "--measured", way, str(folder), offload]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
        ) as child:
            assert child.stdin is not None and child.stdout is not None
            if child.stdout.readline().strip() != "ready":
                raise SystemExit(f"{way}: the process that loads ended with {child.wait()}")
            before, before_mapped = resident(child.pid, "RssAnon"), resident(child.pid, "RssFile")
            print("go", file=child.stdin, flush=True)
            os.set_blocking(child.stdout.fileno(), False)
            peak, mapped, text, end = before, before_mapped, "", time.monotonic() + LIMIT
            while not text and child.poll() is None and time.monotonic() < end:
                peak = max(peak, resident(child.pid, "RssAnon"))
                mapped = max(mapped, resident(child.pid, "RssFile"))
                text = child.stdout.readline()
                time.sleep(0.001)
            left = resident(child.pid, "RssAnon")
            if not text:
                child.kill()
                raise SystemExit(f"{way}: the process that loads did not end as it should")
            print("bye", file=child.stdin, flush=True)
    weights, seconds = json.loads(text)
    return Measured(way, weights, peak - before, left - before, mapped - before_mapped, seconds)


def main() -> int:
    """Print a line a way; 1 when a ratio is over the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="bytes of weights on disk, 10^9")
    parser.add_argument("--folder", type=Path, help="where the checkpoint is made; default: a temporary one")
    parser.add_argument("--bar", type=float, default=1.1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measured", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measured:
        way, folder, offload = args.measured
        load_and_tell(folder, way, offload)
        return 0
    from tests.checkpoints import write_checkpoint

    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        layers = max(1, round(args.gigabytes * 1e9 / (2 * LAYER)))
        shape = {"d_model": 2048, "n_heads": 16, "n_kv_heads": 16, "mlp_hidden_size": 6144}
        folder = write_checkpoint(Path(scratch) / "checkpoint", n_layers=layers, tokenizer=False, **shape)
        found = [measure(folder, way) for way in WAYS]
    for one in found:
        if args.json:
            print(json.dumps(asdict(one) | {"ratio": round(one.ratio, 3)}))
            continue
        print(
            f"{one.way:13} {one.weights / 1e9:5.2f} GB of weights in memory; anonymous memory at most "
            f"{one.ratio:.3f}x, at the end {one.end / one.weights:.3f}x (mapped files, not counted: "
            f"{one.mapped / 1e9:.2f} GB at most); {one.seconds:.1f} s"
        )
    return int(any(one.ratio > args.bar for one in found))


if __name__ == "__main__":
    sys.exit(main())
