"""Conversations as ids: the prompt in the model's chat template, the answer with its end of turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerFast


class Encoded(NamedTuple):
    """Ids of a prompt and of its answer; the answer ends with the end-of-turn token, if there is one."""

    prompt: list[int]
    answer: list[int]


class Chat:
    """One tokenizer's way of writing a conversation."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        end = tokenizer.convert_tokens_to_ids("<|eot_id|>")
        self.end = [] if end is None or end == tokenizer.unk_token_id else [int(end)]

    def encode(self, turns: Sequence[Mapping[str, str]], answer: str) -> Encoded:
        """turns: {role, content}, the question last; answer: the assistant's text."""
        text = self.tokenizer.apply_chat_template(list(turns), add_generation_prompt=True, tokenize=False)
        prompt = self.tokenizer.encode(str(text), add_special_tokens=False)
        return Encoded(list(prompt), self.tokenizer.encode(answer, add_special_tokens=False) + self.end)
