"""How well a model fills in a word of a sentence that it never saw.

One word of each held-out sentence (tasks.english.texts) is hidden, drawn by seed, whatever it is. The model
sees the rest as its own answer to "Write a sentence.", which is how such sentences are learned, and fills the
hidden cells greedily, the surest first. Only the word itself is right: another word that would make sense
counts as wrong, so no model reaches all of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from evaluation.statistics import wilson_interval
from models.loading import LoadedModel
from models.text import chat_ids
from samplers.registry import make
from samplers.requests import PreparedRow, prepare_rows
from tasks.core import HELD_OUT, require
from tasks.english.texts import PLAIN_PROMPT, draw_sentence, words_of

TAIL = 4
"""EOS cells behind the end of the turn, as answers have them in training."""
MOST_ROWS = 64
FUNCTION_WORDS = frozenset(
    "a an and any are as at because but by can could did do does for from had has have he her him his "
    "how i if in into is it its me more my no not of on once or our over she should so some than that "
    "the their them then there they this to too under up was we were what when where which who will "
    "with you your".split()
)
"""Articles, prepositions, pronouns, auxiliaries and conjunctions; all other words are content words."""


@dataclass(frozen=True)
class HiddenWord:
    """A sentence and the characters [start, end) of its hidden word."""

    sentence: str
    start: int
    end: int

    @property
    def word(self) -> str:
        return self.sentence[self.start : self.end]

    @property
    def kind(self) -> str:
        """`function` or `content`."""
        return "function" if self.word.lower() in FUNCTION_WORDS else "content"


@dataclass(frozen=True)
class Filled:
    """A hidden word and what the model wrote in its place."""

    hidden: HiddenWord
    written: str

    @property
    def correct(self) -> bool:
        return self.written == self.hidden.word


@dataclass(frozen=True)
class Share:
    """Words filled in exactly; `low`, `high`: 95% Wilson interval of correct / total, 0 to 1 without any."""

    words: str
    correct: int
    total: int
    low: float
    high: float


@dataclass(frozen=True)
class _Row:
    """A row to decode: the answer's ids with its end, and which cells are hidden."""

    place: int
    ids: tuple[int, ...]
    cells: tuple[int, ...]


def hidden_words(n: int, seed: int) -> list[HiddenWord]:
    """One hidden word in each of n different held-out sentences, the same for the same arguments."""
    require(1 <= n <= 5000, "n", n, "1 to 5,000")
    rng = random.Random(f"english infill|{seed}")
    drawn: dict[str, HiddenWord] = {}
    while len(drawn) < n:
        sentence = draw_sentence(rng, HELD_OUT)
        if sentence not in drawn:
            drawn[sentence] = HiddenWord(sentence, *rng.choice(words_of(sentence)))
    return list(drawn.values())


def fill_in(
    loaded: LoadedModel, hidden: Sequence[HiddenWord], progress: Callable[[int], None] = lambda done: None
) -> list[Filled]:
    """What the model writes for each hidden word, in order. progress: called with the rows done."""
    tokenizer = loaded.tokenizer
    require(tokenizer is not None, "model", loaded.name, "a model with a tokenizer")
    assert tokenizer is not None
    prompt = chat_ids(tokenizer, [{"role": "user", "content": PLAIN_PROMPT}])
    rows = sorted((_row(loaded, i, each) for i, each in enumerate(hidden)), key=lambda row: len(row.ids))
    written: dict[int, str] = {}
    for length, alike in groupby(rows, key=lambda row: len(row.ids)):
        same = list(alike)
        sampler = make("low_confidence", {"gen_length": length, "block_length": length, "steps": length})
        for first in range(0, len(same), MOST_ROWS):
            batch = same[first : first + MOST_ROWS]
            prepared = prepare_rows(loaded, sampler, [_pinned(prompt, row) for row in batch])
            for _ in prepared.stream():
                pass
            for place, row in enumerate(batch):
                answer = prepared.canvas.answer(place)
                written[row.place] = str(tokenizer.decode([answer[cell] for cell in row.cells])).strip()
            progress(len(written))
    return [Filled(each, written[i]) for i, each in enumerate(hidden)]


def _row(loaded: LoadedModel, place: int, hidden: HiddenWord) -> _Row:
    """The sentence as an answer; its hidden cells are the tokens that share a character with the word."""
    assert loaded.tokenizer is not None
    coded = loaded.tokenizer(hidden.sentence, add_special_tokens=False, return_offsets_mapping=True)
    spans = coded["offset_mapping"]
    cells = tuple(i for i, (start, end) in enumerate(spans) if start < hidden.end and end > hidden.start)
    end = [i for i in (loaded.eot_id, *[loaded.eos_id] * TAIL) if i is not None]
    return _Row(place, (*coded["input_ids"], *end), cells)


def _pinned(prompt: list[int], row: _Row) -> PreparedRow:
    return PreparedRow(prompt, {i: token for i, token in enumerate(row.ids) if i not in row.cells}, seed=0)


def shares(filled: Sequence[Filled]) -> list[Share]:
    """The exact share of all words, of content words and of function words."""
    groups = {"all": list(filled)}
    groups |= {k: [each for each in filled if each.hidden.kind == k] for k in ("content", "function")}
    counted = []
    for words, group in groups.items():
        correct = sum(each.correct for each in group)
        low, high = wilson_interval(correct, len(group)) if group else (0.0, 1.0)
        counted.append(Share(words, correct, len(group), low, high))
    return counted
