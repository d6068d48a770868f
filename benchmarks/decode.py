"""Our samplers against a straightforward full-sequence loop, on the same weights in one process.

`python -m benchmarks.decode [--json] [--case a b b2 c] [--threads 2] [--repeats 3] [--reference FILE]`

The loop is section 1 of LLaDA's algorithm as the published code runs it: logits for all positions,
softmax over all of them, one quota of cells a step. `--reference FILE` takes the `generate`
function of a Python file of your own instead. Every way decodes the same prompt with the same
steps; the ways take turns, and medians of times are compared. Prints ratios, NFE and peak memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.shapes import PUBLISHED, random_network
from models.config import LLaDAConfig
from models.llada import LLaDAModelLM
from models.loading import load
from models.text import chat_ids
from samplers import ModelNetwork, collect, make, new_canvas

Way = Callable[[], tuple[list[int], int]]
"""Decode once: the answer's ids and the sequences evaluated."""


@dataclass(frozen=True)
class Case:
    """Weights, a prompt and the settings of the run."""

    model: LLaDAModelLM
    prompt: list[int]
    steps: int
    gen_length: int
    block_length: int

    @property
    def settings(self) -> dict[str, int]:
        return {"steps": self.steps, "gen_length": self.gen_length, "block_length": self.block_length}


@torch.no_grad()
def full_loop(
    model: Any, prompt: torch.Tensor, steps: int, gen_length: int, block_length: int, mask_id: int, **_: Any
) -> torch.Tensor:
    """LLaDA's sampler in its plainest form; Int[1, prompt + gen_length]."""
    start = prompt.shape[1]
    x = torch.full((1, start + gen_length), mask_id, device=prompt.device)
    x[:, :start] = prompt
    blocks = gen_length // block_length
    for block in range(blocks):
        first, stop = start + block * block_length, start + (block + 1) * block_length
        base, extra = divmod(int((x[:, first:stop] == mask_id).sum()), steps // blocks)
        for i in range(steps // blocks):
            logits = model(x).logits
            logits[..., mask_id] = -torch.inf
            x0 = logits.argmax(-1)
            p = torch.gather(torch.softmax(logits, -1), -1, x0[..., None])[..., 0]
            p[:, stop:] = -torch.inf
            confidence = torch.where(x == mask_id, p, -torch.inf)
            chosen = confidence[0].topk(base + (i < extra)).indices
            x[0, chosen] = x0[0, chosen]
    return x


def reference(path: Path | None) -> Callable[..., torch.Tensor]:
    """The loop above, or `generate` of the user's own file."""
    if path is None:
        return full_loop
    spec = importlib.util.spec_from_file_location("reference", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"reference = {str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., torch.Tensor] = module.generate
    return found


def random_model(**shape: Any) -> LLaDAModelLM:
    """Random weights of a shape; the last id is the mask."""
    torch.manual_seed(0)
    config = LLaDAConfig(mask_token_id=shape["vocab_size"] - 1, rope_theta=500000.0, **shape)
    return LLaDAModelLM(config).eval()


def case_of(name: str) -> Case:
    """The cases (a), (b), (b2) and (c)."""
    generator = torch.Generator().manual_seed(1)

    def prompt(vocab: int, length: int) -> list[int]:
        return torch.randint(vocab - 1, (length,), generator=generator).tolist()

    if name == "a":
        loaded = load("tiny-llada", device="cpu")
        assert loaded.tokenizer is not None
        chat = [{"role": "user", "content": "What is the value of x if 2x + 3 = 7?"}]
        return Case(loaded.model, chat_ids(loaded.tokenizer, chat), 64, 64, 8)
    if name == "b":
        model = random_model(
            d_model=256, n_heads=4, n_layers=4, mlp_hidden_size=768, vocab_size=126464,
            max_sequence_length=256,
        )  # fmt: skip
        return Case(model, prompt(126464, 64), 128, 128, 32)
    if name == "b2":
        model = random_model(
            d_model=512, n_heads=8, n_layers=8, mlp_hidden_size=1536, vocab_size=8192,
            max_sequence_length=1024,
        )  # fmt: skip
        return Case(model, prompt(8192, 512), 256, 256, 32)
    return _eight_billion(int(name.removeprefix("c") or 256))


def _eight_billion(gen_length: int) -> Case:
    """LLaDA-8B's exact shape, random bf16 weights on the GPU."""
    model = random_network(PUBLISHED, "cuda", torch.bfloat16).eval()
    prompt = torch.randint(126000, (512,), generator=torch.Generator().manual_seed(1)).tolist()
    return Case(model, prompt, gen_length, gen_length, 32)


def ours(case: Case, name: str, **extra: Any) -> Way:
    """One of our samplers, with all its events."""

    def run() -> tuple[list[int], int]:
        sampler = make(name, case.settings | extra)
        denoise = sampler.denoiser(ModelNetwork(case.model))
        canvas = new_canvas([case.prompt], case.gen_length, int(case.model.config.mask_token_id))
        _, final = collect(sampler(denoise, canvas))
        return final.tokens[0, -case.gen_length :].tolist(), denoise.nfe

    return run


def theirs(case: Case, generate: Callable[..., torch.Tensor]) -> Way:
    """The full-sequence loop, or the user's reference."""

    def run() -> tuple[list[int], int]:
        prompt = torch.tensor([case.prompt], device=case.model.device)
        mask_id = int(case.model.config.mask_token_id)
        x = generate(
            case.model, prompt, **case.settings, temperature=0.0, cfg_scale=0.0,
            remasking="low_confidence", mask_id=mask_id,
        )  # fmt: skip
        return x[0, -case.gen_length :].tolist(), case.steps

    return run


def peak_mib(run: Way) -> tuple[float, tuple[list[int], int]]:
    """Peak memory above what stood before, MiB (resident on Linux, allocated on a GPU)."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20, result
    Path("/proc/self/clear_refs").write_text("5")
    before_kib = _status("VmRSS")
    result = run()
    return (_status("VmHWM") - before_kib) / 1024, result


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(
    name: str, generate: Callable[..., torch.Tensor], repeats: int, only: list[str] | None
) -> dict[str, Any]:
    """The ways of a case: seconds (median), NFE, peak memory, and ratios to the first of them."""
    case = case_of(name)
    ways = {
        "loop": theirs(case, generate),
        "ours": ours(case, "low_confidence"),
        "ours, prefix cache": ours(case, "low_confidence", cache="prefix"),
        "ours, dual cache": ours(case, "low_confidence", cache="dual"),
        "ours, threshold": ours(case, "threshold"),
        "ours, threshold, dual cache": ours(case, "threshold", cache="dual"),
        "ours, threshold .99, dual cache": ours(case, "threshold", cache="dual", threshold=0.99),
    }
    ways = {way: run for way, run in ways.items() if not only or way in only}
    base = next(iter(ways))
    peaks = {way: peak_mib(run) for way, run in ways.items()}
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, run in ways.items():
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            began = time.perf_counter()
            run()
            times[way].append(time.perf_counter() - began)
    medians = {way: statistics.median(found) for way, found in times.items()}
    rows = {
        way: {
            "seconds": round(medians[way], 4),
            "tokens_per_second": round(case.gen_length / medians[way], 1),
            "ratio": round(medians[base] / medians[way], 2),
            "nfe": peaks[way][1][1],
            "peak_mib": round(peaks[way][0], 1),
            "same_cells": sum(a == b for a, b in zip(peaks[way][1][0], peaks[base][1][0], strict=True)),
        }
        for way in ways
    }
    return {"case": name, "settings": case.settings, "base": base, "ways": rows}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", nargs="+", choices=("a", "b", "b2", "c256", "c512"))
    parser.add_argument("--way", nargs="+", help="only these ways; the first is the base of the ratios")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--reference", type=Path, help="a Python file with a published generate()")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    gpu = ["c256", "c512"] if torch.cuda.is_available() else []
    for name in args.case or ["a", "b", "b2", *gpu]:
        found = measure(name, reference(args.reference), args.repeats, args.way)
        if args.json:
            print(json.dumps(found), flush=True)
            continue
        print(f"({name}) {found['settings']}")
        for way, row in found["ways"].items():
            print(
                f"  {way:28} {row['seconds']:9.3f} s {row['tokens_per_second']:8.1f} tokens/s "
                f"{row['ratio']:6.2f} x {found['base']}  NFE {row['nfe']:4} "
                f"peak {row['peak_mib']:8.1f} MiB  {row['same_cells']} cells as there",
                flush=True,
            )


if __name__ == "__main__":
    main()
