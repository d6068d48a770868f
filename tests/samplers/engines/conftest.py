"""What the tests of engines share: steps that do not wait for torch's compiler to be imported."""

from tests.samplers.engines.tiny_gemma import without_inductor

__all__ = ["without_inductor"]
