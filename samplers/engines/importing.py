"""`llada-samplers import`: the file of canvases, the tokenizer and the trace."""

from __future__ import annotations

from pathlib import Path

from models.checkpoint import read_tokenizer
from models.text import token_pieces
from samplers.engines.imported import NO_MASK, Canvases, ImportFileError, read_canvases, to_trace
from samplers.recording.traces import write_trace


def import_trace(
    file: Path, out: Path, tokenizer: str = "", mask_id: str | None = None, prompt_length: int | None = None,
    row: int | None = None,
) -> str:  # fmt: skip
    """Write the trace of a list of canvases; returns a sentence about it. tokenizer: of the model, a name, a
    folder or a hub id; mask_id: a number or "none". ImportFileError: as in samplers.engines.imported."""
    if not out.absolute().parent.is_dir():
        raise ImportFileError(f"out = {str(out)!r}: its folder does not exist")
    canvases = read_canvases(file)
    found = read_tokenizer(tokenizer) if tokenizer else None
    if tokenizer and found is None:
        raise ImportFileError(
            f"tokenizer = {tokenizer!r} has no tokenizer.json; allowed: a model that has one"
        )
    mask, how = _mask(mask_id, getattr(found, "mask_token_id", None), canvases)
    pieces = token_pieces(found) if found is not None else []
    made = to_trace(canvases, pieces, tokenizer, mask, prompt_length, row)
    write_trace(out, made.trace)
    mask_said = "no mask" if made.mask_id is None else f"mask_id {made.mask_id}"
    rows = len(canvases[0])
    return (
        f"{len(canvases)} canvases of {rows} row{'' if rows == 1 else 's'}, "
        f"{made.prompt_length or 'no'} prompt cell{'' if made.prompt_length == 1 else 's'}, "
        f"{mask_said} ({'guessed' if made.guessed else how}): {out}"
    )


def _mask(asked: str | None, named: int | None, canvases: Canvases) -> tuple[int | str | None, str]:
    """The mask that to_trace takes, and who named it; None: it guesses."""
    if asked is not None:
        if asked != NO_MASK and not (asked.isascii() and asked.isdigit() and len(asked) < 10):
            raise ImportFileError(
                f"mask_id = {asked[:40]!r} is not valid; allowed: a token id, or {NO_MASK!r}"
            )
        return (asked if asked == NO_MASK else int(asked)), "as asked"
    used = named is not None and any(named in row for canvas in canvases for row in canvas)
    return (named if used else None), "named by the tokenizer"
