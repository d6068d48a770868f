"""The question of a run, as a reader wants to see it: without the marks of the chat template."""

from __future__ import annotations

from samplers.measuring.judges import turns_of


def question_of(prompt: str) -> str:
    """The last thing that was asked. prompt: as the model reads it, whose last turn is the answer to come."""
    turns = turns_of(prompt)
    return turns[0] if turns else prompt
