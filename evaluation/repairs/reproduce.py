"""A preset decoded again: whether it is the run of its trace, event for event."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evaluation.repairs.alone import Alone, difference
from evaluation.repairs.preset import Part, Preset, PresetError, read_preset, trace_of
from samplers.recording.traces import read_trace


def reproduce(path: Path, alone: Alone, parts: Mapping[str, Part], tools: Mapping[str, str]) -> str:
    """A sentence of what came out. parts: digests of what is at hand; tools: "ups_head" and "prm" as the
    command line names them. PresetError: other weights, other events, another answer, or plain decoding is
    right."""
    preset = read_preset(path)
    preset.check_parts(parts)
    trace = read_trace(trace_of(path))
    decoded = alone.decode(request_of(preset, tools), preset.task, preset.fields, preset.answer)
    plain = alone.decode(plain_request(preset), preset.task, preset.fields, preset.answer)
    if where := difference(decoded.events, trace.events):
        raise PresetError(f"{preset.name}: decoded again, {where}; allowed: the events of its trace")
    if not decoded.right or decoded.text != preset.text:
        raise PresetError(f"{preset.name}: the answer is {decoded.text!r}; allowed: {preset.text!r}, right")
    if plain.right or plain.text != preset.plain_text:
        raise PresetError(f"{preset.name}: plain decoding answers {plain.text!r}, not {preset.plain_text!r}")
    return (
        f"{preset.name}: all {len(decoded.events)} events agree; the answer is right, plain decoding's is "
        f"wrong; taken back: {preset.wrong!r} (clarity {preset.clarity:.2f})\n{preset.sentence}"
    )


def request_of(preset: Preset, tools: Mapping[str, str]) -> dict[str, object]:
    """The run as a request of `samplers batch`."""
    request = plain_request(preset) | {"sampler": preset.sampler, "settings": dict(preset.settings)}
    if preset.scorer:
        request |= {"scorer": preset.scorer, "task": {"name": preset.task, "problem": dict(preset.fields)}}
    names = {role: tools[role] for role in ("ups_head", "prm") if role in preset.parts}
    return request | names


def plain_request(preset: Preset) -> dict[str, object]:
    """Plain decoding with the same set-up and seed."""
    return {
        "id": preset.name, "prompt": preset.prompt, "sampler": "low_confidence",
        "settings": dict(preset.plain), "seed": preset.seed,
    }  # fmt: skip
