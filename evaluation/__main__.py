"""`python -m evaluation`: runs of samplers over sets of problems, reports, grading, likelihoods."""

from __future__ import annotations

import argparse
import os
import sys

from evaluation.cli import bundled, compare, english, grade, positions, repairs, run, scale
from evaluation.likelihood.answer_scores import add_likelihood
from evaluation.reversal import add_reversal
from evaluation.suites import lm_eval_command

COMMANDS = (
    run.add_run, run.add_report, compare.add_compare, grade.add_grade, add_likelihood, add_reversal,
    bundled.add_bundled, bundled.add_samplers, repairs.add_repairs, scale.add_scale,
    english.add_english, positions.add_positions,
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m evaluation", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    for add in COMMANDS:
        add(commands)
    commands.add_parser("lm-eval", help="lm-evaluation-harness with our model; its own flags follow")
    return top


def main(argv: list[str] | None = None) -> int:
    """Run a command; a bad value ends in one sentence and exit code 2."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    words = sys.argv[1:] if argv is None else argv
    try:
        if words[:1] == ["lm-eval"]:  # argparse would read lm-eval's flags as ours
            lm_eval_command.run(words[1:])
        else:
            args = parser().parse_args(words)
            args.run(args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
