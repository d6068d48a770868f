"""`pairs`: preference pairs from the model's own mistakes, as a JSONL file for `dpo`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.flags import add_model_flags, load_flagged

if TYPE_CHECKING:
    from training.shared.questions import Question


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its flags."""
    parser = commands.add_parser("pairs", help="preference pairs from the model's own mistakes, for dpo")
    add_model_flags(parser)
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        help="bundled task, such as word or word:middle; may be repeated",
    )
    parser.add_argument("--out", type=Path, required=True, help="JSONL file to write")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any setting")
    parser.add_argument("--seed", type=int, default=0, help="which problems, and how they are answered")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Decode, grade, pair and write."""
    from samplers.settings import SettingError
    from training.dpo.pairs import PairSettings, make_pairs, write_pairs
    from training.engine.settings import parse_pairs

    settings = PairSettings(**parse_pairs(PairSettings, args.set))
    if args.out.suffix != ".jsonl":
        raise SettingError("out", str(args.out), "a file ending in .jsonl")
    loaded = load_flagged(args)
    questions = task_questions(args.data, settings.problems, args.seed, loaded)

    def on_progress(done: int, count: int) -> None:
        print(f"{done:,} of {count:,} answers decoded", flush=True)

    pairs = make_pairs(loaded, settings, questions, args.seed, on_progress=on_progress)
    write_pairs(args.out, pairs)
    wrong = len({pair.prompt for pair in pairs})
    print(f"{len(pairs)} pairs from {wrong} of {len(questions)} problems: {args.out}")


def task_questions(names: list[str], count: int, seed: int, loaded: Any) -> list[Question]:
    """Train-split problems of bundled tasks, the tasks in turn; SetError for another
    name, for only these have an exact checker."""
    from training.data.chat import Chat
    from training.shared.questions import TaskQuestions, questions_at

    chat = Chat(loaded.tokenizer)
    return questions_at([TaskQuestions(name, chat, seed) for name in names], 0, count)
