"""The pool of killable workers: limits hold, threads may ask, what dies is replaced."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evaluation.grading.math_pool import WORKER, MathPool, Verdict, Worker


def running(pool: MathPool) -> Worker:
    """The worker of a pool of one."""
    worker = pool._idle.get()
    pool._idle.put(worker)
    assert worker is not None
    return worker


HANGS = "9^{9^{9^{9}}}"


@pytest.fixture(scope="module")
def pool() -> Iterator[MathPool]:
    with MathPool(workers=1, seconds=10, memory_mb=512) as pool:
        yield pool


@pytest.mark.slow
@pytest.mark.parametrize(("gold", "answer", "same"), [
    (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}", True), ("x+1", "1+x", True), ("x+1", "x", False),
    ("-1", "(I)^{2}", True),
    (r"\sqrt{2}", r"\frac{14142135623730951}{10000000000000000}", False),
    (r"\sqrt{2}\cdot 10^{-20}", "0", False),
    (r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\cdot \sqrt{6}}", True),
    (r"e^{\pi\cdot \sqrt{163}}", "262537412640768744", False),
])  # fmt: skip
def test_equal(pool: MathPool, gold: str, answer: str, same: bool) -> None:
    assert pool.ask("equal", gold, answer).equal is same


@pytest.mark.slow
def test_proportional(pool: MathPool) -> None:
    assert pool.ask("proportional", "x-5", "2x-10").equal is True
    assert pool.ask("proportional", "x-5", "5-x").equal is False
    assert pool.ask("proportional", "x-5", "x-6").equal is False


@pytest.mark.slow
def test_unreadable_is_no_verdict(pool: MathPool) -> None:
    verdict = pool.ask("equal", r"\nothing{", "1")
    assert verdict.equal is None and "math-verify" in verdict.reason


@pytest.mark.slow
def test_killed_in_time_and_replaced() -> None:
    with MathPool(workers=1, seconds=2) as pool:
        assert pool.ask("equal", "x+x", "2x").equal
        began = time.monotonic()
        assert pool.ask("equal", HANGS, "5") == Verdict(None, "time limit of 2 s")
        assert time.monotonic() - began < 4
        assert pool.ask("equal", "x+x", "2x").equal


@pytest.mark.slow
def test_memory_is_bounded() -> None:
    """The worker runs under the limit, and one that could not have its memory says so and is replaced."""
    with MathPool(workers=1, seconds=10, memory_mb=256) as pool:
        assert pool.ask("equal", "x+x", "2x").equal
        worker = running(pool)
        assert resource.prlimit(worker.pid, resource.RLIMIT_AS) == (256 * 2**20,) * 2
        assert resource.prlimit(worker.pid, resource.RLIMIT_FSIZE) == (0, 0)
        worker.ask = lambda question, seconds: {"verdict": None, "reason": "memory limit"}  # type: ignore
        assert pool.ask("equal", "1", "2") == Verdict(None, "memory limit")
        assert not Path(f"/proc/{worker.pid}").exists()
        assert pool.ask("equal", "x+x", "2x").equal


def test_memory_limit_is_a_memory_error_and_its_verdict() -> None:
    code = f"""
import runpy
worker = runpy.run_path({str(WORKER)!r})
worker["confine"](256 * 2**20)
class Greedy(worker["Judge"]):
    __init__ = lambda self: None
    parse_latex = lambda self, latex: bytearray(2**30)
print(Greedy().answer({{"op": "equal", "gold": "1", "answer": "1"}}))
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str({"verdict": None, "reason": "memory limit"})


@pytest.mark.slow
def test_threads_share_it_and_a_hanging_question_holds_up_one_worker_only() -> None:
    with MathPool(workers=2, seconds=15) as pool:
        assert pool.ask("equal", "1", "1").equal
        hanging = threading.Thread(target=pool.ask, args=("equal", HANGS, "5"))
        hanging.start()
        with ThreadPoolExecutor(4) as threads:
            verdicts = list(threads.map(lambda k: pool.ask("equal", f"x+{k}", f"{k}+x"), range(12)))
        assert all(verdict.equal for verdict in verdicts)
        hanging.join()


@pytest.mark.slow
def test_a_worker_killed_from_outside_is_replaced() -> None:
    with MathPool(workers=1, seconds=10) as pool:
        assert pool.ask("equal", "1", "1").equal
        os.kill(running(pool).pid, 9)
        assert pool.ask("equal", "1", "1") == Verdict(None, "the worker ended with code -9")
        assert pool.ask("equal", "1", "1").equal


@pytest.mark.slow
def test_closing_ends_the_workers() -> None:
    pool = MathPool(workers=1)
    assert pool.ask("equal", "1", "1").equal
    worker = running(pool)
    pool.close()
    pool.close()
    assert not Path(f"/proc/{worker.pid}").exists()
    with pytest.raises(RuntimeError, match="closed"):
        pool.ask("equal", "1", "1")


@pytest.mark.parametrize(
    "wrong", [{"workers": 0}, {"seconds": 0}, {"seconds": float("nan")}, {"memory_mb": 8}]
)
def test_bad_limits_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} = .*allowed"):
        MathPool(**wrong)  # type: ignore[arg-type]


def test_long_questions_are_not_asked() -> None:
    with MathPool(workers=1) as pool:
        assert pool.ask("equal", "1" * 5_000, "1").equal is None
        assert pool._idle.get_nowait() is None
        pool._idle.put(None)
