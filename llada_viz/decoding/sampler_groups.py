"""The samplers in groups, as menus list them: by what may still happen to a token that was written."""

from __future__ import annotations

from samplers.registry import SAMPLERS, Entry

ONCE, BACK, SCORED = "Write each token once", "Take tokens back", "Let a scorer judge"


def group_of(sampler: Entry) -> str:
    """The heading under which a sampler stands."""
    if sampler.needs.scorer:
        return SCORED
    return BACK if sampler.cls().open_from(0) == 0 else ONCE


def grouped() -> dict[str, list[Entry]]:
    """Heading -> its samplers, as far as there are any."""
    groups = {
        heading: [s for s in SAMPLERS.values() if group_of(s) == heading] for heading in (ONCE, BACK, SCORED)
    }
    return {heading: samplers for heading, samplers in groups.items() if samplers}


def in_groups() -> list[Entry]:
    """All samplers, group by group."""
    return [sampler for samplers in grouped().values() for sampler in samplers]
