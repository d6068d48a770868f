"""Exports that visitors of the page ask for: made in a thread, watched, cancelled, and handed out once.

A visitor has one at a time, and is known by a key that his browser made. A file lies in a temporary folder
under a name of ours until it is fetched, or for KEPT seconds; one that nobody asks about any more is no
longer made. Answers are plain data, with a sentence under "error".
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

from llada_viz.decoding.recent import Recent
from llada_viz.decoding.runs import Run
from llada_viz.export.asked import Find, Found, wanted_of
from llada_viz.export.forecast import Forecast, foretold, size_said
from llada_viz.export.moving import CannotDraw
from llada_viz.export.saved import name_of
from llada_viz.export.writing import FILMS, UNITS, Wanted, check, missing_forms, write
from samplers.settings import sentence_of

LOG = logging.getLogger(__name__)
PATIENCE = 90.0
"""Seconds without a question after which nobody waits. Hidden tabs may ask but once a minute."""
KEPT = 300.0
"""Seconds that a finished file waits to be fetched."""
PREFIX, A_DAY = "llada-viz-export-", 86_400.0  # of the temporary folder; seconds
MOST_AT_ONCE = 3
MOST_KEPT = 12
"""Finished files that wait; one more, and the oldest goes."""
BUSY = "Other exports are being made here: try again in a moment."
Answer = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What strangers may ask of a public host. size: bytes of a file; seconds: that it takes."""

    size: int = 32_000_000
    seconds: float = 90.0


class Left(Exception):
    """Nobody wants the file any more."""


class TooLong(Exception):
    """It takes longer than is allowed here."""


@dataclass
class Job:
    """One export. path: of its file; asked: when the page last asked about it."""

    visitor: str
    wanted: Wanted
    runs: list[Run]
    path: Path
    name: str
    most_seconds: float | None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    done: int = 0
    of: int = 0
    size: int = 0
    error: str = ""
    ready: bool = False
    left: bool = False
    began: float = field(default_factory=time.monotonic)
    asked: float = field(default_factory=time.monotonic)

    @property
    def going_on(self) -> bool:
        """Whether it is being made."""
        return not (self.ready or self.error)

    def told(self, done: int, of: int) -> None:
        """Hear how far it is. Left, TooLong: it ends here."""
        now = time.monotonic()
        if self.left or now - self.asked > PATIENCE:
            raise Left
        if self.most_seconds is not None and now - self.began > self.most_seconds:
            raise TooLong
        self.done, self.of = done, of


class Exports:
    """limits: of a public host, None on somebody's own machine."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits
        self._folder: Path | None = None
        self._jobs: dict[str, Job] = {}
        self._working = 0  # threads, those that have not seen yet that nobody waits
        self._lock = threading.RLock()
        self._looking = threading.BoundedSemaphore(2)
        self._foretold: Recent[tuple[Any, ...], Forecast] = Recent(64)

    # ---- what the page asks ------------------------------------------------------------------

    def foretell(self, asked: Any, find: Find) -> Answer:
        """What would be written, and what cannot be here. asked: id, form, theme, pace, size, frames."""
        answer: Answer = {"missing": missing_forms()}
        try:
            found, wanted = _checked(asked, find)
            forecast = self._forecast(found, wanted)
            self._allow(wanted, forecast)
        except CannotDraw as error:
            return answer | {"error": sentence_of(error)}
        return answer | {"said": forecast.said}

    def begin(self, asked: Any, find: Find) -> Answer:
        """Begin to write what was asked for, as of `foretell`, with the visitor's key. Answers its token."""
        visitor = asked.get("key") if isinstance(asked, Mapping) else None
        if not isinstance(visitor, str) or not 20 <= len(visitor) <= 64:
            return {"error": "This browser told no key of its own: reload the page."}
        try:
            found, wanted = _checked(asked, find)
            if self.limits is not None:
                self._allow(wanted, self._forecast(found, wanted))
            job = self._put(visitor, wanted, found)
        except CannotDraw as error:
            return {"error": sentence_of(error)}
        threading.Thread(target=self._make, args=(job,), name="export", daemon=True).start()
        return {"token": job.token}

    def now(self, asked: Any) -> Answer:
        """How far an export is. asked: token."""
        token = asked.get("token") if isinstance(asked, Mapping) else None
        job = self._jobs.get(token) if isinstance(token, str) else None
        if job is None:
            return {"error": "This export is over: begin it again."}
        job.asked = time.monotonic()
        if job.error:
            self._drop(job.token)
            return {"error": job.error}
        if job.ready:
            return {"file": job.token, "name": job.name, "size": size_said(job.size)}
        return {"done": job.done, "of": job.of, "unit": UNITS.get(job.wanted.form, "")}

    def leave(self, token: str) -> bool:
        """Cancel an export, and remove its file; whether there was one."""
        return self._drop(token)

    def take(self, token: str) -> Job | None:
        """A finished export, once: its file is now the taker's to remove."""
        with self._lock:
            job = self._jobs.get(token)
            return self._jobs.pop(token) if job is not None and job.ready else None

    # ---- how it is made ----------------------------------------------------------------------

    def _put(self, visitor: str, wanted: Wanted, found: Found) -> Job:
        with self._lock:
            going = [job for job in self._jobs.values() if job.going_on]
            if any(job.visitor == visitor for job in going):
                raise CannotDraw("An export of yours is being made: cancel it first, or wait for it.")
            if self._working >= MOST_AT_ONCE:
                raise CannotDraw(BUSY)
            ready = [job for job in self._jobs.values() if job.ready]
            for job in (*(job for job in ready if job.visitor == visitor), *ready[: -MOST_KEPT + 1]):
                self._drop(job.token)
            name = f"{name_of(*found.runs)}.{wanted.form}"
            most = 2 * self.limits.seconds if self.limits else None
            path = self._place() / f"{secrets.token_hex(8)}.{wanted.form}"
            job = Job(visitor, wanted, found.runs, path, name, most)
            self._jobs[job.token] = job
            self._working += 1
        return job

    def _place(self) -> Path:
        """The folder of the files, which goes when the server does; one that was killed leaves its own, which
        goes when another server has need of one, a day later."""
        if self._folder is None or not self._folder.is_dir():
            for old in Path(gettempdir()).glob(f"{PREFIX}*"):
                with suppress(OSError):
                    if old.stat().st_mtime < time.time() - A_DAY:
                        shutil.rmtree(old, ignore_errors=True)
            self._folder = Path(mkdtemp(prefix=PREFIX))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def _make(self, job: Job) -> None:
        """Write the file: the job's thread."""
        try:
            write(job.path, job.wanted, job.runs, job.told)
            job.size = job.path.stat().st_size
        except Left:
            self._drop(job.token)
        except TooLong:
            job.error = f"This takes too long for a public host. {_smaller(job.wanted)}"
        except CannotDraw as error:
            job.error = sentence_of(error)
        except Exception:
            LOG.exception("an export broke off")
            job.error = "The export broke off; the server's log says why."
        else:
            job.ready = True
        with self._lock:
            self._working -= 1
        job.runs = []
        if job.left:
            job.path.unlink(missing_ok=True)
            return
        late = threading.Timer(KEPT, partial(self._drop, job.token))
        late.daemon = True
        late.start()

    def _drop(self, token: str) -> bool:
        with self._lock:
            job = self._jobs.pop(token, None)
        if job is None:
            return False
        job.left = True
        job.path.unlink(missing_ok=True)
        return True

    # ---- what it will be ---------------------------------------------------------------------

    def _forecast(self, found: Found, wanted: Wanted) -> Forecast:
        key = (wanted, *(run.id for run in found.runs))
        if (known := self._foretold.get(key)) is not None:
            return known
        if not self._looking.acquire(timeout=20):
            raise CannotDraw(BUSY)
        try:
            return self._foretold.put(key, foretold(wanted, found.runs))
        finally:
            self._looking.release()

    def _allow(self, wanted: Wanted, forecast: Forecast) -> None:
        """CannotDraw: it is too much for a public host; the sentence says what is smaller."""
        limits = self.limits
        if limits is None or (forecast.size <= limits.size and forecast.seconds <= limits.seconds):
            return
        raise CannotDraw(
            f"{forecast.said} That is too much here: a public host makes files of up to "
            f"{size_said(limits.size)} that take up to {limits.seconds:.0f} s. {_smaller(wanted)}"
        )


def _checked(asked: Any, find: Find) -> tuple[Found, Wanted]:
    if not isinstance(asked, Mapping):
        raise CannotDraw("The request was not understood: reload the page.")
    found = find(asked.get("id"))
    wanted = wanted_of(asked, found)
    check(wanted, found.runs)
    return found, wanted


def _smaller(wanted: Wanted) -> str:
    """What is smaller than what was wanted."""
    if wanted.form in FILMS:
        return "Smaller: the small size, a still, or an offline page."
    return "Smaller: a still, or the trace, which `llada-viz export` takes on your own machine."
