"""`python -m samplers list | run | replay | measures | batch | import`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from models.flags import add_model_flags, add_tool_flags, load_flagged
from models.whole_file import json_lines, write_whole
from samplers.measuring.measures_command import add_measures, measures_of_files
from samplers.registry import parse_settings


def parser() -> argparse.ArgumentParser:
    """The command line; sampler settings are given as --set key=value."""
    top = argparse.ArgumentParser(prog="python -m samplers", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="the samplers and their settings")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.add_argument("--markdown", action="store_true", help="as docs/samplers.md")

    run = commands.add_parser("run", help="decode one prompt, live in the terminal")
    add_model_flags(run)
    run.add_argument("--sampler", default="low_confidence", help="a name that `list` shows")
    run.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting")
    prompt_kind = run.add_mutually_exclusive_group(required=True)
    prompt_kind.add_argument("--prompt", help="one user turn, through the chat template")
    prompt_kind.add_argument("--messages", type=json.loads, help="a conversation as JSON")
    prompt_kind.add_argument("--raw-prompt", help="text as it is")
    prompt_kind.add_argument("--prompt-ids", type=json.loads, help="token ids as JSON")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--constraints", default="", help="pos:word, …: cells of the answer given")
    run.add_argument("--infill", help="an answer with [MASK] holes")
    add_tool_flags(run)
    run.add_argument("--scorer", choices=("checker", "prm"), help="what judges unfinished answers")
    run.add_argument("--task", type=json.loads, help='for the checker: {"name": …, "problem": {…}}')
    run.add_argument("--trace", type=Path, help="save the run to this file (large: gzip)")
    run.add_argument("--measures", action="store_true", help="what the run did; asks the network again")

    replay = commands.add_parser("replay", help="show a saved trace")
    replay.add_argument("file", type=Path)
    replay.add_argument("--pause", type=float, default=0.03, help="seconds between events")
    replay.add_argument("--json", action="store_true", help="print its lines instead, header first, as JSON")

    add_measures(commands)

    batch = commands.add_parser("batch", help="decode a file of requests (JSON lines)")
    add_model_flags(batch)
    batch.add_argument("--requests", type=Path, required=True)
    batch.add_argument("--out", type=Path, required=True)
    batch.add_argument("--measures", action="store_true", help="a table of what each sampler did")
    batch.add_argument("--batch-size", type=int, default=32, help="rows decoded together at most")
    add_import(commands)
    return top


def add_import(commands: Any) -> None:
    """The command `import`."""
    foreign = commands.add_parser("import", help="another decoder's canvases, one a step, as a trace")
    foreign.add_argument("file", type=Path, help="JSON or JSON lines: [[ids], [ids], …]; or .npy")
    foreign.add_argument(
        "--tokenizer", default="", help="the model's name, folder or hub id; none: ids are shown"
    )
    foreign.add_argument("--out", type=Path, required=True, help="the trace")
    foreign.add_argument(
        "--mask-id", metavar="ID", help="or none, of a model without; default: tokenizer's, or guessed"
    )
    foreign.add_argument("--prompt-length", type=int, help="default: the cells in front that never change")
    foreign.add_argument("--row", type=int, help="keep this row only, from 0")


def list_samplers(args: argparse.Namespace) -> None:
    """Print the registry."""
    import samplers.algorithms  # noqa: F401 - fills the registry
    from samplers.listing import as_data, as_markdown, as_text

    if args.json:
        print(json.dumps(as_data(), indent=1))
    else:
        print(as_markdown() if args.markdown else as_text())


def run_one(args: argparse.Namespace) -> None:
    """Decode one prompt with the live view."""
    from models.text import token_pieces
    from samplers.batch import ToolBox
    from samplers.measuring.judges import ends_among
    from samplers.measuring.measures_command import measured
    from samplers.measuring.measures_table import run_table
    from samplers.recording.traces import Trace, used_pieces, write_trace
    from samplers.requests import prepare
    from samplers.streams import record
    from samplers.terminal import show

    settings = parse_settings(args.sampler, args.set)
    loaded = load_flagged(args)
    tools = ToolBox(loaded).tools({"ups_head": args.ups_head, "scorer": args.scorer, "prm": args.prm})
    prepared = prepare(
        loaded, args.sampler, settings, tools, task=args.task, seed=args.seed, constraints=args.constraints,
        infill=args.infill, prompt=args.prompt, messages=args.messages,
        raw_prompt=args.raw_prompt, prompt_ids=args.prompt_ids,
    )  # fmt: skip
    pieces = token_pieces(loaded.tokenizer) if loaded.tokenizer else []
    events: list[Any] = []
    try:
        show(record(prepared.stream(), events), pieces)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        if args.trace and events:
            write_trace(args.trace, Trace(tuple(events), used_pieces(events, pieces), loaded.name))
    if args.measures and events:
        ends = ends_among(used_pieces(events, pieces))
        print(run_table(measured(events, pieces, ends, network=prepared.denoise.network)))


def replay_file(args: argparse.Namespace) -> None:
    """Show a trace again, without the model, or print it: unpacked, and in today's schema."""
    from samplers.recording.traces import open_trace, trace_lines
    from samplers.terminal import show

    with open_trace(args.file) as reader:
        if args.json:
            for line in trace_lines(reader):
                print(line)
        else:
            show(reader, reader.pieces, pause=args.pause)


def run_file(args: argparse.Namespace) -> None:
    """Decode a file of requests; the results file is replaced once it is whole."""
    from samplers.batch import run_requests
    from samplers.measuring.measures_table import summary_table

    if args.batch_size < 1:
        raise ValueError(f"batch-size = {args.batch_size} is not valid; allowed: at least 1")
    lines = json_lines(args.requests)
    if not args.out.parent.is_dir():
        raise ValueError(f"out = {str(args.out)!r}: its folder does not exist")
    loaded = load_flagged(args)

    def progress(done: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {len(lines)}", end="", file=sys.stderr)

    results = run_requests(loaded, lines, args.batch_size, progress=progress)
    write_whole(args.out, (json.dumps(r) + "\n" for r in results))
    failed = sum("error" in r for r in results)
    print(f"{len(results)} requests, {failed} with an error: {args.out}")
    if args.measures:
        groups: dict[str, list[dict[str, Any]]] = {}
        for result in results:
            if "error" not in result:
                groups.setdefault(result["sampler"], []).append(result["measures"])
        print(summary_table(groups))


def import_file(args: argparse.Namespace) -> None:
    """Make a trace of a list of canvases, and say what was made out."""
    from samplers.engines.importing import import_trace

    print(import_trace(args.file, args.out, args.tokenizer, args.mask_id, args.prompt_length, args.row))


def main(argv: list[str] | None = None) -> int:
    """Run a command; a bad value ends in one sentence and exit code 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    args = parser().parse_args(argv)
    try:
        commands = {
            "list": list_samplers, "run": run_one, "replay": replay_file, "batch": run_file,
            "measures": measures_of_files, "import": import_file,
        }  # fmt: skip
        commands[args.command](args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
