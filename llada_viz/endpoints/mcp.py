"""The named endpoints as tools of the Model Context Protocol, which gradio serves with an extra."""

from __future__ import annotations

import os
from importlib.util import find_spec

VARIABLE = "LLADA_VIZ_MCP"
MISSING = "MCP needs an extra that is not installed here: pip install 'llada-viz[mcp]'"


def wanted_mcp() -> bool:
    """Whether LLADA_VIZ_MCP, or the flag --mcp, asks for it. ValueError: the extra is missing."""
    if os.environ.get(VARIABLE, "") in ("", "0", "false"):
        return False
    if find_spec("mcp") is None:
        raise ValueError(MISSING)
    return True
