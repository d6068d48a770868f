"""`python -m evaluation likelihood`: reads a file of prompts and answers, writes their log-likelihoods."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from evaluation.likelihood.confidence_scoring import in_order_of_confidence, one_pass
from evaluation.likelihood.monte_carlo import LogLikelihood, checked_batches, monte_carlo
from models.flags import add_model_flags, load_flagged
from models.loading import LoadedModel
from models.text import half_character
from models.whole_file import json_lines, write_whole
from samplers import GuidedDenoiser, ModelNetwork
from samplers.batch import PROMPTS, parse_line
from samplers.requests import RequestError, prompt_ids

METHODS = ("monte_carlo", "confidence", "one_pass")
FIELDS = {"id", *PROMPTS, "answer", "answer_ids", "cfg_scale"}


@dataclass(frozen=True)
class Scoring:
    """How an answer is scored; mc_num, batch_size and seed are of the method monte_carlo alone."""

    method: str = "monte_carlo"
    mc_num: int = 128
    batch_size: int = 16
    cfg_scale: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method = {self.method!r} is not known; allowed: {', '.join(METHODS)}")
        checked_batches(self.mc_num, self.batch_size)
        checked_guidance(self.cfg_scale)
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed = {self.seed!r} is not valid; allowed: 0 to 2^63 - 1")


@dataclass(frozen=True)
class PromptAnswer:
    """A prompt and an answer, as ids; cfg_scale: guidance, None for that of the run."""

    id: Any
    prompt: list[int]
    answer: list[int]
    cfg_scale: float | None = None


def score(
    loaded: LoadedModel, prompt: Sequence[int], answer: Sequence[int], scoring: Scoring
) -> LogLikelihood:
    """log p(answer | prompt) of ids; ValueError for an answer that no model could write."""
    check_answer(loaded, prompt, answer)
    denoise = GuidedDenoiser(
        ModelNetwork(loaded.model, loaded.name, revision=loaded.revision), scoring.cfg_scale
    )
    if scoring.method == "one_pass":
        return one_pass(denoise, prompt, answer, loaded.mask_id)
    if scoring.method == "confidence":
        return in_order_of_confidence(denoise, prompt, answer, loaded.mask_id)
    sizes = scoring.mc_num, scoring.batch_size
    return monte_carlo(denoise, prompt, answer, loaded.mask_id, *sizes, scoring.seed)


def check_answer(loaded: LoadedModel, prompt: Sequence[int], answer: Sequence[int]) -> None:
    """Raise unless the answer has tokens, none of them the mask, and fits behind the prompt."""
    if not answer:
        raise RequestError("answer is empty; allowed: at least one token")
    if loaded.mask_id in answer:
        raise RequestError(f"answer has the mask token {loaded.mask_id}; allowed: any other token")
    total = len(prompt) + len(answer)
    if total > loaded.max_length:
        raise RequestError(
            f"prompt has {len(prompt)} tokens and the answer {len(answer)}, together {total}; "
            f"allowed: at most {loaded.max_length} (max_sequence_length of {loaded.name})"
        )


def checked_guidance(value: Any) -> float:
    """A guidance scale; 0 is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 20:
        raise RequestError(f"cfg_scale = {value!r} is not valid; allowed: a number from 0 to 20")
    return float(value)


def encode_pair(tokenizer: Any, prompt: str, answer: str) -> tuple[list[int], list[int]]:
    """Ids of a text and of what follows it, as they are tokenised together.

    Spaces at the prompt's end are moved to the answer, because tokens begin with the space before a word;
    lm-eval does so too. Unlike lm-eval, line ends stay with the prompt: those of a chat template are never
    masked in training. Where the joint tokens do not begin with the prompt's (one token spans the border),
    the answer is tokenised alone.
    """
    bare = prompt.rstrip(" ")
    answer = prompt[len(bare) :] + answer
    first = list(tokenizer.encode(bare, add_special_tokens=False))
    both = list(tokenizer.encode(bare + answer, add_special_tokens=False))
    if both[: len(first)] == first:
        return first, both[len(first) :]
    return first, list(tokenizer.encode(answer, add_special_tokens=False))


def read_pairs(loaded: LoadedModel, lines: Sequence[str]) -> list[PromptAnswer]:
    """All rows of a file, checked; ValueError names the first bad line."""
    pairs = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                pairs.append(read_pair(loaded, parse_line(line)))
            except ValueError as error:
                raise RequestError(f"line {number}: {error}") from None
    return pairs


def read_pair(loaded: LoadedModel, data: dict[str, Any]) -> PromptAnswer:
    """{id, one of prompt, messages, raw_prompt, prompt_ids, answer or answer_ids, cfg_scale?}."""
    unknown = [key for key in data if key not in FIELDS]
    if unknown:
        raise RequestError(f"field {unknown[0]!r} is not known; allowed: {', '.join(sorted(FIELDS))}")
    if (data.get("answer") is None) == (data.get("answer_ids") is None):
        raise RequestError("answer and answer_ids: allowed: exactly one of them")
    prompts = {key: data[key] for key in PROMPTS if data.get(key) is not None}
    first = prompt_ids(loaded, **prompts)
    answer, tokenizer = data.get("answer"), loaded.tokenizer
    if answer is None:
        try:
            ids = prompt_ids(loaded, prompt_ids=data["answer_ids"])
        except RequestError as error:
            raise RequestError(str(error).replace("prompt_ids", "answer_ids")) from None
    elif not isinstance(answer, str):
        raise RequestError(f"answer = {answer!r} is not valid; allowed: text")
    elif tokenizer is None:
        raise RequestError(f"answer: the model {loaded.name} has no tokenizer; allowed: answer_ids")
    elif half_character(answer):
        raise RequestError(
            f"answer: character {half_character(answer)} is half of one; allowed: Unicode text"
        )
    elif "raw_prompt" in prompts:
        first, ids = encode_pair(tokenizer, prompts["raw_prompt"], answer)
    else:
        ids = list(tokenizer.encode(answer, add_special_tokens=False))
    check_answer(loaded, first, ids)
    cfg_scale = data.get("cfg_scale")
    guidance = None if cfg_scale is None else checked_guidance(cfg_scale)
    return PromptAnswer(data.get("id"), first, ids, guidance)


def score_pairs(
    loaded: LoadedModel, pairs: Sequence[PromptAnswer], scoring: Scoring
) -> Iterator[dict[str, Any]]:
    """{id, log_likelihood, standard_error} of every pair, in order."""
    for pair in pairs:
        guidance = scoring.cfg_scale if pair.cfg_scale is None else pair.cfg_scale
        own_scoring = replace(scoring, cfg_scale=guidance)
        likelihood = score(loaded, pair.prompt, pair.answer, own_scoring)
        yield {"id": pair.id, **asdict(likelihood)}


def add_likelihood(commands: Any) -> None:
    """Flags of `likelihood`."""
    command = commands.add_parser("likelihood", help="how likely a model finds given answers")
    add_model_flags(command)
    command.add_argument("--in", dest="input", type=Path, required=True, help="rows as JSON lines")
    command.add_argument("--out", type=Path, required=True, help="results as JSON lines")
    command.add_argument("--mc-num", type=int, default=128, help="masked copies of an answer")
    command.add_argument("--batch-size", type=int, default=16, help="copies in one forward")
    command.add_argument("--cfg-scale", type=float, default=0.0, help="guidance of rows without their own")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--method", choices=METHODS, default="monte_carlo",
        help="monte_carlo: LLaDA's estimate; confidence, one_pass: no random masks, for multiple choice",
    )  # fmt: skip
    command.set_defaults(run=run_likelihood)


def run_likelihood(args: argparse.Namespace) -> None:
    """Score the file; the results replace --out once they are whole."""
    from rich.console import Console
    from rich.progress import track

    scoring = Scoring(args.method, args.mc_num, args.batch_size, args.cfg_scale, args.seed)
    lines = json_lines(args.input)
    if not args.out.parent.is_dir():
        raise ValueError(f"out = {str(args.out)!r}: its folder does not exist")
    loaded = load_flagged(args)
    pairs = read_pairs(loaded, lines)
    likelihoods = score_pairs(loaded, pairs, scoring)
    results = list(track(likelihoods, "scoring", total=len(pairs), console=Console(stderr=True)))
    write_whole(args.out, (json.dumps(r) + "\n" for r in results))
    print(f"{len(results)} rows: {args.out}")
