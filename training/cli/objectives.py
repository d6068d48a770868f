"""A command for each objective, and `list`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.engine.settings import RunArguments, parse_pairs, settings_of
from training.registry import OBJECTIVES, objective

if TYPE_CHECKING:
    from training.run import Request


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The commands and their flags."""
    listing = commands.add_parser("list", help="the objectives and their settings")
    listing.add_argument("objective", nargs="?", help="one of them, with all its settings")
    listing.add_argument("--markdown", action="store_true", help="all of them, as docs/objectives.md")
    listing.set_defaults(run=show)
    for entry in OBJECTIVES.values():
        parser = commands.add_parser(entry.name, help=entry.summary)
        flags(parser)
        parser.set_defaults(run=start, command=entry.name)


def flags(parser: argparse.ArgumentParser, out: bool = True) -> None:
    """Add the flags that every objective has; without `out`, not those about its run folder."""
    parser.add_argument("--model", help="model folder or hub id")
    parser.add_argument("--revision", metavar="R", help="branch, tag or commit of a hub id")
    parser.add_argument(
        "--data", action="append", help="file, known set or bundled task (word, word:middle); may be repeated"
    )
    if out:
        parser.add_argument("--out", type=Path, required=True, help="run folder")
        parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--config", type=Path, help="YAML file; flags and --set go before it")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any setting")
    parser.add_argument("--device", choices=("auto", "cpu"), help="default: a GPU where there is one")
    parser.add_argument("--load-ups-head", default=None, metavar="FILE", help="go on from this UPS head")
    parser.add_argument("--load-lora", default=None, metavar="FOLDER", help="go on from this adapter")
    parser.add_argument("--allow-eval-data", action="store_true", help="train on an evaluation set")


def start(args: argparse.Namespace) -> None:
    """Train, and print the folder final/."""
    from training.engine.recipe import Stopped
    from training.engine.saying import say
    from training.run import train

    try:
        say(str(train(request(args))))
    except Stopped as stopped:
        say(f"{stopped}; --resume goes on from there")


def add_inspection(commands: Any, name: str, help: str, json_help: str, show: Callable[..., None]) -> None:
    """A command that looks at a run before it is started: `name OBJECTIVE`, with the objective's flags."""
    parser = commands.add_parser(name, help=help)
    parser.add_argument("objective", choices=OBJECTIVES, help="what would be trained")
    flags(parser, out=False)
    parser.add_argument("--json", action="store_true", help=json_help)
    parser.set_defaults(run=show, out=Path(), resume=False)


def request(args: argparse.Namespace) -> Request:
    """The Request that the flags make. A flag goes before the config file, and that before the defaults."""
    from training.run import Request, RunError, read_config

    config = read_config(args.config) if args.config else {}
    if config.get("objective", args.command) != args.command:
        raise RunError(f"config is for {config['objective']!r}; allowed: a config of {args.command}")
    if config.get("grid") and not hasattr(args, "grid"):
        raise RunError(f"config has a grid; allowed: python -m training sweep {args.command} --config …")
    cls = objective(args.command).settings
    values = dict(config.get("settings") or {}) | parse_pairs(cls, args.set)
    data = args.data or config.get("data") or []
    data = [data] if isinstance(data, str) else data
    model = args.model or config.get("model")
    if args.revision and model:
        from models.hub import check_revision

        check_revision(str(model), args.revision)
    if not model or not data:
        missing = "data" if model else "model"
        raise RunError(f"{missing} is missing; allowed: --{missing}, or a line of --config")
    arguments = RunArguments(
        model=str(model),
        data=tuple(map(str, data)),
        device=args.device or config.get("device") or "auto",
        allow_eval_data=args.allow_eval_data or bool(config.get("allow_eval_data")),
        load_ups_head=args.load_ups_head or config.get("load_ups_head") or "",
        load_lora=args.load_lora or config.get("load_lora") or "",
        revision=args.revision or _pinned(config, str(model)),
    )
    for flag in ("load_lora", "load_ups_head"):
        if getattr(arguments, flag) and flag not in objective(args.command).goes_on_from:
            allowed = ", ".join(name for name, o in OBJECTIVES.items() if flag in o.goes_on_from)
            raise RunError(f"{flag} is not used by {args.command}; allowed with: {allowed}")
    return Request(args.command, arguments, settings_of(cls, values), args.out, args.resume)


def _pinned(config: dict[str, Any], model: str) -> str:
    """The commit of the run that a config file is from, or the revision that it asks for; of another model:
    none."""
    same = str(config.get("model")) == model
    return str(config.get("commit") or config.get("revision") or "") if same else ""


def show(args: argparse.Namespace) -> None:
    """Names and summaries, or one objective's settings, or the page docs/objectives.md."""
    from training.listing import as_markdown, as_text

    if args.markdown:
        print(as_markdown())
    else:
        print(as_text(objective(args.objective).name if args.objective else ""))
