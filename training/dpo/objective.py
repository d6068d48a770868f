"""DPO in LLaDA 1.5's form (VRPO, 2505.19223): pairs from a file, or from the model's own mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from evaluation.sets.columns import SetError
from training.data.bundled_tasks import is_bundled
from training.data.chat import Chat, Encoded
from training.data.examples import collate, item_at
from training.data.sources import check_length
from training.dpo.pair_rows import open_pairs
from training.dpo.pairs import Pair, make_pairs
from training.dpo.preference import PreferenceBatch, PreferenceModule, draw_block_masks, draw_masks
from training.dpo.settings import DPOSettings
from training.engine.recipe import Recipe, moved, rows_of, split, step_generator
from training.engine.saying import say
from training.engine.settings import RunArguments
from training.shared.adapters import attach, export_learned
from training.shared.answers import load_model, record_samples
from training.shared.decoding import OnProgress, sampler_settings
from training.shared.questions import TaskQuestions, questions_at
from training.shared.reference import hold_reference

MOST_HELD_OUT = 64
PREVIEW_PROBLEMS = 8
"""Problems of bundled tasks that a preview decodes, at most, until one gives a pair."""


class EncodedPair(NamedTuple):
    """A pair as text, and the ids of both answers behind the same prompt."""

    pair: Pair
    chosen: Encoded
    rejected: Encoded

    @property
    def prompt(self) -> tuple[tuple[str, str], ...]:
        """(role, content) of each turn."""
        return tuple((turn["role"], turn["content"]) for turn in self.pair.turns)

    @property
    def longest(self) -> int:
        """Tokens of the longer row."""
        return len(self.chosen.prompt) + max(len(self.chosen.answer), len(self.rejected.answer))


class DPO(Recipe):
    """The policy, which is the model that is trained, learns which of two answers is better. The reference
    is the model as it was before."""

    settings: DPOSettings
    module: PreferenceModule

    def __init__(self, arguments: RunArguments, settings: DPOSettings) -> None:
        self.arguments, self.settings = arguments, settings
        self.loaded = load_model(arguments, settings)
        assert self.loaded.tokenizer is not None and self.loaded.eos_id is not None
        self.chat, self.eos = Chat(self.loaded.tokenizer), self.loaded.eos_id
        self.notes: list[str] = []
        self._file_pairs = self._pairs_of_files()
        attach(self.loaded.model, settings, arguments.load_lora)
        check_length(settings.max_length, self.loaded)
        model, mask_id = self.loaded.model, self.loaded.mask_id
        frozen = hold_reference(model)
        self.module = PreferenceModule(model, frozen, mask_id, settings.beta, settings.sft_weight)

    def batches(self, step: int) -> Sequence[PreferenceBatch]:
        """See Recipe. The pairs are in a new order every epoch."""
        s, (learned, _) = self.settings, self.pairs
        places = range(step * s.batch_size, (step + 1) * s.batch_size)
        rows = [learned[item_at(place, len(learned), s.seed)] for place in places]
        return split(self._batch(rows, step_generator(s.seed, step)), self.parts)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """The adapter, or the whole model."""
        export_learned(self.loaded, self.settings, folder, state)

    def evaluate(self) -> dict[str, float]:
        """The loss and its figures (see PreferenceModule.forward) on pairs that are not trained on."""
        total: dict[str, float] = {}
        held_out, device = self.pairs[1], self.loaded.model.device
        for start in range(0, len(held_out), 8):
            rows = held_out[start : start + 8]
            self.progress("evaluating", start, len(held_out))
            batch = self._batch(rows, step_generator(0, start, salt=2))
            loss, figures = self.module(moved(batch, device))
            for name, value in {"loss": loss, **figures}.items():
                total[name] = total.get(name, 0.0) + value.item() * len(rows) / len(held_out)
        return total

    def sample(self, folder: Path) -> None:
        """Record traces for prompts of held-out pairs, decoded as rollouts are but at temperature 0."""
        turns = [encoded.pair.turns for encoded in self.pairs[1]]
        decoding = sampler_settings(self.settings, 0.0)
        record_samples(self, self.loaded, turns[: self.settings.samples], folder, settings=decoding)

    @cached_property
    def pairs(self) -> tuple[list[EncodedPair], list[EncodedPair]]:
        """The pairs that are trained on, and the held-out ones: those of every twentieth prompt, 64 prompts
        at most. Pairs of bundled tasks are decoded here. The reference writes them, not the model that
        learns, so a resumed run has the same pairs."""
        pairs = self._file_pairs
        if pairs is None:
            pairs = self._encoded(self._decoded(range(self.settings.problems), say_pairs))
        prompts = sorted({pair.prompt for pair in pairs})
        held_out = set(prompts[::20][:MOST_HELD_OUT]) if len(prompts) > 1 else set()
        return [p for p in pairs if p.prompt not in held_out], [p for p in pairs if p.prompt in held_out]

    def prepare(self) -> None:
        """See Recipe: decodes the pairs."""
        len(self.pairs)

    def first_pair(self) -> tuple[EncodedPair, PreferenceBatch]:
        """The first pair of the first step, and a batch of it alone. For bundled tasks, whose pairs are not
        decoded yet: the first pair from their first PREVIEW_PROBLEMS problems, SetError when they give
        none."""
        s = self.settings
        if self._file_pairs is not None:
            learned = self.pairs[0]
            return learned[item_at(0, len(learned), s.seed)], rows_of(self.batches(0)[0], slice(1))
        count = min(PREVIEW_PROBLEMS, s.problems)
        for place in range(count):
            if fitting := self._fitting(self._decoded(range(place, place + 1))):
                return fitting[0], self._batch(fitting[:1], step_generator(s.seed, 0))
        raise SetError(
            f"data = {', '.join(self.arguments.data)}: no pair was found among the first {count} problems, "
            "for no answer was wrong (with a right one to set against it) and short enough; a run decodes "
            f"problems = {s.problems}"
        )

    def _decoded(self, places: range, on_progress: OnProgress = lambda done, count: None) -> list[Pair]:
        """Pairs from the reference's wrong answers to the problems at some places."""
        s = self.settings
        sets = [TaskQuestions(name, self.chat, s.seed) for name in self.arguments.data]
        with self.module.reference() as reference:
            loaded = replace(self.loaded, model=reference)
            questions = questions_at(sets, places.start, len(places))
            step = partial(self.progress, "decoding pairs", together=False)
            return make_pairs(loaded, s, questions, s.seed, places.start, on_progress, step)

    def _pairs_of_files(self) -> list[EncodedPair] | None:
        """The pairs of files and hub sets; None for bundled tasks, whose pairs are decoded later, when the
        model is on its device."""
        names = self.arguments.data
        if all(map(is_bundled, names)):
            return None
        return self._encoded(open_pairs(names, self.settings, self.arguments.allow_eval_data, self.notes))

    def _encoded(self, pairs: Sequence[Pair]) -> list[EncodedPair]:
        """Pairs as token ids, without those that are too long; SetError when none is left."""
        fitting = self._fitting(pairs)
        if not fitting:
            longer = f"all are longer than max_length = {self.settings.max_length}"
            why = longer if pairs else "no answer was wrong (with a right one to set against it)"
            raise SetError(f"data = {', '.join(self.arguments.data)} gives no pairs: {why}")
        if too_long := len(pairs) - len(fitting):
            limit = self.settings.max_length
            self.notes.append(
                f"{too_long:,} of {len(pairs):,} pairs are longer than {limit} tokens and were left out"
            )
        return fitting

    def _fitting(self, pairs: Sequence[Pair]) -> list[EncodedPair]:
        encoded = []
        for pair in pairs:
            chosen, rejected = (self.chat.encode(pair.turns, text) for text in (pair.chosen, pair.rejected))
            encoded.append(EncodedPair(pair, chosen, rejected))
        return [pair for pair in encoded if pair.longest <= self.settings.max_length]

    def _batch(self, pairs: Sequence[EncodedPair], draw: torch.Generator) -> PreferenceBatch:
        s = self.settings
        answers = [answer for pair in pairs for answer in (pair.chosen, pair.rejected)]
        tokens, answer, text = collate(answers, self.eos)
        blocks = float(torch.rand((), generator=draw)) < s.block_share
        if s.pair_masks == "independent":
            masked, weight = self._masks(answer, text, blocks, draw)
        else:
            once = self._masks(answer[::2], text[::2] & text[1::2], blocks, draw)
            masked, weight = (t.repeat_interleave(2, 0) for t in once)
        tokens, masked, weight = (t.view(len(pairs), 2, *t.shape[1:]) for t in (tokens, masked, weight))
        return PreferenceBatch(tokens, masked, weight, lengths=answer[::2].sum(-1))

    def _masks(
        self, answer: Tensor, text: Tensor, blocks: bool, draw: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        s = self.settings
        if blocks:
            return draw_block_masks(answer, text, s.timesteps, s.block_length, draw, s.eps)
        return draw_masks(answer, s.timesteps, draw, s.eps)


def say_pairs(done: int, count: int) -> None:
    """Print how many answers are decoded."""
    say(f"pairs: {done:,} of {count:,} answers decoded")
