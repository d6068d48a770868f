"""What most recipes share: loading the model to train, and recording samples as traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from models.checkpoint import ModelError
from models.loading import LoadedModel, check_learnable, load
from models.text import token_pieces
from samplers.recording.traces import Trace, used_pieces, write_trace
from samplers.requests import RequestError, Tools, prepare
from samplers.streams import record
from training.engine.recipe import Recipe
from training.engine.settings import RunArguments, TrainSettings


def load_model(arguments: RunArguments, settings: TrainSettings) -> LoadedModel:
    """The model to train, on the CPU (the engine moves it) and in float32, since bf16 would round small
    weight updates away. ModelError: it has no tokenizer or no EOS token, or its weights are quantised."""
    check_learnable(arguments.model, arguments.revision)
    loaded = load(arguments.model, device="cpu", dtype=torch.float32, revision=arguments.revision)
    if loaded.tokenizer is None:
        raise ModelError(f"model = {arguments.model!r} has no tokenizer; allowed: one with a tokenizer")
    if loaded.eos_id is None:
        allowed = "one that ends its answers"
        raise ModelError(f"model = {arguments.model!r} has no eos_token_id; allowed: {allowed}")
    loaded.model.checkpointing = settings.gradient_checkpointing
    return loaded


def record_samples(
    recipe: Recipe,
    loaded: LoadedModel,
    prompts: Sequence[Sequence[Mapping[str, str]] | list[int]],
    folder: Path,
    sampler: str = "low_confidence",
    settings: Mapping[str, Any] | None = None,
    tools: Tools | None = None,
) -> None:
    """Decode prompts and write each as a trace, folder/sample-N.jsonl. A prompt is the turns of a
    conversation, or token ids. recipe: its `progress` is called at every event, and may raise Stopped,
    after which the sample that was being decoded is not written."""
    folder.mkdir(parents=True)
    assert loaded.tokenizer is not None
    pieces = token_pieces(loaded.tokenizer)
    for number, turns in enumerate(prompts, 1):
        sampler_settings = dict(settings or {"gen_length": 64, "steps": 32, "block_length": 16})
        kind = "prompt_ids" if isinstance(turns[0], int) else "messages"
        try:
            prepared = prepare(
                loaded, sampler, sampler_settings, tools or Tools(), seed=number, **{kind: list(turns)}
            )
        except RequestError as error:  # a prompt that fills the context ends no run
            print(f"sample {number} left out: {error}", flush=True)
            continue
        events: list[Any] = []
        for _ in record(prepared.stream(), events):
            recipe.progress("decoding a sample", number - 1, len(prompts), together=False)
        trace = Trace(tuple(events), used_pieces(events, pieces), loaded.name)
        write_trace(folder / f"sample-{number}.jsonl", trace)
