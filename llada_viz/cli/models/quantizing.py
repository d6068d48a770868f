"""`llada-viz models quantize`: a checkpoint in few bits a weight (GPTQ), measured on texts."""

from __future__ import annotations

import argparse
from pathlib import Path

from llada_viz.cli.models.flags import new_folder
from llada_viz.cli.terminal import steps_bar

BUNDLED_EACH = 18
BUNDLED_FILES = ("assets/data/arithmetic.csv", "assets/data/algebra_latex.csv")


def add_flags(command: argparse.ArgumentParser) -> None:
    """MODEL, --out, the layout, and the texts."""
    command.add_argument(
        "model", metavar="MODEL", help="a bundled name, a folder or a hub id of plain weights"
    )
    command.add_argument("--out", type=new_folder, required=True, metavar="DIR", help="a new folder")
    command.add_argument("--bits", type=int, default=4, choices=(2, 3, 4, 8), help="a weight (default: 4)")
    command.add_argument("--group", type=int, default=128, help="weights that share a scale; -1: a whole row")
    command.add_argument("--symmetric", action="store_true", help="no zero points")
    command.add_argument(
        "--in-order", action="store_true", help="without act-order: faster to read, less exact"
    )
    command.add_argument(
        "--calibration",
        default="",
        metavar="FILE",
        help="texts to measure the weights on: lines of a .txt, or questions and answers of a CSV, JSONL "
        "or Parquet file, a bundled task or a known set (default: bundled problems)",
    )
    command.add_argument("--limit", type=int, default=128, help="texts at most (default: 128)")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:0 …")
    command.add_argument("--seed", type=int, default=0, help="of the masks in the texts")


def run(args: argparse.Namespace) -> int:
    """Write it; then say what was written."""
    from models.gptq import quantize
    from models.memory import gigabytes

    texts = calibration_texts(args.calibration, args.limit)
    with steps_bar(args.model) as progress:
        quantize(
            args.model,
            args.out,
            bits=args.bits,
            group_size=args.group,
            desc_act=not args.in_order,
            sym=args.symmetric,
            calibration=texts,
            progress=progress,
            device=args.device,
            seed=args.seed,
        )
    size = gigabytes(sum(path.stat().st_size for path in args.out.glob("*.safetensors")))
    print(f"{args.out}: {size}, {args.bits} bits a weight, measured on {len(texts)} texts")
    return 0


def calibration_texts(name: str, limit: int) -> list[str]:
    """Texts of a file or a set; of bundled problems where no name is given. ValueError: there are none."""
    from evaluation.sets.problem_sets import load_set
    from tasks import TASKS

    if limit < 1:
        raise ValueError(f"limit = {limit}; allowed: at least 1")
    if name.endswith(".txt"):
        if not Path(name).is_file():
            raise ValueError(f"calibration = {name!r} is no file")
        lines = Path(name).read_text(encoding="utf-8-sig").splitlines()
        texts = [line for line in lines if line.strip()][:limit]
    else:
        problems = [p for source in ([name] if name else [*TASKS, *BUNDLED_FILES]) for p in
                    load_set(source, limit=limit if name else BUNDLED_EACH).problems]  # fmt: skip
        texts = [f"{problem.question}\n{problem.answer}" for problem in problems][:limit]
    if not texts:
        raise ValueError(f"calibration = {name!r} has no text; allowed: a file with some")
    return texts
