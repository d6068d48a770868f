"""The text of an answer as it becomes final."""

from __future__ import annotations

import pytest

from llada_viz.api.answering import Writer

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
