"""`positions`: likelihood of a token by its place in a long text, with and without a stretched context."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.cli.run import DEFAULT_MODEL
from models.flags import add_model_flags, load_flagged
from models.whole_file import write_whole
from samplers.text_tables import markdown_table

if TYPE_CHECKING:
    from torch import Tensor

    from evaluation.likelihood.positions import Estimate, PositionPlan
    from models.loading import LoadedModel

AS_IT_IS, UNTRAINED = "as it is", "YaRN, not trained"


def add_positions(commands: Any) -> None:
    """Flags of `positions`."""
    command = commands.add_parser("positions", help="likelihood of a token by its place in a long text")
    add_model_flags(command, DEFAULT_MODEL)
    command.add_argument("--length", type=int, default=2048, help="tokens of a text")
    command.add_argument("--buckets", type=int, default=16, help="rows of the table")
    command.add_argument("--rows", type=int, default=32, help="texts")
    command.add_argument("--shares", type=int, default=8, help="draws of masks for each text")
    command.add_argument("--seed", type=int, default=2026)
    command.add_argument(
        "--with", dest="more", action="append", default=[], metavar="NAME=FOLDER",
        help="a trained model or an adapter of the model, as one more column (repeatable)",
    )  # fmt: skip
    command.add_argument("--estimate", action="store_true", help="print how long it takes and stop")
    command.add_argument("--out", type=Path, help="keep the table's numbers, row by row, in this JSON file")
    command.set_defaults(run=run_positions)


def named_folders(texts: list[str]) -> dict[str, str]:
    """`NAME=FOLDER` texts; ValueError for one that is none, for a name that comes twice, for no folder."""
    folders: dict[str, str] = {}
    for text in texts:
        name, equals, folder = (part.strip() for part in text.partition("="))
        if not (name and equals and folder) or name in (*folders, AS_IT_IS, UNTRAINED):
            raise ValueError(f"with = {text!r} is not valid; allowed: NAME=FOLDER, every name once")
        if not Path(folder).is_dir():
            raise ValueError(f"with = {text!r}: there is no such folder")
        folders[name] = folder
    return folders


def run_positions(args: argparse.Namespace) -> None:
    """Score all models, print the table."""
    from evaluation.likelihood.positions import PositionPlan, drift, long_rows

    plan = PositionPlan(args.length, args.buckets, args.rows, args.shares, args.seed)
    folders = named_folders(args.more)
    base = load_flagged(args)
    rows, context = long_rows(base, plan), base.max_length
    models = {AS_IT_IS: base, UNTRAINED: _stretched(args, plan)}
    models |= {name: _trained(args, folder, base) for name, folder in folders.items()}
    _say_estimate(base, rows, plan, len(models))
    if args.estimate:
        return
    found = {name: _scored(name, loaded, rows, plan) for name, loaded in models.items()}
    drifts = {name: drift(values, plan, context) for name, values in found.items()}
    if args.out:
        values = {name: each.tolist() for name, each in found.items()}
        write_whole(args.out, json.dumps({"plan": asdict(plan), "context": context, "found": values}) + "\n")
    print(position_table(found, plan), drift_table(found, drifts, plan, context), sep="\n\n")


def _stretched(args: argparse.Namespace, plan: PositionPlan) -> LoadedModel:
    """The model with YaRN as far as a text needs, and no training for it. ValueError: it needs none."""
    from models.rope import stretch

    loaded = load_flagged(args)
    if plan.length <= loaded.max_length:
        allowed = f"more than {loaded.max_length}, which {loaded.name} reads as it is"
        raise ValueError(f"length = {plan.length}; allowed: {allowed}")
    config = loaded.model.config
    original = config.yarn_original_max_position_embeddings if config.yarn else loaded.max_length
    config.max_sequence_length = stretch(config, plan.length / original)
    loaded.model.forget_rotations()
    return loaded


def _trained(args: argparse.Namespace, folder: str, base: LoadedModel) -> LoadedModel:
    is_adapter = (Path(folder) / "adapter_config.json").is_file()
    named = {"adapter": folder} if is_adapter else {"model": folder, "adapter": "", "revision": ""}
    loaded = load_flagged(argparse.Namespace(**(vars(args) | named)))
    ours, theirs = ((m.mask_id, m.eos_id, m.model.config.vocab_size) for m in (base, loaded))
    if ours != theirs:
        allowed = f"a model that was trained from {base.name}"
        raise ValueError(f"with: {folder!r} has another vocabulary; allowed: {allowed}")
    return loaded


def _say_estimate(base: LoadedModel, rows: Tensor, plan: PositionPlan, models: int) -> None:
    from evaluation.likelihood.positions import PositionPlan, bucket_likelihoods

    once = PositionPlan(plan.length, plan.buckets, 1, 1, plan.seed)
    seconds = 0.0
    for _ in range(2):  # the first one also prepares
        began = time.perf_counter()
        bucket_likelihoods(base.model, base.mask_id, rows[:1], once)
        seconds = time.perf_counter() - began
    forwards = models * plan.rows * plan.shares
    work = f"{models} models x {plan.rows} texts x {plan.shares} draws of masks, {seconds:.2f} s each"
    print(f"About {forwards * seconds / 60:.1f} min: {work}, measured.", flush=True)


def _scored(name: str, loaded: LoadedModel, rows: Tensor, plan: PositionPlan) -> Tensor:
    from evaluation.likelihood.positions import bucket_likelihoods

    total, done = plan.rows * plan.shares, 0

    def count() -> None:
        nonlocal done
        done += 1
        if done % plan.shares == 0:
            print(f"{name}: {done} of {total}", file=sys.stderr, flush=True)

    return bucket_likelihoods(loaded.model, loaded.mask_id, rows, plan, count)


def position_table(found: Mapping[str, Tensor], plan: PositionPlan) -> str:
    """Markdown: a row a bucket, a column a model."""
    from evaluation.likelihood.positions import estimate

    rows = []
    for i in range(plan.buckets):
        first = i * plan.width
        cells = [_words(estimate(values[:, i])) for values in found.values()]
        rows.append((f"{first} – {first + plan.width - 1}", *cells))
    return markdown_table(("positions", *found), rows, range(1, len(found) + 1))


def drift_table(
    found: Mapping[str, Tensor], drifts: Mapping[str, Tensor], plan: PositionPlan, context: int
) -> str:
    """Markdown: for each model how tokens behind the context differ from those in it, and from what the model
    as it is makes of the same ones."""
    from evaluation.likelihood.positions import estimate

    first = -(-context // plan.width)
    plain, rows = found[AS_IT_IS], []
    for name, values in found.items():
        against = ["", ""]
        if name != AS_IT_IS:
            parts = (slice(None, first), slice(first, None))
            pairs = ((values[:, part].mean(-1), plain[:, part].mean(-1)) for part in parts)
            against = [_words(estimate(*pair)) for pair in pairs]
        rows.append((name, _words(estimate(drifts[name])), *against))
    head = ("model", f"drift behind {context}", f"against {AS_IT_IS}: before {context}", "behind it")
    return markdown_table(head, rows, (1, 2, 3))


def _words(found: Estimate) -> str:
    return f"{found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"
