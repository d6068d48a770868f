"""What the first frame says about a run: its blocks, prompt, sampler, model and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llada_viz.decoding.setting_words import in_words
from llada_viz.render.question import question_of
from llada_viz.render.square import square_of
from samplers.events import Started
from samplers.registry import SAMPLERS

# Settings of a trace are whatever its writer put there: only these kinds are shown.
PLAIN = (str, int, float, bool)
LONGEST_VALUE = 80
NOT_SETTINGS = ("sampler", "schema")
LONGEST_BLOCK = 1 << 16
LINE = 32
"""Cells a block of an answer that begins with none and is said to have no blocks."""


@dataclass(frozen=True)
class Layout:
    """Sizes and names of a run.

    steps: planned for the whole answer, None: the sampler plans none; rows: sequences decoded at once; told:
    the settings in words; approximate: what makes the network's outputs approximate (a KV cache), "" when
    nothing does; first_block: cells of the first block, which begins in the prompt where blocks count from
    the sequence's begin; noise: undecided cells hold noise, not masks; scored: a scorer reads the blocks, and
    its name is scorer.
    """

    gen_length: int = 0
    block_length: int = 1
    steps: int | None = None
    prompt: str = ""
    sampler: str = ""
    model: str = ""
    rows: int = 1
    settings: dict[str, str | float | bool] = field(default_factory=dict)
    told: str = ""
    approximate: str = ""
    blocks_before_a_score: int | None = None  # None: a sampler that does not wait for blocks
    foreign: bool = False  # another engine's run: our samplers cannot go on with it
    first_block: int = 1
    noise: bool = False
    scored: bool = False
    scorer: str = ""

    def start_of(self, block: int) -> int:
        """The position at which a block of the answer begins."""
        return 0 if block <= 0 else self.first_block + (block - 1) * self.block_length

    def block_of(self, position: int) -> int:
        """The block of the answer that a position lies in."""
        return 0 if position < self.first_block else 1 + (position - self.first_block) // self.block_length

    @property
    def unsure(self) -> bool:
        """Whether the run holds no probabilities: those of its events mean nothing."""
        return self.settings.get("confidence") == "unknown"

    def meta(self) -> dict[str, Any]:
        """The field `meta` of the first frame."""
        return {
            "gen_length": self.gen_length,
            "block_length": self.block_length,
            "steps": self.steps,
            "prompt": self.prompt,
            "question": question_of(self.prompt),
            "sampler": self.sampler,
            "model": self.model,
            "rows": self.rows,
            "told": self.told,
            "unsure": self.unsure,
            "approximate": self.approximate,
            "first_block": self.first_block,
            "noise": self.noise,
            "scored": self.scored,
            "scorer": self.scorer,
            "square": square_of(self.prompt),
        }


def layout_of(event: Started, row: int, pieces: Sequence[bytes] | Mapping[int, bytes]) -> Layout:
    """Read the first event. Without a valid block length the whole answer is one block."""
    gen_length = len(event.tokens[row]) - event.prompt_length
    # A canvas that grows block by block may begin with a part of its first block, or with nothing.
    most = gen_length if event.grid == "answer" and gen_length else LONGEST_BLOCK
    size = _whole(event.settings, "block_length", most) or gen_length or LINE
    prompt_cells = sum(event.attention_mask[row][: event.prompt_length]) if event.grid == "absolute" else 0
    network = event.settings.get("network")
    name, own = str(event.settings.get("sampler", ""))[:LONGEST_VALUE], _own(event.settings)
    return Layout(
        gen_length=gen_length,
        block_length=size,
        steps=_whole(event.settings, "steps", 1 << 20),
        prompt=_prompt(event, row, pieces),
        sampler=SAMPLERS[name].title if name in SAMPLERS else name,
        model=_text(network, "model"),
        rows=len(event.tokens),
        settings=own,
        told=in_words(name, own),
        approximate=_text(network, "approximate"),
        blocks_before_a_score=_blocks_before_a_score(name, event.settings),
        first_block=size - prompt_cells % size,
        noise=event.mask_id is None,
        scored="scorer" in event.settings,
        scorer=_text(event.settings.get("scorer"), "name"),
        foreign=name not in SAMPLERS,
    )


def _blocks_before_a_score(sampler: str, settings: Mapping[str, Any]) -> int | None:
    """How many blocks must be written before a sampler scores them: its setting whose unit is blocks."""
    described = SAMPLERS[sampler].settings if sampler in SAMPLERS else []
    counted = [_whole(settings, d.name, 1 << 20) for d in described if d.unit == "blocks"]
    return counted[0] if counted else None


def _text(part: Any, name: str) -> str:
    return str(part.get(name, ""))[:LONGEST_VALUE] if isinstance(part, dict) else ""


def _whole(settings: Mapping[str, Any], name: str, most: int) -> int | None:
    value = settings.get(name)
    good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
    return value if good else None


def _own(settings: Mapping[str, Any]) -> dict[str, str | float | bool]:
    """The plain ones, the first seed among them; a value that is too long is cut."""
    own = {k: v for k, v in settings.items() if k not in NOT_SETTINGS}
    seeds = own.pop("seeds", None)
    if isinstance(seeds, (list, tuple)) and seeds:
        own["seed"] = seeds[0]
    plain = {k: v for k, v in own.items() if isinstance(v, PLAIN)}
    return {k: v if len(str(v)) <= LONGEST_VALUE else str(v)[:LONGEST_VALUE] for k, v in plain.items()}


def _prompt(event: Started, row: int, pieces: Sequence[bytes] | Mapping[int, bytes]) -> str:
    bytes_of_id = pieces if isinstance(pieces, Mapping) else dict(enumerate(pieces))
    shown = zip(event.tokens[row], event.attention_mask[row], strict=True)
    prompt = list(shown)[: event.prompt_length]
    parts = [bytes_of_id.get(t, f"⟨{t}⟩".encode()) for t, real in prompt if real]
    return b"".join(parts).decode("utf-8", "replace")
