"""The text of an answer as it becomes final."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz.api import answering
from llada_viz.api.answering import Answering, Writer
from samplers import new_canvas
from tests.networks import TableNetwork
from tests.samplers.law_runs import sampler_of
from tests.samplers.toys import TOYS, VOCABULARY

EOS, EOT, SPECIAL = 256, 257, 258


def decode(ids: list[int]) -> str:
    """Tokens are bytes here."""
    return bytes(i for i in ids if i < 256).decode("utf-8", "replace")


def writer(most: int = 99, stops: tuple[str, ...] = ()) -> Writer:
    return Writer(decode, (EOS, EOT), most, stops)


def written(text: str, *ends: int, most: int = 99, stops: tuple[str, ...] = ()) -> tuple[list[str], Writer]:
    """The pieces of a text that comes token by token."""
    ids, own = [*text.encode(), *ends], writer(most, stops)
    pieces = [own.more(ids[:i], i == len(ids)) for i in range(len(ids) + 1)]
    assert "".join(pieces) == own.sent
    return [piece for piece in pieces if piece], own


def test_characters_are_whole() -> None:
    pieces, own = written("aü日🦙", EOS)
    assert pieces == ["a", "ü", "日", "🦙"] and own.finish == "stop" and own.tokens == 10


def test_bytes_that_never_become_a_character_come_at_the_end() -> None:
    own = writer()
    assert [own.more([0xF0, 0x9F][:i], False) for i in (1, 2)] == ["", ""]
    assert own.more([0xF0, 0x9F], True) == "\ufffd" and own.finish == "length"
    assert writer().more([0xF0, ord("a")], False) == "\ufffda"


@pytest.mark.parametrize(
    ("text", "stops", "sent"),
    [
        ("abcd", ("c",), "ab"),
        ("abcd", ("bc", "cd"), "a"),
        ("abab", ("abc",), "abab"),
        ("aab!", ("ab",), "a"),
        ("x\n\ny", ("\n\n",), "x"),
        ("abcd", ("zz",), "abcd"),
        ("日本", ("本",), "日"),
    ],
)
def test_stop_strings(text: str, stops: tuple[str, ...], sent: str) -> None:
    """Not one character of a stop string is sent, however it is cut into steps."""
    pieces, own = written(text, stops=stops)
    assert own.sent == sent and own.finish == ("stop" if sent != text else "length")
    at_once = writer(stops=stops)
    assert at_once.more(list(text.encode()), True) == sent


def test_ends() -> None:
    assert written("ab", EOS, 99)[1].sent == "ab"
    assert written("abcdef", most=3)[1].finish == "length" and written("abcdef", most=3)[1].sent == "abc"
    assert written("ab", EOT)[1].finish == "stop" and written("ab", SPECIAL)[1].finish == "length"
    own = writer()
    assert own.more([EOS], False) == "" and own.finish == "stop" and own.tokens == 0
    assert own.more([EOS, 65], True) == ""


def test_text_that_changes_is_an_error() -> None:
    own = writer()
    own.more([65], False)
    with pytest.raises(RuntimeError, match="has changed"):
        own.more([66], False)


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("mask_id", [20, None])
def test_answers_that_change_their_length(
    name: str, mask_id: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent as final is the answer at the end; its changes give the canvas, at every event."""
    pieces = [bytes([97 + i]) for i in range(VOCABULARY)]
    monkeypatch.setattr(answering, "token_pieces", lambda tokenizer: pieces)
    sampler = sampler_of(name, {"steps": 8, "gen_length": 8, "block_length": 4, "temperature": 1.0})
    if (sampler.needs.noise and mask_id is not None) or not hasattr(sampler, "cells_at_start"):
        pytest.skip("noise alone")
    canvas = new_canvas(
        [[1, 2, 3], [4]], sampler.cells_at_start, mask_id, seeds=[3, 4], vocabulary=VOCABULARY
    )
    tokenizer = SimpleNamespace(decode=lambda ids, **_: b"".join(pieces[i] for i in ids).decode())
    prepared = SimpleNamespace(
        sampler=sampler, canvas=canvas, place=None,
        stream=lambda: sampler(sampler.denoiser(TableNetwork()), canvas),
    )  # fmt: skip
    ready: Any = SimpleNamespace(
        loaded=SimpleNamespace(tokenizer=tokenizer, eos_id=None, eot_id=None), prepared=prepared,
        most_tokens=99, asked=SimpleNamespace(stop=(), provisional=True),
    )  # fmt: skip
    shown: list[list[str | None]]
    run, texts, shown = Answering(ready), ["", ""], [[None] * sampler.cells_at_start for _ in range(2)]
    while not run.committed.board.finished:
        progress = run.advance()
        texts = [text + progress.texts.get(row, "") for row, text in enumerate(texts)]
        assert progress.provisional is not None
        for row in progress.provisional["rows"]:
            cells = shown[row["index"]]
            for cell, text, _ in row["cells"]:
                cells[cell:] = [text, *cells[cell + 1 :]]
            del cells[row.get("length", len(cells)) :]
            tokens, undecided = (
                canvas.answer(row["index"]),
                canvas.masked[row["index"], canvas.prompt_length :],
            )
            expected = [
                None if is_open else chr(97 + t) for t, is_open in zip(tokens, undecided, strict=False)
            ]
            assert cells == expected and row["masks"] == expected.count(None)
    finals = [[chr(97 + t) for t in canvas.answer(row)] for row in (0, 1)]
    assert texts == ["".join(final[: sampler.gen_length]) for final in finals] and shown == finals
