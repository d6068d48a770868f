"""Rollouts: answers that the model decodes while it is being trained.

The work is cut into chunks, in the same way for any number of processes. Each process does its share of
the chunks and then gets the results of all, so that every process has the same rows of a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from accelerate import DistributedType, PartialState
from accelerate.state import AcceleratorState, is_initialized
from accelerate.utils import gather_object
from torch import Tensor

from models.loading import LoadedModel
from samplers.batch import answer_text
from samplers.events import Event, Started, Unmasked
from samplers.forwards.captured import plain_passes
from samplers.registry import make
from samplers.requests import prepare_row, prepare_rows, prompt_ids
from samplers.settings import SettingError, check, option
from training.engine.recipe import Stopped

CHUNK = 48
"""Rows that are decoded together."""
OnProgress = Callable[[int, int], None]
"""Called from time to time with (done, count) by a process that works; it may raise Stopped."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class RolloutSettings:
    """How rollouts are decoded: with LLaDA's `low_confidence` sampler, block after block."""

    gen_length: int = option(32, "Cells of an answer.", low=1, high=4096, label="Answer length")
    block_length: int = option(8, "Cells of a block.", low=1, high=4096)
    rollout_steps: int = option(8, "Denoiser steps for a whole answer.", low=1, high=4096)
    temperature: float = option(0.7, "Of the answers; 0 gives every seed the same one.", low=0, high=10)

    def __post_init__(self) -> None:
        check_rollouts(self)


def check_rollouts(settings: RolloutSettings) -> None:
    """SettingError for values that the sampler would refuse, named as these settings are."""
    check(settings)
    if settings.gen_length % settings.block_length:
        allowed = f"a divisor of gen_length = {settings.gen_length}"
        raise SettingError("block_length", settings.block_length, allowed)
    blocks = settings.gen_length // settings.block_length
    if settings.rollout_steps % blocks:
        allowed = f"a multiple of {blocks}, the number of blocks"
        raise SettingError("rollout_steps", settings.rollout_steps, allowed)


def sampler_settings(settings: RolloutSettings, temperature: float) -> dict[str, Any]:
    """The settings for the `low_confidence` sampler."""
    return {
        "gen_length": settings.gen_length, "block_length": settings.block_length,
        "steps": settings.rollout_steps, "temperature": temperature, "early_stop": True,
    }  # fmt: skip


def row_tokens(loaded: LoadedModel, settings: RolloutSettings, prompt: str) -> int:
    """Tokens of the row that `rollouts` makes for a prompt: a user's turn in the template, and an answer."""
    return len(prompt_ids(loaded, prompt=prompt)) + settings.gen_length


@dataclass(frozen=True)
class Rollouts:
    """Decoded rows. tokens: Int[rows, length], prompts left-padded, answers at the end; attention:
    Bool[rows, length], False on padding; order: Int[rows, gen_length], the denoiser step that wrote each
    cell, -1 for the EOS behind an early stop; texts: the answers up to their first EOS."""

    tokens: Tensor
    attention: Tensor
    order: Tensor
    texts: tuple[str, ...]


def rollouts(
    loaded: LoadedModel,
    settings: RolloutSettings,
    prompts: Sequence[str],
    seeds: Sequence[int],
    temperature: float | None = None,
    on_progress: OnProgress = lambda done, count: None,
) -> Rollouts:
    """One answer to each prompt (a user's turn), drawn with its own seed; the network in whatever
    mode and place it is, in the run's precision. Every process calls this, with the same arguments.
    on_progress: told at every denoiser step how many answers are decoded."""
    row_temperature = settings.temperature if temperature is None else temperature
    sampler = make("low_confidence", sampler_settings(settings, row_temperature))
    requests = [prepare_row(loaded, sampler, seed, prompt=p) for p, seed in zip(prompts, seeds, strict=True)]

    def part(number: int) -> tuple[Tensor, Tensor, Tensor]:
        rows = requests[number * CHUNK : (number + 1) * CHUNK]
        with inference(loaded.model):
            prepared = prepare_rows(loaded, sampler, rows)
            stream = watched(prepared.stream(), lambda: on_progress(number * CHUNK, len(requests)))
            order = step_order(stream, len(rows), settings.gen_length)
        return prepared.canvas.tokens, prepared.canvas.attention_mask, order

    parts = shared(part, -(-len(requests) // CHUNK))
    widest = max(tokens.shape[1] for tokens, _, _ in parts)
    padding = loaded.pad_id if loaded.pad_id is not None else loaded.eos_id
    tokens = torch.cat([_left_pad(tokens, widest, padding or 0) for tokens, _, _ in parts])
    attention = torch.cat([_left_pad(mask, widest, False) for _, mask, _ in parts])
    answers = tokens[:, -settings.gen_length :].tolist()
    order = torch.cat([order for _, _, order in parts])
    return Rollouts(tokens, attention, order, tuple(answer_text(loaded, ids) for ids in answers))


def watched(stream: Iterable[Event], on_step: Callable[[], None]) -> Iterator[Event]:
    """The events of a stream; on_step is called at its start and after every denoiser step."""
    for event in stream:
        if isinstance(event, Started | Unmasked):
            on_step()
        yield event


def step_order(stream: Iterable[Event], rows: int, cells: int) -> Tensor:
    """Run a sampler to its end and return the step that wrote each cell of the answers, Int[rows, cells],
    -1 where none did. For samplers that never mask a cell again."""
    order, start = torch.full((rows, cells), -1), 0
    for event in stream:
        if isinstance(event, Started):
            start = event.prompt_length
        elif isinstance(event, Unmasked):
            for cell in event.cells:
                order[cell.row, cell.position - start] = event.step
    return order


def _left_pad(rows: Tensor, width: int, value: int | bool) -> Tensor:
    return torch.nn.functional.pad(rows, (width - rows.shape[1], 0), value=value)


def shared(work: Callable[[int], T], count: int) -> list[T]:
    """[work(0), … work(count - 1)] in every process, though each does only its share: process p does number
    i where i % processes == p. Stopped in one process is raised in all."""
    state = PartialState()
    if state.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED):
        raise SettingError("distributed_type", str(state.distributed_type),
                           "one process, or DDP, for objectives with rollouts")  # fmt: skip
    if state.num_processes == 1:
        return [work(i) for i in range(count)]
    own_results: list[tuple[int, Any]] = []
    try:
        own_results += [(i, work(i)) for i in range(state.process_index, count, state.num_processes)]
    except Stopped:
        own_results = [(-1, None)]
    all_results = sorted(gather_object(own_results), key=lambda pair: pair[0])
    if all_results and all_results[0][0] < 0:
        raise Stopped
    return [result for _, result in all_results]


@contextmanager
def inference(model: torch.nn.Module, dropout: bool = False) -> Iterator[None]:
    """Within it the model computes without gradients, with dropout only on request, and in the precision
    that the engine trains in. Its mode is restored at the end."""
    before, device = model.training, next(model.parameters()).device.type
    half = is_initialized() and AcceleratorState().mixed_precision == "bf16"
    model.train(dropout)
    try:
        autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=half)
        with torch.no_grad(), autocast, plain_passes():  # weights that learn are not captured
            yield
    finally:
        model.train(before)
