"""`llada-viz`: serve the page, or run one of COMMANDS. `python app.py` in a checkout serves the page too."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from llada_viz import __version__
from llada_viz.address import hide_ipv6
from llada_viz.endpoints.mcp import wanted_mcp
from llada_viz.host import on_zero_gpu

ABOUT = """LLaDA Viz: watch a masked-diffusion language model fill in its answer.

Without a command: serves the page on 127.0.0.1:7860, or on the next free port.

Commands (llada-viz COMMAND --help):
{commands}

Environment: GRADIO_SERVER_NAME and GRADIO_SERVER_PORT (another address), LLADA_VIZ_HOME (folder of jobs
and runs), LLADA_VIZ_MODEL (another model), LLADA_VIZ_API_KEY (what clients of /v1 must send; without it only
this machine has an API), LLADA_VIZ_PUBLIC=1 (strangers may come: no training, nothing is deleted),
LLADA_VIZ_MCP=1 (tools for assistants, at /gradio_api/mcp). A flag goes before its variable.
"""
COMMANDS = {
    "models": ("llada_viz.cli.models", "checkpoints: list, inspect, download, convert, quantize"),
    "chat": ("llada_viz.cli.chat", "talk with a model in the terminal, and watch it write"),
    "serve": ("llada_viz.cli.serve", "a model behind OpenAI's API, without the page"),
    "export": ("llada_viz.cli.export", "traces as an offline page, a film, a still or a table"),
}
"""Name -> the module whose `main(argv)` it is, imported when it is asked for, and what it is for."""
VARIABLES = {"host": "GRADIO_SERVER_NAME", "port": "GRADIO_SERVER_PORT", "model": "LLADA_VIZ_MODEL",
             "home": "LLADA_VIZ_HOME", "mcp": "LLADA_VIZ_MCP"}  # fmt: skip


def page_parser() -> argparse.ArgumentParser:
    """The command line without a command."""
    about = ABOUT.format(commands="\n".join(f"  {name:8} {use}" for name, (_, use) in COMMANDS.items()))
    parser = argparse.ArgumentParser(
        prog="llada-viz", usage="%(prog)s [COMMAND] [options]", description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--host", help="address to serve on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port (default: 7860, or the next free one)")
    parser.add_argument("--model", help="bundled name or folder of the model (default: tiny-llada)")
    parser.add_argument("--home", help="folder of jobs and runs")
    parser.add_argument(
        "--mcp", action="store_const", const=1, help="serve MCP tools too (the extra mcp must be installed)"
    )
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def read_flags(argv: list[str] | None = None) -> None:
    """Write the flags to the variables that the page reads. Exits for --help and for a bad flag."""
    parser = page_parser()
    args = parser.parse_args(argv)
    if args.port is not None and not 0 < args.port < 65536:
        parser.error(f"--port = {args.port}; allowed: 1 to 65535")
    for flag, variable in VARIABLES.items():
        if (value := getattr(args, flag)) is not None:
            os.environ[variable] = str(value)


def prepare_environment() -> None:
    """Set the variables that gradio and tokenizers read when they are imported. On ZeroGPU `spaces` comes
    before torch, whose CUDA it stands in for."""
    hide_ipv6()
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # After each event gradio summarises the last 10,000 of them with pandas, for a page that is not served.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")
    if find_spec("matplotlib") is None:  # gradio would look for it in every folder, twice an update
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    if on_zero_gpu():
        import spaces  # noqa: F401


@contextmanager
def said() -> Iterator[None]:
    """What cannot be used (a home, an address, a model) is one sentence, and exit code 2."""
    try:
        yield
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def build_page() -> Any:
    """The page, a `gr.Blocks`, which is not served yet."""
    prepare_environment()
    with said():
        wanted_mcp()  # before anything is loaded
        from llada_viz.page import create_ui

        return create_ui()


def serve(page: Any) -> None:
    """Serve what `build_page` returned, until interrupted."""
    from llada_viz.page import launch_options

    with said():
        page.launch(**launch_options(page))


def run_command(name: str, argv: list[str]) -> int:
    """What `main` of the command's module returns. A bad value ends in one sentence and exit code 2."""
    try:
        with said():
            return int(importlib.import_module(COMMANDS[name][0]).main(argv))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def main(argv: list[str] | None = None) -> int:
    """Run the command that comes first; without one, serve until interrupted."""
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in COMMANDS:
        return run_command(argv[0], argv[1:])
    if argv and not argv[0].startswith("-"):
        page_parser().error(f"command = {argv[0]!r}; allowed: {', '.join(COMMANDS)}, or none for the page")
    read_flags(argv)
    serve(build_page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
