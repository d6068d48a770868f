"""Process reward models: a Qwen2 encoder with a two-label head, in both published forms.

`qwen`: Qwen2.5-Math-PRM (2501.07301); every step ends with `<extra_0>`, whose hidden state goes
through Linear-ReLU-Linear (`score.0`, `score.2`). `trl`: token classification as TRL trains it;
steps are separated, and scored, at a blank line, with one Linear (`score`). No remote code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2Model

from models.loading import ModelError, find_file, read_weights

SYSTEM = r"Please reason step by step, and put your final answer within \boxed{}."
STEP_TOKEN = "<extra_0>"
BLANK_LINE = "\n\n"


class RewardModel(nn.Module):
    """`model`: the encoder; `score`: its head over two labels, of which label 1 is "right"."""

    def __init__(self, config: Qwen2Config, form: str) -> None:
        super().__init__()
        width = config.hidden_size
        self.model = Qwen2Model(config)
        self.score: nn.Module = nn.Linear(width, 2)
        if form == "qwen":
            self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 2))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """P(right) at every position: Float[rows, length] for Int and Bool[rows, length]."""
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        logits: Tensor = self.score(hidden).float()
        return logits.softmax(-1)[..., 1]


class LoadedReward:
    """A reward model with its tokenizer. `form`: qwen or trl."""

    def __init__(
        self, model: RewardModel, tokenizer: PreTrainedTokenizerFast, form: str, name: str, longest: int
    ) -> None:
        self.model, self.tokenizer, self.form, self.name, self.longest = model, tokenizer, form, name, longest

    @torch.no_grad()
    def scores(self, batch: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """P(right) of each step, given the question and the steps before it; one batched pass.

        batch: (question, steps) pairs, no step empty. ModelError for what the model cannot read.
        """
        encoded = [self.encode(question, steps) for question, steps in batch]
        width = max(len(ids) for ids, _ in encoded)
        pad = self.tokenizer.pad_token_id or 0
        device = next(self.model.parameters()).device
        ids = torch.tensor([row + [pad] * (width - len(row)) for row, _ in encoded], device=device)
        mask = torch.tensor([[i < len(row) for i in range(width)] for row, _ in encoded], device=device)
        found = self.model(ids, mask.long()).cpu()
        return [found[i, places].tolist() for i, (_, places) in enumerate(encoded)]

    def encode(self, question: str, steps: Sequence[str]) -> tuple[list[int], list[int]]:
        """Ids, and the position at which each step is scored. Steps are encoded one by one, so the
        text of a step cannot write a step token of its own."""
        chat = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": self._plain(question)}]
        text = self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        ids = list(self.tokenizer.encode(str(text), add_special_tokens=False))
        mark = [self.tokenizer.convert_tokens_to_ids(STEP_TOKEN)]
        if self.form == "trl":
            mark = self.tokenizer.encode(BLANK_LINE, add_special_tokens=False)
        places = []
        for step in steps:
            ids += self.tokenizer.encode(self._plain(step), add_special_tokens=False) + mark
            places.append(len(ids) - 1)
        if len(ids) > self.longest:
            raise ModelError(f"prm: {len(ids)} tokens; allowed: at most {self.longest} ({self.name})")
        return ids, places

    def _plain(self, text: str) -> str:
        for token in self.tokenizer.all_special_tokens:
            text = text.replace(token, " ")
        return text.strip() or " "


def load_reward(name: str, device: str = "auto", dtype: torch.dtype | None = None) -> LoadedReward:
    """A reward model from a folder or hub id; the form is read from its weights."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if dtype is None:
        dtype = torch.float32 if device == "cpu" else torch.bfloat16
    path = find_file(name, "config.json")
    if path is None:
        raise ModelError(f"prm = {name!r} has no config.json; allowed: a reward model's folder or hub id")
    data: dict[str, Any] = json.loads(path.read_text())
    if data.get("model_type") != "qwen2":
        raise ModelError(f"prm: model_type = {data.get('model_type')!r} is not supported; allowed: 'qwen2'")
    config = Qwen2Config(**data)
    weights = {key: t for key, t in read_weights(name, dtype).items() if key != "lm_head.weight"}
    form = "qwen" if "score.2.weight" in weights else "trl"
    head = "score.2.weight" if form == "qwen" else "score.weight"
    if head not in weights or weights[head].shape[0] != 2:
        raise ModelError(f"prm = {name!r} has no two-label head; allowed: score.0 and score.2, or score")
    with torch.device("meta"):
        model = RewardModel(config, form)
    if "score.bias" not in weights and form == "trl":
        weights["score.bias"] = torch.zeros(2, dtype=dtype)
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise ModelError(f"prm = {name!r} does not fit: {str(error).splitlines()[1].strip()}") from None
    rebuild_buffers(model, config)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(name)
    if form == "qwen" and STEP_TOKEN not in tokenizer.get_vocab():
        raise ModelError(f"prm = {name!r}: no step token {STEP_TOKEN} in its tokenizer; allowed: one with it")
    if tokenizer.chat_template is None:
        raise ModelError(f"prm = {name!r}: its tokenizer has no chat template; allowed: one that has")
    longest = int(config.max_position_embeddings)
    short = Path(name).name if Path(name).is_dir() else name
    return LoadedReward(model.to(device).eval().requires_grad_(False), tokenizer, form, short, longest)


def rebuild_buffers(model: RewardModel, config: Qwen2Config) -> None:
    """Rotary frequencies are not saved: make them again off the meta device."""
    fresh = type(model.model.rotary_emb)(config=config)
    model.model.rotary_emb = fresh
