"""gptqmodel's kernels in our network: they agree with our own unpacking, and a wrong one is caught.

Importing gptqmodel takes seconds, so all of this is slow.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from llada_viz import decode
from models.checkpoint import ModelError
from models.gptq import kernels
from models.gptq import loading as gptq_loading
from models.gptq.package import library
from models.loading import load
from tests.models.gptq.files import write_gptq
from tests.models.gptq.test_loading import IDS, error, logits

FP16, BF16 = torch.float16, torch.bfloat16


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"format": "gptq_v2"}, {"sym": True, "desc_act": False}], ids=str)
def test_gptqmodel_and_the_fallback_agree(fields: dict[str, Any], tmp_path: Path) -> None:
    """Within 1 % in fp16; in bf16 both are rounded alike. Group 128, in shards and in one file."""
    for sharded in (True, False):
        folder = str(write_gptq(tmp_path / f"m{sharded}", sharded=sharded, **fields))
        theirs = load(folder, "cpu", FP16, quantization="gptqmodel")
        assert theirs.precision == "gptq 4-bit (group 128), TorchLinear"
        difference = error(logits(theirs), logits(load(folder, "cpu", FP16, quantization="packed")))
        print(f"{fields}, sharded={sharded}: {difference:.3%}")
        assert difference < 0.01
    theirs, ours = (load(folder, "cpu", BF16, quantization=route) for route in ("gptqmodel", "packed"))
    assert error(logits(theirs), logits(ours)) < 0.03
    assert decode(theirs, "2 + 3?", gen_length=8, block_length=8, steps=4).nfe == 4


class OneTooMany(nn.Module):
    """A kernel that forgets that stored zero points are one less."""

    def __init__(self, right: nn.Module) -> None:
        super().__init__()
        self.right = right

    def forward(self, x: Tensor) -> Tensor:
        scales: Tensor = self.right.scales  # type: ignore[assignment]
        return self.right(x) + (x @ scales[self.right.g_idx.long()]).to(x.dtype)  # type: ignore[operator]


@pytest.mark.slow
def test_a_wrong_kernel_is_caught(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(*args: Any) -> None:
        finished(*args)
        network, layer = args[2], "model.transformer.blocks.0.ff_out"
        network.set_submodule(layer, OneTooMany(network.get_submodule(layer)))

    finished = kernels._finish
    monkeypatch.setattr(kernels, "_finish", finish)
    with pytest.raises(ModelError, match=r"OneTooMany of gptqmodel is \d+\.\d% off .*ff_out; allowed: 2%"):
        load(str(public), "cpu", FP16, quantization="gptqmodel")


@pytest.mark.slow
def test_the_fused_kernel_that_is_wrong_for_asymmetric_zero_points_is_caught(
    public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gptqmodel 7.6 chooses it for float32 on a CPU; we name another. Here it is chosen on purpose."""
    library()  # first, so that nothing is printed
    from gptqmodel.nn_modules.qlinear.torch_fused import TorchFusedLinear

    monkeypatch.setattr(kernels, "choose_kernel", lambda *_: TorchFusedLinear)
    monkeypatch.setattr(gptq_loading, "choose_route", lambda *_: "gptqmodel")
    with pytest.raises(ModelError, match="TorchFusedLinear of gptqmodel is .* off the weights"):
        load(str(public), "cpu", torch.float32)


def test_a_kernel_without_gptqmodel_or_in_32_bits(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gptq_loading, "find_spec", lambda name: name)  # as where it is installed
    with pytest.raises(ModelError, match="computes in 16 bits; allowed: dtype = float16, bfloat16"):
        load(str(public), "cpu", torch.float32, quantization="gptqmodel")
    monkeypatch.setattr(gptq_loading, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="needs the extra gptq; allowed without it: packed, dense"):
        load(str(public), "cpu", FP16, quantization="gptqmodel")
    monkeypatch.undo()
    library.cache_clear()
    monkeypatch.setitem(sys.modules, "gptqmodel", None)
    try:
        with pytest.raises(ModelError, match="gptqmodel cannot be used here .* allowed: the extra gptq"):
            library()
    finally:
        library.cache_clear()


def test_on_a_gpu_gptqmodel_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice alone: no GPU is needed for it."""
    monkeypatch.setattr(gptq_loading, "free_memory", lambda device: 10**12)
    monkeypatch.setattr(gptq_loading, "find_spec", lambda name: name)

    def chosen(device: str, dtype: torch.dtype) -> str:
        return gptq_loading.choose_route("m", (4, 16), device, dtype, "")

    assert chosen("cuda", FP16) == "gptqmodel" and chosen("cuda", torch.float32) == "packed"
    assert chosen("cpu", FP16) == "dense"
    monkeypatch.setattr(gptq_loading, "find_spec", lambda name: None)
    assert chosen("cuda:1", BF16) == "packed"


@pytest.mark.slow
def test_a_kernel_that_does_not_run_here_is_a_sentence(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> None:
        raise ImportError("no nvcc")

    monkeypatch.setattr(kernels, "_finish", fails)
    with pytest.raises(
        ModelError, match=r"TorchLinear of gptqmodel does not run here \(ImportError: no nvcc\)"
    ):
        load(str(public), "cpu", BF16, quantization="gptqmodel")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("route", ["packed", ""])
def test_on_a_gpu(route: str, public: Path) -> None:
    """ "": what is taken by itself, gptqmodel's own choice where it is installed."""
    wanted = logits(load(str(public), "cpu", quantization="dense"))
    loaded = load(str(public), "cuda", FP16, quantization=route, longest=64)
    with torch.no_grad():
        given = loaded.model(IDS.cuda()).logits.float().cpu()
    print(f"{loaded.precision}: {error(given, wanted):.3%}")
    assert error(given, wanted) < 0.01


def test_a_kernel_may_keep_its_tensors_as_parameters() -> None:
    layer, words = nn.Module(), torch.ones(2, 2).int()
    layer.register_parameter("qweight", nn.Parameter(torch.zeros(2, 2).int(), requires_grad=False))
    layer.register_buffer("scales", torch.zeros(2))
    for key, tensor in (("qweight", words), ("scales", torch.ones(2))):
        kernels.put(layer, key, tensor)
    assert torch.equal(layer.get_parameter("qweight"), words)
    assert torch.equal(layer.get_buffer("scales"), torch.ones(2))


def test_exllama_keeps_room_for_the_longest_canvas() -> None:
    class Exllama(nn.Module):
        """What gptqmodel's own has: room for rows, by default 2,048 times 8."""

        q_handle = None

        def scratch_space_fixed(self, max_input_len: int = 2048, max_batch_size: int = 8) -> int:
            return max_input_len * max_batch_size

    layer, other = Exllama(), nn.Linear(2, 2)
    for module in (layer, other):
        kernels.set_longest(module, 768)
    assert layer.scratch_space_fixed() == 768 and not hasattr(other, "scratch_space_fixed")
