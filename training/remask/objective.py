"""Remask SFT: train RemeDi's UPS head, the backbone frozen (2509.23653, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from evaluation.ranking import auroc
from models.adapters import apply_adapter
from models.loading import LoadedModel
from models.ups_head import HEAD_FILE, UPSHead, load_ups_head
from samplers.requests import Tools
from samplers.settings import SettingError, option
from training.data.answer_settings import AnswerSettings
from training.data.examples import AnswerRows
from training.data.sources import Answers
from training.engine.recipe import Recipe, moved, split, step_generator
from training.engine.settings import RunArguments
from training.remask.losses import RemaskBatch, RemaskModule
from training.remask.remask_noise import ordinary_ids, remask_noise
from training.shared.adapters import freeze
from training.shared.answers import load_model, record_samples
from training.shared.decoding import OnProgress
from training.shared.noise import block_noise, stratified_times

MOST_BLOCK = 4096
DRAWS = 4
"""How many times an evaluation draws the noise for every held-out answer."""


@dataclass(frozen=True, kw_only=True)
class RemaskSettings(AnswerSettings):
    """The rates of the noise (rho_mask = t, rho_incorrect = 4 r t (1 - t), t being drawn for each row), and
    the weight of the policy loss."""

    r_incorrect: float = option(0.1, "Share of tokens replaced by wrong ones (r in 4·r·t·(1−t)).",
                                low=0, high=0.2499, label="Wrong tokens (r)")  # fmt: skip
    lambda_ups: float = option(
        1.0, "Weight of the policy's loss.", low=0, high=100, label="Weight of the policy"
    )
    ups_width: int = option(
        0, "Middle layer of a new head; 0: linear.", low=0, high=16384, label="Width of the head"
    )
    own_errors: float = option(0.0, "Share of rows whose wrong tokens are the model's own predictions "
                               "instead of random ones.", low=0, high=1,
                               label="The model's own errors")  # fmt: skip
    block_share: float = option(0.0, "Share of rows noised as a block-wise sampler meets them: earlier "
                                "blocks clean, later ones masked.", low=0, high=1,
                                label="Rows as blocks")  # fmt: skip
    block_lengths: str = option("4,8,16,32", "Block lengths of those rows, drawn evenly.", unit="tokens")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.blocks()

    def blocks(self) -> tuple[int, ...]:
        """The block lengths as numbers; SettingError where they are not whole numbers above 0."""
        parts = [part.strip() for part in self.block_lengths.split(",")]
        if not all(part.isdecimal() and 0 < int(part) <= MOST_BLOCK for part in parts):
            allowed = f"whole numbers from 1 to {MOST_BLOCK} with commas between"
            raise SettingError("block_lengths", self.block_lengths, allowed)
        return tuple(map(int, parts))


class RemaskData:
    """Adds noise to the rows of a step."""

    def __init__(self, loaded: LoadedModel, settings: RemaskSettings) -> None:
        assert (tokenizer := loaded.tokenizer) is not None
        control = [i for i, token in tokenizer.added_tokens_decoder.items() if token.special]
        special = [*tokenizer.all_special_ids, *control, loaded.mask_id]
        self.ordinary = ordinary_ids(min(len(tokenizer), loaded.model.config.vocab_size), special)
        self.mask_id, self.settings = loaded.mask_id, settings

    def noised(self, rows: AnswerRows, draw: torch.Generator, own_errors: float | None = None) -> RemaskBatch:
        """Draw masks, wrong tokens, and the share of masks that the model will fill, for the whole step.

        In a row that is noised block by block only the current block is learned. own_errors: the share of
        rows whose wrong tokens are the model's own; None: the settings'."""
        s, count = self.settings, len(rows.tokens)
        own = s.own_errors if own_errors is None else own_errors
        t = stratified_times(count, draw)
        noise = remask_noise(rows.tokens, rows.answer, t, s.r_incorrect, self.mask_id, self.ordinary, draw)
        shown, masked, p, scope = noise.input_ids, noise.masked, noise.p, rows.answer
        blockwise = torch.rand(count, 1, generator=draw) < s.block_share
        blocks = torch.tensor(s.blocks())
        lengths = blocks[torch.randint(len(blocks), (count,), generator=draw)]
        _, _, current = block_noise(rows.answer, rows.text, lengths, draw)
        before = rows.answer & (current.cumsum(-1) == 0)
        after = rows.answer & ~current & ~before
        shown = torch.where(blockwise & before, rows.tokens, shown)
        shown = torch.where(blockwise & after, self.mask_id, shown)
        masked = torch.where(blockwise, (masked & current) | after, masked)
        scope = torch.where(blockwise, current, rows.answer)
        own_rows = torch.rand(count, 1, generator=draw) < own
        shown = torch.where(own_rows & ~masked, rows.tokens, shown)
        fill = torch.rand(count, generator=draw) * own_rows[:, 0]
        gumbel = -torch.empty(masked.shape).exponential_(generator=draw).log()
        return RemaskBatch(rows.tokens, shown, scope, masked & scope, p, gumbel, fill)


class RemaskSFT(Recipe):
    """Trains the UPS head; the backbone does not learn."""

    settings: RemaskSettings
    module: RemaskModule

    def __init__(self, arguments: RunArguments, settings: RemaskSettings) -> None:
        self.settings, self.loaded = settings, load_model(arguments, settings)
        if arguments.load_lora:
            self.loaded = apply_adapter(self.loaded, arguments.load_lora)
        freeze(self.loaded.model, settings)
        self.answers = Answers(self.loaded, arguments, settings)
        self.notes = self.answers.data.notes
        self.noise = RemaskData(self.loaded, settings)
        self.head = new_head(self.loaded, arguments.load_ups_head, settings)
        self.module = RemaskModule(self.loaded.model, self.head, 0.0, settings.lambda_ups)

    def batches(self, step: int) -> Sequence[RemaskBatch]:
        """See Recipe."""
        draw = step_generator(self.settings.seed, step)
        return split(self.noise.noised(self.answers.rows(step), draw), self.parts)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """See Recipe: the head as one file, for `--ups-head`."""
        export_head(self.head, folder, state)

    def evaluate(self) -> dict[str, float]:
        """How well the head tells wrong tokens from right ones on held-out problems; see head_auroc."""
        return head_auroc(self.module, self.noise, self.answers, partial(self.progress, "evaluating"))

    def sample(self, folder: Path) -> None:
        """See Recipe: decodes with RemeDi's sampler and the head as it is now."""
        sample_remedi(self, folder)


def new_head(loaded: LoadedModel, path: str, settings: RemaskSettings) -> UPSHead:
    """The head to train: a saved one, whose width may differ from the settings', or a fresh one, which gives
    every token the logit 0."""
    width = loaded.model.config.d_model
    if path:
        return load_ups_head(path, width).requires_grad_(True)
    torch.manual_seed(settings.seed)
    return UPSHead(width, settings.ups_width)


def export_head(head: UPSHead, folder: Path, state: Mapping[str, Tensor]) -> None:
    """Write the head, whose weights are those behind "head." in a module's state dict."""
    saved = UPSHead(head.d_model, head.ups_width)
    saved.load_state_dict({n.removeprefix("head."): t for n, t in state.items() if n.startswith("head.")})
    saved.save(folder / HEAD_FILE)


def sample_remedi(recipe: RemaskSFT, folder: Path) -> None:
    """Record traces of held-out prompts, decoded with RemeDi's sampler and the head as it is now."""
    prompts = recipe.answers.data.prompts[: recipe.settings.samples]
    settings = {"gen_length": 64, "steps": 16, "block_length": 16, "policy": "ups"}
    record_samples(recipe, recipe.loaded, prompts, folder, "remedi", settings, Tools(ups_head=recipe.head))


class ScoredCells(NamedTuple):
    """Cells of answers that a head has scored. scores: Float[n], minus the head's logit: high for tokens that
    it takes to be wrong; wrong: Bool[n], whether the token is wrong; row: Int[n], the answer's number."""

    scores: Tensor
    wrong: Tensor
    row: Tensor

    @property
    def auroc(self) -> float | None:
        """The AUROC of the scores for wrong tokens; None where no cell is wrong, or all are."""
        if not 0 < self.wrong.sum() < len(self.wrong):
            return None
        return auroc(self.scores.numpy(), self.wrong.numpy())


def score_shown_cells(
    module: RemaskModule, noise: RemaskData, answers: Answers, own: float, draws: int = DRAWS,
    on_progress: OnProgress = lambda done, count: None,
) -> ScoredCells:  # fmt: skip
    """The shown cells, scored by the module's head, which also says where the model writes its own tokens."""
    return score_by_each([module.head], module, noise, answers, own, draws, on_progress)[0]


@torch.no_grad()
def score_by_each(
    heads: Sequence[nn.Module], module: RemaskModule, noise: RemaskData, answers: Answers, own: float,
    draws: int = DRAWS, on_progress: OnProgress = lambda done, count: None,
) -> list[ScoredCells]:  # fmt: skip
    """Let heads score the same shown cells of held-out answers, under the noise of training.

    module: its head says in which masked cells the model writes; own: share of rows whose wrong tokens are
    the model's own; draws: how many times the noise is drawn, several because few tokens that a model writes
    are wrong; on_progress: told how many of the rows of all draws are done.
    """
    batches, device, size = [], next(module.head.parameters()).device, 32
    held_out = answers.data.held_out
    for draw, start in product(range(draws), range(0, len(held_out), size)):
        on_progress(draw * len(held_out) + start, draws * len(held_out))
        rows = answers.collated(held_out[start : start + size])
        batch = moved(noise.noised(rows, step_generator(draw, start, salt=2), own), device)
        shown, masked = module.with_own(batch)
        visible = batch.answer & ~masked
        hidden = module.model(shown, output_last_hidden_state=True, cells=visible).last_hidden_state
        wrong, row = (shown != batch.tokens)[visible], visible.nonzero()[:, 0] + start
        scores = torch.stack([-head(hidden[visible]).float().cpu() for head in heads])
        batches.append((scores, wrong.cpu(), row.cpu()))
    scores, wrong, row = (torch.cat(parts, -1) for parts in zip(*batches, strict=True))
    return [ScoredCells(each, wrong, row) for each in scores]


def head_auroc(
    module: RemaskModule,
    noise: RemaskData,
    answers: Answers,
    on_progress: OnProgress = lambda done, count: None,
) -> dict[str, float]:
    """AUROC of the head for wrong tokens among the shown cells of answers, for random ones (auroc_random) and
    for the model's own (auroc_own); a figure is left out where no cell is wrong, or all are. on_progress:
    told how many of all rows are done."""
    kinds, aurocs = {"auroc_random": 0.0, "auroc_own": 1.0}, {}
    for place, (name, own) in enumerate(kinds.items()):

        def one(done: int, count: int, before: int = place) -> None:
            on_progress(before * count + done, len(kinds) * count)

        aurocs[name] = score_shown_cells(module, noise, answers, own, on_progress=one).auroc
    return {name: value for name, value in aurocs.items() if value is not None}
