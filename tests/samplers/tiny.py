"""The bundled model, and a problem that it is asked."""

from __future__ import annotations

from functools import cache

from models.assets import MODELS as FOLDER
from models.assets import assets
from models.loading import LoadedModel, load

MODELS = assets() / FOLDER
PROMPT = "What is 3 + 4 * (12 - 5)?"
TASK = {"name": "expression", "problem": {"expression": "3 + 4 * (12 - 5)"}}
SIZES = {"gen_length": 32, "block_length": 8, "steps": 32, "early_stop": True}


@cache
def loaded() -> LoadedModel:
    """The model, loaded once."""
    return load(str(MODELS / "tiny-llada"), device="cpu")
