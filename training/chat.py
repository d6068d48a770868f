"""Conversations as ids: the prompt in the model's chat template, the answer with its end of turn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerFast

THINK, END_THINK = "<think>", "</think>"


class Encoded(NamedTuple):
    """Ids of a prompt and of its answer; the answer ends with the end-of-turn token, if there is one."""

    prompt: list[int]
    answer: list[int]


class Chat:
    """One tokenizer's way of writing a conversation.

    Special tokens belong to the template: where data spells one, it gets a zero-width space into it
    and is text like any other. No cell can end a turn, open another one, or stand as a mask.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        end = tokenizer.convert_tokens_to_ids("<|eot_id|>")
        self.end = [] if end is None or end == tokenizer.unk_token_id else [int(end)]
        special = {str(token) for token in tokenizer.added_tokens_decoder.values()}
        special |= set(tokenizer.all_special_tokens)
        longest_first = sorted(map(re.escape, special), key=len, reverse=True)
        self._special = re.compile("|".join(longest_first) or r"(?!)")
        self.can_think = {THINK, END_THINK} <= special

    def encode(self, turns: Sequence[Mapping[str, str]], answer: str, thoughts: str = "") -> Encoded:
        """turns: {role, content}, the question last, earlier answers among them; answer: the
        assistant's text; thoughts: what is written before it, between `<think>` and `</think>`."""
        prompt = self.tokenizer.encode(self.template(turns), add_special_tokens=False)
        text = self.plain(answer)
        if thoughts:
            text = f"{THINK}\n{self.plain(thoughts).strip()}\n{END_THINK}\n\n{text.lstrip()}"
        return Encoded(list(prompt), self.tokenizer.encode(text, add_special_tokens=False) + self.end)

    def template(self, turns: Sequence[Mapping[str, str]]) -> str:
        """The conversation as the model reads it, up to where its answer begins."""
        plain = [{"role": turn["role"], "content": self.plain(turn["content"])} for turn in turns]
        return str(self.tokenizer.apply_chat_template(plain, add_generation_prompt=True, tokenize=False))

    def plain(self, text: str) -> str:
        """Text without special tokens."""
        return self._special.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens written out."""
        return str(self.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
