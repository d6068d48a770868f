"""One file per algorithm; importing this package registers them all."""

from samplers.algorithms import low_confidence

__all__ = ["low_confidence"]
