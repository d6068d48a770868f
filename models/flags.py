"""The command-line flags that choose model, adapter, device and reward model, the same for every command."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.loading import LoadedModel


def add_model_flags(command: argparse.ArgumentParser, model: str = "", device: str = "auto") -> None:
    """--model (required where `model` names no default), --adapter, --device, --dtype, --threads, and how
    the weights are loaded: --revision, --quantization, --device-map, --offload."""
    command.add_argument(
        "--model", default=model or None, required=not model, help="a bundled name, a folder or a hub id"
    )
    command.add_argument("--adapter", default="", help="a peft LoRA folder, merged into the weights")
    command.add_argument("--device", default=device, help="auto, cpu, cuda, cuda:0 …")
    command.add_argument(
        "--dtype", choices=("float32", "bfloat16"), help="default: float32 on a CPU, else bfloat16"
    )
    command.add_argument("--threads", type=int, help="CPU threads")
    add_revision_flag(command)
    command.add_argument(
        "--quantization",
        default="",
        metavar="HOW",
        help="int8 or nf4: weights in 8 or 4 bits (bitsandbytes); for a GPTQ file: packed, dense, gptqmodel",
    )
    command.add_argument(
        "--device-map", default="", choices=("auto",), help="over all GPUs, then main memory, then --offload"
    )
    command.add_argument(
        "--offload", default="", metavar="DIR", help="folder for weights that fit nowhere else"
    )


def add_revision_flag(command: argparse.ArgumentParser) -> None:
    """--revision."""
    command.add_argument(
        "--revision", default="", metavar="R", help="branch, tag or commit of a hub id (default: the newest)"
    )


def add_tool_flags(command: argparse.ArgumentParser) -> None:
    """--ups-head and --prm, for the samplers that need one."""
    command.add_argument("--ups-head", default="", help="safetensors of a UPS head, for policy=ups")
    command.add_argument("--prm", default="", help="a process reward model: bundled name, folder or hub id")


def load_flagged(args: argparse.Namespace, device: str = "") -> LoadedModel:
    """The model that the flags name. device: used where --device is empty."""
    import torch

    from models.adapters import load_adapted
    from models.hub import check_revision

    check_revision(args.model, args.revision)
    if args.threads is not None and args.threads < 1:
        raise ValueError(f"threads = {args.threads}; allowed: at least 1")
    if args.threads:
        torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype) if args.dtype else None
    return load_adapted(
        args.model,
        args.adapter,
        args.device or device,
        dtype,
        revision=args.revision,
        quantization=args.quantization,
        device_map=args.device_map,
        offload=args.offload,
    )
