"""Makes a process reward model to train, from a LLaDA, a Qwen2 or an earlier reward model, and saves it.

The form `shadow` (models.shadow_reward) is a LLaDA. The others are a Qwen2. LLaDA's blocks are Qwen2's
without biases on queries, keys and values, so a LLaDA's weights can be used in a Qwen2 with zero biases;
only attention changes, from all tokens to those on the left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Qwen2Config

from models.assets import locate
from models.checkpoint import ModelError, find_file, mask_token, read_config, read_weights
from models.config import LLaDAConfig
from models.loading import check_learnable
from models.reward import JUDGE, KINDS, SHADOW, STEP_TOKEN, LoadedReward, RewardModel
from models.shadow_reward import ShadowRewardModel
from samplers.settings import SettingError

WITHOUT_SYSTEM = "{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}"
UNBOUNDED = 1 << 30
NEW = "new"
EIGHT_BITS = torch.float8_e4m3fn
JUDGE_WIDTH = 128
_BLOCK = {
    "attn_norm": "input_layernorm", "q_proj": "self_attn.q_proj", "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj", "attn_out": "self_attn.o_proj", "ff_norm": "post_attention_layernorm",
    "ff_proj": "mlp.gate_proj", "up_proj": "mlp.up_proj", "ff_out": "mlp.down_proj",
}  # fmt: skip


def new_reward(base: str, layers: str = "", form: str = "qwen", init: str = "base",
               system: bool = True, seed: int = 0) -> LoadedReward:  # fmt: skip
    """A model to train, in float32, that scores rows of any length.

    base: folder or hub id, model_type llada or qwen2; layers: which of its layers are taken, "0,2,new"
    (new: a fresh one), all when empty; init: base, or random weights of the same shape; system: whether
    a Qwen2 is shown the system turn, which is always the same. ModelError, SettingError: a sentence.
    """
    data = _base_config(base)
    if form == "shadow":
        return _new_shadow(base, data, layers, init, seed)
    if SHADOW in (data.get("architectures") or ()):
        raise ModelError(f"model = {base!r} is a reward model of the form shadow; allowed: form = shadow "
                         "with it, or a LLaDA or Qwen2")  # fmt: skip
    llada = data["model_type"] == "llada"
    tokenizer = _tokenizer(base, system)
    chosen = chosen_layers(layers, int(data["n_layers" if llada else "num_hidden_layers"]))
    shape = qwen_config(data) if llada else data
    config = Qwen2Config(**shape | {"num_hidden_layers": len(chosen), "layer_types": None})
    config.vocab_size = max(config.vocab_size, len(tokenizer))
    config._attn_implementation = "eager"  # on a CPU the fused kernel's backward is slow (docs/log.md)
    torch.manual_seed(seed)
    model = RewardModel(config, form)
    if init == "base":
        weights = qwen_weights(read_weights(base, torch.float32), chosen, llada)
        new = [f"model.layers.{place}." for place, layer in enumerate(chosen) if layer < 0]
        _fill(model, weights, base, fresh=("score.", *new))
    return LoadedReward(model, tokenizer, form, Path(base).name, UNBOUNDED)


def _new_shadow(base: str, data: Mapping[str, Any], layers: str, init: str, seed: int) -> LoadedReward:
    """A reward model of the form shadow: a whole LLaDA with a fresh `judge` part, or an earlier one."""
    if data["model_type"] != "llada":
        raise ModelError(f"model = {base!r}: model_type = {data['model_type']!r}; form shadow needs a llada")
    if layers:
        raise SettingError("layers", layers, "empty with form = shadow: the whole network predicts")
    config = LLaDAConfig(**data)
    mask_token(base, config)
    torch.manual_seed(seed)
    model = ShadowRewardModel(config, JUDGE_WIDTH)
    if init == "base":
        weights = read_weights(base, torch.float32)
        renamed = weights if JUDGE in weights else {f"llada.{name}": t for name, t in weights.items()}
        _fill(model, renamed, base, fresh=("judge.", "level"))
    for block in model.llada.blocks:
        block.written_out = True  # on a CPU the fused kernel's backward is slow (docs/log.md)
    tokenizer = _tokenizer(base, system=True, steps=False)
    return LoadedReward(model, tokenizer, "shadow", Path(base).name, UNBOUNDED)


def _base_config(base: str) -> dict[str, Any]:
    if find_file(base, "tokenizer.json") is None:
        raise ModelError(f"model = {base!r} has no tokenizer.json; allowed: a model with one")
    check_learnable(base)
    return read_config(base, KINDS)


def _tokenizer(base: str, system: bool, steps: bool = True) -> PreTrainedTokenizerFast:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(locate(base))
    if tokenizer.chat_template is None:
        raise ModelError(f"model = {base!r} has no chat template; allowed: a model with one")
    if steps and STEP_TOKEN not in tokenizer.get_vocab():
        tokenizer.add_special_tokens({"additional_special_tokens": [STEP_TOKEN]})
    if not system and WITHOUT_SYSTEM not in tokenizer.chat_template:
        tokenizer.chat_template = WITHOUT_SYSTEM + tokenizer.chat_template
    return tokenizer


def chosen_layers(text: str, count: int) -> list[int]:
    """Layer numbers of "0,2,new", -1 for a new one; all of `count` for ""."""
    numbers = {str(n): n for n in range(count)} | {NEW: -1}
    parts = [part.strip() for part in text.split(",")] if text else list(numbers)[:count]
    if any(part not in numbers for part in parts):
        raise SettingError("layers", text, f"numbers from 0 to {count - 1}, or {NEW}, that commas separate")
    return [numbers[part] for part in parts]


def qwen_config(data: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a Qwen2 with a LLaDA's shape. ModelError for what a Qwen2 cannot have."""
    config = LLaDAConfig(**data)
    if config.yarn:
        raise ModelError("model: yarn = True has no place in a reward model; allowed: a model without YaRN")
    return {
        "vocab_size": config.embedding_size, "hidden_size": config.d_model,
        "intermediate_size": config.mlp_hidden_size, "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads, "num_key_value_heads": config.n_kv_heads,
        "max_position_embeddings": config.max_sequence_length, "rms_norm_eps": config.rms_norm_eps,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
        "bos_token_id": config.bos_token_id, "eos_token_id": config.eos_token_id,
        "pad_token_id": config.pad_token_id,
    }  # fmt: skip


def qwen_weights(weights: Mapping[str, Tensor], chosen: Sequence[int], llada: bool) -> dict[str, Tensor]:
    """The chosen layers under Qwen2's names, numbered anew; a language model's head is left out."""
    names = {"transformer.wte": "embed_tokens", "transformer.ln_f": "norm"} if llada else {}
    before = "model.transformer.blocks" if llada else "model.layers"
    renamed = {}
    for name, tensor in weights.items():
        if name.startswith(f"{before}."):
            number, _, rest = name.removeprefix(f"{before}.").partition(".")
            part, _, kind = rest.rpartition(".")
            part = _BLOCK[part] if llada else part
            for place, layer in enumerate(chosen):
                if layer == int(number):
                    renamed[f"model.layers.{place}.{part}.{kind}"] = tensor
        elif llada and (whole := names.get(name.removeprefix("model.").rpartition(".")[0])):
            renamed[f"model.{whole}.weight"] = tensor
        elif not llada and name != "lm_head.weight":
            renamed[name] = tensor
    return renamed


def _fill(model: nn.Module, weights: Mapping[str, Tensor], base: str, fresh: tuple[str, ...]) -> None:
    """Put weights into a fresh model. Rows of new tokens begin as the mean of all rows, and biases of
    queries, keys and values that the base does not have as zero. fresh: prefixes of the names that the base
    may lack. ModelError: it lacks another one, or a shape differs."""
    own = model.state_dict()
    for name, tensor in weights.items():
        if name == "model.embed_tokens.weight" and tensor.shape[0] < own[name].shape[0]:
            more = tensor.mean(0, keepdim=True).expand(own[name].shape[0] - tensor.shape[0], -1)
            tensor = torch.cat((tensor, more))
        if name not in own or own[name].shape != tensor.shape:
            allowed = tuple(own[name].shape) if name in own else "no such weight"
            raise ModelError(f"model = {base!r}: {name} is {tuple(tensor.shape)}; allowed: {allowed}")
        own[name].copy_(tensor)
    with torch.no_grad():
        for name in own.keys() - weights.keys():
            if name.endswith("_proj.bias"):
                own[name].zero_()
            elif not name.startswith(fresh):
                raise ModelError(f"model = {base!r} has no {name}; allowed: one that fits the form")


def checkpoint_layers(reward: LoadedReward) -> None:
    """Compute activations twice instead of keeping them."""
    if isinstance(reward.model, ShadowRewardModel):
        reward.model.llada.checkpointing = True
    else:
        reward.model.model.gradient_checkpointing_enable()


def save_reward(reward: LoadedReward, folder: Path, state: Mapping[str, Tensor], dtype: str) -> None:
    """A folder that models.reward.load_reward reads. state: the model's; dtype: float32, bf16, or fp8:
    the network's matrices in eight bits (e4m3, about 3 % off), the rest in bf16."""
    reward.tokenizer.save_pretrained(folder)
    vocabulary = folder / "tokenizer.json"
    tokenizer_json = json.loads(vocabulary.read_text(encoding="utf-8"))
    compact = json.dumps(tokenizer_json, ensure_ascii=False, separators=(",", ":"))
    vocabulary.write_text(compact, encoding="utf-8")  # a third of its size without spaces
    shadow = isinstance(reward.model, ShadowRewardModel)
    network: Any = reward.model.llada if shadow else reward.model.model
    kind = SHADOW if shadow else "Qwen2ForProcessRewardModel"
    config = network.config.to_dict() | {
        "architectures": [kind], "_name_or_path": "",
        "dtype": "float32" if dtype == "float32" else "bfloat16",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    plain = torch.float32 if dtype == "float32" else torch.bfloat16
    saved = {}
    for name, tensor in state.items():
        small = dtype == "fp8" and tensor.ndim == 2 and not name.startswith(("score.", "judge."))
        saved[name] = tensor.detach().cpu().to(EIGHT_BITS if small else plain).contiguous()
    save_file(saved, folder / "model.safetensors", metadata={"format": "pt"})
