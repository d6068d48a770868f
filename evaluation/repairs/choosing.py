"""From rates to presets: mended rows are decoded again, alone, and ranked by clarity; the best of each method
becomes a preset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.repairs.alone import Alone, Decoded
from evaluation.repairs.grid import Method
from evaluation.repairs.pairing import Pairing
from evaluation.repairs.preset import Preset, trace_of, write_preset
from evaluation.repairs.rates import Rates
from evaluation.runs.execute import Share
from evaluation.runs.machines import take_over
from evaluation.runs.plan import Line
from evaluation.runs.run_folder import ResultRow, RunFolder
from evaluation.sets.problem_sets import Problem
from evaluation.statistics import wilson_interval
from samplers.recording.traces import write_trace
from samplers.registry import entry, make

MOST_BROKEN = 0.05
"""A method that breaks more of plain decoding's right answers is chosen only where none breaks less."""

VARIANTS = {"checker": "exact checker", "prm": "reward model", "ups": "UPS head", "t2m": "token to mask"}


@dataclass(frozen=True)
class Seen:
    """A mended row and how clearly its run shows the repair. row: of `clarity/results.jsonl`."""

    pairing: Pairing
    method: Method
    rates: Rates
    row: ResultRow

    @property
    def clarity(self) -> float:
        """See evaluation.repairs.clarity."""
        return float(self.row["clarity"])


def look(alone: Alone, pairing: Pairing, most: int) -> Iterator[int]:
    """Find the clarity of the first `most` mended rows of every method that are not in the folder yet, in all
    processes; yields how many are left for this one."""
    state, folder = pairing.decoder.state, clarity_folder(pairing)
    if state.is_local_main_process:
        folder.path.mkdir(parents=True, exist_ok=True)
    state.wait_for_everyone()
    share, done = Share(state.process_index, state.num_processes), take_over(state, folder)
    wanted = [(m, p) for m in pairing.methods for p in pairing.mended(m)[:most]]
    left = [(m, p) for m, p in wanted if (m.label, p.number) not in done][share.index :: share.count]
    for number, (method, problem) in enumerate(left):
        yield len(left) - number
        folder.append([clarity_row(alone, pairing, method, problem)])
    state.wait_for_everyone()
    take_over(state, folder)


def clarity_folder(pairing: Pairing) -> RunFolder:
    """Where the clarity of rows is kept."""
    return RunFolder(pairing.folder.path / "clarity")


def clarity_row(alone: Alone, pairing: Pairing, method: Method, problem: Problem) -> ResultRow:
    """What is kept of a mended row: the parts of its clearest repair, clarity 0 where there is none."""
    decoded = decode(alone, pairing, method.line(pairing.set_up), problem)
    plain = decode(alone, pairing, pairing.set_up.plain(), problem)
    mends = decoded.right and not plain.right  # as in the batch, but for rounding
    repair = alone.repair(decoded, problem.task, problem.fields) if mends else None
    row: ResultRow = {"line": method.label, "row": problem.number, "mends": mends, "clarity": 0.0}
    return row if repair is None else row | asdict(repair) | {"clarity": round(repair.clarity, 4)}


def decode(alone: Alone, pairing: Pairing, line: Line, problem: Problem) -> Decoded:
    """One row of a pairing, alone."""
    request = pairing.plan.request(line, problem)
    return alone.decode(request, problem.task, problem.fields, problem.answer)


def seen_in(pairing: Pairing) -> list[Seen]:
    """All mended rows whose clarity is known and above 0, the clearest first."""
    methods = {method.label: method for method in pairing.methods}
    rates = {r.method: r for r in pairing.rates()}
    rows = [row for row in clarity_folder(pairing).rows() if row["line"] in methods and row["clarity"] > 0]
    found = [Seen(pairing, methods[row["line"]], rates[row["line"]], row) for row in rows]
    return sorted(found, key=lambda seen: (-seen.clarity, seen.row["row"]))


def looked_at(pairing: Pairing) -> dict[str, tuple[int, int]]:
    """For each method: mended runs that took back a wrong line, and those looked at. Of the others it must be
    said that the method did not mend an error, but made none."""
    rows = clarity_folder(pairing).rows()
    of = {m.label: [row for row in rows if row["line"] == m.label and row["mends"]] for m in pairing.methods}
    return {label: (sum(row["clarity"] > 0 for row in found), len(found)) for label, found in of.items()}


def best_of_each(seen: Sequence[Seen]) -> list[Seen]:
    """One for each method: of the set-ups where it breaks at most MOST_BROKEN of the right answers (else
    of those where it breaks least), the one where it mends most of the errors (by the lower end of the
    interval); there, the clearest repair."""
    best: dict[str, Seen] = {}
    for one in sorted(seen, key=_standing, reverse=True):
        best.setdefault(one.method.label, one)
    return list(best.values())


def _standing(seen: Seen) -> tuple[float, float, float]:
    rates = seen.rates
    surely_mended = wilson_interval(rates.mended, rates.errors)[0]
    return -max(rates.broken_share, MOST_BROKEN), surely_mended, seen.clarity


def preset_of(alone: Alone, seen: Seen) -> tuple[Preset, Decoded]:
    """The preset, and its run."""
    pairing, set_up = seen.pairing, seen.pairing.set_up
    problem = next(p for p in pairing.problems.problems if p.number == seen.row["row"])
    line = seen.method.line(set_up)
    decoded = decode(alone, pairing, line, problem)
    plain = decode(alone, pairing, set_up.plain(), problem)
    if plain.right or not decoded.right:
        raise ValueError(
            f"row {problem.number} of {set_up.name}: alone, plain decoding is {_word(plain)} and "
            f"{line.label} {_word(decoded)}; allowed: a mended row (remove the folder, and begin again)"
        )
    used = {"model", *(["ups_head"] if line.needs.head else []), *(["prm"] if line.scorer == "prm" else [])}
    preset = Preset(
        name=f"{line.label.replace('/', '-')}-{set_up.task}", title=title_of(seen.method),
        task=set_up.task, level=set_up.level, fields=dict(problem.fields), answer=problem.answer,
        prompt=problem.question, sampler=line.sampler, settings=_all_settings(line),
        seed=pairing.plan.seed_of(problem), scorer=line.scorer, plain=dict(set_up.settings),
        plain_text=plain.text, text=decoded.text, wrong=seen.row["wrong"], clarity=seen.clarity,
        set_up=set_up.words, rates=seen.rates,
        parts={role: part for role, part in pairing.decoder.parts.items() if role in used},
    )  # fmt: skip
    return preset, decoded


def _word(decoded: Decoded) -> str:
    return "right" if decoded.right else "wrong"


def title_of(method: Method) -> str:
    """A short name, with what tells it from other methods of its sampler: "Back-masking, reward model"."""
    family, _, own = entry(method.sampler).title.partition(" · ")
    title = own[0].upper() + own[1:] if own and family.startswith("LLaDA") else family
    variant = method.label.partition("/")[2]
    return f"{title}, {VARIANTS.get(variant, variant)}" if variant else title


def _all_settings(line: Line) -> dict[str, Any]:
    """Also those at their defaults, so that a preset stays what it is when a default changes."""
    sampler = make(line.sampler, line.settings)
    return {setting.name: getattr(sampler, setting.name) for setting in entry(line.sampler).settings}


def write_best(alone: Alone, seen: Sequence[Seen], out: Path) -> list[Path]:
    """The presets of the best of each method, with their traces; returns the presets' paths."""
    paths = []
    for one in best_of_each(seen):
        preset, decoded = preset_of(alone, one)
        path = write_preset(out, preset)
        write_trace(trace_of(path), alone.trace(decoded))
        paths.append(path)
    return paths
