"""`llada-viz serve`: a model behind OpenAI's API, without the page.

Clients choose among what the flags name; no request loads anything. Without a key it serves this machine
only.
"""

from __future__ import annotations

import argparse
import errno
import os
import socket
from typing import TYPE_CHECKING

from models.flags import add_model_flags, add_tool_flags

if TYPE_CHECKING:
    import uvicorn

    from llada_viz.api.server import Api

FIRST_PORT = 8000
PATIENCE = 5  # seconds for runs to end when the server is stopped


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="llada-viz serve", description=__doc__)
    add_model_flags(top, model="tiny-llada")
    add_tool_flags(top)
    top.add_argument("--host", default="127.0.0.1", help="address to serve on (default: 127.0.0.1)")
    top.add_argument(
        "--port", type=int, default=FIRST_PORT, help=f"port (default: {FIRST_PORT}; 0: any free one)"
    )
    top.add_argument(
        "--key", help="what clients must send; better in $LLADA_VIZ_API_KEY, for flags can be seen by others"
    )
    return top


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted. ValueError or OSError: a sentence."""
    from llada_viz.api.access import wanted_key

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    args = parser().parse_args(argv)
    key = wanted_key(args.key)
    check_host(args.host, key)
    listening = bound(args.host, args.port)
    server, api = server_of(args, key)
    host = f"[{args.host.strip('[]')}]" if ":" in args.host else args.host
    where = f"http://{host}:{listening.getsockname()[1]}/v1"
    print(f"{api.name} at {where}{', with a key' if key else ''}. Ctrl-C ends it.", flush=True)
    server.run(sockets=[listening])
    return 0


def check_host(host: str, key: str) -> None:
    """ValueError for a host that others reach, without a key."""
    from llada_viz.api.access import VARIABLE, is_local

    if not key and not is_local(host):
        raise ValueError(
            f"host = {host!r} is reached by others; allowed: 127.0.0.1, or any host with a key ({VARIABLE})"
        )


def bound(host: str, port: int) -> socket.socket:
    """A socket at an address of this machine. ValueError: it is none, or the port is taken."""
    if not 0 <= port < 65536:
        raise ValueError(f"--port = {port}; allowed: 1 to 65535, or 0")
    name = host.strip("[]")
    try:
        family, kind, _, _, address = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise ValueError(f"--port = {port} is taken; allowed: another one, or 0 for any") from None
        raise ValueError(f"host = {host!r} is no address of this machine; allowed: 127.0.0.1, …") from None
    return listening


def server_of(args: argparse.Namespace, key: str) -> tuple[uvicorn.Server, Api]:
    """Load what the flags name; the server of it, which does not run yet."""
    import uvicorn

    from llada_viz.api.server import Api
    from llada_viz.decoding.served import load_served

    served = load_served(args)
    api = Api(served, key, served.defaults)
    config = uvicorn.Config(
        api.app(), log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=PATIENCE,
    )  # fmt: skip
    return uvicorn.Server(config), api
