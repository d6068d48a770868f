"""`llada-viz models`: the checkpoints that people use, and the files of one."""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType

COMMANDS = {
    "list": ("listing", "the checkpoints that people use, and the memory of their weights"),
    "inspect": ("inspecting", "one checkpoint: what it is, what it needs, what is wrong with it"),
    "download": ("download", "fetch a checkpoint: safetensors, tokenizer, configuration"),
    "convert": ("converting", "write one anew: another type, other shards, out of GPTQ, with an adapter"),
    "quantize": ("quantizing", "write one anew in 2 to 8 bits a weight (GPTQ)"),
}
"""Name -> its module in this folder, with `add_flags(parser)` and `run(args) -> int`; what it is for."""


def main(argv: list[str]) -> int:
    """Run a command."""
    top = argparse.ArgumentParser(prog="llada-viz models", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, use) in COMMANDS.items():
        command = commands.add_parser(name, help=use, description=f"{use[0].upper()}{use[1:]}.")
        module(name).add_flags(command)
    args = top.parse_args(argv)
    return int(module(args.command).run(args))


def module(name: str) -> ModuleType:
    """The module of a command."""
    return importlib.import_module(f"llada_viz.cli.models.{COMMANDS[name][0]}")
