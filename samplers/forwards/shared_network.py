"""Networks whose passes go through a shared worker (shared_forwards): each run has its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from samplers.forwards.shared_forwards import Forwards, Place
from samplers.network import ModelNetwork, PolicyModelNetwork


class _Turns:
    """`shadow_states` and `attention` of a network, by turns: a canvas with a second copy of a block joins
    nothing, and nobody else's pass may be looked into."""

    place: Place

    def shadow_states(
        self, tokens: Tensor, attention_mask: Tensor, cells: Tensor, start: int, stop: int
    ) -> tuple[Tensor, Tensor]:
        """See ShadowNetwork."""
        alone: Any = super()
        both: tuple[Tensor, Tensor] = self.place.turn(
            tokens, lambda: alone.shadow_states(tokens, attention_mask, cells, start, stop)
        )
        return both

    def attention(self, tokens: Tensor, attention_mask: Tensor, layers: Sequence[int]) -> Tensor:
        """See AttentiveNetwork."""
        alone: Any = super()
        found: Tensor = self.place.turn(tokens, lambda: alone.attention(tokens, attention_mask, layers))
        return found


class SharedModelNetwork(_Turns, ModelNetwork):
    """A LLaDA model whose passes are shared."""

    def __init__(self, network: ModelNetwork, place: Place) -> None:
        super().__init__(network.model, network.name, place, network.revision)
        self.place = place


class SharedPolicyModelNetwork(_Turns, PolicyModelNetwork):
    """The same with a UPS head, which the run reads itself."""

    def __init__(self, network: PolicyModelNetwork, place: Place) -> None:
        super().__init__(network.model, network.name, network.ups_head, place, network.revision)
        self.place = place


def shared(network: ModelNetwork, forwards: Forwards, owner: str = "") -> ModelNetwork:
    """The network of one run, with its passes shared. owner: the visitor; default: the run stands alone."""
    place = forwards.place(network.passes, owner)
    if isinstance(network, PolicyModelNetwork):
        return SharedPolicyModelNetwork(network, place)
    return SharedModelNetwork(network, place)


@dataclass(frozen=True)
class Sharing:
    """What runs of a loaded model share. model: what they decode with, the loaded one or a quicker form of it
    (models.reordered)."""

    forwards: Forwards
    model: Any
