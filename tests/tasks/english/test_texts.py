"""Short English: whole, well-formed texts, two splits that share nothing, and enough of them."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tasks.core import HELD_OUT, SPLITS, TRAIN, split_of
from tasks.english.phrases import Phrases
from tasks.english.texts import BLANK, NAME, draw_dialogue, draw_sentence, grammar, talk, words_of

DRAWS = 4000


def sentences(split: str) -> list[str]:
    rng = random.Random(f"sentences {split}")
    return [draw_sentence(rng, split) for _ in range(DRAWS)]


def dialogues(split: str) -> list[tuple[str, str]]:
    rng = random.Random(f"dialogues {split}")
    return [draw_dialogue(rng, split) for _ in range(DRAWS)]


def assert_well_formed(text: str) -> None:
    assert text.strip() == text and "  " not in text, text
    assert not set("{}|=>\\\n") & set(text), text
    assert text[0].isupper() and text[-1] in ".?!", text
    assert not re.search(r"\b[Aa] [aeio]|\b[Aa]n [^aeiou]|\b(\w+) \1\b", text), text


@pytest.mark.parametrize("split", SPLITS)
def test_sentences_are_whole(split: str) -> None:
    for sentence in sentences(split):
        assert_well_formed(sentence)
        assert 4 <= len(words_of(sentence)) <= 16, sentence


@pytest.mark.parametrize("split", SPLITS)
def test_answers_are_whole_and_prompts_have_no_gaps(split: str) -> None:
    for prompt, answer in dialogues(split):
        assert_well_formed(answer)
        assert 3 <= len(words_of(answer)) <= 16, answer
        assert prompt.strip() == prompt and "  " not in prompt, prompt
        assert not set("{}|=>\\\n") & set(prompt), prompt
        assert BLANK not in answer


def test_pronouns_agree_with_the_person() -> None:
    drawn = [sentence for sentence in sentences(TRAIN) if sentence.startswith(("Emma ", "My mother "))]
    assert drawn and not [text for text in drawn if re.search(r"\b(he|his)\b", text)]


def test_a_sentence_has_one_split_whatever_it_is_used_in() -> None:
    for split in SPLITS:
        assert all(split_of(NAME, sentence) == split for sentence in sentences(split))
        for prompt, answer in dialogues(split):
            assert split in (split_of(NAME, prompt), split_of(NAME, answer)), prompt
    assert not set(sentences(TRAIN)) & set(sentences(HELD_OUT))
    assert not set(dialogues(TRAIN)) & set(dialogues(HELD_OUT))


def test_the_sentence_is_what_completes_the_exercise() -> None:
    """A fill-in exercise with its gap filled is the answer; a begun sentence is the answer's beginning."""
    filled = begun = 0
    for prompt, answer in dialogues(TRAIN):
        if BLANK in prompt:
            before, after = prompt.split(BLANK)
            gap = r"[A-Za-z']+" + re.escape(after) + "$"
            starts = [i for i in range(len(before) + 1) if answer.startswith(before[i:])]
            assert any(re.match(gap, answer[len(before) - i :]) for i in starts), (prompt, answer)
            filled += 1
        elif prompt.startswith("Complete the sentence: "):
            assert answer.startswith(prompt.removeprefix("Complete the sentence: ").removesuffix(" ..."))
            begun += 1
    assert filled > 100 and begun > 20


def test_there_are_many_sentences() -> None:
    assert sum(pattern.variety for pattern in grammar().patterns) >= 100_000
    assert len(set(sentences(TRAIN))) > DRAWS * 0.6
    assert all(pattern.text.count(" => ") == 1 for pattern in talk().patterns)


def test_same_seed_same_texts() -> None:
    assert sentences(HELD_OUT)[:20] == sentences(HELD_OUT)[:20]
    assert draw_dialogue(random.Random(5)) == draw_dialogue(random.Random(5))


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(ValueError, match="split is 'test'; allowed: train, heldout"):
        draw_sentence(random.Random(0), "test")
    with pytest.raises(ValueError, match="split is 'test'"):
        draw_dialogue(random.Random(0), "test")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- 1 A {thing}.", "slot is 'thing'"),
        ("== b : x : y\na : b : c\n-- 1 {x} {y}.", "row is 'a : b : c'; allowed: 2 cells: x, y"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "phrases.txt").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        Phrases(tmp_path / "phrases.txt")


def test_rows_belong_together(tmp_path: Path) -> None:
    """Cells of one row only, a repeated slot is one text, every prompt goes with every answer."""
    path = tmp_path / "phrases.txt"
    path.write_text(
        "n = 1 | 2\n== b : who : does\ncat : meows\ndog : barks\n-- 1 {who} {n} | {who}! => {does} {n}."
    )
    phrases, rng = Phrases(path), random.Random(0)
    assert {phrases.draw(rng) for _ in range(300)} == {
        f"{start} => {does} {n}."
        for who, does in (("cat", "meows"), ("dog", "barks"))
        for n in "12"
        for start in (f"{who} {n}", f"{who}!")
    }
