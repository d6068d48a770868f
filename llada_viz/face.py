"""What `import llada_viz as lv` offers: load a model, stream the events of a run, decode to an answer."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import torch

from models.adapters import load_adapted
from models.loading import LoadedModel, LoadOptions
from models.text import token_pieces
from samplers.batch import ToolBox, answer_text
from samplers.canvas import Canvas
from samplers.events import Event
from samplers.listing import as_data
from samplers.recording.traces import Trace, used_pieces, write_trace
from samplers.registry import entry
from samplers.requests import Prepared, prepare

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
TOOLS = ("ups_head", "scorer", "prm")
REQUEST = ("messages", "raw_prompt", "prompt_ids", "constraints", "infill", "task")
"""What a run may be given beside its sampler's settings."""


@dataclass(frozen=True)
class Decoded:
    """An answer, and the run that wrote it.

    text: up to the end of the answer, without special tokens; tokens: ids of all `gen_length` cells;
    events: the whole run, as `stream` yields it; nfe: sequences that the network evaluated; forwards: calls
    of the network; scorer_calls: sequences that a scorer read; trace: the events with the text of their
    tokens.
    """

    text: str
    tokens: tuple[int, ...]
    events: tuple[Event, ...]
    nfe: int
    forwards: int
    scorer_calls: int
    trace: Trace

    def save(self, path: Path | str) -> None:
        """Write the trace; the page and `llada-samplers replay` open it."""
        write_trace(path, self.trace)


def load(
    name: str,
    adapter: str = "",
    device: str = "auto",
    dtype: str | None = None,
    **options: Unpack[LoadOptions],
) -> LoadedModel:
    """A model by its bundled name, folder or hub id; adapter: a LoRA to merge into it, named likewise.

    device: auto, cpu, cuda …; dtype: float32 or bfloat16 (default: float32 on a CPU); options: revision,
    quantization, device_map, offload, longest, as in models.loading.load. ModelError: a sentence.
    """
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"dtype = {dtype!r} is not known; allowed: {', '.join(DTYPES)}")
    return load_adapted(name, adapter, device, None if dtype is None else DTYPES[dtype], **options)


def stream(
    model: LoadedModel,
    prompt: str | None = None,
    sampler: str = "threshold",
    *,
    seed: int = 0,
    **settings: Any,
) -> Generator[Event, None, Canvas]:
    """The events of one run, as they happen. The arguments are checked before the first event.

    settings: those of the sampler (`list_samplers`, docs/samplers.md), and what a request may have:
    messages, raw_prompt or prompt_ids instead of a prompt; constraints, infill; scorer, prm, task;
    ups_head. RequestError or SettingError: a sentence.
    """
    return _prepared(model, prompt, sampler, seed, settings).stream()


def decode(
    model: LoadedModel,
    prompt: str | None = None,
    sampler: str = "threshold",
    *,
    seed: int = 0,
    **settings: Any,
) -> Decoded:
    """Run to the end; arguments as of `stream`."""
    prepared = _prepared(model, prompt, sampler, seed, settings)
    events = tuple(prepared.stream())
    canvas = prepared.canvas
    tokens = canvas.answer(0)
    pieces = token_pieces(model.tokenizer) if model.tokenizer else []
    return Decoded(
        text=answer_text(model, tokens),
        tokens=tuple(tokens),
        events=events,
        nfe=prepared.denoise.nfe,
        forwards=prepared.denoise.forwards,
        scorer_calls=prepared.score.calls if prepared.score is not None else 0,
        trace=Trace(events, used_pieces(events, pieces), model.name),
    )


def list_samplers() -> list[dict[str, Any]]:
    """Every sampler: name, title, summary, paper, and its settings with default and range."""
    return as_data()


def _prepared(
    model: LoadedModel, prompt: str | None, sampler: str, seed: int, given: Mapping[str, Any]
) -> Prepared:
    if not isinstance(model, LoadedModel):
        raise ValueError(f"model = {str(model)[:60]!r} is not loaded; allowed: what lv.load returns")
    settings = {key: value for key, value in given.items() if key not in (*TOOLS, *REQUEST)}
    request = {key: given[key] for key in REQUEST if given.get(key) is not None}
    tools = ToolBox(model).tools({key: given[key] for key in TOOLS if key in given})
    if tools.ups_head is not None:
        settings = {**entry(sampler).with_head} | settings  # who gives a head wants it used
    return prepare(model, sampler, settings, tools, seed=seed, prompt=prompt, **request)
