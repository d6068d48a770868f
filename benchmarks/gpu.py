"""Decoding and training on a GPU, for LLaDA-8B's exact shape in bf16 with random weights, in one command:

`python -m benchmarks.gpu [--out results.json] [--budget 440] [--limit 6] [--small]`

It needs torch, transformers, safetensors and this project's folder; what needs more is measured where that is
installed and reported as left out where not. Prompt 512 tokens, answers 256 and 512, blocks of 32.
On a CPU, or with --small: a small shape, to see that it runs; passes are then captured without graphs.

NOTES are printed and in the JSON. share: of the time that a pass needs at least, by the card's own
measured bandwidth and peak, in the time that a step took. NFE: sequences evaluated for one answer.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.card import Card, Cost, PassShape, measure_card, wait
from benchmarks.shapes import PUBLISHED, TINY, random_network
from llada_viz.render import FrameMaker
from models.checkpoint import ModelError
from models.llada import LLaDAModelLM
from samplers import ModelNetwork, make, new_canvas
from samplers.events import Unmasked
from samplers.forwards.captured import CapturedPasses, Graph, Repeated
from samplers.forwards.passes import Passes

Row = dict[str, Any]
WAYS: dict[str, tuple[str, dict[str, Any], int]] = {
    "plain": ("low_confidence", {}, 1),
    "threshold": ("threshold", {"threshold": 1.0}, 4),
    "prefix": ("low_confidence", {"cache": "prefix"}, 1),
    "dual": ("low_confidence", {"cache": "dual"}, 1),
    "threshold, dual": ("threshold", {"threshold": 1.0, "cache": "dual"}, 4),
}
"""Way -> sampler, settings, cells a step."""
NOTES = (
    "weights are random, so no cell is ever sure: `threshold` is run at threshold 1 with steps for 4 cells "
    "each, which takes the path of a sampler that is sure of 4 cells in each step. Its speed is that of 4 "
    "cells a step; how many a trained model commits is not measured here",
    "a decode is cut after --limit seconds, cached ones at the end of a block",
)
"""What a reader of the numbers must know."""


@dataclass(frozen=True)
class Sizes:
    """What is measured: tokens, rows, seconds."""

    shape: dict[str, int]
    prompt: int
    answers: tuple[int, ...]
    block: int
    batches: tuple[int, ...]
    group: int
    train_length: int
    limit: float


def sizes_of(small: bool, limit: float) -> Sizes:
    """The published ones, or small ones."""
    if small:
        return Sizes(TINY, 16, (16, 32), 8, (1, 2), 32, 32, min(limit, 0.1))
    return Sizes(PUBLISHED, 512, (256, 512), 32, (1, 8), 128, 1024, limit)


@dataclass
class Bench:
    """One run of this file: where it measures, what it found, and what it left out."""

    device: torch.device
    dtype: torch.dtype
    sizes: Sizes
    card: Card
    budget: float
    began: float = field(default_factory=time.perf_counter)
    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    failed: bool = False

    def part(self, name: str, seconds: float, work: Callable[[], Iterator[Row]]) -> None:
        """Do and print a part that takes about so many seconds, if these are left; say so if not."""
        spent = time.perf_counter() - self.began
        if self.budget - spent < seconds:
            self.leave_out(
                name, f"{spent:.0f} s of {self.budget:.0f} are spent, it needs about {seconds:.0f}"
            )
            return
        try:
            for row in work():
                self.rows.append(row)
                print(line_of(row), flush=True)
        except ImportError as error:
            self.leave_out(name, f"{error.name} is not installed")
        except torch.OutOfMemoryError:
            self.leave_out(name, "it does not fit this device's memory")
        except ModelError as error:  # gptqmodel's kernels are checked, and may refuse
            self.leave_out(name, str(error))
        except Exception as error:  # the other parts are worth having
            self.failed = True
            self.leave_out(name, f"failed: {type(error).__name__}: {error}")
        forget(self.device)

    def leave_out(self, name: str, why: str) -> None:
        """Report a part that is not measured."""
        self.left_out.append(f"{name}: {why}")
        print(f"left out: {name}: {why}", flush=True)

    def model(self) -> LLaDAModelLM:
        """The network with random weights."""
        return random_network(self.sizes.shape, str(self.device), self.dtype).eval().requires_grad_(False)

    def passes(self, model: LLaDAModelLM, captured: bool) -> Passes:
        """Captured passes that nobody else uses, or plain ones."""
        if not captured:
            return Passes(model)
        return CapturedPasses(model, Graph if self.device.type == "cuda" else Repeated, most_spare=2**30)


def line_of(row: Row) -> str:
    """A row of the table."""
    if "ms_a_step" in row:
        return f"{row['what']:34} {row['ms_a_step']:9.2f} ms a step{row.get('note', '')}"
    peak = "" if row["peak_gib"] is None else f"  peak {row['peak_gib']:6.2f} GiB"
    return (
        f"{row['what']:34} batch {row['batch']}  answer {row['answer']:4}  {row['tokens_per_second']:9.1f} "
        f"tokens/s  NFE {row['nfe']:4}  {row['ms_a_pass']:8.2f} ms a pass  share {row['share']:5.1%}{peak}  "
        f"({row['steps']} of {row['nfe']} steps, {row['replayed']} of {row['passes']} passes replayed)"
    )


def forget(device: torch.device) -> None:
    """Give memory back between parts."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def peak_of(device: torch.device) -> float | None:
    """GiB taken from the device at most since the last reset, graphs included; None on a CPU."""
    return round(torch.cuda.max_memory_reserved(device) / 2**30, 2) if device.type == "cuda" else None


class Noted(ModelNetwork):
    """A model network that notes the shapes of its passes."""

    def __init__(self, model: LLaDAModelLM, passes: Passes) -> None:
        super().__init__(model, "random", passes)
        self.shapes: list[PassShape] = []
        plain = passes.states

        def states(
            tokens: Tensor, attention: Tensor, cells: Tensor, keys_values: Any = None, start: int = 0
        ) -> Tensor:
            self.shapes.append(PassShape(*tokens.shape, attention.shape[1], int(cells.sum())))
            return plain(tokens, attention, cells, keys_values, start)

        passes.states = states  # type: ignore[method-assign]


def stream_of(network: ModelNetwork, way: str, sizes: Sizes, batch: int, answer: int) -> Any:
    """The events of a decode, not begun, and its steps."""
    sampler_name, settings, cells = WAYS[way]
    steps = answer // cells
    sampler = make(
        sampler_name, {"steps": steps, "gen_length": answer, "block_length": sizes.block, **settings}
    )
    generator = torch.Generator().manual_seed(1)
    vocabulary = sizes.shape["vocab_size"]
    prompts = torch.randint(vocabulary - 1, (batch, sizes.prompt), generator=generator).tolist()
    canvas = new_canvas(prompts, answer, vocabulary - 1)
    return sampler(sampler.denoiser(network), canvas), steps


def first_steps(stream: Any, most: int) -> None:
    """The first steps of a decode, which is then given up: what later ones find ready."""
    for event in stream:
        most -= isinstance(event, Unmasked)
        if most <= 0:
            break
    stream.close()


def decode(
    bench: Bench,
    model: LLaDAModelLM,
    way: str,
    batch: int,
    answer: int,
    what: str = "",
    captured: bool = True,
) -> Row:
    """Tokens a second of a decode, and its other numbers."""
    sizes, device = bench.sizes, bench.device
    network = Noted(model, bench.passes(model, captured))
    passes, cost = network.passes, Cost.of(model)
    first_steps(stream_of(network, way, sizes, batch, answer)[0], 4)
    network.shapes.clear()
    replayed = getattr(passes, "replayed", 0)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    stream, steps = stream_of(network, way, sizes, batch, answer)
    wait(device)
    seconds, tokens, done, count = timed(stream, network.shapes, sizes.limit, WAYS[way][1].get("cache"))
    least = sum(cost.least_seconds(shape, bench.card) for shape in network.shapes[:count])
    note = getattr(passes, "refused", "")
    return {
        "what": (what or way) + (f" (not captured: {note})" if note else ""),
        "batch": batch, "answer": answer, "tokens_per_second": round(tokens / seconds, 2), "nfe": steps,
        "steps": done, "passes": len(network.shapes), "seconds": round(seconds, 4),
        "ms_a_pass": round(1e3 * seconds / count, 3),
        "share": round(least / seconds, 4), "peak_gib": peak_of(device),
        "replayed": getattr(passes, "replayed", 0) - replayed,
        "graphs_mib": round(passes.memory() / 2**20, 1) if isinstance(passes, CapturedPasses) else 0.0,
    }  # fmt: skip


def timed(
    stream: Any, shapes: list[PassShape], limit: float, cache: str | None
) -> tuple[float, int, int, int]:
    """Seconds, tokens, steps and passes of a stream until its end or the limit; with a cache of whole blocks,
    where one was finished: only these have full and short passes in their true proportion."""
    now = best = (0.0, 0, 0, 0)
    began, block = time.perf_counter(), 0
    for event in stream:
        if not isinstance(event, Unmasked):
            continue
        if event.block != block:
            best, block = now, event.block
        now = (time.perf_counter() - began, now[1] + len(event.cells), now[2] + 1, len(shapes))
        if now[0] > limit:
            stream.close()
            return best if cache and best[2] else now
    return now


def decodes(bench: Bench, model: LLaDAModelLM, batch: int, answer: int) -> Iterator[Row]:
    """All ways; for the smallest, plain and dual without capture too."""
    for way in WAYS:
        yield decode(bench, model, way, batch, answer)
        forget(bench.device)
        if way in ("plain", "dual") and (batch, answer) == (bench.sizes.batches[0], bench.sizes.answers[0]):
            yield decode(bench, model, way, batch, answer, f"{way}, eager", captured=False)


def watching(bench: Bench, model: LLaDAModelLM) -> Iterator[Row]:
    """What frames for a page cost, with the dual cache, whose steps are the shortest: the same steps with and
    without, in turns."""
    sizes, answer = bench.sizes, bench.sizes.answers[0]
    network = ModelNetwork(model, "random", bench.passes(model, True))
    pieces = [b" token"] * sizes.shape["vocab_size"]

    def steps(watched: bool) -> float:
        maker = FrameMaker(pieces)
        stream, count = stream_of(network, "dual", sizes, 1, answer)
        began = time.perf_counter()
        for event in stream:
            if watched:
                json.dumps(maker.frame(event))
        return (time.perf_counter() - began) / count

    first_steps(stream_of(network, "dual", sizes, 1, answer)[0], 4)
    pairs = [(steps(False), steps(True)) for _ in range(3)]
    alone, seen = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    more = f"  ({seen / alone - 1:+.1%} against no consumer)"
    yield {"what": "dual, no consumer", "ms_a_step": round(alone, 4)}
    yield {"what": "dual, frames and JSON", "ms_a_step": round(seen, 4), "note": more}


def four_bit(bench: Bench, model: LLaDAModelLM) -> Iterator[Row]:
    """The same network with packed linear layers, unpacked in every pass by our own code."""
    from models.gptq.linear import QuantizedLinear

    for name in stored_layers(bench, model):
        stored: Any = model.get_submodule(name)
        model.set_submodule(name, QuantizedLinear(stored))
    forget(bench.device)
    for batch in bench.sizes.batches:
        for way in ("plain", "dual", "threshold, dual"):
            yield decode(bench, model, way, batch, bench.sizes.answers[0], f"4-bit, ours: {way}")


def stored_layers(bench: Bench, model: LLaDAModelLM) -> list[str]:
    """Put random packed weights in the place of the blocks' linear layers; their names."""
    from models.gptq.layout import Layout
    from models.gptq.linear import StoredLinear

    layout = Layout(bits=4, group_size=bench.sizes.group, desc_act=False, sym=False)
    linear = {n: m for n, m in model.named_modules() if ".blocks." in n and isinstance(m, torch.nn.Linear)}
    for name, module in linear.items():
        stored = StoredLinear(name, module.in_features, module.out_features, layout)
        for key in ("qweight", "qzeros"):
            words = torch.empty_like(getattr(stored, key), device=bench.device)
            setattr(stored, key, words.random_(-(2**31), 2**31))
        stored.scales = torch.full_like(stored.scales, 0.02 / 8, device=bench.device)
        stored.g_idx = (
            torch.arange(module.in_features, dtype=torch.int32, device=bench.device) // stored.group
        )
        model.set_submodule(name, stored)
    return list(linear)


def gptqmodel_kernels(bench: Bench) -> Iterator[Row]:
    """The same weights with the kernels of gptqmodel, in fp16."""
    if importlib.util.find_spec("gptqmodel") is None:
        raise ModuleNotFoundError("No module named 'gptqmodel'", name="gptqmodel")
    from models.gptq.kernels import use_kernels

    model = random_network(bench.sizes.shape, str(bench.device), torch.float16).eval().requires_grad_(False)
    longest = bench.sizes.prompt + bench.sizes.answers[0]
    kind = use_kernels(model, stored_layers(bench, model), torch.float16, longest)
    forget(bench.device)
    for way in ("plain", "dual"):
        yield decode(bench, model, way, 1, bench.sizes.answers[0], f"4-bit, {kind}: {way}")


def training(bench: Bench, way: str) -> Iterator[Row]:
    """A step of our training code, batch 1."""
    from benchmarks import train

    found = train.measure(way, bench.sizes.shape, bench.sizes.train_length, 3, 16, False)
    peak = "" if found["peak_gib"] is None else f"  peak {found['peak_gib']:.2f} GiB"
    note = f"  ({bench.sizes.train_length} tokens, {found['learned']:,} weights learn){peak}"
    yield {"what": f"train: {way}", "ms_a_step": round(1e3 * found["seconds"], 2), "note": note, **found}


def measure(bench: Bench, small: bool) -> None:
    """All parts, the most telling ones first."""
    sizes = bench.sizes
    each = len(WAYS) * (sizes.limit + 2)
    model: LLaDAModelLM | None = bench.model()
    for answer in sizes.answers:
        for batch in sizes.batches:
            name = f"answer {answer}, batch {batch}"
            bench.part(name, each, lambda b=batch, a=answer: decodes(bench, model, b, a))
    bench.part("watching", 2 * sizes.limit, lambda: watching(bench, model))
    bench.part("4-bit, our dequantiser", 8 * sizes.limit, lambda: four_bit(bench, model))
    model = None
    forget(bench.device)
    if small:
        bench.leave_out("4-bit, gptqmodel", "the small shape is none of its kernels'")
    else:
        bench.part("4-bit, gptqmodel", 4 * sizes.limit, lambda: gptqmodel_kernels(bench))
    for way in ("sft lora", "remask sft"):
        bench.part(f"train: {way}", 3 * sizes.limit, lambda w=way: training(bench, w))


def main(argv: list[str] | None = None) -> int:
    """Measure, print the table and write JSON; 1 where a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the numbers as JSON here")
    parser.add_argument("--budget", type=float, default=440, help="seconds for everything")
    parser.add_argument("--limit", type=float, default=6, help="seconds for one decode")
    parser.add_argument("--small", action="store_true", help="a small shape")
    asked = parser.parse_args(argv)
    on_gpu = torch.cuda.is_available()
    small = asked.small or not on_gpu
    device, dtype = torch.device("cuda" if on_gpu else "cpu"), torch.bfloat16 if on_gpu else torch.float32
    bench = Bench(device, dtype, sizes_of(small, asked.limit), measure_card(device, dtype), asked.budget)
    print(f"{bench.card}\nshape {bench.sizes.shape}, {dtype}, torch {torch.__version__}")
    measure(bench, small)
    spent = time.perf_counter() - bench.began
    print(f"{spent:.0f} s", *(f"note: {note}." for note in NOTES), sep="\n")
    if asked.out:
        found = {
            "card": vars(bench.card), "shape": bench.sizes.shape, "dtype": str(dtype), "small": small,
            "torch": torch.__version__, "seconds": round(spent, 1), "rows": bench.rows,
            "left_out": bench.left_out, "notes": NOTES,
        }  # fmt: skip
        asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
