"""What the commands print: bars and tables, on a terminal as wide as it is, elsewhere as plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@contextmanager
def bytes_bar(title: str, console: Console | None = None) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr; yields what is called with the bytes that are there and with those there will be.
    Where stderr is no terminal nothing is shown."""
    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(None), DownloadColumn(), TransferSpeedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal, expand=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
