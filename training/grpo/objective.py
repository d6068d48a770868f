"""diffu-GRPO (d1, 2504.12216): answers with more reward than their group's mean become likelier.

A group is the answers to one question. An outer iteration decodes answers and rewards them; then `inner`
optimizer steps learn from them, each with masks of its own. A checkpoint within an outer iteration also
holds the rows of the steps that are still to come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import PartialState
from torch import Tensor

from samplers.settings import SettingError, option
from training.data.chat import Chat
from training.data.sources import check_length
from training.engine.recipe import Recipe, moved, rows_of, split, step_generator
from training.engine.settings import RunArguments
from training.grpo.policy_gradient import (
    GroupBatch,
    GroupModule,
    group_advantages,
    log_probabilities,
    prompt_masks,
    step_context,
    through_first_end,
)
from training.grpo.rewards import Rewards, RewardSettings, check_rewards
from training.shared.adapters import LoraSettings, attach, export_learned
from training.shared.answers import load_model, record_samples
from training.shared.decoding import (
    CHUNK,
    Rollouts,
    RolloutSettings,
    check_rollouts,
    inference,
    rollouts,
    row_tokens,
    sampler_settings,
    shared,
)
from training.shared.questions import LengthLimit, Question, QuestionSettings, open_questions, questions_at
from training.shared.reference import hold_reference


@dataclass(frozen=True, kw_only=True)
class GRPOSettings(LoraSettings, RolloutSettings, RewardSettings, QuestionSettings):
    """batch_size counts answers: the questions of an outer iteration times group_size."""

    learning_rate: float = option(3e-6, "Peak of AdamW's rate.", low=0, high=1)
    batch_size: int = option(48, "Answers of one step, over all processes and parts.", low=1)
    max_steps: int = option(1200, "Optimizer steps; a multiple of inner.", low=1)
    save_every: int = option(
        240, "Steps between two checkpoints; the last step has one too.", low=1, label="Save every"
    )
    clip: float = option(
        0.2, "Largest norm of a step's gradient; 0: no limit.", low=0, label="Gradient limit"
    )
    group_size: int = option(6, "Answers to one question.", low=2, high=1024)
    inner: int = option(
        12, "Optimizer steps that learn from the same answers.", low=1, high=1000, label="Steps an answer set"
    )
    ratio_clip: float = option(
        0.5, "How far the ratio to the old policy counts.", low=0.001, high=10, label="Limit of the ratio"
    )
    kl_beta: float = option(
        0.04, "Weight of the KL to the reference; 0: none.", low=0, high=10, label="Weight of the KL"
    )
    prompt_mask: float = option(
        0.15, "Share of prompt tokens that are hidden.", low=0, high=1, label="Hidden prompt tokens"
    )
    context: str = option("masked", "What a log-probability sees of the answer: masked: nothing (the paper's "
                          "form); steps: what the sampler saw in one of its steps, for that step's tokens.",
                          choices=("masked", "steps"), label="What is seen")  # fmt: skip
    max_length: int = option(1024, "Longest row, its answer's cells included; a question with a longer one "
                             "is left out.", low=8, unit="tokens")  # fmt: skip
    eval_rows: int = option(128, "Held-out problems of an evaluation.", low=1, high=100_000)

    def __post_init__(self) -> None:
        LoraSettings.__post_init__(self)
        check_rollouts(self)
        check_rewards(self)
        if self.batch_size % self.group_size:
            raise SettingError("batch_size", self.batch_size, f"a multiple of group_size = {self.group_size}")
        if self.max_steps % self.inner:
            raise SettingError("max_steps", self.max_steps, f"a multiple of inner = {self.inner}")
        if self.temperature == 0:
            raise SettingError("temperature", 0, "above 0: the answers of a group must differ")


class GRPO(Recipe):
    """Every process decodes and rewards its share of the answers, and then has the rows of all."""

    settings: GRPOSettings
    module: GroupModule

    def __init__(self, arguments: RunArguments, settings: GRPOSettings) -> None:
        self.settings, self.loaded = settings, load_model(arguments, settings)
        assert self.loaded.tokenizer is not None and self.loaded.eos_id is not None
        self.eos: int = self.loaded.eos_id
        attach(self.loaded.model, settings, arguments.load_lora)
        check_length(settings.max_length, self.loaded)
        limit = LengthLimit(settings.max_length, partial(row_tokens, self.loaded, settings))
        chat = Chat(self.loaded.tokenizer)
        self.notes: list[str] = []
        allow = arguments.allow_eval_data
        self.sets = open_questions(arguments.data, chat, settings, limit, allow, self.notes)
        self.rewards = Rewards(settings)
        self.module = GroupModule(
            self.loaded.model, hold_reference(self.loaded.model) if settings.kl_beta else None,
            self.loaded.mask_id, settings.ratio_clip, settings.kl_beta,
        )  # fmt: skip
        self._inner: list[GroupBatch] = []

    def before(self, step: int) -> None:
        """At the first step of an outer iteration: make the rows of all its steps. That is answers, their
        rewards, and the answers' log-probabilities under each step's masks, by the policy as it is now and
        (kl_beta above 0) by the reference."""
        s, processes = self.settings, PartialState().num_processes
        if step % s.inner:
            return
        if s.batch_size % (self.parts * processes):
            allowed = f"a multiple of accumulate = {self.parts} times {processes} processes"
            raise SettingError("batch_size", s.batch_size, allowed)
        questions = questions_at(self.sets, step // s.inner * self._groups, self._groups)
        written, reward = self._answered(questions, seed=s.seed * 1_000_003 + step)
        self._inner = [self._batch(written, reward, step_generator(s.seed, step + i)) for i in range(s.inner)]

    def batches(self, step: int) -> Sequence[GroupBatch]:
        """See Recipe."""
        return split(self._inner[step % self.settings.inner], self.parts)

    def carried(self, step: int) -> dict[str, Tensor]:
        """Inside an outer iteration, the rows of its steps that are still to come."""
        done = step % self.settings.inner
        left = {i: self._inner[i] for i in range(done, self.settings.inner)} if done else {}
        return {f"{i}.{name}": t for i, rows in left.items() for name, t in rows._asdict().items()}

    def carry(self, tensors: Mapping[str, Tensor]) -> None:
        """See Recipe. The rows of steps that are done are not restored, as they are not needed again."""
        steps = {int(name.partition(".")[0]) for name in tensors}
        batches = {i: GroupBatch(*(tensors[f"{i}.{name}"] for name in GroupBatch._fields)) for i in steps}
        first = min(steps, default=0)
        self._inner = [batches[max(i, first)] for i in range(self.settings.inner)] if batches else []

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """See Recipe: the adapter, or the whole model."""
        export_learned(self.loaded, self.settings, folder, state)

    def evaluate(self) -> dict[str, float]:
        """Mean reward and accuracy on held-out problems, decoded as rollouts are but at temperature 0; {} for
        files and hub sets. Answers that could not be graded are left out of the mean, with a printed note."""
        per_set = max(1, self.settings.eval_rows // len(self.sets))
        questions = [q for question_set in self.sets for q in question_set.held_out(per_set)]
        if not questions:
            return {}
        texts = self._decoded("evaluating", questions, [0] * len(questions), 0.0).texts
        figures = {}
        for name, values in (("accuracy", self.rewards.correct(questions, texts)),
                             ("reward", self._scored(questions, texts))):  # fmt: skip
            numbers = [value for value in values if value is not None]
            if len(numbers) < len(values) and PartialState().is_main_process:
                without = f"{len(values) - len(numbers)} of {len(values)} answers have no {name}"
                print(f"evaluation: {without}: the judge or the grader failed", flush=True)
            if numbers:
                figures[name] = sum(numbers) / len(numbers)
        return figures

    def sample(self, folder: Path) -> None:
        """Record traces for held-out prompts, or else for the first of the data, decoded as rollouts are but
        at temperature 0."""
        count = self.settings.samples
        questions = [q for question_set in self.sets for q in question_set.held_out(count)]
        questions = (questions or questions_at(self.sets, 0, count))[:count]
        turns = [[{"role": "user", "content": question.prompt}] for question in questions]
        record_samples(self, self.loaded, turns, folder, settings=sampler_settings(self.settings, 0.0))

    @property
    def _groups(self) -> int:
        return self.settings.batch_size // self.settings.group_size

    def _answered(self, questions: Sequence[Question], seed: int) -> tuple[Rollouts, Tensor]:
        """group_size answers to each question and their rewards, Float[groups, size], NaN where there is
        none. RuntimeError when every group has a NaN."""
        size = self.settings.group_size
        repeated = [question for question in questions for _ in range(size)]
        written = self._decoded(
            "decoding answers", repeated, [seed * 4096 + row for row in range(len(repeated))]
        )
        scores = self._scored(repeated, written.texts)
        reward = torch.tensor([float("nan") if r is None else r for r in scores]).view(-1, size)
        if bool(reward.isnan().any(-1).all()):
            raise RuntimeError("every group has an answer without a reward: the judge or the grader failed")
        return written, reward

    def _decoded(
        self,
        doing: str,
        questions: Sequence[Question],
        seeds: Sequence[int],
        temperature: float | None = None,
    ) -> Rollouts:
        prompts = [question.prompt for question in questions]
        on_progress = partial(self.progress, doing, together=False)
        return rollouts(self.loaded, self.settings, prompts, seeds, temperature, on_progress)

    def _scored(self, questions: Sequence[Question], texts: Sequence[str]) -> list[float | None]:
        """Rewards of all answers; each process computes its share."""

        def part(number: int) -> list[float | None]:
            rows = slice(number * CHUNK, (number + 1) * CHUNK)
            self.progress("grading answers", rows.start, len(questions), together=False)
            return self.rewards(questions[rows], texts[rows])

        return [score for scores in shared(part, -(-len(questions) // CHUNK)) for score in scores]

    def _batch(self, written: Rollouts, reward: Tensor, draw: torch.Generator) -> GroupBatch:
        """The rows of one inner step. A group with an answer that has no reward is left out.

        Shapes at the lines: G groups of S answers, R = G * S rows of L cells, of which the last C are the
        answer's. written: Int[R, L] and more, see Rollouts; reward: Float[G, S], NaN for none.
        """
        s, tokens = self.settings, written.tokens
        # 1. What counts: answers up to their first EOS, in groups whose answers all have a reward. Other
        #    groups are not counted, and their rewards become the others' mean, for the logged figure.
        counted = through_first_end(tokens[:, -s.gen_length :], self.eos)  # Bool[R, C]
        skipped = reward.isnan().any(-1, keepdim=True).expand(reward.shape)  # Bool[G, S]
        reward = torch.where(skipped, reward[~skipped].mean(), reward)
        counted = counted & ~skipped.reshape(-1, 1)
        # 2. What is masked in a forward pass: the whole answer, and some tokens of the prompt.
        answer = torch.zeros_like(written.attention)  # Bool[R, L]
        answer[:, -s.gen_length :] = True
        hidden = answer | prompt_masks(written.attention & ~answer, s.prompt_mask, draw)  # Bool[R, L]
        # 3. With context = steps only what the sampler had not yet written of the answer at one step.
        if s.context == "steps":
            shown, counted = step_context(written.order, counted, draw)  # both Bool[R, C]
            hidden[:, -s.gen_length :] &= ~shown
        # 4. A dropout seed for each row, and by how much its reward is above its group's mean.
        seed = torch.randint(2**62, (len(tokens),), generator=draw)  # Int[R]
        advantage = group_advantages(reward).reshape(-1)  # Float[R]
        empty = torch.zeros(counted.shape)  # Float[R, C]
        batch = GroupBatch(
            tokens, written.attention, hidden, counted, seed, empty, empty, advantage, reward.reshape(-1)
        )
        # 5. Log-probabilities by the policy as it is now, and by the reference, under these masks:
        #    Float[R, C].
        old = self._log_probabilities(self.loaded.model, batch)
        if not s.kl_beta:
            return batch._replace(old=old)
        with self.module.reference() as reference:
            return batch._replace(old=old, reference=self._log_probabilities(reference, batch))

    def _log_probabilities(self, model: torch.nn.Module, batch: GroupBatch) -> Tensor:
        """Log-probabilities of the answers' tokens, Float[rows, cells], 0 where not counted. They come from
        the same forward passes that the step will make: the same rows together, with the same dropout and
        in the same process, so that nothing but changed weights can make a difference."""
        processes, device = PartialState().num_processes, self.loaded.model.device
        size = len(batch.tokens) // self.parts

        def rows(number: int) -> slice:
            part, process = divmod(number, processes)
            return slice(part * size + process, (part + 1) * size, processes)

        def one(number: int) -> Tensor:
            self.progress("comparing with the old policy", 0, 0, together=False)
            own = moved(rows_of(batch, rows(number)), device)
            with inference(model, dropout=True):
                return log_probabilities(model, *own[:5], self.loaded.mask_id).float().cpu()

        logps = torch.zeros(batch.counted.shape)
        for number, logp in enumerate(shared(one, self.parts * processes)):
            place = rows(number)
            logps[place] = logps[place].masked_scatter(batch.counted[place], logp)
        return logps
