"""The network: parity, padding, chosen cells, grouped heads, tied head, YaRN."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from models.config import ConfigError, LLaDAConfig
from models.llada import LLaDAModelLM
from models.loading import load
from models.rope import inverse_frequencies
from tests.networks import VECTORS

PUBLISHED = {"d_model": 4096, "n_heads": 32, "vocab_size": 126464, "n_layers": 32}


def small(**fields: object) -> LLaDAModelLM:
    torch.manual_seed(0)
    shape = {"d_model": 32, "n_heads": 4, "n_layers": 2, "mlp_hidden_size": 48, "vocab_size": 50}
    return LLaDAModelLM(LLaDAConfig(**(shape | fields))).eval()  # type: ignore[arg-type]


@torch.no_grad()
def test_forward_parity() -> None:
    model = load(str(VECTORS / "tiny_llada"), device="cpu").model
    wanted = load_file(VECTORS / "tiny_llada" / "forward.safetensors")
    out = model(wanted["input_ids"], output_last_hidden_state=True)
    logits = out.logits.clone()
    logits[..., 119] = -1e4
    assert (logits - wanted["logits"]).abs().max() < 1e-4
    assert (out.last_hidden_state - wanted["last_hidden_state"]).abs().max() < 1e-4


def test_weight_names_are_the_published_ones() -> None:
    names = set(small().state_dict())
    inside = {"q_proj", "k_proj", "v_proj", "attn_out", "attn_norm"}
    inside |= {"ff_proj", "up_proj", "ff_out", "ff_norm"}
    assert {n.split(".")[-2] for n in names if ".blocks.1." in n} == inside
    assert {n for n in names if ".blocks." not in n} == {
        f"model.transformer.{part}.weight" for part in ("wte", "ln_f", "ff_out")
    }


@torch.no_grad()
@pytest.mark.parametrize("fields", [{}, {"n_kv_heads": 2}, {"weight_tying": True}, {"yarn": True}])
def test_left_padding_changes_nothing(fields: dict[str, object]) -> None:
    model = small(**fields)
    row = torch.randint(0, 50, (1, 9))
    padded = torch.cat((torch.zeros(1, 4, dtype=torch.long), row), -1)
    mask = torch.tensor([[False] * 4 + [True] * 9])
    alone, together = model(row).logits, model(padded, attention_mask=mask).logits
    torch.testing.assert_close(together[:, 4:], alone, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_chosen_cells_are_those_of_the_whole() -> None:
    model, ids = small(), torch.randint(0, 50, (3, 7))
    cells = torch.rand(3, 7) < 0.4
    torch.testing.assert_close(model(ids, cells=cells).logits, model(ids).logits[cells])


@torch.no_grad()
def test_written_out_attention_agrees() -> None:
    model, ids = small(), torch.randint(0, 50, (3, 7))
    wanted = model(ids).logits
    for block in model.blocks:
        block.written_out = True
    torch.testing.assert_close(model(ids).logits, wanted, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_attention_is_bidirectional() -> None:
    model, ids = small(), torch.randint(0, 49, (1, 6))
    other = ids.clone()
    other[0, -1] = 49
    assert (model(ids).logits[0, 0] - model(other).logits[0, 0]).abs().max() > 1e-6


def test_tied_head_has_no_weights_of_its_own() -> None:
    assert "model.transformer.ff_out.weight" not in small(weight_tying=True).state_dict()


def test_published_configs_load() -> None:
    own = LLaDAConfig(rope=True, max_sequence_length=4096, flash_attention=True, **PUBLISHED)
    assert own.n_kv_heads == 32 and own.mlp_hidden_size == 16384
    stored = {"yarn_beta_fast": 1.0, "yarn_beta_slow": 32.0, "use_cache": True}
    with pytest.warns(UserWarning, match="inverted"):
        LLaDAConfig(rope=False, yarn=True, **stored, **PUBLISHED)


def test_yarn_keeps_fast_dimensions_and_stretches_slow_ones() -> None:
    plain, _ = inverse_frequencies(LLaDAConfig(d_model=128, n_heads=1))
    blended, scale = inverse_frequencies(LLaDAConfig(d_model=128, n_heads=1, yarn=True))
    assert blended[0] == plain[0]
    assert blended[-1] == pytest.approx(float(plain[-1]) / 2)
    assert scale == pytest.approx(0.1 * math.log(2) + 1)


@pytest.mark.parametrize(("field", "value"), [
    ("block_type", "sequential"), ("activation_type", "gelu"), ("layer_norm_type", "low_precision"),
    ("n_heads", 3), ("n_kv_heads", 3), ("alibi", True), ("include_bias", True), ("rope", False),
])  # fmt: skip
def test_unknown_kinds_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field):
        LLaDAConfig(**json.loads(json.dumps({field: value})))


@pytest.mark.parametrize("padded", [False, True])
def test_checkpointing_changes_neither_loss_nor_gradients(padded: bool) -> None:
    ids = torch.randint(0, 50, (2, 9))
    mask = torch.tensor([[False] * 2 + [True] * 7, [True] * 9]) if padded else None

    def of(checkpointing: bool) -> tuple[torch.Tensor, list[torch.Tensor], int]:
        model, calls = small().train(), []
        model.checkpointing = checkpointing
        model.blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
        loss = model(ids, attention_mask=mask).logits.square().mean()
        loss.backward()
        return loss, [p.grad for p in model.parameters() if p.grad is not None], len(calls)

    plain, again = of(False), of(True)
    assert torch.equal(plain[0], again[0]) and len(plain[1]) == len(again[1]) > 0
    assert all(torch.equal(a, b) for a, b in zip(plain[1], again[1], strict=True))
    assert (plain[2], again[2]) == (1, 2)  # the block ran once more on the way back


def test_checkpointing_is_for_training_with_gradients_only() -> None:
    model, calls = small(), []
    model.checkpointing = True
    model.blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
    model(torch.arange(9)[None]).logits.mean().backward()
    assert len(calls) == 1


@torch.no_grad()
def test_fewer_kv_heads_and_a_tied_head_as_the_authors_compute_them() -> None:
    model = load(str(VECTORS / "illada"), device="cpu").model
    wanted = load_file(VECTORS / "illada" / "forward.safetensors")
    assert (model.config.n_heads, model.config.n_kv_heads, model.config.weight_tying) == (4, 2, True)
    out = model(wanted["full.input_ids"], output_last_hidden_state=True)
    assert (out.logits - wanted["full.logits"]).abs().max() < 1e-4
    assert (out.last_hidden_state - wanted["full.last_hidden_state"]).abs().max() < 1e-4
    ids, mask = wanted["left_pad.input_ids"], wanted["left_pad.attention_mask"].bool()
    positions = torch.arange(ids.shape[1])[None]  # that code does not move positions for padding
    logits = model(ids, mask, position_ids=positions).logits
    assert (logits - wanted["left_pad.logits"])[mask].abs().max() < 1e-4
