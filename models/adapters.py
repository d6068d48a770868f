"""A peft LoRA adapter (2106.09685), merged into the weights of a loaded network.

Each changed weight W becomes W + scale * B A; the product is computed in float32 and stored in the
network's own type. A merged network is a network like any other, so samplers, caches and scorers need no
change. Of the adapter's files, adapter_config.json and adapter_model.safetensors are read (and config.json,
where there is one); a field that merging could not follow is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Unpack

import torch
from safetensors.torch import load_file

from models.assets import locate
from models.checkpoint import ModelError
from models.config import LLaDAConfig
from models.llada import LLaDAModelLM
from models.loading import LoadedModel, LoadOptions, load

TARGETS = ("q_proj", "k_proj", "v_proj", "attn_out", "ff_proj", "up_proj", "ff_out")
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# An adapter trained in a longer context has the network's config.json beside it, for these fields.
NETWORK = "config.json"
CONTEXT = ("rope", "rope_theta", "yarn", "yarn_scale", "yarn_original_max_position_embeddings",
           "yarn_beta_fast", "yarn_beta_slow", "max_sequence_length")  # fmt: skip
PREFIX = "base_model.model."
# Fields that say how large the change is; peft is given these.
MERGED = ("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora")
# Fields that do not matter once an adapter is trained: the file of weights says which modules it changes.
# (exclude_modules, layers_to_transform, layers_pattern and a text in target_modules may be regular
# expressions of a stranger; they are never run.)
IGNORED = ("peft_type", "peft_version", "auto_mapping", "task_type", "base_model_name_or_path", "revision",
        "inference_mode", "lora_dropout", "target_modules", "exclude_modules", "layers_to_transform",
        "layers_pattern", "init_lora_weights", "eva_config")  # fmt: skip
# Allowed values of init_lora_weights. Others (pissa, olora, corda, loftq, …) begin by changing the
# network's own weights.
STARTS = (True, False, "gaussian", "orthogonal", "eva")


@dataclass(frozen=True)
class Adapter:
    """The files of an adapter folder. modules: full names of the layers that it changes; context: fields
    of the network's config that it was trained with, where they are not the network's own."""

    name: str
    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    modules: tuple[str, ...]
    context: dict[str, Any]


def load_adapted(
    name: str,
    adapter: str = "",
    device: str = "auto",
    dtype: torch.dtype | None = None,
    **options: Unpack[LoadOptions],
) -> LoadedModel:
    """models.loading.load, then the adapter of that folder, if one is named. ModelError: as `merge`."""
    if not adapter:
        return load(name, device, dtype, **options)
    checked = read_adapter(adapter)  # a bad adapter is refused before the network's weights are read
    _check_plain(checked.name, options.get("quantization", ""))
    return merge(load(name, device, dtype, **options), checked)


def apply_adapter(loaded: LoadedModel, folder: str) -> LoadedModel:
    """The model with the adapter of that folder merged into its weights, in place; its name says so."""
    return merge(loaded, read_adapter(folder))


def adapter_digest(folder: str) -> str:
    """SHA-256 over configuration and weights of an adapter folder."""
    folder = locate(folder)
    digest = hashlib.sha256()
    beside = Path(folder) / NETWORK
    for path in (*_files(folder), *([beside] if beside.is_file() else [])):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def read_adapter(folder: str) -> Adapter:
    """Read and check the files; ModelError names file, field or tensor, and what is allowed.

    folder: a bundled name, or a folder.
    """
    folder = locate(folder)
    config_file, weights_file = _files(folder)
    name = Path(folder).resolve().name
    config = _read_config(name, config_file)
    try:
        tensors = load_file(weights_file)
    except Exception as error:  # the reader's own type is not public
        raise ModelError(f"{WEIGHTS} of {name!r} cannot be read: {error}") from None
    modules = tuple(sorted({_module(name, key) for key in tensors}))
    if not modules:
        raise ModelError(f"{WEIGHTS} of {name!r} is empty; allowed: LoRA weights")
    _check_targets(name, config.get("target_modules"), modules)
    _check_sizes(name, config, tensors)
    return Adapter(name, config, tensors, modules, _read_context(name, Path(folder) / NETWORK))


def _read_context(name: str, path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        context = {key: fields[key] for key in CONTEXT if key in fields}
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{NETWORK} of {name!r} is no object of JSON: {error}") from None
    for key, value in context.items():
        if not isinstance(value, (bool, int, float)):
            raise ModelError(f"{key} = {value!r} in {name!r} is not valid; allowed: a number, true or false")
    return context


def set_context(model: LLaDAModelLM, adapter: Adapter) -> None:
    """Let a network read as far as an adapter was trained to, in place."""
    if not adapter.context:
        return
    try:
        LLaDAConfig(**(model.config.to_dict() | adapter.context))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{NETWORK} of {adapter.name!r} is not valid: {error}") from None
    for key, value in adapter.context.items():
        setattr(model.config, key, value)
    model.forget_rotations()


def _files(folder: str) -> tuple[Path, Path]:
    if not Path(folder).is_dir():
        raise ModelError(f"adapter = {folder!r} is no folder; allowed: a peft folder with {CONFIG}")
    files = Path(folder) / CONFIG, Path(folder) / WEIGHTS
    for path in files:
        if not path.is_file():
            has_pickle = path.with_suffix(".bin").is_file()
            pickle_note = "; adapter_model.bin is a pickle, which is not read" if has_pickle else ""
            raise ModelError(
                f"adapter = {folder!r} has no {path.name}{pickle_note}; allowed: {CONFIG} and {WEIGHTS}"
            )
    return files


def _read_config(name: str, path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{CONFIG} of {name!r} is not JSON: {error}") from None
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise ModelError(f"peft_type = {kind!r} in {name!r} is not supported; allowed: 'LORA'")
    if config.get("init_lora_weights", True) not in STARTS:
        start = config["init_lora_weights"]
        raise ModelError(
            f"init_lora_weights = {start!r} in {name!r} is not supported: it changes the network's own "
            f"weights; allowed: {', '.join(map(str, STARTS))}"
        )
    return dict(config)


def _check_sizes(name: str, config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
    """Ranks are at most the largest in the file, scales are numbers; patterns name plain modules."""
    most = max((t.shape[0] for key, t in tensors.items() if ".lora_A." in key and t.ndim), default=0)
    for field, pattern, limit in (("r", "rank_pattern", most), ("lora_alpha", "alpha_pattern", 1e9)):
        by_module = config.get(pattern) or {}
        if not isinstance(by_module, dict) or not all(re.fullmatch(r"[\w.]+", key) for key in by_module):
            raise ModelError(f"{pattern} = {by_module!r} in {name!r} is not supported; allowed: plain names")
        for value in (config.get(field), *by_module.values()):
            good = isinstance(value, int if field == "r" else (int, float)) and not isinstance(value, bool)
            if not good or not 0 < value <= limit:
                allowed = f"above 0, at most {limit:.0f}"
                raise ModelError(
                    f"{field} = {value!r} in {name!r} does not fit its weights; allowed: {allowed}"
                )


def _module(name: str, key: str) -> str:
    """The module that a tensor of the file belongs to, by its full name in the network."""
    match = re.fullmatch(re.escape(PREFIX) + r"([\w.]+)\.(?:lora_[AB]\.weight|lora_magnitude_vector)", key)
    if match is None or match[1].rpartition(".")[2] not in TARGETS:
        raise ModelError(f"tensor {key} in {name!r} belongs to no LoRA of {', '.join(TARGETS)}")
    return match[1]


def _check_targets(name: str, targets: Any, modules: tuple[str, ...]) -> None:
    """A list of targets names modules of ours, and the file has weights for each of them."""
    for target in targets if isinstance(targets, list) else ():
        if str(target).rpartition(".")[2] not in TARGETS:
            allowed = ", ".join(TARGETS)
            raise ModelError(f"target_modules = {target!r} in {name!r} is unknown; allowed: {allowed}")
        if not any(f".{module}".endswith(f".{target}") for module in modules):
            raise ModelError(f"{WEIGHTS} of {name!r} has no weights for target_modules = {target!r}")


def _check_plain(adapter: str, precision: str, parted: bool = False) -> None:
    """ModelError: the weights are stored so that a product cannot be added to them without another rounding,
    or accelerate's hooks bring them from several devices."""
    if precision or parted:
        what = f"a {precision} model's weights" if precision else "weights on several devices"
        how = "a plain model; `llada-train merge` writes one with the adapter in it, to be loaded that way"
        raise ModelError(f"adapter = {adapter!r} cannot be merged into {what}; allowed: {how}")


def prepare_peft() -> None:
    """Call before peft puts adapters into a network: it then imports gptqmodel, where that is installed, to
    look for its layers; here without what it prints."""
    from models.gptq.package import import_quietly

    if find_spec("gptqmodel") is not None:
        with suppress(Exception):  # its compiled parts raise errors of their own, to peft too
            import_quietly()


def merge(loaded: LoadedModel, adapter: Adapter) -> LoadedModel:
    """The model with the adapter in its weights, in place. ModelError where the two do not fit, or the model
    is quantised or offloaded."""
    from peft import PeftModel, set_peft_model_state_dict

    _check_plain(adapter.name, loaded.model.quantized_as, loaded.model.is_parted)
    modules = dict(loaded.model.named_modules())
    for module in adapter.modules:
        if module not in modules:
            raise ModelError(f"module {module} of adapter {adapter.name!r} is not part of {loaded.name}")
    prepare_peft()
    try:
        with warnings.catch_warnings():  # peft asks transformers for a property by its old name
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            wrapped = PeftModel(loaded.model, lora_config(adapter))
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise ModelError(f"{CONFIG} of {adapter.name!r} is not valid: {error}") from None
    check_shapes(wrapped, adapter)
    set_peft_model_state_dict(wrapped, adapter.tensors)
    # Not peft's safe_merge: it rounds the product to the network's type before it is added.
    model = wrapped.merge_and_unload()
    for module in adapter.modules:
        if not torch.isfinite(model.get_submodule(module).weight).all():
            raise ModelError(f"adapter {adapter.name!r} is broken: it makes {module} infinite or NaN")
    set_context(model, adapter)
    return replace(loaded, model=model.requires_grad_(True).eval(), name=f"{loaded.name} + {adapter.name}")


def lora_config(adapter: Adapter) -> Any:
    """peft's configuration of exactly the modules in the file."""
    from peft import LoraConfig

    plain = LoraConfig()
    for field, value in adapter.config.items():
        if field not in (*MERGED, *IGNORED) and value and value != getattr(plain, field, None):
            raise ModelError(f"{field} = {value!r} in {adapter.name!r} is not supported; allowed: none")
    chosen = {field: adapter.config[field] for field in MERGED if adapter.config.get(field) is not None}
    return LoraConfig(**chosen, target_modules=list(adapter.modules))


def check_shapes(wrapped: Any, adapter: Adapter) -> None:
    """ModelError naming a tensor that is missing, of another shape, or left over."""
    from peft import get_peft_model_state_dict

    shapes = {key: tuple(t.shape) for key, t in get_peft_model_state_dict(wrapped).items()}
    for key, shape in shapes.items():
        if key not in adapter.tensors:
            raise ModelError(f"tensor {key} is missing in adapter {adapter.name!r}; wanted: shape {shape}")
        actual = tuple(adapter.tensors[key].shape)
        if actual != shape:
            raise ModelError(f"tensor {key} in adapter {adapter.name!r} has shape {actual}; wanted: {shape}")
    unknown = sorted(set(adapter.tensors) - set(shapes))
    if unknown:
        raise ModelError(f"tensor {unknown[0]} in adapter {adapter.name!r} belongs to no part of the network")
