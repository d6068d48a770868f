"""Tokens as text, cell by cell, without breaking characters that span several tokens; and text and
conversations as tokens. What people write never becomes a special token (end of turn, mask …)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerFast

from models.errors import ModelError

TEMPLATE_ERRORS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a template raises by itself (raise_exception), and what its expressions do."""


def special_names(tokenizer: PreTrainedTokenizerFast) -> frozenset[str]:
    """The spellings of all special tokens: text must not write them."""
    added = (str(token) for token in tokenizer.added_tokens_decoder.values())
    return frozenset({*added, *tokenizer.all_special_tokens})


@lru_cache(maxsize=64)
def _pattern(names: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    return re.compile("|".join(longest_first) or r"(?!)")


def plain_text(tokenizer: PreTrainedTokenizerFast, text: str) -> str:
    """Text that spells no special token: each one that somebody typed gets a zero-width space behind
    its first character and is text like any other. So it cannot end a turn, open one, or be a mask."""
    return _pattern(special_names(tokenizer)).sub(lambda name: f"{name[0][0]}\u200b{name[0][1:]}", text)


def chat_text(
    tokenizer: PreTrainedTokenizerFast,
    turns: Sequence[Mapping[str, str]],
    add_generation_prompt: bool = True,
    continue_final_message: bool = False,
) -> str:
    """A conversation in the model's template, up to where its answer begins. Prompts of decoding,
    evaluation, training and reward models are all written here. turns: {role, content}.

    ModelError: there is no template, or it fails; some do for a system turn, or two turns of one role."""
    if tokenizer.chat_template is None:
        raise ModelError("the model has no chat template; allowed: a prompt with the template written out")
    typed = [{key: plain_text(tokenizer, turn[key]) for key in ("role", "content")} for turn in turns]
    try:
        return str(
            tokenizer.apply_chat_template(
                typed,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=continue_final_message,
            )
        )
    except TEMPLATE_ERRORS as error:
        roles = ", ".join(turn["role"] for turn in typed)[:80]
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        raise ModelError(f"the model's chat template does not take these turns ({roles}): {reason}") from None


def chat_ids(tokenizer: PreTrainedTokenizerFast, turns: Sequence[Mapping[str, str]]) -> list[int]:
    """The ids of `chat_text`."""
    return list(tokenizer.encode(chat_text(tokenizer, turns), add_special_tokens=False))


def half_character(text: str) -> int | None:
    """Place, from 1, of the first half of a character (a lone surrogate), which no tokenizer and no
    file can take; None in Unicode text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start + 1
    return None


def _byte_alphabet() -> dict[str, int]:
    """Character -> byte. Byte-level BPE writes every byte as one printable character (GPT-2)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in printable}
    unprintable = [b for b in range(256) if b not in printable]
    return table | {chr(256 + i): b for i, b in enumerate(unprintable)}


def token_pieces(tokenizer: PreTrainedTokenizerFast) -> list[bytes]:
    """The bytes of every id. Special tokens are their names; ids without a token are empty."""
    alphabet = _byte_alphabet()
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    pieces = [b""] * len(tokenizer)
    for token, index in tokenizer.get_vocab().items():
        if index in special or any(c not in alphabet for c in token):
            pieces[index] = token.encode()
        else:
            pieces[index] = bytes(alphabet[c] for c in token)
    return pieces


def cell_texts(
    pieces: Sequence[bytes] | Mapping[int, bytes], tokens: Sequence[int], mask_id: int | None
) -> list[str]:
    """The text of each cell; a mask is "". A character that spans cells stands in its last one.

    mask_id: None where there is no mask.
    Bytes that no later cell completes (a mask follows, or they are not UTF-8) show as U+FFFD.
    """
    texts, decoder = [""] * len(tokens), codecs.getincrementaldecoder("utf-8")("replace")
    for i, token in enumerate(tokens):
        if token == mask_id:
            decoder.reset()
            continue
        has_piece = token in pieces if isinstance(pieces, Mapping) else token < len(pieces)
        ends_run = i + 1 == len(tokens) or tokens[i + 1] == mask_id
        texts[i] = decoder.decode(pieces[token] if has_piece else f"⟨{token}⟩".encode(), final=ends_run)
        if ends_run:
            decoder.reset()
    return texts
