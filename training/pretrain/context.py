"""A longer context for a network: another RoPE base, or YaRN (2309.00071), written into its config."""

from __future__ import annotations

from models.llada import LLaDAModelLM
from models.rope import inverse_frequencies, stretch
from samplers.settings import SettingError


def extend(
    model: LLaDAModelLM, max_length: int, rope_theta: float = 0.0, yarn: bool = False, yarn_scale: float = 2.0
) -> bool:
    """Let a network read max_length tokens, in place; returns whether its position encoding has changed.

    yarn: stretch its context yarn_scale times; rope_theta: another RoPE base, 0 keeps it. SettingError when
    max_length is more than the context that results.
    """
    config = model.config
    longest = config.max_sequence_length
    if yarn:
        longest = max(longest, stretch(config, yarn_scale))
    changed = yarn
    if rope_theta and rope_theta != config.rope_theta:
        config.rope_theta, changed = rope_theta, True
    elif max_length > longest:
        allowed = f"at most {longest}, or a larger yarn_scale with yarn = true, or another rope_theta"
        raise SettingError("max_length", max_length, allowed)
    config.max_sequence_length = max(config.max_sequence_length, max_length)
    inverse_frequencies(config)  # raises now for a config that it cannot compute
    model.forget_rotations()
    return changed
