"""What the commands print: tables, names with values, and bars; all but the bars is plain text."""

from __future__ import annotations

import shutil
import signal
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


def width() -> int:
    """Columns of the terminal; 80 where there is none and COLUMNS says nothing."""
    return shutil.get_terminal_size().columns


def printable(text: str) -> str:
    """Text of files is hostile: control characters (escape codes too) are written out, not sent."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table, a line a row; right: columns that are set to the right. A row of one cell is a heading: it has
    an empty line before it."""
    sizes: dict[int, int] = {}
    for row in rows:
        if len(row) > 1:
            for place, cell in enumerate(row):
                sizes[place] = max(sizes.get(place, 0), len(cell))
    lines = []
    for row in rows:
        if len(row) == 1:
            lines += ["", printable(row[0])]
            continue
        cells = [c.rjust(sizes[i]) if i in right else c.ljust(sizes[i]) for i, c in enumerate(row)]
        lines.append(printable("  ".join(cells).rstrip()))
    return "\n".join(lines)


def described(pairs: Sequence[tuple[str, str]], columns_wide: int) -> str:
    """Names, and values beside them, wrapped; where a name is long, below it."""
    long = max(len(name) for name, _ in pairs)
    lines = []
    for name, value in pairs:
        indent = " " * (long + 4 if long < 20 else 4)
        first = f"  {printable(name).ljust(long)}  " if long < 20 else f"  {printable(name)}\n{indent}"
        wrapped = textwrap.wrap(printable(value), max(20, columns_wide - len(indent)), break_on_hyphens=False)
        lines.append(first + f"\n{indent}".join(wrapped or [""]))
    return "\n".join(lines)


@contextmanager
def bytes_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr; yields what is called with the bytes that are there and with those there will be.
    Where stderr is no terminal nothing is shown."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(None), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal, expand=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def stoppable(progress: Callable[[int, int], None]) -> Iterator[Callable[[int, int], None]]:
    """Within it Ctrl-C also ends threads that report their progress: yields what they are to call. Else a
    download would be waited for to its end. For the main thread."""
    stopped = Event()

    def stop(*_: object) -> None:
        stopped.set()
        raise KeyboardInterrupt

    def report(done: int, total: int) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        progress(done, total)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield report
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def steps_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """The same for steps: "3 of 291"."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, expand=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
