"""The LLaDA network (2502.09992): a bidirectional Llama-style transformer, published weight names.

Our own code because the published remote code fails on transformers 5; this one loads the same
safetensors (`model.transformer.{wte, blocks.N.…, ln_f, ff_out}`) and never runs remote code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from models.config import LLaDAConfig
from models.rope import inverse_frequencies, rotate, rotation

MOST_TABLES = 64  # of rotations that are kept; one of 4,096 positions takes 4 MiB
KeyValues = tuple[Tensor, Tensor]
"""Keys (rotated) and values of one block, each Float[rows, kv heads, positions, head]."""


@dataclass
class LLaDAOutput(ModelOutput):
    """`logits`: Float[rows, length, vocab], or Float[n_cells, vocab] when `cells` was given;
    `last_hidden_state`: Float[rows, length, d_model] after the final norm, on request."""

    logits: Tensor | None = None
    last_hidden_state: Tensor | None = None


class RMSNorm(nn.Module):
    """x / rms(x) * weight, computed in float32 and returned in the input's type."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = F.rms_norm(x.float(), self.weight.shape, self.weight.float(), self.eps)
        return normed.to(x.dtype)


def plain_attention(q: Tensor, k: Tensor, v: Tensor, visible: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(head)) v over Float[rows, heads, length, head], written out.

    visible: Bool[rows, 1, 1 or length, positions]. For training on short rows on a CPU, where the
    fused kernel's backward is slow: docs/log.md has the measurement. Everywhere else
    scaled_dot_product_attention is used.
    """
    return attention_weights(q, k, visible).to(v.dtype) @ v


def attention_weights(q: Tensor, k: Tensor, visible: Tensor | None) -> Tensor:
    """softmax(q k^T / sqrt(head)), Float[rows, heads, length, positions], float32; arguments as of
    plain_attention."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if visible is not None:
        scores = scores.masked_fill(~visible, -torch.inf)
    return torch.softmax(scores, -1, dtype=torch.float32)


def write_keys_values(keys_values: KeyValues, fresh: KeyValues, start: int, at: Tensor | None) -> KeyValues:
    """Those of all positions, with fresh ones written over them from `start` on, or `at`, Int[length]."""
    for stored, new in zip(keys_values, fresh, strict=True):
        if at is None:
            stored[:, :, start : start + new.shape[2]] = new
        else:
            stored.index_copy_(2, at, new.to(stored.dtype))
    return keys_values


class Block(nn.Module):
    """Pre-norm attention (grouped KV heads, no causal mask) and SwiGLU feed-forward.

    picks: whether a cell comes out the same in whatever set of `places`. Not here: how a product is summed up
    depends on its rows, so samplers, which ask for other cells in each step, let it compute all.
    """

    picks = False

    def __init__(self, config: LLaDAConfig) -> None:
        super().__init__()
        width, head = config.d_model, config.d_model // config.n_heads
        self.n_heads, self.n_kv_heads, self.head = config.n_heads, config.n_kv_heads, head
        self.written_out = False  # True: plain_attention, with as many KV heads as heads
        self.attn_norm = RMSNorm(width, config.rms_norm_eps)
        self.q_proj = nn.Linear(width, config.n_heads * head, bias=False)
        self.k_proj = nn.Linear(width, config.n_kv_heads * head, bias=False)
        self.v_proj = nn.Linear(width, config.n_kv_heads * head, bias=False)
        self.attn_out = nn.Linear(width, width, bias=False)
        self.ff_norm = RMSNorm(width, config.rms_norm_eps)
        self.ff_proj = nn.Linear(width, config.mlp_hidden_size, bias=False)
        self.up_proj = nn.Linear(width, config.mlp_hidden_size, bias=False)
        self.ff_out = nn.Linear(config.mlp_hidden_size, width, bias=False)

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
        """x: Float[rows, length, d_model]; visible: Bool[rows, 1, 1 or length, positions] or None.

        keys_values: those of all positions, of which x are those from `start` on, or those `at`,
        Int[length]: they are overwritten in place, and x attends to all. places: Int[n] in the rows one after
        the other; what comes behind the attention is computed for these alone, Float[n, d_model].
        """
        rows, length, width = x.shape
        q, k, v = self.heads(x, cos, sin)
        if keys_values is not None:
            k, v = write_keys_values(keys_values, (k, v), start, at)
        if self.written_out and self.n_heads == self.n_kv_heads:
            mixed = plain_attention(q.to(v.dtype), k.to(v.dtype), v, visible)
        else:
            mixed = F.scaled_dot_product_attention(
                q, k, v, attn_mask=visible, enable_gqa=self.n_heads != self.n_kv_heads
            )
        mixed = mixed.transpose(1, 2).reshape(rows, length, width)
        if places is not None:
            mixed, x = (part.reshape(-1, width).index_select(0, places) for part in (mixed, x))
        x = x + self.attn_out(mixed)
        h = self.ff_norm(x)
        out: Tensor = x + self.ff_out(F.silu(self.ff_proj(h)) * self.up_proj(h))
        return out

    def heads(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys, rotated, and values: Float[rows, heads or KV heads, length, head]."""
        rows, length, _ = x.shape
        h = self.attn_norm(x)
        q = self.q_proj(h).view(rows, length, self.n_heads, self.head).transpose(1, 2)
        k = self.k_proj(h).view(rows, length, self.n_kv_heads, self.head).transpose(1, 2)
        v = self.v_proj(h).view(rows, length, self.n_kv_heads, self.head).transpose(1, 2)
        return rotate(q, cos, sin), rotate(k, cos, sin), v


def computes_on(module: nn.Module) -> torch.device:
    """The device of a module's weights; with accelerate's hooks, the one they are brought to."""
    hook = getattr(module, "_hf_hook", None)
    device = getattr(hook, "execution_device", None)
    return next(module.parameters()).device if device is None else torch.device(device)


class TokenTable(nn.Embedding):
    """A row for every token. `as_head` turns it round: logits of hidden states, for tied weights. Both go
    through the module's call, where accelerate's hooks bring weights that are elsewhere."""

    def forward(self, x: Tensor, as_head: bool = False) -> Tensor:
        out: Tensor = F.linear(x, self.weight) if as_head else super().forward(x)
        return out


class LLaDAModelLM(PreTrainedModel):
    """LLaDA with its token-prediction head (`weight_tying` reuses the embedding as the head).

    checkpointing: True saves memory in training: a block's activations are computed again for the backward
    pass, not stored (1604.06174). quantized_as: how its linear layers are stored where that is not as plain
    numbers: "int8", "nf4", "gptq 4-bit (group 128)".
    """

    config_class = LLaDAConfig
    base_model_prefix = "model"
    _no_split_modules = ["Block"]
    _supports_sdpa = True
    checkpointing = False
    quantized_as = ""

    def __init__(self, config: LLaDAConfig) -> None:
        super().__init__(config)
        parts: dict[str, nn.Module] = {
            "wte": TokenTable(config.embedding_size, config.d_model),
            "blocks": nn.ModuleList(Block(config) for _ in range(config.n_layers)),
            "ln_f": RMSNorm(config.d_model, config.rms_norm_eps),
        }
        if not config.weight_tying:
            parts["ff_out"] = nn.Linear(config.d_model, config.embedding_size, bias=False)
        self.model = nn.ModuleDict({"transformer": nn.ModuleDict(parts)})
        self._rotations: dict[torch.device, tuple[Tensor, float]] = {}
        self._tables: dict[tuple[torch.device, int, int], tuple[Tensor, Tensor]] = {}
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.init_std)
        elif isinstance(module, RMSNorm):
            nn.init.ones_(module.weight)

    @property
    def transformer(self) -> nn.ModuleDict:
        """wte, blocks, ln_f and (untied) ff_out."""
        return self.model["transformer"]  # type: ignore[return-value]

    @property
    def blocks(self) -> list[Block]:
        """The transformer blocks, first to last."""
        blocks: Iterable[Any] = self.transformer["blocks"]  # type: ignore[assignment]
        return list(blocks)

    def get_input_embeddings(self) -> nn.Module:
        return self.transformer["wte"]

    def get_output_embeddings(self) -> nn.Module:
        return self.transformer["wte" if self.config.weight_tying else "ff_out"]

    @property
    def device(self) -> torch.device:
        """Where inputs go and the first block computes."""
        return computes_on(self.transformer["wte"])

    @property
    def is_parted(self) -> bool:
        """Whether accelerate's hooks bring weights, or what they are applied to, from device to device."""
        return hasattr(self, "_hf_hook")

    def forget_rotations(self) -> None:
        """Call after a change of the config's RoPE fields."""
        self._rotations.clear()
        self._tables.clear()

    def _rotation(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        if positions.device not in self._rotations:
            inverse, scale = inverse_frequencies(self.config)
            self._rotations[positions.device] = inverse.to(positions.device), scale
        return rotation(*self._rotations[positions.device], positions)

    def _plain_rotation(self, device: torch.device, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """The rotation of positions [start, stop), kept: the same spans come again and again."""
        key = (device, start, stop)
        if key not in self._tables:
            found = self._rotation(torch.arange(start, stop, device=device)[None])
            if torch.is_inference_mode_enabled():  # such tensors may not be used in training
                return found
            if len(self._tables) >= MOST_TABLES:
                self._tables.clear()
            self._tables[key] = found
        return self._tables[key]

    def hidden(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        keys_values: list[KeyValues] | None = None,
        start: int = 0,
        visible: Tensor | None = None,
        at: Tensor | None = None,
        places: Tensor | None = None,
        fewer: bool = False,
    ) -> Tensor:
        """Float[rows, length, d_model] after the final norm; with places, Int[n] in the rows one after the
        other, Float[n, d_model] of these alone. fewer: the last block computes no others, even where it
        does not say that it `picks`.

        input_ids: Int[rows, length]; attention_mask: Bool[rows, positions], False on padding;
        position_ids: Int[rows, length], default 0.. counted over real tokens (left padding).
        keys_values: from `new_keys_values`, filled by this call; with them filled, input_ids may be
        positions [start, stop) alone, or those `at`, Int[length], where they must not be part of the
        program (samplers.forwards.captured). visible: Bool[rows, 1, length, positions], who sees whom,
        instead of the mask.
        """
        stop = start + input_ids.shape[1]
        if position_ids is None and attention_mask is not None:
            counted = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
            position_ids = counted[:, start:stop] if at is None else counted.index_select(1, at)
        elif position_ids is None and at is not None:
            position_ids = at[None]
        if position_ids is None:
            cos, sin = self._plain_rotation(input_ids.device, start, stop)
        else:
            cos, sin = self._rotation(position_ids)
        if visible is None and attention_mask is not None:
            visible = attention_mask.bool()[:, None, None, :]
        x: Tensor = self.transformer["wte"](input_ids)
        recompute = self.checkpointing and self.training and torch.is_grad_enabled()
        for i, block in enumerate(self.blocks):
            kept = () if keys_values is None else (keys_values[i], start, at)
            early = i + 1 == len(self.blocks) and (block.picks or fewer)
            last = {"places": places} if early and places is not None else {}
            if recompute and not kept:
                x = checkpoint(partial(block, **last), x, cos, sin, visible, use_reentrant=False)
            else:
                x = block(x, cos, sin, visible, *kept, **last)
        if places is not None and x.dim() > 2:
            x = x.reshape(-1, x.shape[-1]).index_select(0, places)
        normed: Tensor = self.transformer["ln_f"](x)
        return normed

    @torch.no_grad()
    def attention(self, input_ids: Tensor, attention_mask: Tensor | None, layers: Sequence[int]) -> Tensor:
        """Who looks at whom in some blocks, in a pass of its own: Float[layers, rows, length, length], the
        mean over heads; each row of the last two is a distribution. input_ids, attention_mask: see `hidden`;
        layers: numbers of blocks from 0, upwards. ValueError: there is no such block."""
        known = range(len(self.blocks))
        if not layers or sorted(set(layers)) != list(layers) or layers[0] < 0 or layers[-1] not in known:
            raise ValueError(f"layers = {list(layers)}; allowed: numbers from 0 to {len(known) - 1}, upwards")
        found: list[Tensor] = []

        def look(block: Any, inputs: tuple[Any, ...]) -> None:
            x, cos, sin, visible = inputs[:4]
            q, k, _ = block.heads(x, cos, sin)
            k = k.repeat_interleave(block.n_heads // block.n_kv_heads, 1)
            found.append(attention_weights(q, k, visible).mean(1).cpu())

        hooks = [self.blocks[layer].register_forward_pre_hook(look) for layer in layers]
        try:
            self.hidden(input_ids, attention_mask)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(found)

    def new_keys_values(self, rows: int, positions: int) -> list[KeyValues]:
        """Room for the keys and values of every block, Float[rows, kv heads, positions, head], on the
        device where the block computes."""
        first = self.blocks[0]
        shape = (rows, first.n_kv_heads, positions, first.head)
        devices = [computes_on(block) for block in self.blocks]
        return [
            (torch.empty(shape, dtype=self.dtype, device=d), torch.empty(shape, dtype=self.dtype, device=d))
            for d in devices
        ]

    def head(self, hidden: Tensor) -> Tensor:
        """Logits, Float[…, vocab], of hidden states Float[…, d_model]; padding rows are cut off."""
        tied = {"as_head": True} if self.config.weight_tying else {}
        logits: Tensor = self.get_output_embeddings()(hidden, **tied)
        return logits[..., : self.config.vocab_size]

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cells: Tensor | None = None,
        output_last_hidden_state: bool = False,
        **_: Any,
    ) -> LLaDAOutput:
        """One pass. cells: Bool[rows, length] asks for the logits of those cells only."""
        if cells is not None and not output_last_hidden_state:
            places = cells.reshape(-1).nonzero()[:, 0]
            chosen = self.hidden(input_ids, attention_mask, position_ids, places=places, fewer=True)
            return LLaDAOutput(logits=self.head(chosen))
        hidden = self.hidden(input_ids, attention_mask, position_ids)
        logits = self.head(hidden if cells is None else hidden[cells])
        return LLaDAOutput(logits=logits, last_hidden_state=hidden if output_last_hidden_state else None)
