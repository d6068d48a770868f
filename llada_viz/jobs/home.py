"""Where jobs and their runs are kept: a folder of the user's, never one inside the program.

Gradio may hand out files that lie under the folder it was started in, so that is no place for a
database or for somebody's results.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2]
VARIABLE = "LLADA_VIZ_HOME"


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder LLADA_VIZ_HOME, or `llada-viz` in the user's data folder; made when missing.

    The user's data folder is XDG_DATA_HOME (XDG Base Directory Specification 0.8: used only when
    it is absolute), else ~/.local/share. ValueError: inside the program. OSError: not writable.
    """
    if named := environment.get(VARIABLE):
        folder = Path(named).expanduser().resolve()
    else:
        data = Path(environment.get("XDG_DATA_HOME", ""))
        folder = (data if data.is_absolute() else Path.home() / ".local" / "share") / "llada-viz"
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


def browser_secret() -> str:
    """The key with which browsers' own notes are sealed; made once a home, so that they outlive a
    restart of the server."""
    path = home_folder() / "browser-secret"
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(secrets.token_urlsafe(32))
    except FileExistsError:
        pass
    return path.read_text()
