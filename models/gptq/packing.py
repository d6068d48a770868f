"""Whole numbers of 2, 3, 4 or 8 bits in words of 32, and the weights that they stand for.

GPTQ (2210.17323) stores a linear layer of K inputs and N outputs, in groups of inputs, as

- qweight, Int32[K bits / 32, N]: the numbers q of each output, input after input, lowest bits first;
- qzeros, Int32[groups, N bits / 32]: the zero point z of each group and output, output after output;
- scales, Float[groups, N]; g_idx, Int32[K]: the group of each input (act-order leaves them out of order).

The weight is scales[g] (q - z[g]). Files of the format `gptq` store z - 1, those of `gptq_v2` z.
"""

from __future__ import annotations

import torch
from torch import Tensor

WORD = 32
BITS = (2, 3, 4, 8)
"""The widths whose layout is one stream of bits. 5, 6 and 7 are stored in planes, which we do not read."""


def unpack(words: Tensor, bits: int, count: int) -> Tensor:
    """The first `count` numbers down each column: UInt8[count, columns] of Int32[words, columns]."""
    if WORD % bits == 0:
        shifts = torch.arange(0, WORD, bits, dtype=torch.int32, device=words.device)
        numbers: Tensor = (words[:, None] >> shifts[:, None]) & (2**bits - 1)
        return numbers.flatten(0, 1)[:count].to(torch.uint8)
    start = torch.arange(count, device=words.device) * bits
    word, shift = start // WORD, (start % WORD)[:, None]
    low = (words[word].long() & (2**WORD - 1)) >> shift
    after = words[(word + 1).clamp(max=len(words) - 1)].long() << (WORD - shift)  # a number over two words
    either: Tensor = (low | after) & (2**bits - 1)
    return either.to(torch.uint8)


def pack(numbers: Tensor, bits: int) -> Tensor:
    """Int32[ceil(count bits / 32), columns] of whole numbers [count, columns]: what `unpack` undoes."""
    count, columns = numbers.shape
    words = torch.zeros(-(-count * bits // WORD) + 1, columns, dtype=torch.long, device=numbers.device)
    start = torch.arange(count, device=numbers.device) * bits
    shifted = numbers.long() << (start % WORD)[:, None]
    words.index_add_(0, start // WORD, shifted & (2**WORD - 1))
    words.index_add_(0, start // WORD + 1, shifted >> WORD)
    signed: Tensor = words[:-1] - (words[:-1] >= 2 ** (WORD - 1)) * 2**WORD
    return signed.to(torch.int32)


def _ones(bits: int) -> int:
    """A word that holds the number 1 as often as it can."""
    return sum(1 << i for i in range(0, WORD, bits))


def zero_points(qzeros: Tensor, bits: int, outputs: int, format: str) -> Tensor:
    """z, UInt8[groups, outputs], of a file of the format `gptq` or `gptq_v2`.

    Writers of `gptq` take one from every number of a word by a single subtraction, so that a z of 0 borrows
    from the number above it; a single addition gives it back. Where numbers lie across words (3 bits), each
    is taken by itself, without a borrow.
    """
    less_one = format == "gptq"
    if less_one and WORD % bits == 0:
        qzeros = qzeros + _ones(bits)
    zeros = unpack(qzeros.T, bits, outputs).T
    if less_one and WORD % bits:
        zeros = (zeros + 1) & (2**bits - 1)
    return zeros


def dequantize(qweight: Tensor, zeros: Tensor, scales: Tensor, g_idx: Tensor, bits: int) -> Tensor:
    """The weights, Float[K, N] in the type of `scales`: inputs down, outputs across.

    zeros: from `zero_points`. Memory beside the result: up to 3 times as much, so large layers are taken a
    few outputs at a time.
    """
    numbers = unpack(qweight, bits, len(g_idx)).to(scales.dtype)
    return numbers.sub_(zeros.to(scales.dtype)[g_idx]).mul_(scales[g_idx])
