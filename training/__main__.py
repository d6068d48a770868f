"""`python -m training OBJECTIVE --model M --data D --out DIR`: see `--help` of each command."""

from __future__ import annotations

import argparse
import os
import sys

from training.cli import average, bundled, estimate, merge, objectives, pairs, preview, rollouts, sweep
from training.engine.placement import leave_processes

COMMANDS = (objectives, preview, estimate, bundled, rollouts, pairs, merge, average, sweep)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands: every module of COMMANDS adds its own."""
    parser_of_all = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser_of_all.add_subparsers(dest="command", required=True)
    for module in COMMANDS:
        module.add(commands)
    return parser_of_all


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code: 2 for a bad value and 1 for a failed run, each with one
    sentence on stderr; else 0, also for a run that was stopped by a signal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    args = parser().parse_args(argv)
    try:
        args.run(args)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (OSError, FloatingPointError, RuntimeError) as error:
        print(f"error: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    finally:
        leave_processes()
    return 0


if __name__ == "__main__":
    sys.exit(main())
