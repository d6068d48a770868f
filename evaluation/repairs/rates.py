"""How often a method mends what plain decoding does wrong, what it breaks, and what plain decoding makes
of as many evaluations of the network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from evaluation.repairs.grid import SetUp
from evaluation.runs.run_folder import ResultRow
from evaluation.statistics import paired_bootstrap, wilson_interval
from samplers.text_tables import markdown_table

HEAD = (
    "method", "mends", "95%", "breaks", "95%", "NFE", "scorer", "plain's NFE", "plain, as many NFE",
    "mends, breaks", "paired difference", "plain drawn anew mends, breaks",
    "right of all: plain, method, plain with as many NFE",
)  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """Of one method with one set-up, on `problems` problems. errors, rights: of plain decoding, with the
    set-up's steps; mended: errors that the method answers rightly; broken: right answers that it answers
    wrongly; nfe, plain_nfe: sequences evaluated, means of an answer; scorer_calls: means of an answer.

    raised_*: plain decoding with more steps, so many that its mean NFE is the method's or more; saturated:
    not even one token a step costs as much, and that is what stands here. gap: mended share of the errors
    less plain decoding's with the raised steps, with its 95% bootstrap interval over the errors; 0
    without errors. anew_*: plain decoding with the set-up's steps and other seeds, which tells what is mended
    by drawing once more; None at T = 0, where nothing is drawn.
    """

    method: str
    problems: int
    errors: int
    mended: int
    rights: int
    broken: int
    nfe: float
    plain_nfe: float
    scorer_calls: float
    raised_steps: int
    raised_nfe: float
    raised_mended: int
    raised_broken: int
    saturated: bool
    gap: float
    low: float
    high: float
    anew_mended: int | None = None
    anew_broken: int | None = None

    @property
    def mended_share(self) -> float:
        """Of the errors; 0 without any."""
        return self.mended / self.errors if self.errors else 0.0

    @property
    def broken_share(self) -> float:
        """Of the right answers; 0 without any."""
        return self.broken / self.rights if self.rights else 0.0

    @property
    def right_with_method(self) -> int:
        """The method's right answers, of all problems."""
        return self.rights - self.broken + self.mended

    @property
    def right_when_raised(self) -> int:
        """Those of plain decoding with the raised steps."""
        return self.rights - self.raised_broken + self.raised_mended

    @property
    def sentence(self) -> str:
        """The rates as they stand beside a preset."""
        most = ", one token a step and so its most," if self.saturated else ""
        again = f"; with another seed, {self.anew_mended:,}" if self.anew_mended is not None else ""
        return (
            f"mends {self.mended:,} of {self.errors:,} errors of plain decoding and breaks {self.broken:,} "
            f"of its {self.rights:,} right answers, with {self.nfe:.0f} NFE against {self.plain_nfe:.0f}. "
            f"Plain decoding with {self.raised_nfe:.0f} NFE{most} mends {self.raised_mended:,}{again}"
        )


def steps_to_try(set_up: SetUp, tried: Mapping[int, float], target: float) -> int | None:
    """The next number of steps for plain decoding on its way to a mean NFE of `target`; None: it is there, or
    has one token a step. tried: steps -> their mean NFE, those of the set-up among them."""
    most = max(tried)
    if tried[most] >= target or most >= set_up.gen_length:
        return None
    blocks = set_up.blocks
    wanted = -(-most * target // tried[most]) if tried[most] else set_up.gen_length
    whole = -(-int(wanted) // blocks) * blocks
    return min(max(whole, most + blocks), set_up.gen_length)


def reached(tried: Mapping[int, float], target: float) -> tuple[int, bool]:
    """Of the steps tried, the fewest whose mean NFE is the target or more, and False; else the most, and
    True: plain decoding is saturated."""
    enough = [steps for steps, nfe in tried.items() if nfe >= target]
    return (min(enough), False) if enough else (max(tried), True)


def rates_of(
    method: str, rows: Mapping[int, ResultRow], plain: Mapping[int, Mapping[int, ResultRow]], steps: int,
    anew: Mapping[int, ResultRow] | None = None,
) -> Rates:  # fmt: skip
    """From finished rows, by problem. plain: rows of plain decoding by its steps, on the same problems;
    steps: the set-up's own; anew: rows of plain decoding with other seeds."""
    first, numbers = plain[steps], sorted(rows)
    target = mean_nfe(rows.values())
    raised_steps, saturated = reached({n: mean_nfe(of.values()) for n, of in plain.items()}, target)
    raised = plain[raised_steps]
    wrong = [n for n in numbers if not first[n]["correct"]]
    right = [n for n in numbers if first[n]["correct"]]
    mends = [float(rows[n]["correct"]) for n in wrong]
    raised_mends = [float(raised[n]["correct"]) for n in wrong]
    low, high = paired_bootstrap(mends, raised_mends, 2000) if wrong else (0.0, 0.0)
    return Rates(
        method=method, problems=len(numbers), errors=len(wrong), mended=int(sum(mends)), rights=len(right),
        broken=sum(not rows[n]["correct"] for n in right), nfe=target, plain_nfe=mean_nfe(first.values()),
        scorer_calls=fmean(row["scorer_calls"] for row in rows.values()),
        raised_steps=raised_steps, raised_nfe=mean_nfe(raised.values()), raised_mended=int(sum(raised_mends)),
        raised_broken=sum(not raised[n]["correct"] for n in right), saturated=saturated,
        gap=(sum(mends) - sum(raised_mends)) / len(wrong) if wrong else 0.0, low=low, high=high,
        anew_mended=sum(anew[n]["correct"] for n in wrong) if anew is not None else None,
        anew_broken=sum(not anew[n]["correct"] for n in right) if anew is not None else None,
    )  # fmt: skip


def mean_nfe(rows: Iterable[ResultRow]) -> float:
    """Sequences evaluated, the mean of an answer."""
    return fmean(row["nfe"] for row in rows)


def rates_table(rates: Sequence[Rates]) -> str:
    """Markdown, a line a method."""
    return markdown_table(HEAD, [_line(r) for r in rates])


def _line(r: Rates) -> list[str]:
    return [
        r.method, f"{r.mended} / {r.errors}", _interval(r.mended, r.errors),
        f"{r.broken} / {r.rights}", _interval(r.broken, r.rights), f"{r.nfe:.1f}", f"{r.scorer_calls:.1f}",
        f"{r.plain_nfe:.1f}", f"{r.raised_nfe:.1f}{' (saturated)' if r.saturated else ''}",
        f"{r.raised_mended}, {r.raised_broken}",
        f"{r.gap:+.1%} ({r.low:+.1%} to {r.high:+.1%})" if r.errors else "–",
        "–" if r.anew_mended is None else f"{r.anew_mended}, {r.anew_broken}",
        f"{r.rights}, {r.right_with_method}, {r.right_when_raised} of {r.problems}",
    ]  # fmt: skip


def _interval(part: int, whole: int) -> str:
    if not whole:
        return "–"
    low, high = wilson_interval(part, whole)
    return f"{low:.1%} – {high:.1%}"
