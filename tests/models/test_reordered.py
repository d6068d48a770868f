"""The reordered network computes what the plain one does, within rounding, with and without a cache."""

from __future__ import annotations

import pytest
import torch

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM
from models.reordered import ReorderedBlock, can_reorder, reordered

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")  # type: ignore[no-untyped-call]


def model(**more: object) -> LLaDAModelLM:
    torch.manual_seed(0)
    shape = {"d_model": 64, "n_heads": 4, "n_layers": 3, "mlp_hidden_size": 96, "vocab_size": 50}
    config = LLaDAConfig(**shape, mask_token_id=49, max_sequence_length=64, init_std=0.2, **more)
    return LLaDAModelLM(config).eval().requires_grad_(False)


@pytest.mark.parametrize("more", [{}, {"n_kv_heads": 2}, {"weight_tying": True}])
def test_it_computes_what_the_plain_one_does(more: dict[str, object]) -> None:
    plain = model(**more)
    quick = reordered(plain)
    assert all(type(block) is ReorderedBlock for block in quick.blocks)
    tokens = torch.randint(50, (3, 20), generator=torch.Generator().manual_seed(1))
    attention = torch.ones(3, 20, dtype=torch.bool)
    attention[0, :5] = False
    for mask in (None, attention):
        hidden, wanted = quick.hidden(tokens, mask), plain.hidden(tokens, mask)
        real = attention if mask is not None else torch.ones_like(attention)
        torch.testing.assert_close(hidden[real], wanted[real], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(quick.head(hidden), plain.head(hidden), rtol=1e-4, atol=1e-4)


def test_keys_and_values_are_kept_alike() -> None:
    plain = model()
    quick = reordered(plain)
    tokens = torch.randint(50, (2, 20), generator=torch.Generator().manual_seed(1))
    kept = [m.new_keys_values(2, 20) for m in (plain, quick)]
    for m, kv in zip((plain, quick), kept, strict=True):
        m.hidden(tokens, keys_values=kv)
    changed = tokens[:, 8:12] % 49 + 1
    parts = [m.hidden(changed, keys_values=kv, start=8) for m, kv in zip((plain, quick), kept, strict=True)]
    torch.testing.assert_close(parts[1], parts[0], rtol=1e-4, atol=1e-5)
    at = quick.hidden(changed, keys_values=kept[1], at=torch.arange(8, 12))
    torch.testing.assert_close(at, parts[0], rtol=1e-4, atol=1e-5)


def test_the_plain_network_stays_as_it_is_and_other_layers_are_not_packed() -> None:
    plain = model()
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    reordered(plain)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    assert can_reorder(plain) and not can_reorder(model().double())

    class Other(torch.nn.Linear):
        """A layer that computes in another way, as a quantised one does."""

    plain.blocks[0].ff_proj = Other(64, 96, bias=False)
    assert not can_reorder(plain)
