"""Adds words to a fitted tokenizer without changing what its tokens mean.

New merges stand behind all that the tokenizer has, so a word that was one token stays that token, and a model
goes on from its weights: only the rows of the new tokens are new, and each begins as the mean of the pieces
that it joins.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer
from torch import Tensor, cat
from transformers import PreTrainedTokenizerFast

from training.bundled.tokenizer import DIGITS, wrapped

Pieces = tuple[str, ...]


def grown(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """The tokenizer with merges for the commonest pairs of tokens in `texts`, until it has `size` tokens or
    every word is one. Runs of digits and special tokens are never joined with anything."""
    backend = tokenizer.backend_tokenizer
    spec = json.loads(backend.to_str())
    vocab, merges = spec["model"]["vocab"], spec["model"]["merges"]
    words = _words(backend, texts)
    while len(vocab) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for pieces, count in words.items():
            for pair in zip(pieces, pieces[1:], strict=False):
                pairs[pair] += count
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        joined = "".join(best)
        vocab.setdefault(joined, len(vocab))
        merges.append(list(best))
        words = _merged(words, best, joined)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        path.write_text(json.dumps(spec))
        return wrapped(path, int(tokenizer.model_max_length))


def _words(backend: Tokenizer, texts: Iterable[str]) -> Counter[Pieces]:
    """How often each word stands in the texts, as the tokens that it is written with now."""
    counts = Counter(
        piece
        for text in texts
        for piece, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))
    )
    words: Counter[Pieces] = Counter()
    for piece, count in counts.items():
        if not any(character in DIGITS for character in piece):
            words[tuple(token.value for token in backend.model.tokenize(piece))] += count
    return words


def _merged(words: Counter[Pieces], pair: tuple[str, str], joined: str) -> Counter[Pieces]:
    merged: Counter[Pieces] = Counter()
    for pieces, count in words.items():
        if pair[0] in pieces:
            kept: list[str] = []
            for piece in pieces:
                if kept and (kept[-1], piece) == pair:
                    kept[-1] = joined
                else:
                    kept.append(piece)
            pieces = tuple(kept)
        merged[pieces] += count
    return merged


def with_new_rows(rows: Tensor, old: PreTrainedTokenizerFast, new: PreTrainedTokenizerFast) -> Tensor:
    """Rows of a token matrix, Float[len(old), width], with one more for each new token: the mean of the rows
    of the pieces that the old tokenizer writes it with. Float[len(new), width]."""
    names = new.convert_ids_to_tokens(range(len(old), len(new)))
    added = []
    for name in names:
        pieces = [token.id for token in old.backend_tokenizer.model.tokenize(name)]
        added.append(rows[pieces].mean(0, keepdim=True))
    return cat([rows, *added])
