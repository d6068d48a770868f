"""`llada-viz export`: traces as files for others: an offline HTML page, GIF or MP4, one moment as SVG or PDF,
or a table of events."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

FORMS = (".html", ".csv", ".gif", ".mp4", ".svg", ".pdf")
MOST_TRACES = 4


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="llada-viz export", description=__doc__)
    top.add_argument(
        "traces", type=Path, nargs="+", help=f"up to {MOST_TRACES} traces; several: side by side"
    )
    top.add_argument("--out", type=Path, required=True, help=f"the file to write: {', '.join(FORMS)}")
    top.add_argument("--title", default="", help="of the page (default: the question)")
    top.add_argument(
        "--by",
        choices=("NFE", "time"),
        default="NFE",
        help="what keeps several traces in step (default: NFE)",
    )
    top.add_argument("--frame", type=int, default=-1, help="of an SVG or PDF, from 0 (default: the last)")
    top.add_argument("--pace", type=float, default=8, help="pictures a second of a film (default: 8)")
    top.add_argument("--scale", type=float, default=1.25, help="of a film, 0.4 to 2 (default: 1.25)")
    top.add_argument("--dark", action="store_true", help="pictures and films on a dark ground")
    return top


def main(argv: list[str] | None = None) -> int:
    """Write the file. ValueError or OSError: a sentence."""
    from llada_viz.decoding.runs import OPENED, recorded
    from llada_viz.export.forecast import foretold
    from llada_viz.export.writing import UNITS, Wanted, write
    from samplers.recording.traces import read_trace

    args = parser().parse_args(argv)
    form = args.out.suffix.lower()
    if form not in FORMS:
        raise ValueError(f"out = {args.out.name!r}; allowed: a file whose name ends in {', '.join(FORMS)}")
    if len(args.traces) > MOST_TRACES or (form == ".csv" and len(args.traces) > 1):
        most = 1 if form == ".csv" else MOST_TRACES
        raise ValueError(f"{len(args.traces)} traces; allowed: at most {most} for {form}")
    runs = [recorded(read_trace(path, OPENED)) for path in args.traces]
    wanted = Wanted(form[1:], args.title, args.by, (args.frame,), args.dark, args.pace, args.scale)
    print(foretold(wanted, runs).said, file=sys.stderr)
    write(args.out, wanted, runs, partial(_progress, UNITS.get(wanted.form, "")))
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")
    return 0


def _progress(unit: str, done: int, of: int) -> None:
    """One line that counts, where somebody watches."""
    if sys.stderr.isatty() and (done == of or done % max(1, of // 200) == 0):
        print(f"\r{done:,} of {of:,} {unit}", end="\n" if done == of else "", file=sys.stderr, flush=True)
