"""Fits the bundled tokenizer: byte-level BPE in which a run of one to three digits is one token.

It has LLaDA's special tokens and chat template, and can encode every text (256 byte tokens). Longer runs of
digits are encoded digit by digit. The number tokens are not learned from the corpus but added, so that all
1,110 runs ("0" … "999", "00", "007" …) exist.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

DIGITS = "0123456789"
MASK, EOS, BOS, EOT = "<|mdm_mask|>", "<|endoftext|>", "<|startoftext|>", "<|eot_id|>"
SPECIAL = (
    EOS, BOS, MASK, EOT, "<|start_header_id|>", "<|end_header_id|>",
    "[CLS]", "[gMASK]", "<role>", "</role>",
)  # fmt: skip
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if loop.index0 == 0 %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
    " + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"
    "{% else %}{{ eos_token }}{% endif %}"
)
# A word with its leading space | 1-3 digits standing alone | a digit of a longer run |
# symbols with the spaces around them (" + " is one token) | line ends | other space.
PATTERN = (
    r" ?\p{L}+|(?<!\p{N})\p{N}{1,3}(?!\p{N})|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+ ?|\r?\n+|\s+"
)


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _with_numbers(spec: dict[str, Any], size: int) -> dict[str, Any]:
    """Add the merges of all 2- and 3-digit runs to a fitted BPE `spec`, numbers first."""
    model = spec["model"]
    pairs = [(a, b) for a in DIGITS for b in DIGITS]
    triples = [(a + b, c) for a, b in pairs for c in DIGITS]
    learned = [tuple(m) for m in model["merges"]][: size - 256 - len(SPECIAL) - 1100]
    merges = pairs + triples + learned
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = [*SPECIAL, *alphabet, *(a + b for a, b in merges)]
    model["vocab"] = {name: i for i, name in enumerate(dict.fromkeys(names))}
    model["merges"] = [list(m) for m in merges]
    for token in spec["added_tokens"]:
        token["id"] = model["vocab"][token["content"]]
    spec["added_tokens"].sort(key=lambda token: token["id"])
    return spec


def fit_tokenizer(texts: Iterable[str], size: int = 2048, max_length: int = 1024) -> PreTrainedTokenizerFast:
    """Fit on `texts` to at most `size` tokens; `max_length` is written as model_max_length."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - 1100,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Digits are left out of the fit: their merges are added whole afterwards.
    table = str.maketrans("", "", DIGITS)
    tokenizer.train_from_iterator((t.translate(table) for t in texts), trainer)
    spec = _with_numbers(json.loads(tokenizer.to_str()), size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        path.write_text(json.dumps(spec))
        return wrapped(path, max_length)


def wrapped(path: Path, max_length: int) -> PreTrainedTokenizerFast:
    """A tokenizer.json with LLaDA's roles and chat template."""
    return PreTrainedTokenizerFast(
        tokenizer_file=str(path),
        bos_token=BOS,
        eos_token=EOS,
        pad_token=EOS,
        cls_token="[CLS]",
        mask_token=MASK,
        additional_special_tokens=["<role>", "</role>"],
        model_max_length=max_length,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
