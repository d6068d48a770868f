"""Lists of canvases, one a step, as a trace: what any decoder can write down with one line.

A canvas is a list of token ids, or a list of rows of them. The file is JSON (the list; or an object with the
list under `histories`, as dllm's samplers return it, `canvases` or `steps`), JSON lines (a canvas a line) or
a NumPy array of whole numbers, [steps, cells] or [steps, rows, cells]. Nothing in it is run.

What such a list does not say: probabilities (`confidence` is "unknown" in the settings), how many passes a
step took (one is counted), and which tokens are the prompt (taken: those in front that never change and are
no mask in any row). Without a mask, it does not say which cells are decided either: here a cell is noise as
long as it will still change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from samplers.engines.changes import Changes
from samplers.engines.recorder import UNKNOWN, Recorder
from samplers.events import Cell, EventError, Inserted, Renoised, Unmasked
from samplers.fold import MOST_CELLS
from samplers.recording.traces import Trace

MOST_BYTES = 32 * 2**20
MOST_STEPS = 8192
MOST_TOKEN = (1 << 31) - 1
LISTS = ("histories", "canvases", "steps")
SHAPE = "[[ids], [ids], …], one canvas a step, or [[[ids], …], …] with several rows"
NO_MASK = "none"
LEAST_SHARE = 0.5
"""Of all changes, those from the mask: less, and it is no mask."""

Canvases = list[list[list[int]]]
"""Steps, rows, cells."""


class ImportFileError(ValueError):
    """A file that holds no list of canvases; the message says what is wrong and where."""


@dataclass(frozen=True)
class Imported:
    """A list of canvases as a trace. mask_id: None where there is none; guessed: nobody named it."""

    trace: Trace
    mask_id: int | None
    guessed: bool
    prompt_length: int


def read_canvases(path: Path) -> Canvases:
    """The canvases of a file, checked. ImportFileError: it is too large, or holds something else."""
    if not path.is_file():
        raise ImportFileError(f"file = {path.name!r} does not exist; allowed: a list of canvases")
    if path.stat().st_size > MOST_BYTES:
        raise ImportFileError(f"file is larger than {MOST_BYTES >> 20} MB; allowed: at most that")
    if path.suffix in (".pt", ".pth", ".pkl", ".npz"):
        raise ImportFileError(
            f"file = {path.name!r}: {path.suffix} is not read, it can hold code or many arrays; "
            "allowed: JSON, as json.dump([h.tolist() for h in histories], file) writes it, or .npy"
        )
    found = _array(path) if path.suffix == ".npy" else _json(path)
    if isinstance(found, dict):
        found = next((found[name] for name in LISTS if name in found), found)
    if not isinstance(found, list) or not found:
        raise ImportFileError(f"file holds no list of canvases; allowed: {SHAPE}")
    if len(found) > MOST_STEPS:
        raise ImportFileError(f"file holds {len(found):,} canvases; allowed: at most {MOST_STEPS:,}")
    return [_canvas(canvas, step) for step, canvas in enumerate(found)]


def _array(path: Path) -> Any:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError):
        raise ImportFileError("file is no NumPy array of whole numbers, or is cut short") from None
    if array.dtype.kind not in "iu" or array.ndim not in (2, 3):
        raise ImportFileError(
            f"array has type {array.dtype} and {array.ndim} dimensions; allowed: whole numbers, "
            "[steps, cells] or [steps, rows, cells]"
        )
    return array.tolist()


def _json(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8-sig")
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise ImportFileError("file is not JSON: it is cut short, damaged, or something else") from None


def _canvas(canvas: Any, step: int) -> list[list[int]]:
    if isinstance(canvas, dict):
        canvas = next((canvas[name] for name in ("tokens", "ids", "canvas") if name in canvas), canvas)
    if not isinstance(canvas, list) or not canvas:
        raise ImportFileError(f"canvas {step} is {str(canvas)[:40]!r}; allowed: {SHAPE}")
    rows = canvas if isinstance(canvas[0], list) else [canvas]
    if sum(len(row) for row in rows if isinstance(row, list)) > MOST_CELLS:
        raise ImportFileError(f"canvas {step} has more than {MOST_CELLS:,} cells; allowed: at most that")
    for row in rows:
        if not isinstance(row, list) or not row:
            raise ImportFileError(f"canvas {step} has the row {str(row)[:40]!r}; allowed: a list of ids")
        for token in row:
            if type(token) is not int or not 0 <= token <= MOST_TOKEN:
                raise ImportFileError(
                    f"canvas {step} has the id {str(token)[:40]!r}; allowed: 0 to {MOST_TOKEN:,}"
                )
    return rows


def to_trace(
    canvases: Canvases, pieces: Sequence[bytes] = (), model: str = "", mask_id: int | str | None = None,
    prompt_length: int | None = None, row: int | None = None,
) -> Imported:  # fmt: skip
    """A trace of checked canvases. mask_id: None: guessed; "none": the model knows none; row: keep this one
    only. ImportFileError: they have other rows than each other, or no mask can be made out."""
    counts = {len(canvas) for canvas in canvases}
    if len(counts) > 1:
        raise ImportFileError(f"canvases have {min(counts)} to {max(counts)} rows; allowed: always as many")
    if row is not None:
        if not 0 <= row < len(canvases[0]):
            raise ImportFileError(f"row = {row}; allowed: 0 to {len(canvases[0]) - 1}")
        canvases = [[canvas[row]] for canvas in canvases]
    guessed = mask_id is None
    mask = None if mask_id == NO_MASK else guess_mask(canvases) if mask_id is None else int(mask_id)
    still = _prompt(canvases, mask)
    if prompt_length is None:
        prompt_length = still
    elif not 0 <= prompt_length <= still:
        raise ImportFileError(
            f"prompt_length = {prompt_length}; allowed: 0 to {still}, the cells in front that never change"
        )
    recorder = Recorder(pieces, model)
    settings = {"sampler": "imported", "canvases": len(canvases), "mask_guessed": guessed, **UNKNOWN}
    try:
        if mask is None:
            _without_mask(recorder, canvases, prompt_length, settings)
        else:
            _with_mask(recorder, canvases, prompt_length, settings, mask)
        left = [any(r.undecided) for r in recorder.board.trunk]
        recorder.finish(["left" if some else "steps" for some in left])
    except EventError as error:
        raise ImportFileError(f"canvases do not follow from each other: {error}") from None
    return Imported(recorder.trace(), mask, guessed, prompt_length)


def guess_mask(canvases: Canvases) -> int:
    """The id that cells change from most often: each cell leaves the mask at least once. ImportFileError: no
    id does so in at least half of all changes."""
    left: Counter[int] = Counter()
    for before, after in zip(canvases, canvases[1:], strict=False):
        for old, new in zip(before, after, strict=True):
            left.update(a for a, b in zip(old, new, strict=False) if a != b)
    best, times = left.most_common(1)[0] if left else (-1, 0)
    if not left or times < LEAST_SHARE * left.total():
        raise ImportFileError(
            "mask_id cannot be guessed: no id is replaced often enough; "
            f"allowed: name it, or {NO_MASK!r} for a model that knows no mask"
        )
    return best


def _prompt(canvases: Canvases, mask: int | None) -> int:
    """How many cells in front never change and hold no mask, in all rows."""
    least = min(len(row) for canvas in canvases for row in canvas)
    for place in range(least):
        for row, first in enumerate(canvases[0]):
            if first[place] == mask or any(canvas[row][place] != first[place] for canvas in canvases):
                return place
    return least


def _with_mask(
    recorder: Recorder, canvases: Canvases, prompt: int, settings: dict[str, Any], mask: int
) -> None:
    first = canvases[0]
    # Given: what never changes, as far as positions can tell: rows that grow or shrink may move it.
    same = len({len(row) for canvas in canvases for row in canvas}) == 1
    pinned = [
        [
            i < prompt or (same and token != mask and all(canvas[number][i] == token for canvas in canvases))
            for i, token in enumerate(row)
        ]
        for number, row in enumerate(first)
    ]
    recorder.start(first, mask, prompt, settings, pinned=pinned)
    for step, (before, after) in enumerate(zip(canvases, canvases[1:], strict=False)):
        changes = Changes()
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            changes.row(number, old, new, mask, prompt)
        for event in changes.events(step, (step + 1) * len(first), step + 1):
            recorder.add(event)


def _without_mask(recorder: Recorder, canvases: Canvases, prompt: int, settings: dict[str, Any]) -> None:
    rows = range(len(canvases[0]))
    final: list[list[int]] = []  # of each cell, the canvas from which on it stays
    for row in rows:
        lengths = [len(canvas[row]) for canvas in canvases]
        if lengths != sorted(lengths):
            raise ImportFileError("a row becomes shorter; allowed without a mask: rows that stay or grow")
        final.append([_last_change([c[row][i] for c in canvases if i < len(c[row])], len(canvases))
                      for i in range(lengths[-1])])  # fmt: skip
    first = canvases[0]
    noise = [[prompt <= i for i in range(len(row))] for row in first]
    recorder.start(first, None, prompt, settings, noise=noise)
    for step, (before, after) in enumerate(zip(canvases, canvases[1:], strict=False), 1):
        now: dict[str, Any] = {"nfe": step * len(first), "forwards": step}
        grown = [Cell(r, len(before[r]), t, 0.0) for r in rows for t in after[r][len(before[r]) :]]
        if grown:
            recorder.add(Inserted(**now, cells=tuple(grown), noise=True))
        cells = [
            (Cell(r, i, after[r][i], 0.0), final[r][i]) for r in rows for i in range(prompt, len(after[r]))
        ]
        # What never changes is decided by the first step.
        decided = tuple(cell for cell, at in cells if max(at, 1) == step)
        stood = recorder.board.tokens
        moved = tuple(c for c, at in cells if at > step and stood[c.row][c.position] != c.token)
        recorder.add(Unmasked(**now, step=step - 1, cells=decided))
        if moved:
            recorder.add(Renoised(**now, cells=moved))


def _last_change(tokens: list[int], canvases: int) -> int:
    """The number of the canvas from which on a cell stays. tokens: its own, in all canvases that have it,
    which are the last ones."""
    at = len(tokens) - 1
    while at > 0 and tokens[at - 1] == tokens[-1]:
        at -= 1
    return canvases - len(tokens) + at
