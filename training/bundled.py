"""`python -m training build-bundled`: tokenizer, data, training and export of tiny-llada."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import PreTrainedTokenizerFast

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM
from models.loading import load
from tasks import TASKS, ExpressionSettings, ExpressionTask, generate
from training.bundled_data import Batch, Encoder, Mixture, batches
from training.number_rows import attach, fold
from training.objectives import cell_cross_entropy, masked_mean_loss
from training.tokenizer import fit_tokenizer
from training.trainer import Trainer, TrainSettings

ENGLISH = Path(__file__).parent / "data" / "english.txt"
FIRST = Mixture(
    right_scales=(20, 20, 60, 200),
    shares={"sudoku": 0.25, "linear": 0.20, "expression": 0.27, "word": 0.25, "countdown": 0.03},
)  # fmt: skip
# With the decay, more of what is furthest from its bar and less of what is past it, and half of the
# negative results with their sign given: `10 - 11 = -3` was wrong mostly after a right sign.
LAST = replace(
    FIRST, signs=0.5, right_scales=(20, 20, 20, 60, 200),
    shares={"sudoku": 0.20, "linear": 0.24, "expression": 0.34, "word": 0.19, "countdown": 0.03},
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """Everything the bundled model is made from."""

    train: TrainSettings = field(default_factory=lambda: TrainSettings(max_steps=12_500, decay=0.42))
    stages: tuple[tuple[int, Mixture], ...] = ((0, FIRST), (7000, LAST))
    vocab_size: int = 2304
    d_model: int = 256
    n_heads: int = 4
    n_layers: int = 5
    mlp_hidden_size: int = 640
    max_sequence_length: int = 1024
    number_rows: bool = True
    compile: bool = True
    threads: int = 2

    def mixture(self, step: int) -> Mixture:
        """What step `step` is made of: the last stage that has begun. A continued run has one."""
        return [mixture for first, mixture in self.stages if first <= step][-1]


def continued_recipe() -> Recipe:
    """A shorter run from an exported model: a lower rate, most of it decaying, other data."""
    train = TrainSettings(
        max_steps=7000, learning_rate=1e-3, warmup=100, decay=0.6, seed=1, ema=0.998, save_every=500
    )
    shares = {"sudoku": 0.10, "linear": 0.28, "expression": 0.46, "word": 0.14, "countdown": 0.02}
    long = ExpressionTask(ExpressionSettings(two=0.08, three=0.27, parenthesised=0.5))
    mixture = replace(LAST, shares=shares, tasks={**TASKS, "expression": long})
    return Recipe(train=train, stages=((0, mixture),))


def bundled_tokenizer(recipe: Recipe) -> PreTrainedTokenizerFast:
    """Fit on training problems of every task, chat roles, and some ordinary English."""
    texts = ENGLISH.read_text().splitlines() * 3
    for name in TASKS:
        for problem in generate(name, "train", 1500 if name == "word" else 400, seed=0):
            texts += [problem.prompt, problem.solution]
    texts += ["user", "assistant", "system", "\n\n"] * 500
    return fit_tokenizer(texts, recipe.vocab_size, recipe.max_sequence_length)


def new_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LLaDAModelLM:
    """A freshly initialised network; number rows shared where the recipe says so."""
    torch.manual_seed(recipe.train.seed)
    model = LLaDAModelLM(
        LLaDAConfig(
            d_model=recipe.d_model,
            n_heads=recipe.n_heads,
            n_layers=recipe.n_layers,
            mlp_hidden_size=recipe.mlp_hidden_size,
            vocab_size=len(tokenizer),
            max_sequence_length=recipe.max_sequence_length,
            mask_token_id=tokenizer.mask_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
        )
    )
    if recipe.number_rows:
        values = list(range(1000))
        ids = [int(tokenizer.convert_tokens_to_ids(str(n))) for n in values]
        for name in ("wte", "ff_out"):
            attach(model.transformer[name], ids, values, std=model.config.init_std)
    return model


def continue_from(model: LLaDAModelLM, folder: Path) -> None:
    """Start from an exported model instead of fresh weights: number rows keep sharing, from zero."""
    weights = load(str(folder), device="cpu").model.state_dict()
    for name in ("wte", "ff_out"):
        parametrized = model.transformer[name]
        key = f"model.transformer.{name}.weight"
        if parametrize.is_parametrized(parametrized):
            folded = weights.pop(key)
            weights[f"model.transformer.{name}.parametrizations.weight.original"] = folded
            shared = parametrized.parametrizations["weight"][0].map
            weights[f"model.transformer.{name}.parametrizations.weight.0.map"] = torch.zeros_like(shared)
    model.load_state_dict(weights)


def export(model: LLaDAModelLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the published layout in bf16: config.json, model.safetensors, tokenizer files."""
    for name in ("wte", "ff_out"):
        fold(model.transformer[name])
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def loss_of(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy of the learned cells."""
    logits = model(batch.input_ids, cells=batch.learned).logits
    return masked_mean_loss(cell_cross_entropy(logits, batch.targets[batch.learned]))


def speed_up(model: LLaDAModelLM, compiled: bool) -> None:
    """Written-out attention and compiled blocks (docs/log.md: 1.55 times the steps on two cores)."""
    if next(model.parameters()).device.type != "cpu":
        return
    for block in model.blocks:
        block.written_out = True
        if compiled:
            block.forward = torch.compile(block.forward, dynamic=True)


def build(recipe: Recipe, out: Path, resume: bool, start: Path | None = None) -> Path:
    """Train and export to out/final; returns that folder. start: an exported model to continue.
    A resumed or continued run keeps the tokenizer that it began with."""
    torch.set_num_threads(recipe.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    kept = out / "tokenizer"
    known = start or (kept if resume and kept.is_dir() else None)
    if known is not None:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(known))
    else:
        tokenizer = bundled_tokenizer(recipe)
    encoder = Encoder(tokenizer)
    model = new_model(recipe, tokenizer)
    if start is not None:
        continue_from(model, start)
    if torch.cuda.is_available():
        model = model.cuda()
    speed_up(model, recipe.compile)
    tokenizer.save_pretrained(kept)
    trainer = Trainer(model, recipe.train, out)
    if resume:
        trainer.resume()

    def micro_batches(step: int) -> Iterator[Batch]:
        for batch in batches(step, recipe.train.seed, encoder, recipe.mixture(step)):
            yield Batch(*(t.to(trainer.device) for t in (batch.input_ids, batch.targets, batch.learned)))

    trainer.run(micro_batches, loss_of)
    trainer.swap_average()
    final = out / "final"
    export(_plain_copy(model, recipe, tokenizer), tokenizer, final)
    return final


def _plain_copy(
    model: LLaDAModelLM, recipe: Recipe, tokenizer: PreTrainedTokenizerFast
) -> LLaDAModelLM:
    copy = new_model(recipe, tokenizer)
    copy.load_state_dict(model.state_dict())
    return copy
