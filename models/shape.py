"""The shape of a transformer, as the configurations of all families spell it, and how many weights it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import ModelError


@dataclass(frozen=True)
class Matrix:
    """A linear layer of every transformer layer that has it. count: how many there are in the network."""

    inputs: int
    outputs: int
    count: int


@dataclass(frozen=True)
class Shape:
    """Sizes of a network. head: features a head; ffn: width of the dense feed-forward part; vocabulary: rows
    of the embedding; tied: the embedding is the head; extra: weights of other heads.

    Experts replace the feed-forward part in all layers but the first `dense_layers`: `experts` of them, each
    of width `expert_ffn`, and `shared_ffn`, the width of those that every token uses.
    """

    layers: int
    width: int
    heads: int
    kv_heads: int
    head: int
    ffn: int
    vocabulary: int
    tied: bool = False
    qkv_bias: bool = False
    qk_norm: bool = False
    experts: int = 0
    expert_ffn: int = 0
    shared_ffn: int = 0
    dense_layers: int = 0
    expert_bias: bool = False
    extra: int = 0

    def matrices(self) -> Iterator[Matrix]:
        """The linear layers of the transformer layers: what is quantised."""
        whole, layers = self.width, self.layers
        own, shared = self.heads * self.head, self.kv_heads * self.head
        yield Matrix(whole, own, layers)
        yield Matrix(whole, shared, 2 * layers)
        yield Matrix(own, whole, layers)
        sparse = layers - self.dense_layers if self.experts else 0
        for width, count in (
            (self.ffn, layers - sparse),
            (self.expert_ffn, sparse * self.experts),
            (self.shared_ffn, sparse if self.shared_ffn else 0),
        ):
            if count:
                yield Matrix(whole, width, 2 * count)
                yield Matrix(width, whole, count)

    @property
    def outside(self) -> int:
        """Weights outside these linear layers: embedding, head, norms, biases, routers."""
        tables = self.vocabulary * self.width * (1 if self.tied else 2)
        norms = (2 * self.layers + 1) * self.width + (2 * self.head * self.layers if self.qk_norm else 0)
        biases = self.layers * (self.heads + 2 * self.kv_heads) * self.head if self.qkv_bias else 0
        router = self.experts * (self.width + (1 if self.expert_bias else 0))
        return tables + norms + biases + router * (self.layers - self.dense_layers) + self.extra

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.outside + sum(m.inputs * m.outputs * m.count for m in self.matrices())

    @property
    def active(self) -> int:
        """The widest feed-forward part that one token goes through at a time, for its activations."""
        return max(self.ffn if self.dense_layers or not self.experts else 0, self.expert_ffn, self.shared_ffn)


FFN = ("mlp_hidden_size", "intermediate_size", "dense_intermediate_size")
# Reward models on Qwen2: two layers with a ReLU between them, or one; both in the place of the head.
PROCESS_REWARD, TOKEN_REWARD = "Qwen2ForProcessRewardModel", "Qwen2ForTokenClassification"
BIASED = ("qwen2", "Dream", "Fast_dLLM_Qwen")
NORMED = ("sdar", "llada2_moe")


def shape_of(config: Any) -> Shape:
    """The shape that a configuration describes: a mapping as in config.json, or an object with its fields.

    ModelError: a size is missing, or it is of a kind whose weights are not counted here.
    """
    fields = config if isinstance(config, Mapping) else config.to_dict()
    kind = str(fields.get("model_type", ""))
    if "text_config" in fields:
        raise ModelError(f"model_type = {kind!r}: how much memory it needs is not known here")
    width, heads = (
        _number(fields, "d_model", "hidden_size"),
        _number(fields, "n_heads", "num_attention_heads"),
    )
    ffn = _number(fields, *FFN, optional=True)
    if not ffn and not fields.get("num_experts"):
        ffn = int(fields.get("mlp_ratio") or 4) * width
    judged = str((fields.get("architectures") or [""])[0])
    judge = {PROCESS_REWARD: width**2 + 3 * width + 2, TOKEN_REWARD: 2 * width + 2}.get(judged, 0)
    return Shape(
        layers=_number(fields, "n_layers", "num_hidden_layers"),
        width=width,
        heads=heads,
        kv_heads=_number(fields, "n_kv_heads", "num_key_value_heads", optional=True) or heads,
        head=_number(fields, "head_dim", optional=True) or width // heads,
        ffn=ffn,
        vocabulary=_number(fields, "embedding_size", "vocab_size"),
        tied=bool(judge or fields.get("weight_tying") or fields.get("tie_word_embeddings")),
        qkv_bias=kind in BIASED,
        qk_norm=kind in NORMED or bool(fields.get("qk_layernorm")),
        extra=judge,
        **(_experts(fields) if fields.get("num_experts") else {}),
    )


def _experts(fields: Mapping[str, Any]) -> dict[str, Any]:
    width = _number(fields, "expert_intermediate_size", "moe_intermediate_size")
    shared = fields.get("shared_expert_intermediate_size")
    dense = fields.get("first_k_dense_replace")
    if dense is None:
        dense = sum(not each for each in fields.get("moe_layer_freq") or ())
    return {
        "experts": int(fields["num_experts"]),
        "expert_ffn": width,
        "shared_ffn": int(shared or width * int(fields.get("num_shared_experts") or 0)),
        "dense_layers": int(dense),
        "expert_bias": bool(fields.get("moe_router_enable_expert_bias")),
    }


def _number(fields: Mapping[str, Any], *names: str, optional: bool = False) -> int:
    for name in names:
        value = fields.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**40:
                raise ModelError(f"{name} = {value!r} in config.json; allowed: a whole number above 0")
            return value
    if optional:
        return 0
    raise ModelError(f"config.json has no {' or '.join(names)}")
