"""Test-time scaling: accuracy against the network evaluations that a method spends on an answer."""
