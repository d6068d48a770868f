"""Symbolic equality in processes that can be killed: each with a time and a memory limit.

math-verify runs until it is done (`9^{9^{9^9}}` never is), and its own time limits raise outside the
main thread. Here any thread may ask; a worker past its deadline is killed, and the next question
starts another.
"""

from __future__ import annotations

import json
import os
import queue
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

WORKER = Path(__file__).with_name("math_worker.py")
START_SECONDS = 120.0
MOST_LETTERS = 4_000


@dataclass(frozen=True)
class Verdict:
    """equal: True, False, or None when it could not be decided; `reason`: why, as part of a sentence."""

    equal: bool | None
    reason: str = ""


class WorkerDied(RuntimeError):
    """A worker ended or ran out of time; the message says which."""


class Worker:
    """One child process, asked one question at a time."""

    def __init__(self, memory: int) -> None:
        command = [sys.executable, "-I", str(WORKER), str(memory)]
        # One thread: a numeric library that starts sixteen would meet the memory limit at once.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)
        try:
            reply = self._reply(START_SECONDS)
        except BaseException:
            self.kill()
            raise
        if "error" in reply:
            self.kill()
            raise RuntimeError(f"math-verify cannot be loaded: {reply['error']}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def _output(self) -> Any:
        return self._process.stdout

    def ask(self, question: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The worker's reply; WorkerDied when it ends or needs longer than `seconds`."""
        assert self._process.stdin is not None
        # The alarm in the worker is for a parent that has gone: it comes after our own deadline.
        line = json.dumps({**question, "seconds": seconds + 5}) + "\n"
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except OSError:
            raise WorkerDied(self._ended()) from None
        return self._reply(seconds)

    def kill(self) -> None:
        """End the process now, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # a question it did not read is flushed into a closed pipe
                    pass

    def _reply(self, seconds: float) -> dict[str, Any]:
        deadline, line = time.monotonic() + seconds, b""
        while not line.endswith(b"\n"):
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise WorkerDied(f"time limit of {seconds:g} s")
            part = os.read(self._output.fileno(), 65_536)
            if not part:
                raise WorkerDied(self._ended())
            line += part
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _ended(self) -> str:
        return f"the worker ended with code {self._process.wait()}"


class MathPool:
    """Workers that answer whether two expressions are equal; a context manager, safe to share by threads.

    workers: processes, default one a core, started when first needed. seconds: deadline of one
    question. memory_mb: address space of one worker, MiB.
    """

    def __init__(self, workers: int | None = None, seconds: float = 5.0, memory_mb: int = 1024) -> None:
        workers = len(os.sched_getaffinity(0)) if workers is None else workers
        for name, value, least in (
            ("workers", workers, 1),
            ("seconds", seconds, 0.01),
            ("memory_mb", memory_mb, 256),
        ):
            if not least <= value < float("inf"):
                raise ValueError(f"{name} = {value} is not valid; allowed: {least} or more")
        self.workers, self.seconds, self.memory = workers, seconds, memory_mb * 2**20
        self._closed = False
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(workers):
            self._idle.put(None)

    def ask(self, op: Literal["equal", "positive", "proportional"], gold: str, answer: str) -> Verdict:
        """Whether gold and answer are equal (for positive variables), or gold a positive multiple of answer.

        gold, answer: LaTeX from `evaluation.grading.expression_latex`. Waits for a free worker. Raises
        RuntimeError when math-verify cannot be loaded, or the pool is closed.
        """
        if len(gold) + len(answer) > MOST_LETTERS:
            return Verdict(None, f"longer than {MOST_LETTERS} letters")
        worker = self._idle.get()
        try:
            if self._closed:
                raise RuntimeError("the pool is closed; allowed: questions before close()")
            if worker is None:
                worker = Worker(self.memory)
            reply = worker.ask({"op": op, "gold": gold, "answer": answer}, self.seconds)
        except WorkerDied as death:
            if worker is None:
                raise RuntimeError(f"math-verify did not start: {death}") from None
            worker.kill()
            worker = None
            return Verdict(None, str(death))
        except BaseException:
            if worker is not None:
                worker.kill()
            worker = None
            raise
        else:
            if reply["reason"] == "memory limit":  # after that the process cannot be trusted
                worker.kill()
                worker = None
            return Verdict(reply["verdict"], reply["reason"])
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """End every worker; waits for questions under way."""
        if self._closed:
            return
        self._closed = True
        for worker in [self._idle.get() for _ in range(self.workers)]:
            if worker is not None:
                worker.kill()
        for _ in range(self.workers):  # a thread that waits in ask() goes on, and finds the pool closed
            self._idle.put(None)

    def __enter__(self) -> MathPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
