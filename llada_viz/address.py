"""The address that the page is served on: its host, and a port that is free."""

from __future__ import annotations

import os
import socket

HOST, PORT = "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"
IPV6_HOST = "LLADA_VIZ_IPV6_HOST"
FIRST_PORT = 7860
MOST_PORTS = 100


def hide_ipv6() -> None:
    """Before gradio is imported: move an IPv6 address from its variable to ours. It would bind that address
    by IPv4, and find no port free."""
    if ":" in os.environ.get(HOST, ""):
        os.environ[IPV6_HOST] = os.environ.pop(HOST)


def wanted_host(public: bool) -> str:
    """The host that was asked for, else this machine only; public: else everybody."""
    usual = "0.0.0.0" if public else "127.0.0.1"
    return (os.environ.get(HOST) or os.environ.get(IPV6_HOST) or usual).strip("[]")


def free_port(host: str) -> int:
    """GRADIO_SERVER_PORT when it is set, else 7860 or the next free port, which is then printed.

    ValueError: the host is no address of this machine, no port is free, or GRADIO_SERVER_PORT is no number.
    """
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    families = {(family, address[0]) for family, *_, address in found if can_bind(family, address[0], 0)}
    if not families:
        raise ValueError(
            f"host = {host!r} is no address of this machine; allowed: 127.0.0.1, 0.0.0.0, ::1, …"
        )
    wanted = os.environ.get("GRADIO_SERVER_PORT", "")
    if wanted:
        if not wanted.isdecimal():
            raise ValueError(f"GRADIO_SERVER_PORT = {wanted!r} is not valid; allowed: a port number")
        return int(wanted)
    for port in range(FIRST_PORT, FIRST_PORT + MOST_PORTS):
        if all(can_bind(family, address, port) for family, address in families):
            if port != FIRST_PORT:
                print(f"Port {FIRST_PORT} is taken; using {port}.", flush=True)
            return port
    raise ValueError(f"ports {FIRST_PORT} to {FIRST_PORT + MOST_PORTS - 1} are all taken")


def can_bind(family: int, address: str | int, port: int) -> bool:
    """Whether a server may listen there. port: 0: on any."""
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
