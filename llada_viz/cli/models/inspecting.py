"""`llada-viz models inspect`: one checkpoint, without reading its weights."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from llada_viz.cli.models.flags import add_source
from llada_viz.cli.models.listing import short_count
from llada_viz.cli.terminal import columns, described, printable, width
from models.hub import check_revision
from models.inspection import Inspection, inspect
from models.memory import PRECISIONS, Memory, Use, gigabytes, predict

MOST_FILES = 3


def add_flags(command: argparse.ArgumentParser) -> None:
    """MODEL, --revision, the use that memory is computed for, --json."""
    add_source(command)
    command.add_argument("--length", type=int, default=1024, help="tokens of the canvas, for its memory")
    command.add_argument("--rows", type=int, default=1, help="answers decoded together, for their memory")
    command.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what was found; what is wrong goes to stderr, and the exit code is 2."""
    for name in ("length", "rows"):
        if not 0 < getattr(args, name) < 2**24:
            raise ValueError(f"{name} = {getattr(args, name)}; allowed: 1 to {2**24 - 1}")
    check_revision(args.model, args.revision)
    found = inspect(args.model, args.revision)
    use = Use(rows=args.rows, length=args.length)
    print(json.dumps(as_data(found, use), indent=1) if args.json else as_text(found, use, width()))
    for sentence in found.wrong:
        print(f"error: {printable(sentence)}", file=sys.stderr)
    return 2 if found.wrong else 0


def memory_of(found: Inspection, use: Use) -> dict[str, Memory]:
    """Precision -> predicted Memory, of those that it can be loaded in."""
    shape = found.shape
    if shape is None or found.kind not in ("model", "reward model"):
        return {}
    if found.layout is not None and found.layout.bits == 4:
        group = found.layout.group_size
        return {"gptq-4": predict(shape, "gptq-4", use, group if group > 0 else shape.width)}
    if found.layout is not None:
        return {}
    return {p: predict(shape, p, use) for p in PRECISIONS if p != "gptq-4"}


def stored_as(found: Inspection) -> str:
    """The type that most numbers of the files have, or how they are quantised."""
    if found.layout is not None:
        return str(found.layout)
    if found.numbers:
        return found.numbers.most_common(1)[0][0]
    known = found.known.stored if found.known else ""
    return str(found.config.get("dtype") or found.config.get("torch_dtype") or known or "unknown")


def as_data(found: Inspection, use: Use) -> dict[str, Any]:
    """All of it. Sizes in bytes."""
    shape = found.shape
    memory = {
        precision: {"weights": m.weights, "cache": m.cache, "activations": m.activations}
        for precision, m in memory_of(found, use).items()
    }
    return {
        "name": found.name, "kind": found.kind, "family": found.family.title if found.family else None,
        "built": bool(found.family and found.family.built), "folder": found.folder and str(found.folder),
        "revision": found.commit, "here": found.here, "parameters": shape.parameters if shape else None,
        "context": found.context, "mask_id": found.mask_id, "files": found.files, "stored": stored_as(found),
        "numbers": dict(found.numbers), "tokenizer": found.tokenizer, "template": found.template,
        "license": found.known.license if found.known else None, "memory": memory, "wrong": found.wrong,
    }  # fmt: skip


def as_text(found: Inspection, use: Use, columns_wide: int) -> str:
    """Names and values, then memory at each precision, then presets."""
    parts = [printable(found.name), described(list(_facts(found)), columns_wide)]
    if memory := memory_of(found, use):
        answers = "one answer" if use.rows == 1 else f"{use.rows} answers"
        parts.append(f"Memory, predicted for {answers} on a canvas of {use.length:,} tokens")
        parts.append(_memory_table(found, use, memory))
    for preset in found.known.presets if found.known else ():
        settings = ", ".join(f"{key} = {value}" for key, value in preset.settings.items())
        title = f"Published settings: {preset.name} ({preset.source})"
        pair = [(f"sampler = {preset.sampler}", settings)]
        parts.append(f"{textwrap.fill(title, columns_wide)}\n{described(pair, columns_wide)}")
    return "\n\n".join(parts)


def _memory_table(found: Inspection, use: Use, memory: dict[str, Memory]) -> str:
    rows = [["", "weights", "a run", "with a cache"]]
    cached_use = replace(use, cache="dual")
    for precision, plain in memory.items():
        cached = predict(found.shape, precision, cached_use)
        total = plain.weights + cached.cache + cached.activations
        rows.append([f"  {precision}", *map(gigabytes, (plain.weights, plain.total, total))])
    if found.kind != "model":
        rows = [row[:-1] for row in rows]
    return columns(rows, right=range(1, 4))


def _facts(found: Inspection) -> Iterator[tuple[str, str]]:
    shape, known, family = found.shape, found.known, found.family
    if known and known.name != found.name:
        yield "known as", known.name
    if family:
        yield "family", family.title + ("" if family.built else ": its network is not built here yet")
    elif found.config.get("model_type"):
        yield "family", f"unknown (model_type = {found.config['model_type']!r})"
    yield "kind", found.kind
    if found.kind == "adapter":
        yield "change", found.change
    if shape and found.kind in ("model", "reward model"):
        yield "weights", short_count(shape.parameters)
        experts = f", {shape.experts} experts of {shape.expert_ffn:,}" if shape.experts else ""
        heads = f"{shape.heads} heads, {shape.kv_heads} for keys and values"
        wide = f", FFN {shape.ffn:,}" if shape.ffn else ""
        yield "shape", f"{shape.layers} layers of {shape.width:,}, {heads}{wide}{experts}"
        yield "context", f"{found.context:,} tokens" if isinstance(found.context, int) else "unknown"
        yield "mask", "unknown" if found.mask_id is None else f"token {found.mask_id}"
    yield "stored as", f"{stored_as(found)}{_mixture(found)}"
    yield "files", _files(found)
    if found.kind in ("model", "reward model") and found.tokenizer:
        yield "tokenizer", found.tokenizer
        if found.template:
            yield "template", found.template
    if known:
        yield "licence", (known.license or "unknown") + (", gated" if known.gated else "")
    yield "from", str(found.folder) if found.folder else "the catalog alone"
    yield "revision", found.commit or "unknown"


def _mixture(found: Inspection) -> str:
    if len(found.numbers) < 2 or found.layout is not None:
        return ""
    return f" ({', '.join(f'{short_count(n)} of {kind}' for kind, n in found.numbers.most_common())})"


def _files(found: Inspection) -> str:
    if not found.files:
        return "none here" if found.here else "not here"
    size = gigabytes(sum(found.files.values()))
    where = "" if found.here else ", not downloaded"
    names = list(found.files)
    if len(names) > MOST_FILES:
        return f"{len(names)}, {size}{where}: {names[0]} to {names[-1]}"
    return f"{len(names)}, {size}{where}: {', '.join(names)}"
