"""Tokens as text, cell by cell, without breaking characters that span several tokens."""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence

from transformers import PreTrainedTokenizerFast


def _byte_alphabet() -> dict[str, int]:
    """Byte-level BPE writes every byte as one printable character (GPT-2); this is the way back."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in printable}
    others = [b for b in range(256) if b not in printable]
    return table | {chr(256 + i): b for i, b in enumerate(others)}


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
    pieces: Sequence[bytes] | Mapping[int, bytes], tokens: Sequence[int], mask_id: int
) -> list[str]:
    """The text of each cell; a mask is "". A character that spans cells stands in its last one.

    Bytes that no later cell completes (a mask follows, or they are not UTF-8) show as U+FFFD.
    """
    texts, decoder = [""] * len(tokens), codecs.getincrementaldecoder("utf-8")("replace")
    for i, token in enumerate(tokens):
        if token == mask_id:
            decoder.reset()
            continue
        known = token in pieces if isinstance(pieces, Mapping) else token < len(pieces)
        ends_run = i + 1 == len(tokens) or tokens[i + 1] == mask_id
        texts[i] = decoder.decode(pieces[token] if known else f"⟨{token}⟩".encode(), final=ends_run)
        if ends_run:
            decoder.reset()
    return texts
