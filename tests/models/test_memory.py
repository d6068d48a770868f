"""Predicted memory: weights to the byte, activations against what is alive in a pass, limits of groups."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models.config import LLaDAConfig
from models.errors import ModelError
from models.llada import LLaDAModelLM
from models.memory import Use, free_memory, predict, weight_bytes, what_would_fit
from models.shape import Shape, shape_of
from samplers.canvas import Canvas
from samplers.denoiser import GuidedDenoiser
from samplers.drawing import draw_tokens, probability_of
from samplers.network import ModelNetwork

LLADA_8B = {"model_type": "llada", "n_layers": 32, "d_model": 4096, "n_heads": 32, "n_kv_heads": 32,
            "mlp_hidden_size": 12288, "vocab_size": 126464, "embedding_size": 126464}  # fmt: skip
"""GSAI-ML/LLaDA-8B's config.json, the fields that are read."""


def test_llada_8b_has_the_published_number_of_bytes() -> None:
    assert weight_bytes(shape_of(LLADA_8B), "bfloat16") == 16_031_162_368  # total_size of the published index
    assert predict(LLADA_8B, "float32").weights == 2 * 16_031_162_368


def test_quantised_llada_8b() -> None:
    """Within what the files of such checkpoints weigh."""
    shape = shape_of(LLADA_8B)
    linear = 32 * (4 * 4096**2 + 3 * 4096 * 12288)
    rest = 2 * (shape.parameters - linear)
    assert linear < weight_bytes(shape, "int8") - rest < 1.01 * linear
    assert weight_bytes(shape, "nf4") - rest == linear // 2 + linear // 16
    assert 0.52 * linear < weight_bytes(shape, "gptq-4", 128) - rest < 0.521 * linear
    assert weight_bytes(shape, "gptq-4", 32) > weight_bytes(shape, "gptq-4", 128)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("kv_heads", [2, 4])
def test_parameters_are_those_of_the_network(tied: bool, kv_heads: int) -> None:
    config = LLaDAConfig(d_model=32, n_heads=4, n_kv_heads=kv_heads, n_layers=3, mlp_hidden_size=72,
                         vocab_size=90, embedding_size=96, weight_tying=tied)  # fmt: skip
    with torch.device("meta"):
        network = LLaDAModelLM(config)
    assert shape_of(config).parameters == sum(p.numel() for p in network.parameters())


class Alive(TorchDispatchMode):
    """Counts the bytes of tensors that live, and the most that did at once."""

    def __init__(self, known: set[int]) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known = known

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        return made

    def _add(self, storage: Any) -> None:
        if storage._cdata in self.known:
            return
        self.known.add(storage._cdata)
        self.now += (size := storage.nbytes())
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._drop, storage._cdata, size)

    def _drop(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


CONFIG = LLaDAConfig(d_model=64, n_heads=4, n_layers=2, mlp_hidden_size=192, vocab_size=500, mask_token_id=1)


@pytest.mark.parametrize(
    "ffn, vocabulary, use",
    [
        (192, 500, Use(rows=2, length=96, cells=8)),  # the feed-forward part is the largest
        (32, 500, Use(rows=1, length=128, cells=8)),  # rotations are
        (64, 9000, Use(rows=2, length=64, cells=32)),  # logits are
        (64, 9000, Use(rows=2, length=64, cells=32, guided=True)),
        (64, 9000, Use(rows=1, length=64, cells=64, sampled=True)),
        (192, 500, Use(rows=2, length=96, cells=8, cache="dual", guided=True)),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_activations_are_what_is_alive(ffn: int, vocabulary: int, use: Use, precision: str) -> None:
    """Predicted cache and activations, against every tensor that a step makes: within a tenth."""
    config = LLaDAConfig(d_model=64, n_heads=4, n_layers=2, mlp_hidden_size=ffn, vocab_size=vocabulary,
                         mask_token_id=1)  # fmt: skip
    network = LLaDAModelLM(config).to(getattr(torch, precision)).eval()
    denoise = GuidedDenoiser(ModelNetwork(network), float(use.guided), use.cache, use.cells)
    canvas = canvas_of(use)
    cells = canvas.block_cells(0, use.cells)
    denoise(canvas, cells)  # what is made once: rotations
    denoise.release()
    before = torch.get_rng_state()
    weights = {p.untyped_storage()._cdata for p in network.parameters()}
    with torch.no_grad(), Alive(weights) as alive:
        logits = denoise(canvas, cells)
        row = cells.nonzero()[:, 0].tolist()
        chosen = draw_tokens(logits, 0.7 if use.sampled else 0.0, row, canvas.rng)
        probability_of(logits, chosen)
    assert torch.equal(before, torch.get_rng_state())
    predicted = predict(config, precision, use)
    assert 0.9 < (predicted.cache + predicted.activations) / alive.most < 1.1


def canvas_of(use: Use) -> Canvas:
    """A canvas whose last block is masked."""
    tokens = torch.full((use.rows, use.length), 5)
    prompt = use.length - use.cells
    tokens[:, prompt:] = 1
    pinned = torch.zeros_like(tokens, dtype=torch.bool)
    pinned[:, :prompt] = True
    rng = tuple(torch.Generator().manual_seed(r) for r in range(use.rows))
    return Canvas(tokens, torch.ones_like(pinned), pinned, prompt, 1, rng, tuple(range(use.rows)))


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = "MemTotal: 24000000 kB\nMemFree: 1000 kB\nMemAvailable: 8000000 kB\n"
V2 = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/a/b\n"}
V1 = {"proc/meminfo": MEMINFO, "proc/self/cgroup": "5:devices:/x\n4:memory:/jobs/one\n0::/\n"}


@pytest.mark.parametrize(
    "files, free",
    [
        ({"proc/meminfo": MEMINFO}, 8_000_000 * 1024),
        (V2, 8_000_000 * 1024),  # no group's files are to be seen
        (V2 | {"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "7\n"},
         8_000_000 * 1024),
        (V2 | {"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "7\n",
               "sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.current": "900\n",
               "sys/fs/cgroup/a/memory.stat": "anon 700\ninactive_file 150\n"}, 250),
        (V1 | {"sys/fs/cgroup/memory/jobs/one/memory.limit_in_bytes": "5000\n",
               "sys/fs/cgroup/memory/jobs/one/memory.usage_in_bytes": "6000\n"}, 0),
    ],
)  # fmt: skip
def test_free_memory(files: dict[str, str], free: int, tmp_path: Path) -> None:
    assert free_memory("cpu", machine(tmp_path, files)) == free


def test_free_memory_here_and_without_linux(tmp_path: Path) -> None:
    assert 10**7 < free_memory("cpu") <= free_memory("cpu", tmp_path)


def test_what_would_fit() -> None:
    use = Use(length=768, cache="prefix")
    assert what_would_fit("m", LLADA_8B, "bfloat16", 24 * 10**9, "cuda:0", use) == ""
    eight = what_would_fit("m", LLADA_8B, "bfloat16", 8 * 10**9, "cuda:0", use)
    assert eight == (
        "model = 'm' needs 16.5 GB as bfloat16 (weights 16.0 GB, cache and activations 0.5 GB), and 8.0 GB "
        "are free on cuda:0; what would fit: nf4 (6.5 GB), or bfloat16 with device_map = auto, which keeps "
        "what does not fit in main memory"
    )
    assert "bfloat16 with an offload folder" in what_would_fit(
        "m", LLADA_8B, "bfloat16", 8 * 10**9, "cpu", use
    )
    long = what_would_fit("m", LLADA_8B, "bfloat16", 17 * 10**9, "cuda", Use(length=4096, cache="dual"))
    least = int(long.rsplit("at most ")[1].split()[0].replace(",", ""))
    for length, sentence in ((least, False), (least + 1, True)):
        fits = what_would_fit("m", LLADA_8B, "bfloat16", 17 * 10**9, "cuda", Use(length=length, cache="dual"))
        assert bool(fits) is sentence


@pytest.mark.parametrize(
    "config, words",
    [
        ({}, "config.json has no d_model or hidden_size"),
        (LLADA_8B | {"d_model": "wide"}, "d_model = 'wide' in config.json; allowed: a whole number above 0"),
        (LLADA_8B | {"n_layers": -1}, "n_layers = -1"),
        ({"model_type": "diffusion_gemma", "text_config": {}}, "is not known here"),
    ],
)
def test_configurations_that_say_nothing(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        predict(config, "bfloat16")


def test_unknown_precision() -> None:
    with pytest.raises(
        ModelError, match="precision = 'int3'; allowed: float32, bfloat16, float16, int8, nf4"
    ):
        predict(Shape(1, 8, 1, 1, 8, 8, 8), "int3")
