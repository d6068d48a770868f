"""Conversations as token ids: the prompt in the model's chat template, the answer with the token that ends
its turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerFast

from models.text import chat_ids, chat_text, plain_text, special_names

THINK, END_THINK = "<think>", "</think>"


class Encoded(NamedTuple):
    """Ids of a prompt and of its answer; the answer ends with the end-of-turn token, if there is one."""

    prompt: list[int]
    answer: list[int]


class Chat:
    """One tokenizer's way of writing a conversation.

    Only the template makes special tokens: where a text of the data contains the name of one, such as
    <|eot_id|>, it is encoded as ordinary text (models.text.plain_text).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        end = tokenizer.convert_tokens_to_ids("<|eot_id|>")
        self.end = [] if end is None or end == tokenizer.unk_token_id else [int(end)]
        self.can_think = {THINK, END_THINK} <= special_names(tokenizer)

    def encode(self, turns: Sequence[Mapping[str, str]], answer: str, thoughts: str = "") -> Encoded:
        """The ids of a prompt and its answer. turns: {role, content}, the question last, earlier answers
        among them; answer: the assistant's text; thoughts: what is written before it, between `<think>`
        and `</think>`."""
        prompt = chat_ids(self.tokenizer, turns)
        text = self.plain(answer)
        if thoughts:
            text = f"{THINK}\n{self.plain(thoughts).strip()}\n{END_THINK}\n\n{text.lstrip()}"
        return Encoded(
            prompt, self.tokenizer.encode(text, add_special_tokens=False, verbose=False) + self.end
        )

    def template(self, turns: Sequence[Mapping[str, str]]) -> str:
        """The conversation as the model reads it, up to where its answer begins."""
        return chat_text(self.tokenizer, turns)

    def plain(self, text: str) -> str:
        """Text without special tokens."""
        return plain_text(self.tokenizer, text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens written out."""
        return str(self.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
