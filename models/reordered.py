"""A network for decoding on a CPU: the same weights in the order in which oneDNN multiplies fastest, and
fewer, larger products: queries, keys and values in one, gate, product and sum inside those they follow.

A pass takes about half the time (docs/log.md). Sums are added up in another order, so results differ from
those of models.llada in the last bits.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.llada import Block, KeyValues, LLaDAModelLM, write_keys_values
from models.rope import rotate

MOST_PARAMETERS = 250_000_000  # reordered weights are a second copy in memory
ROWS = 64  # the usual number of rows of a product, for which the order is chosen


class ReorderedLinear(nn.Module):
    """A linear layer without gradients. weight: Float[out, in]."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.reordered = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous(), ROWS)

    def forward(self, x: Tensor, after: str = "none") -> Tensor:
        """Float[…, in] -> Float[…, out]. after: "none", or "swish", the activation of what comes out."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.reordered, None, after, [], "")
        return out

    def and_then(self, x: Tensor, what: str, other: Tensor) -> Tensor:
        """The same, and then "add" or "mul" with another of the same shape."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise.binary(x, other, self.reordered, None, what)
        return out


class ReorderedBlock(nn.Module):
    """A block of models.llada. Of the last one only the cells that are asked for go through the feed-forward
    part."""

    picks = True

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.head = block.n_heads, block.n_kv_heads, block.head
        self.attn_norm, self.ff_norm = block.attn_norm, block.ff_norm
        together = [block.q_proj.weight, block.k_proj.weight, block.v_proj.weight]
        self.qkv_proj, self.attn_out = (
            ReorderedLinear(torch.cat(together)),
            ReorderedLinear(block.attn_out.weight),
        )
        self.ff_proj, self.up_proj = (
            ReorderedLinear(block.ff_proj.weight),
            ReorderedLinear(block.up_proj.weight),
        )
        self.ff_out = ReorderedLinear(block.ff_out.weight)

    def forward(
        self,
        x: Tensor,
        cos: Tensor,
        sin: Tensor,
        visible: Tensor | None,
        keys_values: KeyValues | None = None,
        start: int = 0,
        at: Tensor | None = None,
        places: Tensor | None = None,
    ) -> Tensor:
        """See Block. places: Int[n] in the rows one after the other; Float[n, d_model] is returned then."""
        rows, length, width = x.shape
        q, k, v = self.heads(x, cos, sin)
        if keys_values is not None:
            k, v = write_keys_values(keys_values, (k, v), start, at)
        grouped = self.n_heads != self.n_kv_heads
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=visible, enable_gqa=grouped)
        mixed = mixed.transpose(1, 2).reshape(rows, length, width)
        if places is not None:
            mixed, x = (part.view(-1, width).index_select(0, places) for part in (mixed, x))
        x = self.attn_out.and_then(mixed, "add", x)
        h = self.ff_norm(x)
        gated = self.up_proj.and_then(h, "mul", self.ff_proj(h, "swish"))
        return self.ff_out.and_then(gated, "add", x)

    def heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See Block."""
        rows, length, _ = x.shape
        heads = self.qkv_proj(self.attn_norm(x)).view(rows, length, -1, self.head).transpose(1, 2)
        turned = rotate(heads[:, : self.n_heads + self.n_kv_heads], cos, sin)
        values = heads[:, self.n_heads + self.n_kv_heads :]
        return turned[:, : self.n_heads], turned[:, self.n_heads :], values


def can_reorder(model: LLaDAModelLM) -> bool:
    """Whether `reordered` helps: float32 on a CPU, plain layers whose weights stay there, not so large that a
    second copy hurts."""
    layers = [m for m in model.modules() if isinstance(m, nn.Linear)]
    plain = all(type(layer) is nn.Linear and layer.bias is None for layer in layers)
    small = sum(p.numel() for p in model.parameters()) <= MOST_PARAMETERS
    here = model.device.type == "cpu" and model.dtype == torch.float32 and not model.is_parted
    can = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return can and here and small and plain and all(type(block) is Block for block in model.blocks)


@torch.no_grad()
def reordered(model: LLaDAModelLM) -> LLaDAModelLM:
    """The same network for decoding alone. What is not reordered is shared with `model`, whose weights must
    not change any more."""
    memo: dict[int, Any] = {id(p): p for p in [*model.parameters(), *model.buffers()]}
    memo |= {id(block): ReorderedBlock(block) for block in model.blocks}
    head = model.get_output_embeddings()
    if isinstance(head, nn.Linear):
        memo[id(head)] = ReorderedLinear(head.weight)
    return copy.deepcopy(model, memo)
