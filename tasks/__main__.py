"""`python -m tasks sample ...` prints problems; `python -m tasks exclude DIR` lists exclusions."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from tasks import TASKS, generate
from tasks.exclude import write_excluded


def main(argv: list[str] | None = None) -> None:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(prog="python -m tasks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sample = commands.add_parser("sample", help="print problems as JSON lines")
    sample.add_argument("--task", required=True, choices=sorted(TASKS))
    sample.add_argument("--split", default="heldout")
    sample.add_argument("--level", default="", help="easy or middle (default: the usual one)")
    sample.add_argument("--n", type=int, default=5)
    sample.add_argument("--seed", type=int, default=0)
    exclude = commands.add_parser("exclude", help="hash the published test problems of DIR")
    exclude.add_argument("folder", type=Path, metavar="DIR")
    args = parser.parse_args(argv)
    if args.command == "exclude":
        print(f"{write_excluded(args.folder)} problems excluded")
        return
    for problem in generate(args.task, args.split, args.n, args.seed, args.level):
        print(json.dumps(asdict(problem), ensure_ascii=False))


if __name__ == "__main__":
    main()
