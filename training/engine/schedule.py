"""The learning rate as a pure function of the step: a resumed run needs no scheduler state."""

from __future__ import annotations

from training.engine.settings import TrainSettings


def rate_at(step: int, settings: TrainSettings) -> float:
    """Linear warm-up, plateau, linear decay to zero. Before the decay the rate does not depend on max_steps,
    so a run can be made longer until its decay begins without changing the steps that are done."""
    decay_steps = max(1, round(settings.decay * settings.max_steps))
    rise = min(1.0, (step + 1) / max(1, settings.warmup))
    fall = min(1.0, (settings.max_steps - step) / decay_steps)
    return settings.learning_rate * min(rise, fall)
