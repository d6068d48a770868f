"""Whose accuracy is followed, and what is tried of each: RECIPES recipes a method, so that all are tuned with
the same effort.

A recipe is a way to use a method (a temperature, a block length, which cells fall, …) and keeps for the
whole curve; on its ladder the method spends less or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.scaling.recipes import EXACT, REWARD, SCORERS, WHOLE, Method, Recipe, Rung, rungs

RECIPES = 6
TEMPERATURES = (0.3, 0.6, 1.0)
PACES = tuple(Rung(pace) for pace in (8, 4, 2, 1))
BLOCKS = (("own blocks", 1), ("double blocks", 2), ("one block", WHOLE))


def one_token(setting: str) -> tuple[Rung, ...]:
    """One answer in fewer steps, then more and more answers of one token a step."""
    return (
        *(rung for pace in (4, 2) for rung in rungs(setting, pace, 1)),
        *rungs(setting, 1, 1, 2, 3, 4, 6, 8),
    )


def two_tokens(setting: str) -> tuple[Rung, ...]:
    """At the same work twice as many answers, of two tokens a step."""
    return (
        *(rung for pace in (8, 4) for rung in rungs(setting, pace, 2)),
        *rungs(setting, 2, 2, 3, 4, 6, 8, 12, 16),
    )


def sampled(setting: str, **common: Any) -> tuple[Recipe, ...]:
    """Methods that choose among samples. common: settings of all recipes."""
    return tuple(
        Recipe(f"T {temperature:g}, {name}", ladder, {"temperature": temperature, **common})
        for temperature in TEMPERATURES
        for name, ladder in (("one token", one_token(setting)), ("two tokens", two_tokens(setting)))
    )


def mended(
    setting: str, common: Mapping[str, Any], recipes: Sequence[tuple[str, int, Mapping[str, Any]]]
) -> tuple[Recipe, ...]:
    """Methods that decode again what scored low, in more and more candidates. recipes: name, tokens a step,
    settings that differ from `common`."""
    made = []
    for name, pace, settings in recipes:
        ladder = [rung for p in (8, 4, 2) if p > pace for rung in rungs(setting, p, 1, 2)]
        ladder += rungs(setting, pace, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
        made.append(Recipe(name, tuple(ladder), {**common, **settings}))
    return tuple(made)


def scored(name: str, recipes: tuple[Recipe, ...]) -> tuple[Method, ...]:
    """The sampler of that name with each scorer."""
    return tuple(Method(name, name, recipes, scorer) for scorer in (REWARD, EXACT))


PLAIN = Method(
    "plain",
    "low_confidence",
    tuple(
        Recipe(f"{order}, {name}", PACES, {"confidence": order, "temperature": 0.0}, blocks)
        for order in ("probability", "margin", "entropy")
        for name, blocks in BLOCKS[:2]
    ),
)
"""Its first recipe at its last rung measures all work: one token a step, in the task's own blocks."""
VOTE = Method("vote", "low_confidence", sampled("draws"))
WORST = {"aggregate": "minimum"}
"""An answer is as good as its worst part: with tiny-prm the last one, whose score is of the whole answer."""
BEST_OF_N = scored("best_of_n", sampled("num_samples", **WORST))
ANY_CELLS = {"choice": "random", "backmasking_intensity": 1.0}
ONE_WINDOW = {
    "temperature": 0.0,
    "backmasking_threshold": 0.5,
    "max_refinements": 1,
    "backmasking_intensity": 1.0,
}
"""The answer is plainly decoded; only where it scores clearly low a window opens, once, and wholly."""
WARM = {"whole_window": True, "window_temperature": 1.0}
"""A window is decided again as an answer is drawn, not only where it scored low."""
AT_THE_END = {**ONE_WINDOW, **WARM, "window": 4096}
"""The whole answer is scored when it has ended."""
DIFFER = {"candidates_differ": True, "window_temperature": 0.6}
DOUBTED = {"backmasking_threshold": 0.9}
"""Windows open for all that does not score high."""
TRIES = tuple(
    Rung(1, settings={"num_refinement_samples": k, "max_refinements": windows})
    for k, windows in ((1, 1), (2, 1), (3, 1), (3, 2), (3, 3), (3, 4), (3, 6), (3, 8), (3, 12), (3, 16))
)
"""Few candidates a window, and windows while the answer scores low."""
BACKMASK = mended(
    "num_demasking_candidates",
    {"num_candidates_per_block": 1, "backmasking_lookback": 2, "temperature": 0.6, **WORST},
    (
        ("T .6", 1, {}),
        ("one window, all differ", 1, {**ONE_WINDOW, "candidates_differ": True}),
        ("one whole window, T 1", 1, {**ONE_WINDOW, **WARM}),
        ("one whole window, T .6, all differ", 1, {**ONE_WINDOW, **WARM, **DIFFER}),
        ("two tokens", 2, {}),
        ("any cells, all", 1, ANY_CELLS),
    ),
)
_REFINED = {"window": 2, "refine_steps": 0, "temperature": 0.6, **WORST}
WINDOW_REFINE = (
    *mended(
        "num_refinement_samples",
        _REFINED,
        (
            ("T .6", 1, {}),
            ("one window, all differ", 1, {**ONE_WINDOW, "candidates_differ": True}),
            ("at the end, T 1", 1, AT_THE_END),
        ),
    ),
    Recipe("tries at the end, T 1", TRIES, {**_REFINED, **AT_THE_END}),
    Recipe("tries at the end, T .6, all differ", TRIES, {**_REFINED, **AT_THE_END, **DIFFER}),
    Recipe(
        "tries at the end under .9, T .6, all differ", TRIES, {**_REFINED, **AT_THE_END, **DIFFER, **DOUBTED}
    ),
)


def policy(temperatures: Sequence[float], ladder: tuple[Rung, ...]) -> tuple[Recipe, ...]:
    """RemeDi with a UPS head."""
    return tuple(
        Recipe(f"T {temperature:g}, {name}", ladder, {"policy": "ups", "temperature": temperature}, blocks)
        for temperature in temperatures
        for name, blocks in BLOCKS
    )


WINO = tuple(
    Recipe(
        f"verified at {verify:g}, {name}",
        # `steps` is the most that it may take: two a token leave room for what it takes back.
        tuple(
            Rung(0.5, settings={"draft_threshold": draft})
            for draft in (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
        ),
        {"verify_threshold": verify},
        blocks,
    )
    for verify in (0.9, 0.99)
    for name, blocks in BLOCKS
)
METHODS: tuple[Method, ...] = (
    PLAIN,
    VOTE,
    *BEST_OF_N,
    *scored("vanilla_prm", sampled("num_candidates_per_block")),
    *scored("backmask", BACKMASK),
    *scored("window_refine", WINDOW_REFINE),
    Method("remedi", "remedi", policy((0.0, 0.5), PACES)),
    Method("remedi_vote", "remedi", policy((0.5, 1.0), one_token("draws"))),
    Method("wino", "wino", WINO),
)
BASELINES = (PLAIN.name, VOTE.name, BEST_OF_N[0].name)


def chosen_methods(names: Sequence[str], scorers: Sequence[str]) -> tuple[Method, ...]:
    """Those of METHODS with these names and scorers (none given: all), and plain. ValueError: no such one."""
    known = tuple(dict.fromkeys(method.name for method in METHODS))
    for name in names:
        if name not in known:
            raise ValueError(f"method = {name!r} is not known; allowed: {', '.join(known)}")
    for scorer in scorers:
        if scorer not in SCORERS:
            raise ValueError(f"scorer = {scorer!r} is not known; allowed: {', '.join(SCORERS)}")
    return tuple(
        method
        for method in METHODS
        if (not names or method.name in (*names, PLAIN.name))
        and (not scorers or method.scorer in ("", *scorers))
    )
