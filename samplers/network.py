"""Networks, as a denoiser uses them: hidden states of chosen cells, then their logits or keep scores.

A keep score is the probability that the token of a cell should stand (RemeDi's UPS head)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from samplers.forwards.captured import passes_of
from samplers.forwards.passes import Passes, pick
from samplers.forwards.transfer import to_device
from samplers.settings import SettingError


class Network(Protocol):
    """A masked-token predictor."""

    def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        """tokens: Int[rows, length]; attention_mask, cells: Bool[rows, length] -> Float[n, d], the
        last hidden states of the cells, row-major."""
        ...

    def head(self, states: Tensor) -> Tensor:
        """Float[n, d] -> logits, Float[n, vocab]; a tensor of their own, which may be written to."""
        ...

    def describe(self) -> dict[str, Any]:
        """What a trace should say about the network."""
        ...


@runtime_checkable
class PolicyNetwork(Network, Protocol):
    """A network with a UPS head."""

    def keep(self, states: Tensor) -> Tensor:
        """Float[n, d] -> Float[n], the probability that a cell's token should stand."""
        ...


@runtime_checkable
class ShadowNetwork(Network, Protocol):
    """A network that can see a block twice."""

    def shadow_states(
        self, tokens: Tensor, attention_mask: Tensor, cells: Tensor, start: int, stop: int
    ) -> tuple[Tensor, Tensor]:
        """States of the cells, Float[n, d], and of a shadow of positions [start, stop), Float[rows, span, d].

        The shadow is a second copy of these positions, all masks. No real cell sees it; each shadow cell
        sees every real cell but the one it stands for. (In a deep network that cell still reaches it
        through the others; the paper has it so.)"""
        ...


@runtime_checkable
class AttentiveNetwork(Network, Protocol):
    """A network that can say who looks at whom."""

    def attention(self, tokens: Tensor, attention_mask: Tensor, layers: Sequence[int]) -> Tensor:
        """tokens: Int[rows, length]; attention_mask: Bool[rows, length]; layers: blocks from 0, upwards ->
        Float[layers, rows, length, length] on the CPU, the mean over heads, in a pass of its own."""
        ...


class ModelNetwork:
    """A LLaDA model (models.llada); logits are float32."""

    def __init__(self, model: Any, name: str = "", passes: Passes | None = None, revision: str = "") -> None:
        """passes: plain or captured ones; default: whatever suits the model's place (captured).
        revision: the model's commit on the hub, where it is known."""
        self.model, self.name, self.revision = model, name, revision
        self.passes = passes or passes_of(model)

    def states(self, tokens: Tensor, attention_mask: Tensor, cells: Tensor) -> Tensor:
        """See Network."""
        return self.passes.states(tokens, attention_mask, cells)

    def head(self, states: Tensor) -> Tensor:
        """See Network."""
        logits: Tensor = self.model.head(states).float()
        return logits

    def shadow_states(
        self, tokens: Tensor, attention_mask: Tensor, cells: Tensor, start: int, stop: int
    ) -> tuple[Tensor, Tensor]:
        """See ShadowNetwork (WINO, 2507.18578): one pass over the canvas and a second copy of the
        block, all masks, at the same positions."""
        device, (rows, length) = self.model.device, tokens.shape
        span = stop - start
        shadow = torch.full((rows, span), self.model.config.mask_token_id)
        positions = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
        positions = torch.cat((positions, positions[:, start:stop]), -1)
        # Bool[rows, length + span, length + span]: who sees whom, the shadow behind the canvas.
        sees = torch.cat((attention_mask, torch.zeros(rows, span, dtype=torch.bool)), -1)
        sees = sees[:, None, :].repeat(1, length + span, 1)
        sees[:, length:, length:] = True
        own = torch.arange(span)
        sees[:, length + own, start + own] = False
        hidden = self.model.hidden(
            to_device(torch.cat((tokens, shadow), -1), device),
            position_ids=to_device(positions, device),
            visible=to_device(sees[:, None], device),
        )
        return pick(hidden[:, :length], cells), hidden[:, length:]

    def attention(self, tokens: Tensor, attention_mask: Tensor, layers: Sequence[int]) -> Tensor:
        """See AttentiveNetwork."""
        device = self.model.device
        found: Tensor = self.model.attention(
            to_device(tokens, device), to_device(attention_mask, device), layers
        )
        return found

    def describe(self) -> dict[str, Any]:
        """Its name, its commit on the hub, and where and how it computes."""
        dtype = str(self.model.dtype).removeprefix("torch.")
        precision = getattr(self.model, "quantized_as", "") or dtype
        return {
            "model": self.name, "revision": self.revision, "dtype": dtype, "precision": precision,
            "device": str(self.model.device.type),
        }  # fmt: skip


class PolicyModelNetwork(ModelNetwork):
    """A LLaDA model and a UPS head (models.ups_head); keep scores are float32."""

    def __init__(
        self, model: Any, name: str, ups_head: Any, passes: Passes | None = None, revision: str = ""
    ) -> None:
        super().__init__(model, name, passes, revision)
        self.ups_head = ups_head.to(model.device)

    def keep(self, states: Tensor) -> Tensor:
        """See PolicyNetwork; sigmoid of the UPS head."""
        scores: Tensor = self.ups_head(states).float().sigmoid()
        return scores

    def describe(self) -> dict[str, Any]:
        """What the model says of itself, and the head's width."""
        return super().describe() | {"ups_width": self.ups_head.ups_width}


def with_head(network: Network) -> PolicyNetwork:
    """The same network; SettingError when it gives no keep scores."""
    if isinstance(network, PolicyNetwork):
        return network
    raise SettingError("network", network.describe().get("model"), "a network with a UPS head")


def with_shadow(network: Network) -> ShadowNetwork:
    """The same network; SettingError when it cannot see a block twice."""
    if isinstance(network, ShadowNetwork):
        return network
    raise SettingError("network", network.describe().get("model"), "a network that can see a block twice")


def with_attention(network: Network) -> AttentiveNetwork:
    """The same network; SettingError when it cannot say who looks at whom."""
    if isinstance(network, AttentiveNetwork):
        return network
    raise SettingError("network", network.describe().get("model"), "a network that shows its attention")
