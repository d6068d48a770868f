"""Rotary position embedding (RoFormer, 2104.09864) with optional YaRN scaling (2309.00071)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.config import LLaDAConfig

BETA_FAST, BETA_SLOW = 32.0, 1.0
"""YaRN's published bounds, in turns over the original context."""


def stretch(config: LLaDAConfig, scale: float) -> int:
    """Switch YaRN on, in place; returns the length that results: `scale` times the original context, which
    is what the network reads before its first stretch."""
    if not config.yarn:
        config.yarn_original_max_position_embeddings = config.max_sequence_length
    config.yarn, config.yarn_scale = True, scale
    config.yarn_beta_fast, config.yarn_beta_slow = BETA_FAST, BETA_SLOW
    return int(config.yarn_original_max_position_embeddings * scale)


def inverse_frequencies(config: LLaDAConfig) -> tuple[Tensor, float]:
    """Inverse frequencies, Float[head_size / 2], and the factor cos and sin are scaled by.

    With YaRN each frequency is a blend of the original (extrapolated) and the one divided by
    `yarn_scale` (interpolated); the blend is a linear ramp between the dimensions that turn
    `yarn_beta_fast` and `yarn_beta_slow` times over the original context.
    """
    size, base = config.d_model // config.n_heads, config.rope_theta
    plain = 1.0 / base ** (torch.arange(0, size, 2, dtype=torch.float32) / size)
    if not config.yarn:
        return plain, 1.0
    context = config.yarn_original_max_position_embeddings

    def dimension(rotations: float) -> float:
        return size * math.log(context / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low = max(math.floor(dimension(config.yarn_beta_fast)), 0)
    high = min(math.ceil(dimension(config.yarn_beta_slow)), size - 1)
    span = high - low if high != low else 1e-3
    ramp = ((torch.arange(size // 2, dtype=torch.float32) - low) / span).clamp(0, 1)
    keep = (1 - ramp) * config.yarn_extrapolation_factor
    blended = plain / config.yarn_scale * (1 - keep) + plain * keep
    attention = (0.1 * math.log(config.yarn_scale) + 1.0) if config.yarn_scale > 1 else 1.0
    return blended, attention * config.yarn_attn_factor


def rotation(inverse: Tensor, scale: float, positions: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin, Float[rows, 1, length, head_size], for Int[rows, length] positions."""
    angles = positions[:, None, :, None].float() * inverse
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos() * scale, angles.sin() * scale


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply the rotation to Float[rows, heads, length, head_size] (halves paired, as in Llama)."""
    first, second = x.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (x * cos + turned * sin).to(x.dtype)
