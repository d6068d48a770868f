"""`llada-viz models convert`: a checkpoint written anew, beside the old one."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from llada_viz.cli.models.flags import add_source, new_folder
from llada_viz.cli.terminal import steps_bar

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}


def add_flags(command: argparse.ArgumentParser) -> None:
    """MODEL, --out, and what is changed."""
    add_source(command)
    command.add_argument("--out", type=new_folder, required=True, metavar="DIR", help="a new folder")
    command.add_argument(
        "--dtype",
        default="",
        choices=("float32", "bfloat16", "float16"),
        help="type of the numbers (default: as stored; out of GPTQ: bfloat16)",
    )
    command.add_argument(
        "--shard-size",
        default="5GB",
        type=size_of,
        metavar="SIZE",
        help="most of a file: 5GB, 500MB … (default: 5GB)",
    )
    command.add_argument("--adapter", default="", help="a peft LoRA folder, merged into the weights")


def size_of(text: str) -> int:
    """ "500MB" -> 500000000. ArgumentTypeError: it is no size."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(KB|MB|GB)", text.upper())
    if found is None or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; allowed: a number with KB, MB or GB")
    return int(float(found[1]) * UNITS[found[2]])


def run(args: argparse.Namespace) -> int:
    """Write it, completely or not at all; then say what was written."""
    from models.convert import Conversion, convert
    from models.hub import check_revision
    from models.memory import gigabytes
    from training.engine.checkpoints import replace_folder

    check_revision(args.model, args.revision)
    how = Conversion(args.dtype, args.shard_size, args.adapter)
    with steps_bar(args.model) as progress:

        def fill(folder: Path) -> None:
            convert(args.model, folder, how, args.revision, progress)

        replace_folder(args.out, fill)
    files = sorted(args.out.glob("*.safetensors"))
    count = "one file" if len(files) == 1 else f"{len(files)} files"
    print(f"{args.out}: {gigabytes(sum(f.stat().st_size for f in files))} in {count}")
    return 0
