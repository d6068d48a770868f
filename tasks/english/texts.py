"""Ordinary short English: sentences of everyday life, and small talk, for training and for measuring.

Sentences come from grammar.txt, small talk from talk.txt (their form: tasks.english.phrases). A
sentence is train or held-out by the hash of its text, whatever it is used in: an exercise on it (complete,
fill in, write) belongs to the split of its sentence, other small talk to that of its prompt. This is no task
of `TASKS`: there is nothing to check in an answer.
"""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

from tasks.core import TRAIN, below, between, draw_in
from tasks.english.phrases import Phrases

NAME = "english"
"""The name under which texts are hashed into splits."""
GRAMMAR_FILE = Path(__file__).with_name("grammar.txt")
TALK_FILE = Path(__file__).with_name("talk.txt")
BLANK = "___"
"""Stands for the missing word of a fill-in exercise."""
PLAIN_PROMPT = "Write a sentence."
"""The prompt to which any sentence is an answer."""
TALK_SHARE = 0.5
"""Share of small talk among the dialogues; the others are exercises on a sentence."""
COMPLETE_WORDINGS = (
    "Complete the sentence: {}", "Complete this sentence: {}", "Complete: {}", "Go on: {}", "{} ...",
    "Complete the sentence: {} ...", "Finish the sentence: {}", "Finish this sentence: {} ...",
    "Please complete the sentence: {}", "Write the rest of the sentence: {}", "How does it go on? {}",
)  # fmt: skip
FILL_WORDINGS = (
    "Fill in the missing word: {}", "Fill in the missing word. {}", "Fill in the blank: {}",
    "Fill in the gap: {}", "Which word is missing? {}", "Find the missing word: {}", "Fill in the word: {}",
    "What is the missing word? {}", "Please fill in the missing word: {}", "{}",
)  # fmt: skip
WRITE_WORDINGS = (
    "Write a sentence about {}.", "Write a short sentence about {}.", "Tell me something about {}.",
    "Say something about {}.", "Make a sentence with {}.", "Write one sentence about {}.",
    "Give me a sentence about {}.", "Please write a sentence about {}.", "Write about {}.",
    "Tell me about {}.",
)  # fmt: skip
PLAIN_WORDINGS = (
    PLAIN_PROMPT, "Write a short sentence.", "Say something.", "Write an English sentence.",
    "Write something.", "Give me a sentence.", "Tell me something.", "Please write a sentence.",
)  # fmt: skip
STORY_WORDINGS = (
    "Tell me a story.", "Tell me a short story.", "Write a story.", "Can you tell me a story?",
    "I want to hear a story.", "Please tell me a story.", "Write a short story.", "Do you know a story?",
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z']+")
_I = re.compile(r"\bi\b")
_TOPIC_FORMS = {
    "a {}": "cat dog bird horse cow mouse duck fish bear baker teacher doctor farmer cook gardener singer "
    "writer letter book car train bus bike boat house friend",
    "the {}": "sun wind park lake forest sea market library city garden station stars",
    "{}": "rain snow cats dogs birds horses cows flowers apples bread soup tea milk water cake cakes books "
    "music school winter summer spring autumn football friends",
}
_TOPICS = {word: form.format(word) for form, words in _TOPIC_FORMS.items() for word in words.split()}
_TOPICS |= {"rains": "rain", "snows": "snow"}


@cache
def grammar() -> Phrases:
    """The sentences."""
    return Phrases(GRAMMAR_FILE)


@cache
def talk() -> Phrases:
    """The small talk."""
    return Phrases(TALK_FILE)


def words_of(sentence: str) -> list[tuple[int, int]]:
    """Where the words of a sentence are: (start, end) in characters."""
    return [word.span() for word in _WORD.finditer(sentence)]


def draw_sentence(rng: random.Random, split: str = TRAIN) -> str:
    """One sentence (or two short ones) of 4 to 16 words. ValueError on an unknown split."""

    def draw() -> tuple[str, str]:
        text = _capital(grammar().draw(rng))
        return text, text

    return draw_in(NAME, split, draw)[0]


def draw_dialogue(rng: random.Random, split: str = TRAIN) -> tuple[str, str]:
    """A prompt and its answer, 1 to 16 words of plain text. ValueError on an unknown split."""

    def draw() -> tuple[tuple[str, str], str]:
        prompt, answer = _small_talk(rng)
        return (prompt, answer), prompt

    if rng.random() < TALK_SHARE:
        return draw_in(NAME, split, draw)[0]
    sentence = draw_sentence(rng, split)
    return _exercise(rng, sentence), sentence


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _well_written(prompt: str) -> str:
    """The prompt with capitals at the start and in "I"."""
    return _capital(_I.sub("I", prompt))


def _one_of(rng: random.Random, options: tuple[str, ...]) -> str:
    return options[below(rng, len(options))]


def _small_talk(rng: random.Random) -> tuple[str, str]:
    """A prompt in one of the ways in which people write it, and the answer."""
    prompt, answer = talk().draw(rng).split(" => ")
    if prompt.endswith("?"):
        prompt = prompt if rng.random() < 0.8 else prompt[:-1]
    else:
        prompt += _one_of(rng, ("", ".", "!"))
    return (_well_written(prompt) if rng.random() < 0.6 else prompt), _capital(answer)


def _exercise(rng: random.Random, sentence: str) -> str:
    """A prompt to which the sentence is an answer."""
    kind = rng.random()
    if sentence.startswith("Once ") and kind < 0.7:
        return _one_of(rng, STORY_WORDINGS)
    spans = words_of(sentence)
    if kind < 0.4:
        end = spans[between(rng, 1, len(spans) - 2)][1]
        return _one_of(rng, COMPLETE_WORDINGS).format(sentence[:end])
    if kind < 0.75:
        start, end = spans[below(rng, len(spans))]
        return _one_of(rng, FILL_WORDINGS).format(sentence[:start] + BLANK + sentence[end:])
    topics = [_TOPICS[word] for word in _WORD.findall(sentence) if word in _TOPICS]
    if topics and kind < 0.93:
        return _one_of(rng, WRITE_WORDINGS).format(topics[below(rng, len(topics))])
    return _one_of(rng, PLAIN_WORDINGS)
