"""What recipes on question-answer data share: the model, its data, rows of a step, sample traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.loading import LoadedModel, ModelError, load
from models.text import token_pieces
from samplers.requests import RequestError, Tools, prepare
from samplers.settings import SettingError
from samplers.streams import record
from samplers.traces import Trace, used_pieces, write_trace
from training.data.answer_settings import AnswerSettings
from training.data.chat import Chat, Encoded
from training.data.examples import Example, Rows, collate
from training.data.sources import Data, open_data
from training.engine.recipe import Recipe, step_generator
from training.engine.settings import TrainSettings


@dataclass(frozen=True)
class RunArguments:
    """What a command names beside settings. device: auto or cpu."""

    model: str
    data: tuple[str, ...]
    device: str = "auto"
    allow_eval_data: bool = False
    load_ups_head: str = ""
    load_lora: str = ""


def load_model(arguments: RunArguments, settings: TrainSettings) -> LoadedModel:
    """The model in float32 (bf16 rounds away small steps), on the CPU: the engine places it."""
    loaded = load(arguments.model, device="cpu", dtype=torch.float32)
    if loaded.tokenizer is None:
        raise ModelError(f"model = {arguments.model!r} has no tokenizer; allowed: one with a tokenizer")
    if loaded.eos_id is None:
        allowed = "one that ends its answers"
        raise ModelError(f"model = {arguments.model!r} has no eos_token_id; allowed: {allowed}")
    loaded.model.checkpointing = settings.gradient_checkpointing
    return loaded


def check_length(max_length: int, loaded: LoadedModel) -> None:
    """SettingError when rows may be longer than the model's context, that of its adapter included."""
    if max_length > loaded.max_length:
        allowed = f"at most {loaded.max_length}, the model's (pretrain extends it)"
        raise SettingError("max_length", max_length, allowed)


class Answers:
    """Rows of a step from question-answer data."""

    def __init__(self, loaded: LoadedModel, arguments: RunArguments, settings: AnswerSettings) -> None:
        assert loaded.tokenizer is not None and loaded.eos_id is not None
        self.loaded, self.settings, self.eos = loaded, settings, loaded.eos_id
        check_length(settings.max_length, loaded)
        self.data: Data = open_data(
            arguments.data, Chat(loaded.tokenizer), settings, arguments.allow_eval_data
        )

    def rows(self, step: int) -> Rows:
        """The clean rows of a step."""
        chosen = self.data.mixture.rows(step, self.settings.batch_size)
        draw = step_generator(self.settings.seed, step, salt=1)
        return self.collated(chosen, int(torch.randint(1, self.settings.tail + 1, (), generator=draw)))

    def collated(self, chosen: Sequence[Encoded], tail: int = 1) -> Rows:
        """Rows of one length, with EOS behind the longest answer too, as far as max_length has room."""
        longest = max(len(p) + len(a) for p, a in chosen)
        return collate(chosen, self.eos, max(0, min(tail, self.settings.max_length - longest)))

    def example(self) -> Example:
        """The first row of the first step."""
        assert self.loaded.tokenizer is not None
        prompt, answer = self.data.mixture[0]
        templated = Chat(self.loaded.tokenizer).decode(prompt + answer)
        return Example(self.data.mixture.raw(0), templated, len(prompt))


def record_samples(
    recipe: Recipe,
    loaded: LoadedModel,
    prompts: Sequence[Sequence[Mapping[str, str]] | list[int]],
    folder: Path,
    sampler: str = "low_confidence",
    settings: Mapping[str, Any] | None = None,
    tools: Tools | None = None,
) -> None:
    """Decode prompts (turns of a conversation, or ids, each) and write folder/sample-N.jsonl traces.
    recipe: told of every event. Stopped: what was begun is left out."""
    folder.mkdir(parents=True)
    assert loaded.tokenizer is not None
    pieces = token_pieces(loaded.tokenizer)
    for number, turns in enumerate(prompts, 1):
        chosen = dict(settings or {"gen_length": 64, "steps": 32, "block_length": 16})
        kind = "prompt_ids" if isinstance(turns[0], int) else "messages"
        try:
            asked = prepare(loaded, sampler, chosen, tools or Tools(), seed=number, **{kind: list(turns)})
        except RequestError as error:  # a prompt that fills the context ends no run
            print(f"sample {number} left out: {error}", flush=True)
            continue
        events: list[Any] = []
        for _ in record(asked.stream(), events):
            recipe.progress("decoding a sample", number - 1, len(prompts), together=False)
        trace = Trace(tuple(events), used_pieces(events, pieces), loaded.name)
        write_trace(folder / f"sample-{number}.jsonl", trace)
