"""Which model may be loaded here, how, and what it will take: all of it known before a weight is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import torch

from llada_viz.decoding.networks import Sources
from llada_viz.host import models_open, on_zero_gpu
from llada_viz.jobs.home import home_folder
from models.assets import MODELS, assets, locate
from models.catalog import Family, Known, catalog
from models.checkpoint import ModelError, weights_digest
from models.inspection import inspect
from models.memory import PLAIN_USE, Memory, Use, free_memory, gigabytes, predict
from models.shape import Shape
from samplers.requests import RequestError

AUTO = "auto"
TYPES, SMALLER, PACKED = ("float32", "bfloat16"), ("int8", "nf4"), ("packed", "dense", "gptqmodel")
SPREAD = "spread"
"""The device that stands for all GPUs, then main memory, then the disk."""
WORDS = {
    AUTO: "automatic", "float32": "float32", "bfloat16": "bfloat16", "int8": "int8 (bitsandbytes)",
    "nf4": "4 bits, NF4 (bitsandbytes)", "packed": "4 bits, our own kernel",
    "dense": "unpacked to 16 or 32 bits", "gptqmodel": "4 bits, gptqmodel's kernel",
    "cpu": "CPU", SPREAD: "all GPUs, then memory, then disk",
}  # fmt: skip
MOST_HASHED = 2 * 10**9  # bytes of weights whose digest is computed while somebody looks


@dataclass(frozen=True)
class Facts:
    """A checkpoint that may be loaded. name: bundled name, folder or hub id; group: how many packed weights
    share a scale, 0 for plain ones; bits: of packed weights; here: its files are on this machine; wrong: why
    it cannot be loaded, "" where it can."""

    name: str
    known: Known | None = None
    family: Family | None = None
    shape: Shape | None = None
    group: int = 0
    bits: int = 4
    here: bool = True
    context: int = 0
    wrong: str = ""

    @property
    def is_packed(self) -> bool:
        return self.group > 0

    @property
    def title(self) -> str:
        """What the page calls it."""
        if Path(locate(self.name)).is_dir():
            return Path(locate(self.name)).name
        return self.name


def is_bundled(name: str) -> bool:
    """Whether the program came with it: a name, or the folder of that name."""
    return bool(name) and Path(locate(name)).resolve().parent == (assets() / MODELS).resolve()


def check_allowed(name: str) -> None:
    """RequestError: no name, or one that visitors of this host may not load."""
    if not name:
        raise RequestError("model is empty; allowed: a model of the list", "Choose a model first.")
    if on_zero_gpu():
        raise RequestError(
            "model is not valid on ZeroGPU; allowed: the bundled one",
            "This Space has ZeroGPU, which decodes with the bundled model only.",
        )
    if not models_open() and not is_bundled(name):
        raise RequestError(
            f"model = {name!r} is not allowed on a public host; allowed: the bundled ones",
            "On this public host only the bundled models can be loaded. Run LLaDA Viz yourself for others.",
        )


def offers(kind: str = "model") -> list[tuple[str, str]]:
    """(shown, id) of the catalog's entries of a kind that visitors of this host may choose."""
    allowed = [m for m in catalog().models if m.kind == kind and (models_open() or is_bundled(m.id))]
    return [(offered(known), known.id) for known in allowed]


def offered(known: Known) -> str:
    """An entry of the list in one line: its name, and what is to be known of it."""
    size = known.bytes_at(known.stored)
    parts = [known.name, gigabytes(size) if size else ""]
    if not known.family.built:
        parts.append("not built yet")
    return " · ".join(filter(None, parts))


def facts_of(name: str, revision: str = "", look: bool = False) -> Facts:
    """What is known of a checkpoint before it is loaded. look: whether the hub may be asked; of a folder the
    files are looked at in any case. ModelError: there is nothing of that name."""
    known = catalog().find(name)
    if known is not None and not look and not Path(locate(name)).is_dir():
        context = known.context or 0
        group = 128 if known.stored == "gptq-4" else 0
        wrong = "" if known.family.built else f"{known.family.refusal('model', known.id)}"
        return Facts(name, known, known.family, known.shape, group, here=False, context=context, wrong=wrong)
    found = inspect(name, revision)
    wrong = found.wrong[0] if found.wrong else ""
    if found.family is not None and not found.family.built:
        wrong = found.family.refusal("model", name)
    elif found.kind != "model":
        wrong = f"model = {name!r} is a {found.kind}; allowed: a model (attach the others beside it)"
    layout, width = found.layout, found.shape.width if found.shape else 1
    group = 0 if layout is None else layout.group_size if layout.group_size > 0 else width
    bits = layout.bits if layout is not None else 4
    context = found.context if isinstance(found.context, int) else 0
    return Facts(name, known, found.family, found.shape, group, bits, found.here, context, wrong)


def precisions(facts: Facts) -> list[str]:
    """How a checkpoint can be loaded with what is installed here; the first is the usual one."""
    if facts.is_packed:
        return [AUTO, *(way for way in PACKED if way != "gptqmodel" or find_spec("gptqmodel"))]
    return [AUTO, *TYPES, *(SMALLER if find_spec("bitsandbytes") else ())]


def devices() -> list[str]:
    """Where a network can be; the first is the usual place."""
    gpus = [f"cuda:{n}" for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [AUTO, *gpus, "cpu", *([SPREAD] if gpus else [])]


def place_of(device: str) -> str:
    """The device that a choice stands for."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if device in (AUTO, SPREAD) else device


def sources_for(facts: Facts, revision: str, precision: str, device: str) -> Sources:
    """The choice as models.loading takes it. RequestError: a word that is no choice here."""
    for field, value, allowed in (
        ("precision", precision, precisions(facts)), ("device", device, devices()),
    ):  # fmt: skip
        if value not in allowed:
            raise RequestError(f"{field} = {value!r} is not valid; allowed: {', '.join(allowed)}")
    source = Sources(facts.name, revision=revision)
    if precision in TYPES:
        source = replace(source, dtype=precision)
    elif precision != AUTO:
        source = replace(source, quantization=precision)
    if device == SPREAD:
        source = replace(source, device_map="auto", offload=str(home_folder() / "offload"))
    return source


def stored_as(facts: Facts, precision: str, device: str) -> str:
    """The precision that a choice comes to, one of models.memory.PRECISIONS."""
    usual = "float32" if place_of(device) == "cpu" else "bfloat16"
    if facts.is_packed:
        return usual if precision == "dense" else "gptq-4"
    return usual if precision == AUTO else precision


@dataclass(frozen=True)
class Forecast:
    """What a choice will take, and what is free where it goes, in bytes. precision: of the weights; fitting:
    (precision, bytes) of other choices that would fit, where this one does not."""

    memory: Memory
    free: int
    precision: str
    device: str
    fitting: tuple[tuple[str, int], ...] = ()

    @property
    def fits(self) -> bool:
        return self.memory.total <= self.free


def forecast(facts: Facts, precision: str, device: str, use: Use = PLAIN_USE) -> Forecast | None:
    """None: the sizes of the network are not known, or it is packed in another number of bits than 4."""
    kind = stored_as(facts, precision, device)
    if facts.shape is None or (kind == "gptq-4" and facts.bits != 4):
        return None
    memory, free = predict(facts.shape, kind, use, facts.group or 128), free_memory(place_of(device))
    fitting: dict[str, int] = {}
    for way in precisions(facts)[1:] if memory.total > free else []:
        other = stored_as(facts, way, device)
        total = predict(facts.shape, other, use, facts.group or 128).total
        if total <= free:
            fitting[other] = total
    return Forecast(memory, free, kind, place_of(device), tuple(fitting.items()))


@lru_cache(maxsize=32)
def digest_of(folder: str, state: tuple[int, int]) -> str:
    """SHA-256 of a folder's weight files, "" where they are too large to be read for it. state: their bytes,
    and when the newest was written."""
    if state[0] > MOST_HASHED:
        return ""
    try:
        return weights_digest(folder)
    except ModelError:
        return ""
