"""One file per algorithm. Importing this package registers every sampler."""

from samplers.algorithms import (
    backmask,
    best_of_n,
    edit,
    entropy_bounded,
    klass,
    low_confidence,
    remdm,
    remedi,
    threshold,
    vanilla_prm,
    window_refine,
    wino,
)

__all__ = [
    "backmask", "best_of_n", "edit", "entropy_bounded", "klass", "low_confidence", "remdm", "remedi",
    "threshold", "vanilla_prm", "window_refine", "wino",
]  # fmt: skip
