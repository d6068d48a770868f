"""A model as evaluation suites use it, in text: how likely is a continuation, and what does it write.

The models for lm-evaluation-harness and OpenCompass both use this; names and defaults of the arguments are
those of `llada_dist`, LLaDA's own lm-eval model.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from evaluation.likelihood.answer_scores import Scoring, encode_pair, score
from models.adapters import load_adapted
from models.loading import LoadedModel
from samplers.batch import Job, ToolBox, batches, run_batch
from samplers.events import Unmasked
from samplers.registry import canonical, entry, make
from samplers.requests import check_tools, check_unicode, prepare_row, prepare_rows
from samplers.streams import decode

logger = logging.getLogger(__name__)
MOST_CELLS = 65_536  # of one batch: rows * length


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What both suites accept. Anything else is a setting of the sampler (`settings`).

    adapter_path: a LoRA adapter, merged into the weights; with it load_lora may be True or False;
    cfg: guidance, of scores and of decoding; scoring: monte_carlo, confidence or one_pass;
    batch_size: rows of one forward (of mc_num copies at once: the greatest common divisor of both);
    mask_id: if given, the model's own; max_length: at most the model's own.
    """

    model_path: str
    adapter_path: str = ""
    load_lora: bool = False
    cfg: float = 0.0
    mc_num: int = 128
    is_check_greedy: bool = True
    batch_size: int = 1
    scoring: str = "monte_carlo"
    seed: int = 0
    sampler: str = "low_confidence"
    ups_head: str = ""
    scorer: str = ""
    prm: str = ""
    mask_id: int | None = None
    max_length: int | None = None
    device: str = "auto"
    dtype: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.model_path, str) or not self.model_path:
            raise ValueError(f"model_path = {self.model_path!r} is not valid; allowed: a folder or hub id")
        for name in ("load_lora", "is_check_greedy"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} = {getattr(self, name)!r} is not valid; allowed: True, False")
        for name in ("mc_num", "batch_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} = {value!r} is not valid; allowed: a whole number, at least 1")
        if not isinstance(self.adapter_path, str) or (self.load_lora and not self.adapter_path):
            raise ValueError(
                f"adapter_path = {self.adapter_path!r}, load_lora = {self.load_lora}; "
                "allowed: the folder of a LoRA adapter, or neither of the two"
            )
        if self.dtype not in ("", "auto", "float32", "bfloat16"):
            raise ValueError(f"dtype = {self.dtype!r} is not valid; allowed: auto, float32, bfloat16")

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> Arguments:
        """From one flat mapping: keys that are no arguments are settings of the sampler; cfg_scale is cfg."""
        names = {f.name for f in fields(cls)} - {"settings"}
        if "cfg" in arguments and "cfg_scale" in arguments:
            raise ValueError("cfg and cfg_scale given; allowed: one of them")
        arguments = {"cfg" if key == "cfg_scale" else key: value for key, value in arguments.items()}
        named = {key: value for key, value in arguments.items() if key in names}
        if "model_path" not in named:
            raise ValueError("model_path is missing; allowed: a model folder or hub id")
        settings = {key: value for key, value in arguments.items() if key not in names}
        return cls(**named, settings=settings)


@dataclass(frozen=True)
class TextRequest:
    """A text to continue, the strings at which to stop, and changes of the sampler's settings."""

    prompt: str
    until: tuple[str, ...] = ()
    changes: tuple[tuple[str, Any], ...] = ()
    seed: int = 0


class TextModel:
    """A loaded model with one way of scoring and one of decoding."""

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        copies = math.gcd(arguments.mc_num, arguments.batch_size)
        self.scoring = Scoring(arguments.scoring, arguments.mc_num, copies, arguments.cfg, arguments.seed)
        self.settings = decoding_settings(arguments)
        make(arguments.sampler, self.settings)  # a bad setting is refused before the weights are read
        dtype = None if arguments.dtype in ("", "auto") else getattr(torch, arguments.dtype)
        self.loaded: LoadedModel = load_adapted(
            arguments.model_path, arguments.adapter_path, arguments.device, dtype
        )
        if self.loaded.tokenizer is None:
            raise ValueError(f"model_path = {arguments.model_path!r} has no tokenizer; allowed: one with")
        self.tokenizer = self.loaded.tokenizer
        self.max_length = self._checked_length(arguments)
        tools = {name: getattr(arguments, name) for name in ("ups_head", "scorer", "prm")}
        self.tools = ToolBox(self.loaded).tools(tools)
        check_tools(make(arguments.sampler, self.settings), self.tools)

    def _checked_length(self, arguments: Arguments) -> int:
        loaded, length = self.loaded, arguments.max_length
        if arguments.mask_id not in (None, loaded.mask_id):
            raise ValueError(f"mask_id = {arguments.mask_id}; allowed: {loaded.mask_id}, the model's own")
        if length is not None and not 2 <= length <= loaded.max_length:
            raise ValueError(f"max_length = {length}; allowed: 2 to {loaded.max_length}, the model's own")
        return length or loaded.max_length

    def encode(self, text: str) -> list[int]:
        """Ids of a text as it is; RequestError for half a character."""
        check_unicode("text", text)
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    @property
    def start_id(self) -> int:
        """The token before a text without a context: BOS, or EOS for a model without BOS."""
        for token in (self.tokenizer.bos_token_id, self.loaded.eos_id):
            if token is not None:
                return int(token)
        raise ValueError(f"model {self.loaded.name} names neither BOS nor EOS; allowed: a prompt")

    def pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Ids of both; a start token for an empty context; a long one loses its beginning."""
        check_unicode("continuation", context + continuation)
        if context.strip():
            prompt, answer = encode_pair(self.tokenizer, context, continuation)
        else:
            prompt, answer = [], self.encode(context + continuation)
        return self.cut(prompt, len(answer)) or [self.start_id], answer

    def cut(self, prompt: list[int], answer: int) -> list[int]:
        """The end of the prompt that leaves room for `answer` tokens, as lm-eval cuts; with a warning."""
        room = self.max_length - answer
        if len(prompt) <= room or room < 1:
            return prompt
        logger.warning("prompt of %d tokens cut to its last %d", len(prompt), room)
        return prompt[-room:]

    def log_likelihood(self, prompt: Sequence[int], answer: Sequence[int]) -> float:
        """log p(answer | prompt), as `scoring` has it."""
        return score(self.loaded, prompt, answer, self.scoring).log_likelihood

    def is_greedy(self, prompt: list[int], answer: list[int]) -> bool:
        """Whether greedy decoding, one token a step, writes the answer; it stops at the first other token."""
        length = len(answer)
        shape = {"gen_length": length, "steps": length, "block_length": length}
        sampler = make("low_confidence", shape | {"cfg_scale": self.arguments.cfg})
        run = prepare_rows(self.loaded, sampler, [prepare_row(self.loaded, sampler, prompt_ids=prompt)])

        def agrees(board: Any, step: int, nfe: int, details: dict[str, Unmasked]) -> bool:
            return all(c.token == answer[c.position - len(prompt)] for c in details["event"].cells)

        final = decode(sampler, run.denoise, run.canvas, agrees)
        return final.tokens[0, len(prompt) :].tolist() == answer

    def generate(self, requests: Sequence[TextRequest]) -> Iterator[tuple[int, str]]:
        """(place in `requests`, text), batch by batch, in the order in which they are finished."""
        jobs = [self._job(place, request) for place, request in enumerate(requests)]
        for batch in batches(jobs, self.arguments.batch_size, MOST_CELLS):
            for job, answer in zip(batch, run_batch(self.loaded, batch), strict=True):
                yield job.place, self.text(answer["output_ids"], requests[job.place].until)

    def _job(self, place: int, request: TextRequest) -> Job:
        sampler = make(self.arguments.sampler, self.settings | dict(request.changes))
        prompt = self.cut(self.encode(request.prompt) or [self.start_id], sampler.gen_length)
        row = prepare_row(self.loaded, sampler, seed=request.seed, prompt_ids=prompt)
        return Job(place, place, sampler, row, self.tools)

    def text(self, ids: Sequence[int], until: Sequence[str] = ()) -> str:
        """The text before the first end token or stop string; special tokens are left out."""
        vocabulary = self.tokenizer.get_vocab()
        ends = {self.loaded.eos_id, self.loaded.eot_id, *(vocabulary.get(stop) for stop in until)}
        length = next((i for i, token in enumerate(ids) if token in ends), len(ids))
        return cut_at(str(self.tokenizer.decode(ids[:length], skip_special_tokens=True)), until)


def cut_at(text: str, until: Sequence[str]) -> str:
    """The text before the first of the stop strings; empty strings are not searched for."""
    places = [place for stop in until if stop and (place := text.find(stop)) >= 0]
    return text[: min(places)] if places else text


def decoding_settings(arguments: Arguments) -> dict[str, Any]:
    """The sampler's settings. LLaDA's own sampler gets `llada_dist`'s defaults: 1,024 tokens, one
    block, one token a step; other samplers keep theirs."""
    settings = canonical(arguments.settings)
    if entry(arguments.sampler).name == "low_confidence":
        length = settings.setdefault("gen_length", 1024)
        settings = {"steps": length, "block_length": length} | settings
    return settings | {"cfg_scale": arguments.cfg}


def numbered(prompts: Sequence[str], first: int) -> list[int]:
    """A seed for each prompt: `first`, and one more for every repetition of the same prompt."""
    repetitions: Counter[str] = Counter()
    seeds = []
    for prompt in prompts:
        seeds.append(first + repetitions[prompt])
        repetitions[prompt] += 1
    return seeds
