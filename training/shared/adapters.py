"""LoRA (2106.09685) and QLoRA (2305.14314) adapters for training: attached, switched off, exported.

peft replaces the linear layers in the network's blocks; the network itself stays the same object, with its
own methods. A run exports an adapter in peft's format, or the whole model where all weights learned.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.adapters import (
    PREFIX,
    TARGETS,
    WEIGHTS,
    Adapter,
    check_shapes,
    lora_config,
    prepare_peft,
    read_adapter,
    set_context,
)
from models.checkpoint import ModelError
from models.llada import LLaDAModelLM
from models.loading import LoadedModel
from samplers.settings import SettingError, option
from training.engine.settings import TrainSettings

NAME = "default"
"""The name under which peft keeps the adapter that learns."""


@dataclass(frozen=True, kw_only=True)
class LoraSettings(TrainSettings):
    """Compose with others: `class DPOSettings(LoraSettings, AnswerSettings)`."""

    lora_r: int = option(0, "Rank of the adapter; 0: that of --load-lora, without one all weights learn.",
                         low=0, high=1024, label="LoRA rank")  # fmt: skip
    lora_alpha: int = option(
        32, "The adapter's product is scaled by alpha / r.", low=1, high=4096, label="LoRA alpha"
    )
    lora_dropout: float = option(0.05, "Dropout before the adapter.", low=0, high=0.9, label="LoRA dropout")
    lora_targets: str = option(
        "auto", f"Linear layers of the blocks, from {', '.join(TARGETS)}; auto: all.", label="LoRA layers"
    )
    quantize: str = option("no", "4bit: the frozen weights as NF4 (QLoRA); needs a CUDA device.",
                           choices=("no", "4bit"))  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        targets_of(self)


def targets_of(settings: LoraSettings) -> list[str]:
    """The names of the layers that get an adapter, in TARGETS' order; SettingError for an unknown one."""
    if settings.lora_targets.strip() == "auto":
        return list(TARGETS)
    named = {name.strip() for name in settings.lora_targets.split(",")}
    unknown = sorted(named - set(TARGETS))
    if unknown:
        allowed = f"auto, or names from {', '.join(TARGETS)}"
        raise SettingError("lora_targets", unknown[0], allowed)
    return [name for name in TARGETS if name in named]


def attach(model: LLaDAModelLM, settings: LoraSettings, load_lora: str = "") -> bool:
    """Put an adapter into the blocks, in place, and freeze everything else; False when LoRA is off.

    load_lora: the folder of a saved adapter to go on from. Its rank, scale and layers are used; settings
    that differ from them are a SettingError. ModelError: it does not belong to this model, or the model is
    quantised already.
    """
    if model.quantized_as:
        allowed = "the plain weights, with quantize = 4bit where memory is short"
        raise ModelError(f"a model in {model.quantized_as} cannot learn; allowed: {allowed}")
    if not settings.lora_r and not load_lora:
        if settings.quantize != "no":
            raise SettingError("quantize", settings.quantize, "no, or lora_r above 0")
        return False
    saved = read_adapter(load_lora) if load_lora else None
    if saved is not None:
        set_context(model, saved)
    config = _new_config(model, settings) if saved is None else _saved_config(model, settings, saved)
    freeze(model, settings)
    if settings.quantize == "4bit":
        _quantize(model)
    _inject(model, config, settings.seed, saved)
    return True


def freeze(model: nn.Module, settings: TrainSettings) -> None:
    """Freeze all weights; where the run computes in bf16, store them in it, which halves their memory."""
    model.requires_grad_(False)
    on_gpu = settings.precision == "auto" and torch.cuda.is_available()
    if settings.precision == "bf16" or on_gpu:
        model.to(torch.bfloat16)


def _new_config(model: LLaDAModelLM, settings: LoraSettings) -> Any:
    from peft import LoraConfig

    targets = targets_of(settings)
    # The output head is called ff_out, as a layer of each block is; it gets no adapter.
    head = "ff_out" in targets and not model.config.weight_tying
    return LoraConfig(
        r=settings.lora_r, lora_alpha=settings.lora_alpha, lora_dropout=settings.lora_dropout,
        target_modules=targets, exclude_modules=["transformer.ff_out"] if head else None,
    )  # fmt: skip


def _saved_config(model: LLaDAModelLM, settings: LoraSettings, saved: Adapter) -> Any:
    """A saved adapter's own rank, scale and layers."""
    config = lora_config(saved)
    module_names = {name for name, _ in model.named_modules()}
    for module in saved.modules:
        if module not in module_names or ".blocks." not in module:
            why = f"{module} of adapter {saved.name!r} cannot be trained"
            raise ModelError(f"{why}; allowed: linear layers of this model's blocks")
    if settings.lora_r:
        in_settings = {"lora_r": settings.lora_r, "lora_alpha": settings.lora_alpha}
        for name, field in (("lora_r", "r"), ("lora_alpha", "lora_alpha")):
            if in_settings[name] != saved.config[field]:
                allowed = f"{saved.config[field]:g} as in {saved.name!r}, or lora_r = 0 for all of its own"
                raise SettingError(name, in_settings[name], allowed)
    names = {module.rpartition(".")[2] for module in saved.modules}
    if settings.lora_targets.strip() != "auto" and set(targets_of(settings)) != names:
        allowed = f"auto, or {','.join(t for t in TARGETS if t in names)} as in {saved.name!r}"
        raise SettingError("lora_targets", settings.lora_targets, allowed)
    config.lora_dropout = settings.lora_dropout
    return config


def _inject(model: LLaDAModelLM, config: Any, seed: int, saved: Adapter | None) -> None:
    from peft import PeftModel, set_peft_model_state_dict

    prepare_peft()
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)  # as models.adapters
        torch.manual_seed(seed)
        wrapped = PeftModel(model, config, adapter_name=NAME)  # the wrapper is dropped, the layers stay
    if saved is not None:
        check_shapes(wrapped, saved)
        set_peft_model_state_dict(wrapped, saved.tensors, adapter_name=NAME)


def _quantize(model: LLaDAModelLM) -> None:
    """The blocks' linear layers as NF4; bitsandbytes packs them when they are moved to the device."""
    if not torch.cuda.is_available():
        raise SettingError("quantize", "4bit", "no where there is no CUDA device")
    try:
        from bitsandbytes.nn import Linear4bit, Params4bit
    except ImportError:
        raise SettingError("quantize", "4bit", "no, or install bitsandbytes") from None
    for block in model.blocks:
        for name in TARGETS:
            plain = block.get_submodule(name)
            packed = Linear4bit(
                plain.in_features, plain.out_features, bias=False,
                compute_dtype=torch.bfloat16, quant_type="nf4",
            )  # fmt: skip
            packed.weight = Params4bit(plain.weight.data, requires_grad=False, quant_type="nf4")
            setattr(block, name, packed)
    model.is_loaded_in_4bit, model.quantized_as = True, "nf4"  # where peft looks; what we say of it


def lora_on(model: nn.Module) -> bool:
    """Whether `attach` put an adapter in."""
    return getattr(model, "peft_config", None) is not None


@contextmanager
def adapter_off(model: nn.Module) -> Iterator[None]:
    """Within it the network computes as it did before it had an adapter. For use without gradients."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [layer for layer in model.modules() if isinstance(layer, BaseTunerLayer)]
    if not layers:
        raise ValueError("the model has no adapter to switch off; allowed: lora_r above 0")
    for layer in layers:
        layer.enable_adapters(False)
    try:
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)


def export_learned(
    loaded: LoadedModel, settings: LoraSettings, folder: Path, state: Mapping[str, Tensor],
    prefix: str = "model.",
) -> None:  # fmt: skip
    """Write what was learned: an adapter as peft reads it, or the whole model in bf16.

    state: the state dict of a recipe's module, the network's names in it behind `prefix`.
    """
    network_state = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
    if lora_on(loaded.model):
        _export_adapter(loaded, folder, network_state)
    else:
        export_model(loaded, folder, network_state)


def _export_adapter(loaded: LoadedModel, folder: Path, state: Mapping[str, Tensor]) -> None:
    config = copy.copy(loaded.model.peft_config[NAME])
    config.base_model_name_or_path, config.inference_mode = loaded.name, True
    # Sets have another order in every process; a file should not.
    for field in ("target_modules", "exclude_modules"):
        if isinstance(value := getattr(config, field), set):
            setattr(config, field, sorted(value))
    tensors = {
        PREFIX + name.replace(f".{NAME}.", "."): t.detach().float().cpu().contiguous()
        for name, t in state.items() if ".lora_" in name and f".{NAME}." in name
    }  # fmt: skip
    config.save_pretrained(str(folder))
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})


def export_model(loaded: LoadedModel, folder: Path, state: Mapping[str, Tensor]) -> None:
    """Write the published layout in bf16: config.json, model.safetensors, tokenizer files."""
    config = copy.deepcopy(loaded.model.config)
    config.dtype, config.architectures = torch.bfloat16, [LLaDAModelLM.__name__]
    config.save_pretrained(folder)
    tensors = {name: t.detach().to("cpu", torch.bfloat16).contiguous() for name, t in state.items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    if loaded.tokenizer is not None:
        loaded.tokenizer.save_pretrained(folder)
