"""What a checkpoint is, from its small files and the headers of its weights; no weight is read.

What is wrong with it is found by the same checks that refuse to load it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import hub
from models.assets import locate
from models.catalog import Family, Known, catalog
from models.errors import ModelError
from models.shape import Shape, shape_of
from models.shards import read_header

if TYPE_CHECKING:
    from models.gptq.layout import Layout

DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16", "I32": "int32", "I8": "int8", "U8": "uint8",
          "F64": "float64", "I64": "int64", "F8_E4M3": "float8_e4m3"}  # fmt: skip
QUESTION = [{"role": "user", "content": "What is 2 + 3?"}]


@dataclass
class Inspection:
    """What was found. known: what the catalog says; commit: of the hub, "" where that is not known; files:
    weight files and their bytes; here: whether these are on this machine; numbers: how many are stored of
    each type; layout: of GPTQ; change: what an adapter does; wrong: sentences, where it cannot be loaded."""

    name: str
    folder: Path | None = None
    commit: str = ""
    known: Known | None = None
    kind: str = "model"
    family: Family | None = None
    config: dict[str, Any] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    here: bool = True
    numbers: Counter[str] = field(default_factory=Counter)
    layout: Layout | None = None
    tokenizer: str = ""
    template: str = ""
    change: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def shape(self) -> Shape | None:
        """None: the configuration does not say."""
        try:
            return shape_of(self.config or (self.known.config if self.known else None) or {})
        except (ModelError, ArithmeticError, TypeError, ValueError):
            return None

    @property
    def mask_id(self) -> Any:
        return self.config.get("mask_token_id", self.known.mask_id if self.known else None)

    @property
    def context(self) -> Any:
        found = self.config.get("max_sequence_length", self.config.get("max_position_embeddings"))
        return found or (self.known.context if self.known else None)

    def check(self, look: Callable[[], Any]) -> Any:
        """What a look returns; where it raises a ModelError that is noted, and None is returned."""
        try:
            return look()
        except ModelError as error:
            self.wrong.append(str(error).replace(repr(str(self.folder)), repr(self.name)))
            return None


def inspect(name: str, revision: str = "") -> Inspection:
    """Look at a bundled name, a folder or a hub id, of whose weights nothing is fetched.

    ModelError: there is nothing of that name, or it is no checkpoint.
    """
    known = catalog().find(name)
    found = Inspection(name, known=known, kind=known.kind if known else "model")
    local = Path(locate(name))
    try:
        found.folder = hub.snapshot(name, revision, weights=False)
    except ModelError as error:
        if known is None or local.exists():
            raise
        found.here, found.family = False, known.family
        found.wrong.append(str(error))
        return found
    found.commit = hub.commit_of(found.folder)
    if (found.folder / "adapter_config.json").is_file():
        _look_at_adapter(found)
        found.family = known.family if known else None
    elif (found.folder / "ups_head.safetensors").is_file():
        found.kind, found.family = "UPS head", known.family if known else None
        _read_headers(found)
        found.check(lambda: read_header(Path(str(found.folder)) / "ups_head.safetensors"))
    else:
        _look_at_model(found, local.exists(), revision)
    return found


def _look_at_model(found: Inspection, local: bool, revision: str) -> None:
    from models.checkpoint import read_config

    folder = str(found.folder)
    if not (Path(folder) / "config.json").is_file():
        raise ModelError(f"model = {found.name!r} has no config.json; allowed: a model folder or hub id")
    found.config = _json(Path(folder) / "config.json")
    found.check(lambda: read_config(folder, ("llada", "qwen2")))
    found.family = catalog().family_of(found.config)
    if found.family and "reward" in found.family.key:
        found.kind = "reward model"
    if not local and not any(Path(folder).glob("*.safetensors")):
        found.here = False
        with hub.said(found.name, revision):
            listed = hub.listing(found.name, revision).files
        found.files = {name: size for name, size in listed.items() if name.endswith(".safetensors")}
    else:
        _read_headers(found)
        _check_weights(found, folder)
    _look_at_tokenizer(found, folder)


def _look_at_adapter(found: Inspection) -> None:
    from models.adapters import read_adapter

    found.kind = "adapter"
    found.config = _json(Path(str(found.folder)) / "adapter_config.json")
    _read_headers(found)
    adapter = found.check(lambda: read_adapter(str(found.folder)))
    if adapter is not None:
        found.change = f"LoRA of rank {adapter.config.get('r')} on {len(adapter.modules)} layers"


def _json(path: Path) -> dict[str, Any]:
    """The object of a file, {} where there is none in it: the checks of loading say so."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        data = {}
    return dict(data) if isinstance(data, dict) else {}


def _read_headers(found: Inspection) -> None:
    """Files, and how many numbers of each type they store. Broken ones are left to the checks of loading."""
    for file in sorted(Path(str(found.folder)).glob("*.safetensors")):
        if not file.is_file():
            continue
        found.files[file.name] = file.stat().st_size
        with suppress(ModelError):
            for tensor in read_header(file).tensors.values():
                found.numbers[DTYPES.get(tensor.dtype, tensor.dtype)] += tensor.numbers


def _check_weights(found: Inspection, folder: str) -> None:
    """Whether the files are all there, and hold the weights of the network, by the checks of loading."""
    from models.checkpoint import as_model_error, stored_tensors
    from models.gptq.layout import find_layout

    def layout() -> Layout | None:
        with as_model_error(found.name):
            found.layout = find_layout(folder, found.config)
        return found.layout

    stored, wrong = found.check(lambda: stored_tensors(folder)), len(found.wrong)
    found.check(layout)
    if stored and len(found.wrong) == wrong and found.family and found.family.key == "llada":
        found.check(lambda: _check_network(found.name, found.layout, found.config, stored))


def _check_network(name: str, layout: Layout | None, config: Mapping[str, Any], stored: Any) -> None:
    import torch

    from models.checkpoint import as_model_error, mask_token
    from models.config import LLaDAConfig
    from models.gptq.loading import place_stored_layers
    from models.llada import LLaDAModelLM
    from models.streaming import check_fits

    with as_model_error(name):
        checked = LLaDAConfig(**config)
        mask_token(name, checked)
        if checked.n_layers > len(stored):
            raise ModelError(f"n_layers = {checked.n_layers}; allowed: as many as there are weights for")
        with torch.device("meta"):
            network = LLaDAModelLM(checked)
        if layout is not None:
            place_stored_layers(name, network, layout, stored)
        else:
            check_fits(name, network, stored)


def _look_at_tokenizer(found: Inspection, folder: str) -> None:
    """How many tokens, and whether the chat template writes a question."""
    if not (Path(folder) / "tokenizer.json").is_file():
        found.tokenizer = "none: prompts only as token ids"
        return
    from models.checkpoint import as_model_error, read_tokenizer
    from models.text import chat_text

    def read() -> Any:
        with as_model_error(found.name):
            return read_tokenizer(folder)

    tokenizer = found.check(read)
    if tokenizer is None:
        return
    found.tokenizer = f"{len(tokenizer):,} tokens"
    if isinstance(found.mask_id, int) and 0 <= found.mask_id < len(tokenizer):
        found.tokenizer += f", mask {tokenizer.convert_ids_to_tokens(found.mask_id)}"
    if not tokenizer.chat_template:
        found.template = "none: prompts only as they are"
        return

    def ask() -> str:
        with as_model_error(found.name, "chat template of model"):
            return chat_text(tokenizer, QUESTION)

    if (written := found.check(ask)) is not None:
        found.template = json.dumps(written, ensure_ascii=False)
