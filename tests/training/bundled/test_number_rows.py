"""Number rows share what numbers have in common, and fold into plain weights."""

from __future__ import annotations

import torch
from torch import nn

from training.bundled.number_rows import attach, fold, number_features


def test_number_rows_fold_into_plain_weights() -> None:
    embedding = nn.Embedding(20, 6)
    attach(embedding, [3, 4, 5], [7, 17, 107], std=0.1)
    before = embedding.weight.detach().clone()
    fold(embedding)
    assert isinstance(embedding.weight, nn.Parameter)
    assert torch.equal(before, embedding.weight)
    units = number_features([7, 17, 107])[:, 20:30]
    assert torch.equal(units[0], units[1]) and torch.equal(units[0], units[2])
