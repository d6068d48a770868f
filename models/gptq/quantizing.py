"""Plain weights to GPTQ (2210.17323) through gptqmodel: a folder in the layout of the published 4-bit files.

What a masked diffusion model reads is text with holes, so the calibration texts are given holes: in each, a
share of its tokens, drawn evenly from none to all, becomes the mask (the noise that LLaDA is trained with).
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import nn

from models.checkpoint import (
    ModelError,
    find_file,
    mask_token,
    read_config,
    read_tokenizer,
    stored_tensors,
    weight_files,
)
from models.config import LLaDAConfig
from models.gptq.layout import QUANTIZE_CONFIG, Layout, find_layout, read_layout
from models.gptq.linear import StoredLinear
from models.gptq.package import library
from models.llada import LLaDAModelLM
from models.streaming import check_fits
from models.text import plain_text

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
             "generation_config.json")  # fmt: skip
FIELDS = (
    "bits",
    "group_size",
    "desc_act",
    "sym",
    "lm_head",
    "quant_method",
    "checkpoint_format",
    "pack_dtype",
)
LONGEST = 2048
"""Tokens of a calibration text; the rest of it is left out."""

Progress = Callable[[int, int], None]
"""Called with the number of layers that are done, and of all."""


def quantize(
    name: str,
    out: Path,
    *,
    bits: int = 4,
    group_size: int = 128,
    desc_act: bool = True,
    sym: bool = False,
    calibration: Sequence[str],
    progress: Progress | None = None,
    device: str = "auto",
    seed: int = 0,
) -> None:
    """Write the model of a folder or hub id to the new folder `out`, its linear layers quantised.

    calibration: texts as the model will read them; 128 of some hundred tokens are usual. seed: of their
    holes. Layers are read one at a time. ModelError: settings that no layout has, a model that is quantised
    already or is not plain LLaDA, no text, a folder that exists, or gptqmodel is not installed.
    """
    from models.loading import device_and_dtype  # which imports this package

    fields = {"bits": bits, "group_size": group_size, "desc_act": desc_act, "sym": sym}
    layout = read_layout("the settings", fields)
    data = read_config(name)
    config = LLaDAConfig(**data)
    if find_layout(name, data) is not None:
        raise ModelError(f"model = {name!r} is quantised already; allowed: plain weights")
    if out.exists():
        raise ModelError(f"out = {str(out)!r} exists; allowed: a new folder")
    if config.weight_tying:
        raise ModelError(f"model = {name!r} has weight_tying = True; allowed: a head of its own")
    check_layers(name, config, layout)
    device_and_dtype(device, None)  # refused before anything is read
    examples = examples_of(name, config, calibration, seed)
    found = library()
    source = str(weight_files(name)[0].parent)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        written = Path(scratch) / out.name
        # Other ways of packing want a C++ compiler; finished layers wait on the disk.
        settings = found.QuantizeConfig(
            **fields, pack_impl="original", offload_to_disk_path=f"{scratch}/finished"
        )
        with _quiet() as aloud:
            model = found.GPTQModel.load(source, settings, device=None if device == "auto" else device)
            model.layer_callback = _counting(progress, config.n_layers, aloud)
            model.quantize(examples, batch_size=1, calibration_data_min_length=1)
            model.save(str(written))
        finish_folder(name, data, written)
        written.rename(out)


def check_layers(name: str, config: LLaDAConfig, layout: Layout) -> None:
    """ModelError: groups that do not divide a layer's inputs, or files that are not this network's (those of
    a reward model, for one)."""
    stored = stored_tensors(name)
    if config.n_layers > len(stored):
        raise ModelError(f"{name}: n_layers = {config.n_layers}; allowed: as many as there are weights for")
    with torch.device("meta"):
        network = LLaDAModelLM(config)
    check_fits(name, network, stored)
    for key, layer in network.blocks[0].named_modules():
        if isinstance(layer, nn.Linear):
            StoredLinear(f"{key} of {name!r}", layer.in_features, layer.out_features, layout)


def examples_of(
    name: str, config: LLaDAConfig, texts: Sequence[str], seed: int
) -> list[dict[str, list[int]]]:
    """The texts as tokens with holes. ModelError: no text, or no tokenizer."""
    tokenizer = read_tokenizer(name)
    if tokenizer is None:
        raise ModelError(f"model = {name!r} has no tokenizer.json, which the calibration texts need")
    mask, generator = mask_token(name, config), torch.Generator().manual_seed(seed)
    examples = []
    for text in texts:
        ids = tokenizer.encode(plain_text(tokenizer, text), add_special_tokens=False)
        ids = torch.tensor(ids[: min(LONGEST, config.max_sequence_length)], dtype=torch.long)
        share = torch.rand((), generator=generator)
        holes = torch.rand(len(ids), generator=generator) < share
        if len(ids):
            ids = ids.masked_fill(holes, mask).tolist()
            examples.append({"input_ids": ids, "attention_mask": [1] * len(ids)})
    if not examples:
        raise ModelError("calibration = [] has no text; allowed: texts as the model will read them")
    return examples


@contextmanager
def _quiet() -> Iterator[TextIO]:
    """Within it, what is printed goes nowhere: the library draws bars and tables, and warns of how it uses
    transformers. Gives the real output."""
    aloud = sys.stdout
    logging.getLogger("tokenicer").setLevel(logging.ERROR)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield aloud


def _counting(progress: Progress | None, layers: int, aloud: TextIO) -> Callable[..., None]:
    done: set[int] = set()

    def layer_complete(layer_idx: int, submodule_finalized: bool) -> None:
        if submodule_finalized and progress is not None:
            done.add(layer_idx)
            with redirect_stdout(aloud):
                progress(len(done), layers)

    return layer_complete


def finish_folder(name: str, data: dict[str, Any], folder: Path) -> None:
    """Make it the model's own folder again: its configuration with `quantization_config`, its tokenizer. The
    library's own fields, among them a path on this machine, are left out."""
    said = json.loads((folder / QUANTIZE_CONFIG).read_text(encoding="utf-8"))
    kept = {key: said[key] for key in FIELDS if key in said} | {
        "meta": {"quantizer": said["meta"]["quantizer"]}
    }
    for file, content in (("config.json", data | {"quantization_config": kept}), (QUANTIZE_CONFIG, kept)):
        (folder / file).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for file in TOKENIZER:
        (folder / file).unlink(missing_ok=True)
        if (path := find_file(name, file)) is not None:
            shutil.copyfile(path, folder / file)
