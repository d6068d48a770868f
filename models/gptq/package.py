"""gptqmodel, imported where it is needed and nowhere else: it takes seconds, prints a banner, and sets up
thread pools. LLaDA is made known to it here."""

from __future__ import annotations

import logging
import os
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from transformers import AutoConfig, AutoModel

from models.checkpoint import ModelError
from models.config import LLaDAConfig
from models.llada import LLaDAModelLM

REPLAYED = ("cos", "sin", "visible")
"""What a block of ours is given beside the hidden states."""


def import_quietly() -> Any:
    """The package without its banner. Also called before peft looks for its layers, and imports it."""
    # Its pool of threads is made at the first import, one thread for two processors: too few to finish a
    # layer that waits for another on a machine with two.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    os.environ.setdefault("GPTQMODEL_CPU_WORKERS", str(max(2, (os.cpu_count() or 2) // 2)))
    with redirect_stdout(StringIO()):
        import gptqmodel
        from gptqmodel.utils.logger import setup_logger
    setup_logger().setLevel("ERROR")
    return gptqmodel


@cache
def library() -> SimpleNamespace:
    """What we use of gptqmodel, with LLaDA in its maps. ModelError: it cannot be imported."""
    try:
        gptqmodel = import_quietly()
        from gptqmodel.models import auto
        from gptqmodel.models.base import BaseQModel
        from gptqmodel.utils.importer import hf_select_quant_linear_v2
        from gptqmodel.utils.model import convert_gptq_v1_to_v2_format_module, hf_gptqmodel_post_init
    except Exception as error:  # compiled parts raise errors of their own
        raise ModelError(f"gptqmodel cannot be used here ({error}); allowed: the extra gptq") from None
    register_llada(auto, BaseQModel)
    return SimpleNamespace(
        GPTQModel=gptqmodel.GPTQModel,
        QuantizeConfig=gptqmodel.QuantizeConfig,
        select=hf_select_quant_linear_v2,
        to_format_2=convert_gptq_v1_to_v2_format_module,
        post_init=hf_gptqmodel_post_init,
    )


def register_llada(auto: ModuleType, base: Any) -> None:
    """Add LLaDA to both maps of gptqmodel's, and our classes to transformers' own, so that neither asks for
    the remote code that a checkpoint names."""

    class LLaDAForGPTQModel(base):
        """Where the layers of a LLaDA network are, and what its blocks are called with."""

        loader = AutoModel
        lm_head = "model.transformer.ff_out"
        pre_lm_head_norm_module = "model.transformer.ln_f"
        support_batch_quantize = False  # its masks are not ours: a text at a time, without padding
        module_tree = [
            "model", "transformer", "blocks", "#",
            {
                "attn_norm": ("attn_norm:!",),
                "ff_norm": ("ff_norm:!",),
                "": ("q_proj:0", "k_proj:0", "v_proj:0", "attn_out:1", "ff_proj:2", "up_proj:2", "ff_out:3"),
            },
        ]  # fmt: skip

        def capture_first_layer_input_kwargs(
            self, args: Any, kwargs: Any, batch_device: torch.device, layer_input_kwargs: Any
        ) -> dict[str, Any]:
            """The arguments of the first block, for all blocks."""
            return {
                key: None if value is None else value.to(batch_device)
                for key, value in zip(REPLAYED, args[1:], strict=False)
            }

        def prepare_layer_replay_kwargs(
            self, layer: Any, layer_input: Any, additional_inputs: dict[str, Any], target_device: Any
        ) -> dict[str, Any]:
            """Those alone: a block of ours takes no other names."""
            return {key: additional_inputs[key] for key in REPLAYED}

    AutoConfig.register("llada", LLaDAConfig, exist_ok=True)
    AutoModel.register(LLaDAConfig, LLaDAModelLM, exist_ok=True)
    auto.MODEL_MAP["llada"] = LLaDAForGPTQModel
    if "llada" not in auto.SUPPORTED_MODELS:
        auto.SUPPORTED_MODELS.append("llada")
