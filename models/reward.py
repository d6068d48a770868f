"""Process reward models: a Qwen2 encoder with a two-label head, in both published forms, or a LLaDA.

`qwen`: Qwen2.5-Math-PRM (2501.07301); every step ends with `<extra_0>`, whose hidden state goes
through Linear-ReLU-Linear (`score.0`, `score.2`). `trl`: token classification as TRL's PRMTrainer trains it:
the question as plain text, a blank line behind it and behind every step, where it is scored with one Linear
(`score`). `shadow`: our own, on a
LLaDA (models.shadow_reward). No remote code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2Model

from models.assets import locate
from models.checkpoint import (
    ModelError,
    StoredTensor,
    as_model_error,
    mask_token,
    read_config,
    read_tokenizer,
    stored_tensors,
)
from models.config import LLaDAConfig
from models.loading import device_and_dtype
from models.memory import free_memory, gigabytes
from models.shadow_reward import ShadowRewardModel
from models.streaming import Keep, check_fits, stream, to_device
from models.text import chat_ids, half_character, plain_text

SYSTEM = r"Please reason step by step, and put your final answer within \boxed{}."
STEP_TOKEN = "<extra_0>"
BLANK_LINE = "\n\n"
JUDGE = "judge.0.weight"
KINDS = ("qwen2", "llada")
SHADOW = "LLaDAForProcessReward"
"""The architecture that a config of the form `shadow` names."""


class RewardModel(nn.Module):
    """`model`: the encoder; `score`: its head over two labels, of which label 1 is "right"."""

    def __init__(self, config: Qwen2Config, form: str, bias: bool = True) -> None:
        super().__init__()
        width = config.hidden_size
        self.model = Qwen2Model(config)
        self.score: nn.Module = nn.Linear(width, 2, bias=bias)
        if form == "qwen":
            self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))

    @property
    def limits(self) -> tuple[int, int]:
        """Longest row, in tokens, and size of the vocabulary."""
        return int(self.model.config.max_position_embeddings), int(self.model.config.vocab_size)

    def step_logits(self, ids: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """Logits of wrong and right, Float[n steps, 2], row-major. ids: Int[rows, length], padded on
        the right, which a causal model does not see; starts: Int[rows], where answers begin; ends:
        Bool[rows, length], where steps are scored. ShadowRewardModel needs the starts."""
        hidden = self.model(input_ids=ids, use_cache=False).last_hidden_state
        logits: Tensor = self.score(hidden[ends]).float()
        return logits


class LoadedReward:
    """A reward model with its tokenizer. `form`: qwen, trl or shadow."""

    def __init__(
        self,
        model: RewardModel | ShadowRewardModel,
        tokenizer: PreTrainedTokenizerFast,
        form: str,
        name: str,
        longest: int,
    ) -> None:
        self.model, self.tokenizer, self.form, self.name, self.longest = model, tokenizer, form, name, longest
        self.question = lru_cache(maxsize=4096)(self._question)

    @torch.no_grad()
    def scores(self, batch: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """P(right) of each step, given the question and the steps before it; one batched pass.

        batch: (question, steps) pairs, no step empty. The form `shadow` reads the steps joined to one text,
        so its steps keep the line ends and spaces between them; there P is of all up to the step's end.
        ModelError: too long, or not Unicode.
        """
        encoded = [self.encode(question, steps) for question, steps in batch]
        device = next(self.model.parameters()).device
        width = max(len(ids) for ids, _ in encoded)
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([row + [pad] * (width - len(row)) for row, _ in encoded], device=device)
        starts = torch.tensor([len(self.question(question)) for question, _ in batch], device=device)
        ends = torch.zeros(ids.shape, dtype=torch.bool, device=device)
        for row, (_, places) in enumerate(encoded):
            ends[row, places] = True
        right = self.model.step_logits(ids, starts, ends).softmax(-1)[:, 1].cpu()
        counts = [len(places) for _, places in encoded]
        return [part.tolist() for part in torch.split(right, counts)]

    def encode(self, question: str, steps: Sequence[str]) -> tuple[list[int], list[int]]:
        """Ids, and the position at which each step is scored. Steps are encoded one by one, so the
        text of a step cannot write a step token of its own."""
        ids, places = list(self.question(question)), []
        for step in steps:
            ids += self.tokenizer.encode(self._step(step), add_special_tokens=False) + self.mark
            places.append(len(ids) - 1)
        if len(ids) > self.longest:
            raise ModelError(f"prm: {len(ids)} tokens; allowed: at most {self.longest} ({self.name})")
        return ids, places

    @property
    def mark(self) -> list[int]:
        """The ids behind every step; the last of them is scored."""
        if self.form == "qwen":
            return [self.tokenizer.convert_tokens_to_ids(STEP_TOKEN)]
        return self.tokenizer.encode(BLANK_LINE, add_special_tokens=False) if self.form == "trl" else []

    def _question(self, question: str) -> tuple[int, ...]:
        """The ids before the steps: the chat up to the answer; with `shadow` without a system turn, as the
        LLaDA itself is prompted; with `trl` the question and a blank line, without a chat."""
        text = _checked(question).strip() or " "
        if self.form == "trl":
            first = self.tokenizer.bos_token_id
            ids = self.tokenizer.encode(plain_text(self.tokenizer, text), add_special_tokens=False)
            return (*([] if first is None else [first]), *ids, *self.mark)
        chat = [{"role": "user", "content": text}]
        if self.form == "qwen":
            chat.insert(0, {"role": "system", "content": SYSTEM})
        return tuple(chat_ids(self.tokenizer, chat))

    def _step(self, step: str) -> str:
        """A step's text: as it is where its tokens are judged (`shadow`), else without spaces at its ends,
        because a mark separates the steps."""
        text = plain_text(self.tokenizer, _checked(step))
        return text if self.form == "shadow" and text else text.strip() or " "


def _checked(text: str) -> str:
    if place := half_character(text):
        raise ModelError(f"prm: character {place} is half of one; allowed: Unicode text")
    return text


def is_reward(name: str) -> bool:
    """Whether a folder holds a reward model, of any form, by its config. ModelError: no config to read."""
    config = read_config(name, KINDS)
    kinds = config.get("architectures")
    return config.get("model_type") == "qwen2" or (isinstance(kinds, list) and SHADOW in kinds)


def load_reward(name: str, device: str = "auto", dtype: torch.dtype | None = None) -> LoadedReward:
    """A reward model from a bundled name, a folder or a hub id; the form is read from its weights."""
    name = locate(name)
    device, dtype = device_and_dtype(device, dtype)
    data = read_config(name, KINDS, "prm")
    short = Path(name).name if Path(name).is_dir() else name
    with as_model_error(name, "prm"):
        stored = {key: t for key, t in stored_tensors(name).items() if key != "lm_head.weight"}
        empty = _empty_shadow if data["model_type"] == "llada" else _empty_qwen
        with torch.device("meta"):
            model, form = empty(name, data, stored)
        _check_room(name, model, device, dtype)
        _fill(name, model, stored, to_device(device, dtype))
        tokenizer = read_tokenizer(name)
        if tokenizer is None:
            raise ModelError(f"prm = {name!r} has no tokenizer.json; allowed: a reward model with one")
        longest, words = model.limits
        _check_tokenizer(name, tokenizer, form, words)
        if longest < 1:
            raise ModelError(f"prm = {name!r} reads {longest} positions; allowed: at least 1")
        reward = LoadedReward(model.eval().requires_grad_(False), tokenizer, form, short, longest)
        try:
            reward.question("x")
        except ModelError as error:
            raise ModelError(f"prm = {name!r}: {error}") from None
    return reward


def _check_tokenizer(name: str, tokenizer: PreTrainedTokenizerFast, form: str, words: int) -> None:
    if form == "qwen" and STEP_TOKEN not in tokenizer.get_vocab():
        raise ModelError(f"prm = {name!r}: no step token {STEP_TOKEN} in its tokenizer; allowed: one with it")
    if form != "trl" and tokenizer.chat_template is None:
        raise ModelError(f"prm = {name!r}: no chat template in its tokenizer; allowed: one with it")
    if len(tokenizer) > words:
        raise ModelError(f"prm = {name!r}: {len(tokenizer)} words in its tokenizer; allowed: {words}")


def _empty_qwen(
    name: str, data: Mapping[str, Any], stored: Mapping[str, StoredTensor]
) -> tuple[RewardModel, str]:
    form = "qwen" if "score.2.weight" in stored else "trl"
    head = "score.2.weight" if form == "qwen" else "score.weight"
    if head not in stored or stored[head].shape[:1] != (2,):
        raise ModelError(f"prm = {name!r} has no two-label head; allowed: score.0 and score.2, or score")
    config = Qwen2Config(**data)
    if config.num_hidden_layers > len(stored):  # checked before that many layers are made
        allowed = "as many as there are weights for"
        raise ModelError(
            f"prm = {name!r}: num_hidden_layers = {config.num_hidden_layers}; allowed: {allowed}"
        )
    return RewardModel(config, form, bias="score.bias" in stored), form


def _empty_shadow(
    name: str, data: Mapping[str, Any], stored: Mapping[str, StoredTensor]
) -> tuple[ShadowRewardModel, str]:
    if JUDGE not in stored:
        raise ModelError(f"prm = {name!r} is a LLaDA without a judge; allowed: one that `prm` trained")
    config = LLaDAConfig(**data)
    mask_token(name, config)
    if config.n_layers > len(stored):
        raise ModelError(
            f"prm = {name!r}: n_layers = {config.n_layers}; allowed: as many as there are weights for"
        )
    return ShadowRewardModel(config, stored[JUDGE].shape[0]), "shadow"


def _check_room(name: str, model: nn.Module, device: str, dtype: torch.dtype) -> None:
    """ModelError where the weights would not fit, beside all that is loaded now."""
    needed, free = sum(p.numel() for p in model.parameters()) * dtype.itemsize, free_memory(device)
    if needed > free:
        smaller = [] if dtype.itemsize < 4 or needed // 2 > free else ["bfloat16"]
        allowed = " or ".join([*smaller, *([] if device == "cpu" else ["cpu"]), "a smaller reward model"])
        asks = f"prm = {name!r} needs {gigabytes(needed)} as {str(dtype).removeprefix('torch.')}"
        raise ModelError(f"{asks}, and {gigabytes(free)} are free on {device}; allowed: {allowed}")


def _fill(
    name: str, model: RewardModel | ShadowRewardModel, stored: Mapping[str, StoredTensor], keep: Keep
) -> None:
    """Put the weights into a network on the meta device, in place."""
    try:
        check_fits(name, model, stored)
    except ModelError as error:
        raise ModelError(f"prm = {name!r} does not fit: {error}") from None
    stream(name, model, stored, keep)
    if isinstance(model, ShadowRewardModel):
        model.judge.float()  # compares small differences of log-probabilities
    else:
        rebuild_buffers(model, model.model.config)


def rebuild_buffers(model: RewardModel, config: Qwen2Config) -> None:
    """Make the rotary frequencies, which are not among the weights, off the meta device."""
    device = next(model.parameters()).device
    model.model.rotary_emb = type(model.model.rotary_emb)(config=config).to(device)
