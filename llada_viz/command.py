"""`llada-viz`: serve the page. `python app.py` in a checkout is the same."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llada_viz import __version__
from llada_viz.address import hide_ipv6

ABOUT = """LLaDA Viz: watch a masked-diffusion language model fill in its answer.

Serves the page on 127.0.0.1:7860, or on the next free port.

Environment: GRADIO_SERVER_NAME and GRADIO_SERVER_PORT (another address), LLADA_VIZ_HOME (folder of jobs
and runs), LLADA_VIZ_MODEL (another model). A flag goes before its variable.
"""
VARIABLES = {"host": "GRADIO_SERVER_NAME", "port": "GRADIO_SERVER_PORT", "model": "LLADA_VIZ_MODEL",
             "home": "LLADA_VIZ_HOME"}  # fmt: skip


def read_flags(argv: list[str] | None = None) -> None:
    """Write the flags to the variables that the page reads. Exits for --help and for a bad flag."""
    parser = argparse.ArgumentParser(
        prog="llada-viz", description=ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", help="address to serve on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port (default: 7860, or the next free one)")
    parser.add_argument("--model", help="bundled name or folder of the model (default: tiny-llada)")
    parser.add_argument("--home", help="folder of jobs and runs")
    parser.add_argument("--version", action="version", version=__version__)
    args = parser.parse_args(argv)
    if args.port is not None and not 0 < args.port < 65536:
        parser.error(f"--port = {args.port}; allowed: 1 to 65535")
    for flag, variable in VARIABLES.items():
        if (value := getattr(args, flag)) is not None:
            os.environ[variable] = str(value)


def prepare_environment() -> None:
    """Set the variables that gradio and tokenizers read when they are imported."""
    hide_ipv6()
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@contextmanager
def said() -> Iterator[None]:
    """A home or an address that cannot be used is one sentence, and exit code 2."""
    try:
        yield
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def build_page() -> Any:
    """The page, a `gr.Blocks`, which is not served yet."""
    prepare_environment()
    from llada_viz.page import create_ui

    with said():
        return create_ui()


def serve(page: Any) -> None:
    """Serve what `build_page` returned, until interrupted."""
    from llada_viz.page import launch_options

    with said():
        page.launch(**launch_options(page))


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted."""
    read_flags(argv)
    serve(build_page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
