"""What a training step costs on a random network of LLaDA-8B's shape, in bf16, batch 1.

`python -m benchmarks.train [--json] [--length 1024] [--repeats 5] [--lora-r 16] [--checkpointing] [--tiny]`

One step = forward, backward and AdamW through the modules that the recipes train: SFT with LoRA, and
remask SFT (the UPS head on a frozen backbone) and remask LoRA (both). Prints the peak of the GPU's memory
and the median of the seconds. --tiny: a small shape, on a CPU too, to see that it runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks.shapes import PUBLISHED, TINY, random_network
from models.llada import LLaDAModelLM
from models.ups_head import UPSHead
from training.data.examples import AnswerRows
from training.engine.recipe import Batch
from training.remask.losses import RemaskBatch, RemaskModule
from training.remask.remask_noise import ordinary_ids, remask_noise

WARM_UP = 2
WAYS = ("sft lora", "remask sft", "remask lora")


def rows_of(vocabulary: int, length: int) -> AnswerRows:
    """One row: a quarter prompt, three quarters answer."""
    tokens = torch.randint(vocabulary - 1, (1, length), generator=torch.Generator().manual_seed(1))
    answer = torch.arange(length)[None] >= length // 4
    return AnswerRows(tokens, answer, answer)


def attach_lora(model: LLaDAModelLM, lora_r: int) -> None:
    """An adapter on all linear layers of the blocks; everything else is frozen."""
    from training.shared.adapters import LoraSettings, attach  # needs accelerate and peft

    attach(model, LoraSettings(lora_r=lora_r, precision="bf16"))


def case_of(way: str, model: LLaDAModelLM, length: int, lora_r: int) -> tuple[nn.Module, Batch]:
    """The module that is trained, and a batch with half of the answer masked."""
    vocabulary, mask_id = model.config.vocab_size, int(model.config.mask_token_id)
    rows, draw = rows_of(vocabulary, length), torch.Generator().manual_seed(2)
    if way == "sft lora":
        from training.sft.objective import SFTModule, sft_batch  # needs accelerate

        attach_lora(model, lora_r)
        return SFTModule(model), sft_batch(rows, mask_id, draw)
    t = torch.tensor([0.5])
    noise = remask_noise(rows.tokens, rows.answer, t, 0.1, mask_id, ordinary_ids(vocabulary, [mask_id]), draw)
    batch = RemaskBatch(
        tokens=rows.tokens, input_ids=noise.input_ids, answer=rows.answer, masked=noise.masked, p=noise.p,
        gumbel=torch.zeros(noise.p.shape), fill=torch.zeros(1),
    )  # fmt: skip
    head = UPSHead(model.config.d_model).to(model.device)
    if way == "remask lora":
        attach_lora(model, lora_r)
        return RemaskModule(model, head, 1.0, 1.0), batch
    model.requires_grad_(False)
    return RemaskModule(model, head, 0.0, 1.0), batch


def step_of(module: nn.Module, batch: Batch, device: str) -> Callable[[], float]:
    """A training step that returns its loss."""
    learned = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=1e-4)
    here = type(batch)(*(t.to(device) for t in batch))  # type: ignore[call-arg]

    def step() -> float:
        with torch.autocast(device, torch.bfloat16):
            loss = module(here).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    return step


def measure(
    way: str, shape: dict[str, int], length: int, repeats: int, lora_r: int, checkpointing: bool
) -> dict[str, Any]:
    """Peak memory in GiB (None without a GPU), seconds a step, and what was trained."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = random_network(shape, device, torch.bfloat16)
    model.checkpointing = checkpointing
    module, batch = case_of(way, model, length, lora_r)
    step, seconds, losses = step_of(module.to(device).train(), batch, device), [], []
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(WARM_UP + repeats):
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        losses.append(step())
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    peak = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else None
    return {
        "way": way, "length": length, "checkpointing": checkpointing,
        "learned": sum(p.numel() for p in module.parameters() if p.requires_grad),
        "parameters": sum(p.numel() for p in module.parameters()),
        "peak_gib": None if peak is None else round(peak, 2),
        "seconds": round(statistics.median(seconds[WARM_UP:]), 4),
        "first_loss": round(losses[0], 4), "last_loss": round(losses[-1], 4),
    }  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 2 where there is no GPU for the published shape."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--lora-r", type=int, default=16)
    parser.add_argument("--checkpointing", action="store_true", help="gradient checkpointing")
    parser.add_argument("--tiny", action="store_true", help="a small shape")
    args = parser.parse_args(argv)
    if not args.tiny and not torch.cuda.is_available():
        print("error: no CUDA device for LLaDA-8B's shape; allowed: --tiny", file=sys.stderr)
        return 2
    shape = TINY if args.tiny else PUBLISHED
    for way in args.way:
        found = measure(way, shape, args.length, args.repeats, args.lora_r, args.checkpointing)
        if args.json:
            print(json.dumps(found), flush=True)
            continue
        peak = "" if found["peak_gib"] is None else f", peak {found['peak_gib']:.1f} GiB"
        print(
            f"{way:12} {found['seconds']:8.4f} s a step{peak}; {found['learned']:,} of "
            f"{found['parameters']:,} weights learn; loss {found['first_loss']} -> {found['last_loss']}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
