"""`python -m training build-bundled`: tokenizer, data, training and export of tiny-llada, stage by stage."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import PreTrainedTokenizerFast

from models.config import LLaDAConfig
from models.llada import LLaDAModelLM
from models.loading import load
from tasks import TASKS, generate
from training.bundled.bundled_data import BundledBatch, Encoder, batches
from training.bundled.number_rows import attach, fold
from training.bundled.stages import Plan, Record, Sitting, Stage
from training.bundled.tokenizer import fit_tokenizer
from training.bundled.tokenizer_growth import grown, with_new_rows
from training.engine.checkpoints import latest
from training.engine.loop import Engine
from training.engine.placement import accelerator_for
from training.engine.recipe import Losses, Recipe
from training.run import RunError, folder_lock
from training.shared.losses import cell_cross_entropy, masked_mean_loss

ENGLISH = Path(__file__).with_name("english.txt")
TOKEN_ROWS = ("wte", "ff_out")
"""The matrices that have a row for every token."""


@dataclass(frozen=True)
class Start:
    """An exported model to go on from: its folder, its tokenizer and what it has learned."""

    folder: Path
    tokenizer: PreTrainedTokenizerFast
    record: Record

    @classmethod
    def of(cls, folder: Path) -> Start:
        """ValueError: the folder has no record of stages."""
        record = Record.read(folder)
        return cls(folder, PreTrainedTokenizerFast.from_pretrained(str(folder)), record)


def first_texts() -> Iterator[str]:
    """What the first tokenizer is fit on: training problems of every task, the names of chat roles and some
    ordinary English."""
    yield from ENGLISH.read_text().splitlines() * 3
    for name in TASKS:
        for problem in generate(name, "train", 1500 if name == "word" else 400, seed=0):
            yield from (problem.prompt, problem.solution)
    yield from ["user", "assistant", "system", "\n\n"] * 500


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
        for name in TOKEN_ROWS:
            attach(model.transformer[name], ids, values, std=model.config.init_std)
    return model


def continue_from(model: LLaDAModelLM, start: Start, tokenizer: PreTrainedTokenizerFast) -> None:
    """Put the weights of an exported model into a fresh one, with rows for the tokens that it did not have.
    Where its number rows share a map, the map begins at zero, because the exported weights already contain
    it."""
    weights = load(str(start.folder), device="cpu").model.state_dict()
    for name in TOKEN_ROWS:
        key = f"model.transformer.{name}.weight"
        rows = with_new_rows(weights.pop(key), start.tokenizer, tokenizer)
        parametrized = parametrize.is_parametrized(model.transformer[name])
        if parametrized:
            shared = f"model.transformer.{name}.parametrizations.weight.0.map"
            weights[shared] = torch.zeros_like(model.state_dict()[shared])
            key = f"model.transformer.{name}.parametrizations.weight.original"
        weights[key] = rows
    model.load_state_dict(weights)


class BundledModule(nn.Module):
    """The network, and the mean cross-entropy of the learned cells."""

    def __init__(self, model: LLaDAModelLM) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: BundledBatch) -> Losses:
        """See Recipe.module."""
        shown = self.with_own(batch) if bool(batch.own.any()) else batch.input_ids
        asked = _filled_up(batch.learned)
        logits = self.model(shown, cells=asked).logits[batch.learned[asked]]
        return Losses(masked_mean_loss(cell_cross_entropy(logits, batch.targets[batch.learned])))

    @torch.no_grad()
    def with_own(self, batch: BundledBatch) -> Tensor:
        """Int[rows, length]: the input, with tokens that the model draws at T = 1 in the cells of its own."""
        asked = _filled_up(batch.own)
        logits = self.model(batch.input_ids, cells=asked).logits[batch.own[asked]].float()
        logits[:, self.model.config.mask_token_id] = -torch.inf
        draw = torch.Generator(logits.device).manual_seed(int(batch.seed[0]))
        return batch.input_ids.masked_scatter(
            batch.own, torch.multinomial(logits.softmax(-1), 1, generator=draw)[:, 0]
        )


def _filled_up(cells: Tensor, multiple: int = 64) -> Tensor:
    """The cells and a few others, so that there is a multiple of them (BundledMixture.widths says why)."""
    filled = cells.clone()
    others = (~cells).view(-1).nonzero()[: -int(cells.sum()) % multiple]
    filled.view(-1)[others] = True
    return filled


class Bundled(Recipe):
    """The Recipe of one sitting of a stage. start: an exported model to go on from."""

    def __init__(self, plan: Plan, tokenizer: PreTrainedTokenizerFast, start: Start | None = None) -> None:
        self.plan, self.tokenizer, self.settings = plan, tokenizer, plan.train
        self.encoder = Encoder(tokenizer)
        model = new_model(plan, tokenizer)
        if start is not None:
            continue_from(model, start, tokenizer)
        if not torch.cuda.is_available():
            speed_up(model, plan.compile)
        self.module = BundledModule(model)

    def batches(self, step: int) -> Sequence[BundledBatch]:
        """See Recipe: batches of shorter and of longer answers, then one of facts."""
        return list(batches(step, self.settings.seed, self.encoder, self.plan.mixture(step)))

    def groups(self) -> list[dict[str, Any]]:
        """See Recipe: Muon for the matrices of the blocks, where the plan says so."""
        blocks: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for name, parameter in self.module.named_parameters():
            (blocks if ".blocks." in name else others).append(parameter)
        return [
            {"params": blocks, "name": "blocks", "muon": self.plan.muon},
            {"params": others, "name": "tokens"},
        ]

    @property
    def parts(self) -> int:
        """See Recipe; the same in every stage."""
        mixture = self.plan.mixture(0)
        return mixture.micro_batches + bool(mixture.facts or mixture.plans)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """The published layout in bf16: config.json, model.safetensors, tokenizer files."""
        plain = new_model(self.plan, self.tokenizer)
        plain.load_state_dict({name.removeprefix("model."): t for name, t in state.items()})
        for name in TOKEN_ROWS:
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


def build(stage: Stage, out: Path, resume: bool, start: Path | None = None, steps: int | None = None) -> Path:
    """One sitting of a stage: train for `steps` (None: all that are left) and export to out/final; returns
    that folder. start: an exported model to go on from. A run that is resumed uses the tokenizer that is
    already there."""
    plan = _sitting_plan(stage, steps)
    torch.set_num_threads(plan.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    model = Start.of(start) if start else None
    with folder_lock(out):
        if latest(out) and not resume:
            raise RunError(f"out = {str(out)!r} holds a run; allowed: --resume, or another folder")
        saved = out / "tokenizer"
        if resume and saved.is_dir():
            tokenizer = PreTrainedTokenizerFast.from_pretrained(str(saved))
        else:
            tokenizer = _tokenizer(plan, model)
        recipe = Bundled(plan, tokenizer, model)
        tokenizer.save_pretrained(saved)
        engine = Engine(recipe, out, accelerator_for(recipe))
        if resume:
            engine.resume()
        engine.run()
        record = model.record if model else Record()
        answers = plan.train.max_steps * plan.mixture(0).rows
        minutes = round(engine.seconds / 60, 1)
        record.with_sitting(Sitting(stage.name, plan.train.max_steps, answers, minutes)).write(out / "final")
    return out / "final"


def _sitting_plan(stage: Stage, steps: int | None) -> Plan:
    """The plan of what is left of a stage, or of its next `steps`; every sitting draws rows of its own, and
    its mixtures begin where earlier sittings left off."""
    count = min(steps or stage.left, stage.left)
    train = replace(stage.plan.train, max_steps=count, seed=stage.seed)
    mixtures = tuple((first - stage.done, mixture) for first, mixture in stage.plan.mixtures)
    return replace(stage.plan, train=train, mixtures=mixtures)


def _tokenizer(plan: Plan, start: Start | None) -> PreTrainedTokenizerFast:
    if start is None:
        return fit_tokenizer(first_texts(), plan.vocab_size, plan.max_sequence_length)
    if len(start.tokenizer) < plan.vocab_size:
        return grown(start.tokenizer, plan.mixture(0).texts(), plan.vocab_size)
    return start.tokenizer
