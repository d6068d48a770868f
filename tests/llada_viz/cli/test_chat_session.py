"""The chat without a terminal: what is said, what fits, what the commands do."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llada_viz import command
from llada_viz.cli import chat
from llada_viz.cli.chat_session import ChatSession
from llada_viz.decoding.conversation import Conversation, answer_so_far, fitting, left_out_sentence
from llada_viz.decoding.served import Flagged, answer_settings
from models.loading import LoadedModel, load
from samplers.events import Cell, Started, Unmasked
from samplers.fold import fold
from samplers.recording.traces import read_trace
from samplers.requests import RequestError, prompt_ids
from samplers.settings import SettingError

SIZES = {"gen_length": 16, "block_length": 8}
ASKED = "What is 3 + 4?"


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load("tiny-llada", "cpu")


@pytest.fixture
def session(loaded: LoadedModel) -> ChatSession:
    return ChatSession(Flagged(loaded), defaults=SIZES)


def answered(session: ChatSession, question: str) -> str:
    ready, _ = session.prepare(question)
    return session.keep(question, list(ready.stream()))


def test_rounds_join_the_prompt(session: ChatSession) -> None:
    session.command("/system Be short.")
    answer = answered(session, ASKED)
    ready, notice = session.prepare("And now?")
    roles = [turn["role"] for turn in session.conversation.messages("And now?")]
    assert roles == ["system", "user", "assistant", "user"] and notice == ""
    expected = prompt_ids(session.loaded, messages=session.conversation.messages("And now?"))
    assert ready.canvas.tokens[0, : ready.canvas.prompt_length].tolist() == expected
    assert session.conversation.rounds == ((ASKED, answer),)


def test_the_oldest_rounds_go_and_it_says_so(session: ChatSession) -> None:
    session.command("/system Be short.")
    for i in range(60):
        session.conversation = session.conversation.with_round(f"Question {i}: what is {i} + {i}?", "x" * 20)
    ready, notice = session.prepare(ASKED)
    text = session.loaded.tokenizer.decode(ready.canvas.tokens[0, : ready.canvas.prompt_length])  # type: ignore[union-attr]
    shorter, left_out = fitting(session.loaded, session.conversation, ASKED, 16)
    assert 0 < left_out < 60 and len(shorter.rounds) == 60 - left_out and shorter.system == "Be short."
    assert "Be short." in text and f"Question {left_out}:" in text and f"Question {left_out - 1}:" not in text
    assert notice == left_out_sentence(left_out, session.loaded.max_length, session.loaded.name) != ""
    one_more = session.conversation.without_oldest(left_out - 1)
    assert len(prompt_ids(session.loaded, messages=one_more.messages(ASKED))) + 16 > session.loaded.max_length
    assert len(session.conversation.rounds) == 60
    with pytest.raises(RequestError, match="together") as refused:
        session.prepare("word " * 4000)
    assert "Shorten one of them" in refused.value.sentence


def test_special_tokens_stay_text(session: ChatSession) -> None:
    eot = session.loaded.eot_id
    plain = prompt_ids(session.loaded, messages=session.conversation.messages("x"))
    ready, _ = session.prepare("x<|eot_id|><|mdm_mask|>")
    ids = ready.canvas.tokens[0, : ready.canvas.prompt_length].tolist()
    assert ids.count(eot) == plain.count(eot) and session.loaded.mask_id not in ids
    with pytest.raises(RequestError, match="half of one"):
        session.prepare("\udcff")


def test_commands(session: ChatSession, tmp_path: Path) -> None:
    assert "/retry" in session.command("/help").text
    answered(session, ASKED)
    assert "gen_length=24" in session.command("/set gen_length=24 threshold=0.5").text
    said = session.command("/sampler low_confidence").text
    assert "It has no threshold" in said and session.own == {"gen_length": 24}
    assert session.command("/seed 7").text == "Seed 7."
    retry = session.command("/retry")
    assert retry.question == ASKED and session.seed == 8 and not session.conversation.rounds
    answered(session, ASKED)
    for name in ("talk.json", "run.jsonl", "run.jsonl.gz"):
        assert str(tmp_path / name) in session.command(f"/save {tmp_path / name}").text
    saved = json.loads((tmp_path / "talk.json").read_text())
    assert saved["messages"] == session.conversation.messages() and saved["sampler"] == "low_confidence"
    assert (tmp_path / "run.jsonl.gz").read_bytes().startswith(b"\x1f\x8b")
    for name in ("run.jsonl", "run.jsonl.gz"):
        assert read_trace(tmp_path / name).events == session.events
    assert ASKED in session.command("/undo").text and not session.conversation.rounds
    session.conversation = Conversation("Be short.").with_round("a", "b")
    session.command("/clear")
    assert session.conversation == Conversation("Be short.") and session.command("/quit").leave


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("/setting x", "did you mean /set"), ("/zzz", "/help lists them"), ("/retry", "no message yet"),
        ("/undo", "no message yet"), ("/save x.txt", "allowed: a name in .json"),
        ("/save x.jsonl", "no answer"), ("/save x.jsonl.gz", "no answer"), ("/save x.gz", "(trace)"),
        ("/seed -1", "allowed: a whole number"), ("/seed " + "9" * 5000, "allowed: a whole number"),
        ("/sampler no", "is not known"), ("/set a", "key=value"), ("/set steps=many", "steps"),
        ("/set gen_length=100000", "gen_length = 100000"),
        ("/save /no/folder/x.json", "save = '/no/folder/x.json'"),
        ("/set gen_length=20 block_length=8", "a divisor of gen_length"), ("/system \udcff", "half of one"),
    ],
)  # fmt: skip
def test_refusals_change_nothing(session: ChatSession, line: str, part: str) -> None:
    before = replace(session)
    with pytest.raises((RequestError, SettingError, ValueError), match=part):
        session.command(line)
    assert session == before


def test_a_sampler_that_scores_asks_for_a_scorer(session: ChatSession) -> None:
    session.command("/sampler vanilla_prm")
    with pytest.raises(RequestError, match="needs scores. The exact checker"):
        session.prepare("Hello!")
    ready, _ = session.prepare(ASKED)
    assert ready.score is not None and ready.score.name == "checker"
    session.command("/sampler backmask")
    assert "backmasking_lookback=2" in session.command("/set").text
    session.command("/sampler remedi")
    session.command("/set policy=ups")
    with pytest.raises(RequestError, match="needs a UPS head"):
        session.prepare(ASKED)


def test_a_stopped_answer_keeps_what_exists(session: ChatSession) -> None:
    loaded = session.loaded
    assert loaded.tokenizer is not None
    a, b = (loaded.tokenizer.encode(word, add_special_tokens=False)[0] for word in ("7", "5"))
    started = Started(
        nfe=0, tokens=((1, *[loaded.mask_id] * 6),), attention_mask=((True,) * 7,), mask_id=loaded.mask_id,
        prompt_length=1, settings={},
    )  # fmt: skip
    assert session.keep(ASKED, [started]) == "" and not session.conversation.rounds
    assert session.command("/retry").question == ASKED
    cells = tuple(Cell(0, place, token, 1.0) for place, token in ((1, a), (4, b), (6, loaded.eos_id or 0)))
    events = [started, Unmasked(nfe=1, step=0, cells=cells)]
    assert session.keep(ASKED, events) == "7 … 5" == answer_so_far(loaded, fold(events))
    assert session.conversation.rounds == ((ASKED, "7 … 5"),)
    # Without a mask: what stands in undecided cells is noise, whatever it looks like.
    tokens = (1, a, b, loaded.eos_id or 0, b, a, loaded.eos_id or 0)
    noise = ((False, False, True, True, False, True, False),)
    noisy = replace(started, tokens=(tokens,), mask_id=None, noise=noise)
    assert answer_so_far(loaded, fold([noisy])) == "7 … 5"


@pytest.mark.parametrize(
    ("own", "sizes"),
    [
        ({}, (16, 8, 16)), ({"gen_length": 20}, (20, 5, 20)), ({"gen_length": 4}, (4, 4, 4)),
        ({"block_length": 12}, (24, 12, 24)), ({"block_length": 32}, (32, 32, 32)),
        ({"steps": 4}, (16, 8, 4)),
    ],
)  # fmt: skip
def test_sizes_of_an_answer(loaded: LoadedModel, own: dict[str, int], sizes: tuple[int, ...]) -> None:
    settings = answer_settings(Flagged(loaded), "threshold", SIZES, own)
    assert (settings["gen_length"], settings["block_length"], settings["steps"]) == sizes
    assert settings["early_stop"] is True


def test_without_a_terminal_lines_are_plain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = f"{ASKED}\n\n/bogus\n//x\nanother\n/quit\nnever\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
    monkeypatch.setenv("FORCE_COLOR", "1")
    flags = ["--device=cpu", "--set=gen_length=8", "--set=block_length=8"]
    sent: list[Any] = []
    keep = ChatSession.keep
    monkeypatch.setattr(ChatSession, "keep", lambda self, q, e: sent.append(q) or keep(self, q, e))
    assert chat.main(flags) == 0
    out, err = capsys.readouterr()
    assert sent == [ASKED, "/x", "another"] and "/bogus is no command" in err
    assert "\x1b" not in out + err and "> " not in out


@pytest.mark.parametrize("flags", [["--sampler=no"], ["--model=no/such/folder"], ["--set=steps"]])
def test_bad_flags_are_a_sentence(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["chat", *flags])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")
