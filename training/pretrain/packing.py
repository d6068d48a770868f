"""Packs pieces of documents into rows without padding; attention stays within a document, unless the pieces
are joined.

A row is a function of (seed, place). Its first piece is the next one in the epoch's order, so that every
piece comes first once an epoch; the others are drawn at random. The last piece is cut where the row ends.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from training.data.examples import item_at
from training.pretrain.texts import Pieces


class Packed(NamedTuple):
    """Int[rows, length] each. tokens; document: which of the row's documents a cell belongs to, from 0;
    position: of the cell in that document, from 0."""

    tokens: Tensor
    document: Tensor
    position: Tensor


class PackedRows:
    """Rows of `length` tokens from several sets, drawn by weight. joined: the pieces of a row are one
    document."""

    def __init__(
        self, sets: Sequence[Pieces], weights: Sequence[float], seed: int, length: int, joined: bool = False
    ) -> None:
        self.sets, self.weights, self.seed, self.length = tuple(sets), tuple(weights), seed, length
        self.joined = joined

    def rows(self, step: int, count: int) -> Packed:
        """The rows of a step."""
        packed = pack([self.pieces(step * count + row) for row in range(count)], self.length)
        return as_one_document(packed.tokens) if self.joined else packed

    def pieces(self, place: int) -> list[list[int]]:
        """The pieces of a row, as many as fill it."""
        draw = random.Random(f"{self.seed}:{place}")
        documents, index = self.first(place)
        filling = [documents[index]]
        while sum(map(len, filling)) < self.length:
            documents = draw.choices(self.sets, self.weights)[0]
            filling.append(documents[draw.randrange(documents.size or 2**31)])
        return filling

    def first(self, place: int) -> tuple[Pieces, int]:
        """The set of a row's first piece, and the piece's index in it."""
        number = 0
        if len(self.sets) > 1:
            draw = random.Random(f"first {self.seed}:{place}")
            number = draw.choices(range(len(self.sets)), self.weights)[0]
        documents = self.sets[number]
        return documents, place if documents.size is None else item_at(place, documents.size, self.seed)


def pack(rows: Sequence[Sequence[Sequence[int]]], length: int) -> Packed:
    """Pieces of each row one behind the other, cut at `length`; ValueError when they do not fill it."""
    packed = Packed(*(torch.zeros(len(rows), length, dtype=torch.long) for _ in range(3)))
    for row, pieces in enumerate(rows):
        ids = [token for piece in pieces for token in piece][:length]
        if len(ids) < length:
            raise ValueError(f"row {row} has {len(ids)} tokens; allowed: at least {length}")
        packed.tokens[row] = torch.tensor(ids)
        lengths = torch.tensor([len(piece) for piece in pieces])
        packed.document[row] = torch.arange(len(pieces)).repeat_interleave(lengths)[:length]
        starts = lengths.cumsum(0) - lengths
        packed.position[row] = torch.arange(length) - starts[packed.document[row]]
    return packed


def as_one_document(tokens: Tensor) -> Packed:
    """Rows of which each is one document. tokens: Int[rows, length]."""
    places = torch.arange(tokens.shape[1]).expand(tokens.shape)
    return Packed(tokens, torch.zeros_like(tokens), places)


def same_document(document: Tensor) -> Tensor:
    """Which cell attends to which, Bool[rows, 1, length, length]: those of the same document. document:
    Int[rows, length]."""
    return document[:, None, :, None] == document[:, None, None, :]
