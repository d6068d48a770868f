"""`llada-viz export`: traces as files for others: one offline HTML page, or a table of events."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.whole_file import write_whole

FORMS = (".html", ".csv")
MOST_TRACES = 4


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="llada-viz export", description=__doc__)
    top.add_argument(
        "traces", type=Path, nargs="+", help=f"up to {MOST_TRACES} traces; several: side by side"
    )
    top.add_argument("--out", type=Path, required=True, help="the file to write: .html or .csv")
    top.add_argument("--title", default="", help="of the page (default: the question)")
    top.add_argument(
        "--by",
        choices=("NFE", "time"),
        default="NFE",
        help="what keeps several traces in step (default: NFE)",
    )
    return top


def main(argv: list[str] | None = None) -> int:
    """Write the file. ValueError or OSError: a sentence."""
    from llada_viz.decoding.runs import OPENED, recorded
    from llada_viz.export.event_table import event_table
    from llada_viz.export.offline import offline_page
    from llada_viz.render.question import question_of
    from samplers.recording.traces import read_trace

    args = parser().parse_args(argv)
    form = args.out.suffix.lower()
    if form not in FORMS:
        raise ValueError(f"out = {args.out.name!r}; allowed: a file whose name ends in {' or '.join(FORMS)}")
    if len(args.traces) > MOST_TRACES or (form == ".csv" and len(args.traces) > 1):
        most = 1 if form == ".csv" else MOST_TRACES
        raise ValueError(f"{len(args.traces)} traces; allowed: at most {most} for {form}")
    traces = [read_trace(path, OPENED) for path in args.traces]
    if form == ".csv":
        write_whole(args.out, event_table(traces[0]))
    else:
        runs = [recorded(trace) for trace in traces]
        title = args.title or question_of(runs[0].layout.prompt) or "A run"
        write_whole(args.out, offline_page(runs, title, args.by))
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")
    return 0
