"""Packed numbers: against words written by hand, and against one number at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.gptq.packing import BITS, dequantize, pack, unpack, zero_points
from tests.models.gptq.files import store_zeros


def numbers(bits: int, count: int, columns: int) -> Tensor:
    return torch.randint(0, 2**bits, (count, columns), generator=torch.Generator().manual_seed(bits))


def test_words_written_by_hand() -> None:
    words = torch.tensor([[0x76543210, -1], [-0x01234568, 0]], dtype=torch.int32)  # 0xFEDCBA98
    assert unpack(words, 4, 16)[:, 0].tolist() == list(range(16))
    assert unpack(words, 4, 16)[:, 1].tolist() == [15] * 8 + [0] * 8
    assert unpack(words, 8, 3)[:, 0].tolist() == [0x10, 0x32, 0x54]
    assert unpack(words, 2, 5)[:, 0].tolist() == [0, 0, 1, 0, 2]


def test_three_bits_are_one_stream_over_the_words() -> None:
    stream = "".join(f"{i % 8:03b}"[::-1] for i in range(32))  # lowest bit first
    words = [int(stream[start : start + 32][::-1], 2) for start in range(0, 96, 32)]
    packed = torch.tensor(words, dtype=torch.int64).to(torch.int32)[:, None]
    assert unpack(packed, 3, 32)[:, 0].tolist() == [i % 8 for i in range(32)]


@pytest.mark.parametrize("bits", BITS)
def test_what_is_packed_is_unpacked(bits: int) -> None:
    for count in (32, 64, 37):
        packed = pack(numbers(bits, count, 5), bits)
        assert packed.dtype == torch.int32 and packed.shape == (-(-count * bits // 32), 5)
        assert torch.equal(unpack(packed, bits, count).long(), numbers(bits, count, 5))


@pytest.mark.parametrize("bits", BITS)
def test_both_formats_store_the_same_zero_points(bits: int) -> None:
    zeros = numbers(bits, 4, 64)
    zeros[0] = 0  # one less than 0 borrows from the number above
    zeros[1] = 2**bits - 1
    old, new = store_zeros(zeros, bits, "gptq"), store_zeros(zeros, bits, "gptq_v2")
    assert not torch.equal(old, new)
    for stored, format in ((old, "gptq"), (new, "gptq_v2")):
        assert torch.equal(zero_points(stored, bits, 64, format).long(), zeros)


def test_a_stored_zero_is_one_less() -> None:
    assert zero_points(torch.tensor([[0x77777777]]).int(), 4, 8, "gptq").tolist() == [[8] * 8]
    assert zero_points(torch.tensor([[0x77777777]]).int(), 4, 8, "gptq_v2").tolist() == [[7] * 8]


@pytest.mark.parametrize("bits", BITS)
def test_weights_one_at_a_time(bits: int) -> None:
    q, z, g_idx = numbers(bits, 32, 8), numbers(bits, 4, 8), torch.arange(32).flip(0) // 8
    scales = torch.rand(4, 8, generator=torch.Generator().manual_seed(0))
    weights = dequantize(pack(q, bits), z.to(torch.uint8), scales, g_idx, bits)
    for i in range(32):
        for j in range(8):
            g = g_idx[i]
            assert float(weights[i, j]) == pytest.approx(float(scales[g, j]) * int(q[i, j] - z[g, j]))
