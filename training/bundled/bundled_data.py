"""The batches of the bundled model: worked answers of the tasks, ordinary English, packed facts and plans.

Step s of a run is a function of (seed, s) alone, so a resumed run sees what an uninterrupted one
would have seen and nothing about the data has to be saved.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from tasks import TASKS, TRAIN
from tasks.core import Task
from tasks.english.texts import PLAIN_PROMPT, draw_dialogue, draw_sentence
from training.bundled.facts import EVEN, SCALES, draw_fact
from training.bundled.plans import draw_plan
from training.data.chat import Encoded
from training.data.examples import collate
from training.shared.noise import block_noise, uniform_noise


class BundledBatch(NamedTuple):
    """One batch. input_ids: Int[rows, length], with noise; targets: Int[rows, length], without; learned:
    Bool[rows, length], the masked cells whose cross-entropy is the loss; own: Bool[rows, length], those of
    them that the model first writes itself, right or wrong; seed: Int[rows], all the same, of what it
    writes."""

    input_ids: Tensor
    targets: Tensor
    learned: Tensor
    own: Tensor
    seed: Tensor


@dataclass(frozen=True)
class BundledMixture:
    """What the rows of a step are made of: `rows` worked answers, `facts` rows of packed facts and `plans`
    rows of packed plans.

    shares: of the tasks, and of ENGLISH; block_share: share of the answers that are noised block by block,
    the rest uniformly, and block_shares: the same for single tasks, which are decoded otherwise; gaps: share
    of packed lines that are masked completely and not learned, as text further on is masked while decoding;
    negative: share of negative operands; right_scales: see draw_fact; signs: share of the negative results
    whose sign is not masked, as when a sampler has written the sign first; tasks: the generators, other ones
    where another share of hard problems is wanted; longest_tail: EOS cells behind the longest answer, at
    most; learned: masked cells of a row that are learned, at most (0: all), so that a sudoku of 90 cells does
    not outweigh ten sums; own: share of the rows in which the model first writes some of the learned cells,
    so that it learns to see what it wrote wrong, and what belongs there; widths: rows are filled with EOS to
    a multiple of so many cells, because a product of matrices costs a processor with AMX far more the first
    time that it meets a shape.
    """

    rows: int = 64
    facts: int = 14
    micro_batches: int = 2
    shares: Mapping[str, float] | None = None
    block_share: float = 0.7
    block_shares: Mapping[str, float] = field(default_factory=dict)
    block_lengths: tuple[int, ...] = (4, 8, 16)
    facts_a_row: int = 16
    plans: int = 0
    plans_a_row: int = 8
    fact_kinds: tuple[float, ...] = EVEN
    gaps: float = 0.3
    negative: float = 0.35
    right_scales: tuple[int, ...] = SCALES
    signs: float = 0.0
    tasks: Mapping[str, Task] = field(default_factory=lambda: TASKS)
    longest_tail: int = 64
    learned: int = 0
    own: float = 0.0
    widths: int = 1

    def draw(self, rng: random.Random, name: str) -> tuple[str, str]:
        """A prompt and its worked answer. name: a key of the shares."""
        if name == ENGLISH:
            return draw_english(rng)
        problem = self.tasks[name].generate(rng, TRAIN)
        return problem.prompt, problem.solution

    def texts(self, rows: int = 40_000) -> Iterator[str]:
        """Prompts and answers as they are drawn, for a tokenizer to be fit on."""
        rng = random.Random("texts")
        shares = self.shares or DEFAULT_SHARES
        for name in rng.choices(list(shares), list(shares.values()), k=rows):
            yield from self.draw(rng, name)


ENGLISH = "english"
"""The share of ordinary English, beside the tasks' names."""
DEFAULT_SHARES = {"sudoku": 0.24, "linear": 0.18, "expression": 0.25, "word": 0.25, "countdown": 0.08}


def draw_english(rng: random.Random) -> tuple[str, str]:
    """A sentence as the answer to PLAIN_PROMPT, or something out of a conversation."""
    if rng.random() < 0.45:
        return PLAIN_PROMPT, draw_sentence(rng, TRAIN)
    return draw_dialogue(rng, TRAIN)


class Encoder:
    """Encodes text; the ids of the chat template are computed only once."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.backend = tokenizer.backend_tokenizer
        self.eos, self.mask = int(tokenizer.eos_token_id), int(tokenizer.mask_token_id)
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": "\x00"}], add_generation_prompt=True, tokenize=False
        )
        before, after = str(text).split("\x00")
        self.before, self.after = self.encode([before])[0], self.encode([after])[0]
        self.end = self.encode(["<|eot_id|>"])[0]

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [e.ids for e in self.backend.encode_batch(texts, add_special_tokens=False)]

    def dialogues(self, prompts: list[str], answers: list[str]) -> list[Encoded]:
        """(prompt ids, answer ids with the end-of-turn token) of each pair."""
        both = self.encode([*prompts, *answers])
        return [
            Encoded(self.before + p + self.after, a + self.end)
            for p, a in zip(both[: len(prompts)], both[len(prompts) :], strict=True)
        ]


def batches(step: int, seed: int, encoder: Encoder, mixture: BundledMixture) -> Iterator[BundledBatch]:
    """The micro-batches of one step; rows of similar length share one."""
    rng = random.Random(f"{seed}:{step}")
    generator = torch.Generator().manual_seed(rng.getrandbits(62))
    shares = mixture.shares or DEFAULT_SHARES
    names = rng.choices(list(shares), list(shares.values()), k=mixture.rows)
    drawn = [mixture.draw(rng, name) for name in names]
    dialogues = encoder.dialogues([prompt for prompt, _ in drawn], [answer for _, answer in drawn])
    rows = sorted(zip(names, dialogues, strict=True), key=lambda row: len(row[1][0]) + len(row[1][1]))
    cuts = [round(i * len(rows) / mixture.micro_batches) for i in range(mixture.micro_batches + 1)]
    for first, last in pairwise(cuts):
        if first < last:
            yield _answer_batch(rows[first:last], rng, generator, encoder, mixture)
    if mixture.facts or mixture.plans:
        yield _packed_batch([dialogue for _, dialogue in rows], rng, encoder, mixture)


def _answer_batch(
    rows: list[tuple[str, Encoded]],
    rng: random.Random,
    generator: torch.Generator,
    encoder: Encoder,
    mixture: BundledMixture,
) -> BundledBatch:
    tail = rng.randint(0, 12) if rng.random() < 0.8 else rng.randint(12, mixture.longest_tail)
    longest = max(len(prompt) + len(answer) for _, (prompt, answer) in rows)
    tail += -(longest + tail) % mixture.widths
    targets, answer, text = collate([dialogue for _, dialogue in rows], encoder.eos, tail)
    lengths = torch.tensor(rng.choices(mixture.block_lengths, k=len(rows)))
    masked, _, current = block_noise(answer, text, lengths, generator)
    anywhere, _ = uniform_noise(answer, generator)
    shares = torch.tensor([[mixture.block_shares.get(name, mixture.block_share)] for name, _ in rows])
    blockwise = (torch.rand(len(rows), 1, generator=generator) < shares).expand_as(masked)
    noised = torch.where(blockwise, masked, anywhere)
    learned = torch.where(blockwise, masked & current, anywhere)
    if mixture.learned:
        order = torch.rand(learned.shape, generator=generator).masked_fill(~learned, 2.0)
        learned &= order.argsort(-1).argsort(-1) < mixture.learned
    own, seed = torch.zeros_like(learned), 0
    if mixture.own:
        width = learned.shape[1]
        some, written, share = (torch.rand(len(rows), n, generator=generator) for n in (1, width, 1))
        own, seed = learned & (some < mixture.own) & (written < share), rng.getrandbits(62)
    return BundledBatch(
        targets.masked_fill(noised, encoder.mask), targets, learned, own, torch.full((len(rows),), seed)
    )


class PackedLine(NamedTuple):
    """A line of a packed row. shown: cells of the result that stand there already; partly: whether the others
    are hidden one by one, and not all or none."""

    question: str
    result: str
    shown: int = 0
    partly: bool = False


def _packed_lines(rng: random.Random, mixture: BundledMixture) -> list[list[PackedLine]]:
    """The lines of every row of facts, then of every row of plans."""
    rows = []
    for _ in range(mixture.facts):
        lines = []
        for _ in range(mixture.facts_a_row):
            fact = draw_fact(rng, mixture.fact_kinds, mixture.negative, mixture.right_scales)
            sign_is_given = mixture.signs and fact.result < 0 and rng.random() < mixture.signs
            lines.append(PackedLine(fact.question, f"{fact.result}\n", int(sign_is_given)))
        rows.append(lines)
    for _ in range(mixture.plans):
        plans = [draw_plan(rng, mixture.tasks["countdown"]) for _ in range(mixture.plans_a_row)]
        rows.append([PackedLine(f"{problem}\n", f"{step}\n", partly=True) for problem, step in plans])
    return rows


def _packed_batch(
    dialogues: list[Encoded],
    rng: random.Random,
    encoder: Encoder,
    mixture: BundledMixture,
) -> BundledBatch:
    """Rows of packed lines. Each row begins with a prompt of the same step and has the lines as its answer:
    facts that were learned outside of a dialogue did not help inside one (docs/log.md)."""
    packed = _packed_lines(rng, mixture)
    texts = [text for lines in packed for line in lines for text in (line.question, line.result)]
    ids = iter(encoder.encode(texts))
    rows, marks, gaps = [], [], []
    for lines in packed:
        row = list(rng.choice(dialogues)[0])
        mark, gap = [False] * len(row), [False] * len(row)
        ends_hidden = rng.random() < 0.5
        for line in lines:
            question, result = next(ids), next(ids)
            is_gap = rng.random() < mixture.gaps
            hidden = not is_gap and rng.random() < 0.75
            share = rng.random() if line.partly and rng.random() < 0.5 else 1.0
            row += question + result
            gap += [is_gap] * (len(question) + len(result))
            cells = [hidden and (share == 1.0 or rng.random() < share) for _ in result]
            cells[: line.shown] = [False] * line.shown
            cells[-1] = cells[-1] and ends_hidden
            mark += [False] * len(question) + cells
        rows.append(row)
        marks.append(mark)
        gaps.append(gap)
    width = max(map(len, rows))
    width += -width % mixture.widths
    targets = torch.tensor([r + [encoder.eos] * (width - len(r)) for r in rows])
    learned, lost = (torch.tensor([m + [False] * (width - len(m)) for m in which]) for which in (marks, gaps))
    own, seed = torch.zeros_like(learned), torch.zeros(len(rows), dtype=torch.long)
    return BundledBatch(targets.masked_fill(learned | lost, encoder.mask), targets, learned, own, seed)
