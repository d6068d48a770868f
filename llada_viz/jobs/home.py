"""Where jobs and their runs are kept: a folder of the user's, never one inside the program.

Gradio may hand out files that lie under the folder it was started in, so that is no place for a
database or for somebody's results.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from pathlib import Path

from llada_viz.host import public_host

PROGRAM = Path(__file__).resolve().parents[2]
VARIABLE = "LLADA_VIZ_HOME"
NAME = "llada-viz"


def home_folder() -> Path:
    """The folder LLADA_VIZ_HOME, or `llada-viz` in the user's data folder; made when missing.

    On a Space whose home is read-only: a temporary folder, which is said. ValueError: inside the program.
    OSError: not writable; a folder that was named is never exchanged for another.
    """
    named = os.environ.get(VARIABLE)
    if not named and public_host():
        return space_folder()
    return usable(Path(named).expanduser().resolve() if named else usual_folder())


def space_folder() -> Path:
    """The usual folder, or a temporary one where that cannot be written. It is named in the environment, so
    that whoever asks next, jobs among them, gets the same."""
    try:
        return usable(usual_folder())
    except OSError as error:
        os.environ[VARIABLE] = tempfile.mkdtemp(prefix=f"{NAME}-")
        print(f"{error}. Until then jobs are kept in {os.environ[VARIABLE]}, and are gone when the Space "
              "restarts.", file=sys.stderr)  # fmt: skip
        return Path(os.environ[VARIABLE])


def usable(folder: Path) -> Path:
    """The folder, made when missing. ValueError, OSError: it cannot be used."""
    allowed = f"allowed: {VARIABLE} = a folder outside the program that you may write"
    if folder.is_relative_to(PROGRAM):
        raise ValueError(f"home = {str(folder)!r} lies in the program's own folder; {allowed}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"home = {str(folder)!r} cannot be made: {error.strerror}; {allowed}") from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise OSError(f"home = {str(folder)!r} cannot be written; {allowed}")
    return folder


def usual_folder() -> Path:
    """Where this system keeps users' data; but the folder of version 0.1, where only that one exists."""
    from platformdirs import user_data_path

    usual, before = user_data_path(NAME, appauthor=False), Path.home() / ".local" / "share" / NAME
    moved = os.environ.get("XDG_DATA_HOME") or usual.is_dir() or not before.is_dir()
    return usual if moved else before


def browser_secret() -> str:
    """The key that encrypts what the page stores in a browser (ids of its jobs). Kept in the home folder, so
    that stored values can still be read after the server was started again."""
    path = home_folder() / "browser-secret"
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(secrets.token_urlsafe(32))
    except FileExistsError:
        pass
    return path.read_text()
