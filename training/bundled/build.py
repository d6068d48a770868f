"""`python -m training build-bundled`: tokenizer, data, training and export of tiny-llada."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import PreTrainedTokenizerFast

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM
from models.loading import load
from tasks import TASKS, ExpressionSettings, ExpressionTask, generate
from training.bundled.bundled_data import BundledBatch, BundledMixture, Encoder, batches
from training.bundled.number_rows import attach, fold
from training.bundled.tokenizer import fit_tokenizer
from training.engine.checkpoints import latest
from training.engine.loop import Engine
from training.engine.placement import accelerator_for
from training.engine.recipe import Losses, Recipe
from training.engine.settings import TrainSettings
from training.run import RunError, folder_lock
from training.shared.losses import cell_cross_entropy, masked_mean_loss

ENGLISH = Path(__file__).with_name("english.txt")
FIRST = BundledMixture(
    right_scales=(20, 20, 60, 200),
    shares={"sudoku": 0.25, "linear": 0.20, "expression": 0.27, "word": 0.25, "countdown": 0.03},
)  # fmt: skip
# While the learning rate decays: more of the tasks that are furthest from their required accuracy, fewer
# of those that have it. Half of the negative results have their sign given, because in mistakes such as
# `10 - 11 = -3` the sign was mostly right and the digits were wrong.
LAST = replace(
    FIRST, signs=0.5, right_scales=(20, 20, 20, 60, 200),
    shares={"sudoku": 0.20, "linear": 0.24, "expression": 0.34, "word": 0.19, "countdown": 0.03},
)  # fmt: skip

TRAIN = TrainSettings(
    max_steps=12_500, batch_size=78, learning_rate=1.2e-3, warmup=300, decay=0.42, ema=0.999,
    precision="bf16", log_every=50, save_every=1000, samples=0,
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The settings of a run that trains the bundled model. stages: (first step, its mixture) each;
    number_rows: see training.bundled.number_rows; compile: torch.compile of the blocks; threads: of the
    CPU."""

    train: TrainSettings = TRAIN
    stages: tuple[tuple[int, BundledMixture], ...] = ((0, FIRST), (7000, LAST))
    vocab_size: int = 2304
    d_model: int = 256
    n_heads: int = 4
    n_layers: int = 5
    mlp_hidden_size: int = 640
    max_sequence_length: int = 1024
    number_rows: bool = True
    compile: bool = True
    threads: int = 2

    def mixture(self, step: int) -> BundledMixture:
        """The mixture of a step: that of the last stage that has begun by then."""
        return [mixture for first, mixture in self.stages if first <= step][-1]


def continued_plan() -> Plan:
    """The plan of the second run, which goes on from an exported model: shorter, with a lower learning rate
    that decays for most of it, and with more of the harder tasks."""
    train = replace(
        TRAIN, max_steps=7000, learning_rate=1e-3, warmup=100, decay=0.6, seed=1, ema=0.998, save_every=500
    )
    shares = {"sudoku": 0.10, "linear": 0.28, "expression": 0.46, "word": 0.14, "countdown": 0.02}
    long = ExpressionTask(ExpressionSettings(two=0.08, three=0.27, parenthesised=0.5))
    mixture = replace(LAST, shares=shares, tasks={**TASKS, "expression": long})
    return Plan(train=train, stages=((0, mixture),))


def bundled_tokenizer(plan: Plan) -> PreTrainedTokenizerFast:
    """The bundled model's tokenizer, fit on training problems of every task, on the names of chat roles and
    on some ordinary English."""
    texts = ENGLISH.read_text().splitlines() * 3
    for name in TASKS:
        for problem in generate(name, "train", 1500 if name == "word" else 400, seed=0):
            texts += [problem.prompt, problem.solution]
    texts += ["user", "assistant", "system", "\n\n"] * 500
    return fit_tokenizer(texts, plan.vocab_size, plan.max_sequence_length)


def new_model(plan: Plan, tokenizer: PreTrainedTokenizerFast) -> LLaDAModelLM:
    """A freshly initialised network; number rows shared where the plan says so."""
    torch.manual_seed(plan.train.seed)
    model = LLaDAModelLM(
        LLaDAConfig(
            d_model=plan.d_model,
            n_heads=plan.n_heads,
            n_layers=plan.n_layers,
            mlp_hidden_size=plan.mlp_hidden_size,
            vocab_size=len(tokenizer),
            max_sequence_length=plan.max_sequence_length,
            mask_token_id=tokenizer.mask_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
        )
    )
    if plan.number_rows:
        values = list(range(1000))
        ids = [int(tokenizer.convert_tokens_to_ids(str(n))) for n in values]
        for name in ("wte", "ff_out"):
            attach(model.transformer[name], ids, values, std=model.config.init_std)
    return model


def continue_from(model: LLaDAModelLM, folder: Path) -> None:
    """Put the weights of an exported model into a fresh one. Where its number rows share a map, the map
    begins at zero, because the exported weights already contain it."""
    weights = load(str(folder), device="cpu").model.state_dict()
    for name in ("wte", "ff_out"):
        parametrized = model.transformer[name]
        key = f"model.transformer.{name}.weight"
        if parametrize.is_parametrized(parametrized):
            folded = weights.pop(key)
            weights[f"model.transformer.{name}.parametrizations.weight.original"] = folded
            shared = f"model.transformer.{name}.parametrizations.weight.0.map"
            weights[shared] = torch.zeros_like(model.state_dict()[shared])
    model.load_state_dict(weights)


class BundledModule(nn.Module):
    """The network, and the mean cross-entropy of the learned cells."""

    def __init__(self, model: LLaDAModelLM) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: BundledBatch) -> Losses:
        """See Recipe.module."""
        logits = self.model(batch.input_ids, cells=batch.learned).logits
        return Losses(masked_mean_loss(cell_cross_entropy(logits, batch.targets[batch.learned])))


class Bundled(Recipe):
    """The Recipe of one run of a plan. start: an exported model to go on from."""

    def __init__(self, plan: Plan, tokenizer: PreTrainedTokenizerFast, start: Path | None = None) -> None:
        self.plan, self.tokenizer, self.settings = plan, tokenizer, plan.train
        self.encoder = Encoder(tokenizer)
        model = new_model(plan, tokenizer)
        if start is not None:
            continue_from(model, start)
        if not torch.cuda.is_available():
            speed_up(model, plan.compile)
        self.module = BundledModule(model)

    def batches(self, step: int) -> Sequence[BundledBatch]:
        """See Recipe: batches of shorter and of longer answers, then one of facts."""
        return list(batches(step, self.settings.seed, self.encoder, self.plan.mixture(step)))

    @property
    def parts(self) -> int:
        """See Recipe; the same in every stage."""
        mixture = self.plan.mixture(0)
        return mixture.micro_batches + bool(mixture.facts)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """The published layout in bf16: config.json, model.safetensors, tokenizer files."""
        plain = new_model(self.plan, self.tokenizer)
        plain.load_state_dict({name.removeprefix("model."): t for name, t in state.items()})
        for name in ("wte", "ff_out"):
            fold(plain.transformer[name])
        plain.to(torch.bfloat16).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def speed_up(model: LLaDAModelLM, compiled: bool) -> None:
    """Make training on a CPU faster, by attention without the fused kernel and by compiled blocks: 1.55
    times the steps per second (docs/log.md)."""
    for block in model.blocks:
        block.written_out = True
        if compiled:
            block.forward = torch.compile(block.forward, dynamic=True)  # type: ignore[method-assign]


def build(plan: Plan, out: Path, resume: bool, start: Path | None = None) -> Path:
    """Train and export to out/final; returns that folder. start: an exported model to go on from. A run
    that is resumed, or starts from a model, uses the tokenizer that is already there."""
    torch.set_num_threads(plan.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    with folder_lock(out):
        if latest(out) and not resume:
            raise RunError(f"out = {str(out)!r} holds a run; allowed: --resume, or another folder")
        tokenizer_folder = out / "tokenizer"
        saved_tokenizer = start or (tokenizer_folder if resume and tokenizer_folder.is_dir() else None)
        if saved_tokenizer is not None:
            tokenizer = PreTrainedTokenizerFast.from_pretrained(str(saved_tokenizer))
        else:
            tokenizer = bundled_tokenizer(plan)
        recipe = Bundled(plan, tokenizer, start)
        tokenizer.save_pretrained(tokenizer_folder)
        engine = Engine(recipe, out, accelerator_for(recipe))
        if resume:
            engine.resume()
        engine.run()
    return out / "final"
