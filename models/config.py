"""The LLaDA configuration, under the published field names.

Both published flavours load: GSAI-ML's own (`rope: true`) and the extended-context one
(`rope: false, yarn: true`). Fields this network does not need are kept and not used; an unknown
`block_type`, `activation_type` or `layer_norm_type` is refused by name.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from transformers import PretrainedConfig

_KNOWN = {
    "block_type": ("llama",),
    "activation_type": ("silu", "swiglu"),
    "layer_norm_type": ("rms",),
}
_SIZES = ("d_model", "n_heads", "n_kv_heads", "n_layers", "mlp_hidden_size", "vocab_size", "embedding_size",
          "max_sequence_length")  # fmt: skip
_UNSUPPORTED = ("alibi", "include_bias", "include_qkv_bias", "attention_layer_norm", "scale_logits")


class ConfigError(ValueError):
    """A configuration this network cannot run; the message names field, value and what is allowed."""


class LLaDAConfig(PretrainedConfig):
    """Shape and special ids of a LLaDA network (names as published by GSAI-ML).

    Units: `d_model`, `mlp_hidden_size` in features; `max_sequence_length` in tokens;
    `rope_theta` is the RoPE base. `embedding_size` is `vocab_size` plus padding rows, if any.
    """

    model_type = "llada"

    def __init__(
        self,
        d_model: int = 256,
        n_heads: int = 4,
        n_kv_heads: int | None = None,
        n_layers: int = 4,
        mlp_hidden_size: int | None = None,
        mlp_ratio: int = 4,
        vocab_size: int = 2048,
        embedding_size: int | None = None,
        max_sequence_length: int = 1024,
        rope: bool = True,
        rope_theta: float = 500000.0,
        yarn: bool = False,
        yarn_scale: float = 2.0,
        yarn_original_max_position_embeddings: int = 4096,
        yarn_extrapolation_factor: float = 1.0,
        yarn_attn_factor: float = 1.0,
        yarn_beta_fast: float = 32.0,
        yarn_beta_slow: float = 1.0,
        rms_norm_eps: float = 1e-5,
        weight_tying: bool = False,
        mask_token_id: int | None = None,
        init_std: float = 0.02,
        block_type: str = "llama",
        activation_type: str = "silu",
        layer_norm_type: str = "rms",
        **kwargs: Any,
    ) -> None:
        """Check every field this network needs; the rest of a published config is kept as it is."""
        self.d_model, self.n_heads, self.n_layers = d_model, n_heads, n_layers
        self.n_kv_heads = n_kv_heads or n_heads
        self.mlp_hidden_size = mlp_hidden_size or mlp_ratio * d_model
        self.vocab_size, self.embedding_size = vocab_size, embedding_size or vocab_size
        self.max_sequence_length = max_sequence_length
        self.rope, self.rope_theta, self.yarn = rope, float(rope_theta), yarn
        self.yarn_scale = yarn_scale
        self.yarn_original_max_position_embeddings = yarn_original_max_position_embeddings
        self.yarn_extrapolation_factor = yarn_extrapolation_factor
        self.yarn_attn_factor = yarn_attn_factor
        self.yarn_beta_fast, self.yarn_beta_slow = yarn_beta_fast, yarn_beta_slow
        self.rms_norm_eps, self.weight_tying, self.init_std = rms_norm_eps, weight_tying, init_std
        self.mask_token_id = mask_token_id
        self.block_type, self.activation_type = block_type, activation_type
        self.layer_norm_type = layer_norm_type
        self._validate({**kwargs, **self.__dict__})
        kwargs.pop("use_cache", None)
        super().__init__(**kwargs)

    def _validate(self, fields: dict[str, Any]) -> None:
        for name, allowed in _KNOWN.items():
            if fields[name] not in allowed:
                supported = ", ".join(allowed)
                raise ConfigError(f"{name} = {fields[name]!r} is not supported; allowed: {supported}")
        for name in _SIZES:
            if type(fields[name]) is not int or fields[name] < 1:
                raise ConfigError(f"{name} = {fields[name]!r} is not valid; allowed: a whole number from 1")
        for name in _UNSUPPORTED:
            if fields.get(name):
                raise ConfigError(f"{name} = {fields[name]!r} is not supported; allowed: false")
        if not 0 < self.rope_theta < math.inf:
            raise ConfigError(f"rope_theta = {self.rope_theta} is not valid; allowed: a number above 0")
        if not (self.rope or self.yarn):
            raise ConfigError("rope = False needs yarn = True; allowed: one of them true")
        if self.d_model % self.n_heads or (self.d_model // self.n_heads) % 2:
            raise ConfigError(f"n_heads = {self.n_heads} must split d_model = {self.d_model} into even heads")
        if self.n_heads % self.n_kv_heads:
            raise ConfigError(f"n_kv_heads = {self.n_kv_heads} must divide n_heads = {self.n_heads}")
        if self.yarn and self.yarn_beta_fast < self.yarn_beta_slow:
            warnings.warn(
                f"yarn_beta_fast = {self.yarn_beta_fast} < yarn_beta_slow = {self.yarn_beta_slow}: "
                "the YaRN ramp is inverted in this checkpoint; its stored values are used as they are",
                stacklevel=3,
            )
