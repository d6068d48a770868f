"""The chat of Visualize without a browser: which turns a prompt goes on with, and what is shown of them."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.chats import Asked, Chats
from llada_viz.decoding.conversation import Conversation, Reader
from llada_viz.decoding.runs import Run, Runs
from llada_viz.render.rounds import rounds_html
from llada_viz.render.verdict import verdict_of
from samplers.recording.traces import dump_trace, read_trace
from samplers.requests import RequestError, prompt_ids
from tests.llada_viz.handlers import given

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.tabs.visualize import Visualize

HOSTILE = "<img src=x onerror=alert(1)> & <|eot_id|>"
ANSWER = "3 + 4 = 7\n\\boxed{7}"


@pytest.fixture(scope="module")
def tab() -> Any:
    with gr.Blocks():
        tab = Visualize(Bundled(), Runs())
        tab.build()
    return tab


def asked_by(tab: Any, prompt: str, old: str = "", chat: bool = True) -> Run:
    """Press Run, and decode to the end."""
    inputs = {
        tab.prompt, tab.sampler, tab.seed, tab.constraints, tab.attached, tab.scorer.scorer, tab.chat.switch,
        *tab.form.inputs,
    }  # fmt: skip
    values = given(inputs, {tab.prompt: prompt, tab.chat.switch: chat}) | {tab.run_id: old}
    run = tab.runs.get(next(tab.on_run(values))[tab.run_id])
    assert isinstance(run, Run)
    while run.advance(1):
        pass
    return run


def turns_of(tab: Any, run: Run) -> str:
    first = run.events[0]
    tokens = first.tokens[0][: first.prompt_length]  # type: ignore[attr-defined]
    return str(tab.bundled.loaded.tokenizer.decode(tokens))


def shown(tab: Any, run_id: str, chat: bool = True) -> Any:
    return tab.chat.on_run({tab.run_id: run_id, tab.chat.switch: chat})


def test_each_prompt_goes_on_with_the_conversation(tab: Any) -> None:
    one = asked_by(tab, "What is 3 + 4?")
    assert shown(tab, one.id)[tab.prompt] == "" and "What is 3 + 4?" in shown(tab, one.id)[tab.chat.rounds]
    two = asked_by(tab, HOSTILE, one.id)
    turns = [{"role": "user", "content": "What is 3 + 4?"}, {"role": "assistant", "content": ANSWER}]
    turns.append({"role": "user", "content": HOSTILE})
    ids = prompt_ids(tab.bundled.loaded, messages=turns)
    assert list(two.events[0].tokens[0][: len(ids)]) == ids  # type: ignore[attr-defined]
    assert read_trace(dump_trace(two.trace()).encode()).events[0] == two.events[0], "the trace carries it"
    page = shown(tab, two.id)[tab.chat.rounds]
    assert "\\boxed{7}" in page and "<img" not in page and "&lt;img src=x" in page
    alone = asked_by(tab, "What is 3 + 4?", two.id, chat=False)
    assert turns_of(tab, alone).count("user") == 1
    assert shown(tab, alone.id) == {tab.chat.rounds: ""} == shown(tab, two.id, chat=False)
    assert turns_of(tab, asked_by(tab, "What is 5 + 4?", alone.id)).count("user") == 1


def test_a_new_chat(tab: Any) -> None:
    one = asked_by(tab, "What is 3 + 4?")
    assert tab.chat.on_switch({tab.run_id: one.id, tab.chat.switch: True})[tab.chat.fresh]["visible"]
    assert tab.chat.on_fresh({tab.run_id: one.id}) == {tab.chat.rounds: "", tab.prompt: ""}
    assert turns_of(tab, asked_by(tab, "What is 5 + 4?", one.id)).count("user") == 1


def test_a_cut_off_answer_is_asked_again_in_its_place(tab: Any) -> None:
    one = asked_by(tab, "What is 3 + 4?")
    two = asked_by(tab, "What is 5 + 4?", one.id)
    two.frames[-1]["again"] = 128
    assert tab.on_again({tab.run_id: two.id})[tab.prompt] == "What is 5 + 4?"
    again = asked_by(tab, "What is 5 + 4?", two.id)
    assert turns_of(tab, again) == turns_of(tab, two)
    assert turns_of(tab, asked_by(tab, "What is 6 + 4?", two.id)).count("user") == 3
    with pytest.raises(RequestError, match="empty"):
        tab.chat.chats.ask(two.id, tab.bundled.loaded, "  ", 32)


def test_what_is_left_out_is_said(tab: Any) -> None:
    chats, loaded = Chats(), tab.bundled.loaded
    before = Conversation()
    for i in range(30):
        before = before.with_round(f"Question {i}", "word " * 30)
    run = asked_by(tab, "What is 3 + 4?")
    chats.begin(Asked(Reader.of(loaded), before, "What is 3 + 4?"), run)
    asked = chats.ask(run.id, loaded, "And now?", 64)
    assert 0 < asked.left_out < 31 and len(asked.before.rounds) == 31
    assert len(asked.messages) == 2 * (31 - asked.left_out)
    page = rounds_html(asked)
    line = page.index(
        f"The {asked.left_out} oldest rounds were left out: tiny-llada reads at most 1,024 tokens."
    )
    assert page.index(f"Question {asked.left_out - 1}<") < line < page.index(f"Question {asked.left_out}<")
    long, room = "word", loaded.max_length - 64 - 8
    while len(prompt_ids(loaded, prompt=long)) < room:
        long += " word"
    everything = chats.ask(run.id, loaded, long, 64)
    assert everything.left_out == 31
    assert rounds_html(everything).index("left-out") > rounds_html(everything).index("Question 29")


def test_a_run_that_wrote_nothing_is_no_round(tab: Any) -> None:
    chats, loaded = Chats(), tab.bundled.loaded
    chats.begin(Asked(Reader.of(loaded), Conversation(), "What is 3 + 4?"), Run([b""], id="stopped"))
    assert chats.ask("stopped", loaded, "And now?", 8).before == Conversation()


def test_only_the_last_turn_is_judged() -> None:
    mark = "<|start_header_id|>{}<|end_header_id|>\n\n{}<|eot_id|>"
    first = mark.format("user", "What is 3 + 4?") + mark.format("assistant", ANSWER)
    hello = first + mark.format("user", "Thank you!") + "<|start_header_id|>assistant<|end_header_id|>"
    assert verdict_of(hello, ["\\boxed{8}"], {}) is None
    sums = first + mark.format("user", "What is 5 + 4?") + "<|start_header_id|>assistant<|end_header_id|>"
    verdict = verdict_of(sums, ["5 + 4 = 9\n\\boxed{9}"], {})
    assert verdict is not None and verdict["right"]
