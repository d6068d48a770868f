"""Packed rows: no padding, and a document is the same alone and packed."""

from __future__ import annotations

import pytest
import torch

from tests.training.small_model import small_network
from training.pretrain.packing import PackedRows, pack, same_document


class Lists:
    """Pieces given as lists."""

    def __init__(self, pieces: list[list[int]]) -> None:
        self.pieces, self.size = pieces, len(pieces)

    def __getitem__(self, index: int) -> list[int]:
        return self.pieces[index]

    def raw(self, index: int) -> dict[str, str]:
        return {}


def test_pieces_stand_one_behind_the_other_and_the_last_is_cut() -> None:
    found = pack([[[5, 6, 0], [7, 0], [8, 9, 9, 0]], [[3] * 9]], 7)
    assert found.tokens.tolist() == [[5, 6, 0, 7, 0, 8, 9], [3] * 7]
    assert found.document.tolist() == [[0, 0, 0, 1, 1, 2, 2], [0] * 7]
    assert found.position.tolist() == [[0, 1, 2, 0, 1, 0, 1], list(range(7))]
    with pytest.raises(ValueError, match="row 0 has 2 tokens; allowed: at least 3"):
        pack([[[1], [2]]], 3)


@torch.no_grad()
@pytest.mark.parametrize("fields", [{}, {"yarn": True, "n_layers": 2}])
def test_a_document_is_the_same_alone_and_packed(fields: dict[str, object]) -> None:
    model = small_network(n_layers=2, **{k: v for k, v in fields.items() if k != "n_layers"}).eval()
    pieces = [torch.randint(3, 2000, (n,)).tolist() for n in (9, 14, 5)]
    row = pack([pieces], 28)
    hidden = model.hidden(row.tokens, position_ids=row.position, visible=same_document(row.document))
    packed, start = model.head(hidden)[0], 0
    for piece in pieces:
        alone = model(torch.tensor([piece])).logits[0]
        torch.testing.assert_close(packed[start : start + len(piece)], alone, atol=1e-5, rtol=1e-5)
        start += len(piece)
    mixed = model(row.tokens).logits[0]
    assert not torch.allclose(mixed, packed, atol=1e-3)  # without boundaries they would not be


def test_rows_are_a_function_of_seed_and_place_and_an_epoch_begins_with_every_piece() -> None:
    sets = [Lists([[i] * (i % 5 + 1) for i in range(10, 40)])]
    packed = PackedRows(sets, [1.0], seed=3, length=16)
    again = PackedRows(sets, [1.0], seed=3, length=16)
    assert torch.equal(packed.rows(4, 6).tokens, again.rows(4, 6).tokens)
    assert not torch.equal(packed.rows(4, 6).tokens, packed.rows(5, 6).tokens)
    assert sorted(packed.pieces(place)[0][0] for place in range(30)) == list(range(10, 40))


def test_weights_are_shares_of_the_first_pieces() -> None:
    packed = PackedRows([Lists([[1] * 8]), Lists([[2] * 8])], [3.0, 1.0], seed=0, length=8)
    tokens = packed.rows(0, 2000).tokens[:, 0]
    assert float((tokens == 1).float().mean()) == pytest.approx(0.75, abs=0.03)
