"""`merge`: a LoRA adapter into a model folder, shard by shard."""

from __future__ import annotations

import argparse
from pathlib import Path


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags."""
    parser = commands.add_parser("merge", help="a LoRA adapter into the weights of a model folder")
    parser.add_argument("--model", required=True, help="model folder or hub id")
    parser.add_argument("--adapter", required=True, help="peft LoRA folder")
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    parser.add_argument("--no-check", action="store_true",
                        help="do not compare logits (needs the whole model in float32)")  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Merge, and print the result of the check."""
    from training.shared.merge import INPUTS, merge_folder

    layers, check = merge_folder(args.model, args.adapter, args.out, not args.no_check)
    if check is None:
        print(f"merged {layers} layers, UNCHECKED: merged and unmerged logits were not compared")
    else:
        print(
            f"merged {layers} layers, each W + scale * B A but for rounding; on {INPUTS} random inputs the "
            f"logits differ from the unmerged ones by at most {check.difference:.3g} (allowed "
            f"{check.allowed:.3g}; the adapter changes them by up to {check.effect:.3g})"
        )
    print(args.out)
