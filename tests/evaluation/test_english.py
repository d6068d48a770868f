"""Exact in-fill of short English, and the prompts that are answered beside it."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from evaluation.__main__ import main
from evaluation.cli.english import PROMPTS_FILE, read_prompts
from evaluation.english import Filled, HiddenWord, fill_in, hidden_words, shares
from evaluation.statistics import wilson_interval
from models.loading import load
from tasks.core import HELD_OUT, split_of
from tasks.english.texts import NAME, draw_dialogue

BUNDLED = Path(__file__).parents[2] / "assets" / "models" / "tiny-llada"


def bare(prompt: str) -> str:
    return re.sub(r"[^a-z ]", "", prompt.lower()).strip()


def test_hidden_words_are_words_of_held_out_sentences() -> None:
    hidden = hidden_words(200, 1)
    assert hidden == hidden_words(200, 1) != hidden_words(200, 2)
    assert len({each.sentence for each in hidden}) == 200
    assert all(split_of(NAME, each.sentence) == HELD_OUT for each in hidden)
    assert all(re.fullmatch(r"[A-Za-z']+", each.word) for each in hidden)
    assert {each.kind for each in hidden} == {"content", "function"}
    assert 0 in {each.start for each in hidden}


def test_only_the_hidden_word_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """All else is given, the end of the turn too; what is written there is the model's."""
    from evaluation import english

    seen: list[tuple[list[int], dict[int, int]]] = []
    prepare = english.prepare_rows

    def spied(loaded: object, sampler: object, rows: list[object]) -> object:
        seen.extend((row.prompt, row.given_tokens) for row in rows)  # type: ignore[attr-defined]
        return prepare(loaded, sampler, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(english, "prepare_rows", spied)
    loaded = load(str(BUNDLED), device="cpu")
    assert loaded.tokenizer is not None
    sentence = "In the morning Emma is happy."
    hidden = [HiddenWord(sentence, 15, 19), HiddenWord(sentence, 0, 2)]
    filled = fill_in(loaded, hidden)
    assert [each.hidden for each in filled] == hidden
    for (prompt, given), word in zip(seen, ("Emma", "In"), strict=True):
        assert "Write a sentence." in loaded.tokenizer.decode(prompt)
        text = loaded.tokenizer.decode([given[i] for i in sorted(given)], skip_special_tokens=True)
        assert text.split() == [w for w in sentence.split() if w != word]
        assert loaded.eot_id in given.values()


def test_a_word_is_right_alone() -> None:
    word = HiddenWord("The cat sleeps.", 4, 7)
    the = HiddenWord("The cat sleeps.", 0, 3)
    filled = [Filled(word, "cat"), Filled(word, "dog"), Filled(the, "The"), Filled(the, "the")]
    assert [(s.words, s.correct, s.total) for s in shares(filled)] == [
        ("all", 2, 4), ("content", 1, 2), ("function", 1, 2),
    ]  # fmt: skip
    assert (shares(filled)[0].low, shares(filled)[0].high) == wilson_interval(2, 4)
    assert shares(filled[:1])[2].total == 0


def test_most_prompts_are_not_those_of_training() -> None:
    prompts = read_prompts(PROMPTS_FILE)
    assert len({bare(p) for p in prompts}) == len(prompts) == 40
    rng = random.Random(0)
    trained = {bare(draw_dialogue(rng)[0]) for _ in range(20_000)}
    assert {p for p in prompts if bare(p) in trained} <= {"hello", "Write a sentence about rain."}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prompts.txt").write_text("hello\n\nWho are you?\n")
    flags = ["--n", "6", "--device", "cpu", "--prompts", str(tmp_path / "prompts.txt")]
    assert main(["english", *flags, "--out", str(tmp_path / "english.json")]) == 0
    printed = capsys.readouterr().out
    assert "| all | " in printed and "95% interval" in printed and "| Who are you? |" in printed
    kept = json.loads((tmp_path / "english.json").read_text())
    assert len(kept["words"]) == kept["shares"][0]["total"] == 6
    assert [answer["prompt"] for answer in kept["answers"]] == ["hello", "Who are you?"]


@pytest.mark.parametrize(("flags", "said"), [
    (["--n", "0"], "n is 0; allowed: 1 to 5,000"), (["--prompts", "EMPTY"], "allowed: at least one prompt"),
])  # fmt: skip
def test_bad_values(flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    flags = [str(tmp_path / "empty.txt") if flag == "EMPTY" else flag for flag in flags]
    assert main(["english", *flags]) == 2
    assert said in capsys.readouterr().err
