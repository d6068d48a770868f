"""`repairs`: runs in which plain decoding errs and a method mends it, their rates, and presets of the
clearest."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.cli.run import DEFAULT_MODEL, LONGEST_WAIT
from models.flags import add_model_flags, load_flagged
from samplers.text_tables import markdown_table
from tasks import MIDDLE, TASKS

if TYPE_CHECKING:
    from evaluation.repairs.alone import Alone
    from evaluation.repairs.choosing import Seen
    from evaluation.repairs.pairing import Pairing

TOLD = 20
"""Mended rows between two lines about how many are left."""


def add_repairs(commands: Any) -> None:
    """Flags of `repairs`."""
    command = commands.add_parser(
        "repairs", help="errors of plain decoding that a method mends: rates, the clearest runs, presets"
    )
    add_model_flags(command, DEFAULT_MODEL, device="")  # each process its own
    command.add_argument("--ups-head", default="tiny-llada-ups", help="UPS head of remedi/ups")
    command.add_argument("--prm", default="tiny-prm", help="reward model of the methods that end in /prm")
    command.add_argument("--out", type=Path, help="a run folder a set-up; the same command goes on with them")
    command.add_argument("--tasks", default=",".join(TASKS), help="separated by commas")
    command.add_argument("--level", default=MIDDLE, help="of the problems")
    command.add_argument("--n", type=int, default=40, help="held-out problems a task")
    command.add_argument(
        "--seed", type=int, default=2026, help="of the problems; problem n is decoded with n"
    )
    command.add_argument("--steps", default="8,16,full", help="of the answer; full: one token a step")
    command.add_argument("--blocks", default="16,32", help="block lengths")
    command.add_argument("--temperatures", default="0,0.6,1")
    command.add_argument("--methods", default="", help="labels or samplers (default: all)")
    command.add_argument("--set", action="append", default=[], help="METHOD.key=value (repeatable)")
    command.add_argument("--look", type=int, default=40, help="mended rows whose clarity is found, a method")
    command.add_argument("--estimate", action="store_true", help="say how long it will take, and end")
    command.add_argument("--presets", type=Path, metavar="OUT", help="write the best of each method here")
    command.add_argument("--reproduce", type=Path, metavar="FILE", help="decode a preset again, and compare")
    command.set_defaults(run=run_repairs)


def run_repairs(args: argparse.Namespace) -> None:
    """Search, or reproduce a preset. ValueError: what cannot be searched, or a preset that does not come
    again."""
    import torch
    from accelerate import PartialState

    from evaluation.repairs.alone import Alone
    from evaluation.repairs.choosing import write_best

    if (args.out is None) == (args.reproduce is None):
        raise ValueError("out and reproduce: give exactly one of --out and --reproduce")
    if args.adapter:
        raise ValueError(f"adapter = {args.adapter!r}; allowed: none, a preset names its model alone")
    if args.n < 1 or args.look < 0:
        raise ValueError(f"n = {args.n}, look = {args.look}; allowed: n of at least 1, look of at least 0")
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=LONGEST_WAIT)
    if args.reproduce is not None:
        print(_reproduced(args))
        return
    pairings = pairings_of(args, state)
    if args.estimate:
        from evaluation.repairs.estimate import estimate, estimate_table

        if state.is_main_process:
            print(estimate_table(estimate(pairings)))
        return
    alone = Alone(pairings[0].decoder.loaded)
    seen = _searched(args, alone, pairings)
    if state.is_main_process:
        print("\n".join(_section(pairing) for pairing in pairings))
        print(f"\n### The clearest repair of each method\n\n{clearest_table(seen)}")
        for path in write_best(alone, seen, args.presets) if args.presets is not None else []:
            print(f"wrote {path}")
    state.wait_for_everyone()
    if state.num_processes > 1:
        state.destroy_process_group()


def _reproduced(args: argparse.Namespace) -> str:
    from evaluation.repairs.alone import Alone
    from evaluation.repairs.preset import parts_at_hand, read_preset
    from evaluation.repairs.reproduce import reproduce

    tools = {"ups_head": args.ups_head, "prm": args.prm}
    needed = {role: name for role, name in tools.items() if role in read_preset(args.reproduce).parts}
    parts = parts_at_hand(args.model, **needed, revision=args.revision)
    return reproduce(args.reproduce, Alone(load_flagged(args, "auto")), parts, tools)


def pairings_of(args: argparse.Namespace, state: Any) -> list[Pairing]:
    """A pairing for each set-up that the flags describe; every refusal comes before a problem is decoded."""
    from evaluation.repairs.grid import chosen_methods, set_ups, with_settings
    from evaluation.repairs.pairing import Decoder, Pairing
    from evaluation.repairs.preset import parts_at_hand
    from evaluation.runs.plan import names_of
    from evaluation.sets.problem_sets import bundled_set
    from models.checkpoint import find_file
    from models.prompt_settings import decode_settings

    methods = with_settings(chosen_methods(names_of(args.methods)), args.set)
    head = args.ups_head if any(m.label == "remedi/ups" for m in methods) else ""
    prm = args.prm if any(m.scorer == "prm" for m in methods) else ""
    file = find_file(args.model, "prompts.json", args.revision)
    if file is None:
        raise ValueError(f"model = {args.model!r} has no prompts.json; allowed: one trained on bundled tasks")
    prompts, found = json.loads(file.read_text(encoding="utf-8")), []
    blocks, temperatures = (_numbers(args, "blocks", int), _numbers(args, "temperatures", float))
    for task in names_of(args.tasks):
        if task not in prompts:
            raise ValueError(f"tasks = {task!r} is not known; allowed: {', '.join(prompts)}")
        problems = bundled_set(task, args.n, args.seed, level=args.level)
        own = decode_settings(prompts, task, problems.level)
        found += [
            (set_up, problems)
            for set_up in set_ups(task, problems.level, own, names_of(args.steps), blocks, temperatures)
        ]
    loaded = load_flagged(args, str(state.device))
    parts = parts_at_hand(args.model, head, prm, args.revision)
    decoder = Decoder(loaded, args.model, head, prm, parts, state)
    return [Pairing(decoder, set_up, methods, problems, args.out) for set_up, problems in found]


def _numbers(args: argparse.Namespace, name: str, kind: type) -> list[Any]:
    text = getattr(args, name)
    try:
        return [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ValueError(f"{name} = {text!r} is not valid; allowed: numbers, separated by commas") from None


def _searched(args: argparse.Namespace, alone: Alone, pairings: list[Pairing]) -> list[Seen]:
    """Decode what is left of everything; all mended rows whose clarity is known."""
    from evaluation.repairs.choosing import look, seen_in

    seen: list[Seen] = []
    for number, pairing in enumerate(pairings, 1):
        where = f"set-up {number} of {len(pairings)} ({pairing.set_up.words})"
        for done, total in pairing.run():
            # One write, not a print: several processes write to the same terminal.
            sys.stderr.write(f"{where}: {done} of {total} rows\n")
        for left in look(alone, pairing, args.look):
            if left % TOLD == 0:
                sys.stderr.write(f"{where}: {left} mended rows to look at\n")
        if pairing.decoder.state.is_main_process:
            seen += seen_in(pairing)
    return seen


def _section(pairing: Pairing) -> str:
    """The rates of one set-up: a table, and a sentence a method that mends anything."""
    from evaluation.repairs.choosing import looked_at
    from evaluation.repairs.rates import rates_table

    rates, looked = pairing.rates(), looked_at(pairing)
    mending = [
        f"- {r.method} {r.sentence}; it takes back a wrong line in {looked[r.method][0]} of "
        f"{looked[r.method][1]} mended runs looked at"
        for r in rates
        if r.mended
    ]
    head = f"### {pairing.set_up.words} (n = {len(pairing.problems.problems)})"
    return "\n".join(["", head, "", rates_table(rates), *(["", *mending] if mending else [])])


def clearest_table(seen: list[Seen]) -> str:
    """Markdown: one line for each method."""
    from evaluation.repairs.choosing import best_of_each

    head = ("method", "set-up", "problem", "taken back", "how", "clarity", "shown, seen, aimed, held")
    lines = []
    for one in best_of_each(seen):
        row, parts = one.row, ("shown", "seen", "aimed", "held")
        shares = ", ".join(f"{row[part]:.2f}" for part in parts)
        lines.append(
            (one.method.label, one.pairing.set_up.words, row["row"], row["wrong"], row["how"],
             f"{one.clarity:.2f}", shares)
        )  # fmt: skip
    return markdown_table(head, lines)
