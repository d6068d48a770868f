"""Branches through the page's handlers: what grows, what is refused in words, and two tabs on one tree."""

from __future__ import annotations

import json
import warnings
from functools import cache
from typing import Any

import pytest

from llada_viz.decoding.bundled import Bundled
from samplers.branch import Stem, branch
from samplers.events import Branched, Edited, Event, Remasked
from samplers.fold import Board
from samplers.recording.traces import Trace, pack_trace, read_trace
from samplers.streams import collect
from tests.llada_viz.handlers import given

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.runs import Run, Runs
    from llada_viz.tabs.visualize import Visualize
    from llada_viz.widgets.canvas import TokenCanvas

SIZES = {"gen_length": 16, "block_length": 8, "steps": 16}
FRAME = 6


@cache
def bundled() -> Bundled:
    return Bundled()


@cache
def tab() -> Visualize:
    """Of one page; its runs are every test's own."""
    with gr.Blocks():
        built = Visualize(bundled(), Runs())
        built.build()
    return built


@cache
def parent() -> Run:
    """A finished run of the page."""
    page = tab()
    inputs = [page.prompt, page.sampler, page.seed, page.constraints, page.attached, page.scorer.scorer]
    sizes = {page.form.input(name): value for name, value in SIZES.items()}
    values = given([*inputs, page.chat.switch, *page.form.inputs], sizes)
    shown = next(page.on_run(values | {page.run_id: "", page.prompt: "What is 3 + 4 * 2?"}))
    run = page.runs.get(shown[page.run_id])
    assert run is not None
    list(page.on_decode(run.id))
    return run


def asked(run: Run, seq: int = FRAME, **more: Any) -> dict[str, Any]:
    """What the page's script sends when somebody presses Branch."""
    plain = {"run": run.id, "seq": seq, "sampler": "", "seed": 0, "temperature": 0, "changes": []}
    return json.loads(json.dumps(plain | more))  # type: ignore[no-any-return]


def values(run_id: str = "", attached: str = "") -> dict[Any, Any]:
    page = tab()
    return {page.run_id: run_id, page.attached: attached, page.scorer.scorer: "checker"}


def grow(data: Any, **more: Any) -> Run:
    """Press Branch and wait for the end."""
    page = tab()
    updates = next(page.branching.on_branch(values(**more), data))
    run = page.runs.get(updates[page.run_id])
    assert run is not None and updates[page.stop]["interactive"]
    list(page.on_decode(run.id))
    return run


def refused(data: Any, **more: Any) -> dict[str, Any]:
    """Press Branch; what the card is told."""
    page = tab()
    events = page.branching.on_branch(values(**more), data)
    told = next(events)
    assert page.run_id not in told
    with pytest.raises(gr.Error):
        next(events)
    return told[page.canvas]["aside"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("seq", [0, 1, FRAME, 15, 99])
def test_a_branch_at_a_frame_is_the_parent_s_first_events_and_a_run(seq: int) -> None:
    """And what comes behind is what the engine makes of the same stem."""
    source = parent()
    run = grow(asked(source, seq))
    count = min(seq + 1, len(source.events) - 1)  # without its end
    assert run.events[:count] == source.events[:count] and isinstance(run.events[count], Branched)
    assert run.parent == source.id and run.branched == count and run.frames[-1]["kind"] == "finish"
    assert run.setup is not None and source.setup is not None and bundled().loaded is not None
    alone = branch(
        Stem.of(source.events, count), bundled().loaded, source.setup.sampler, source.setup.settings,
        prompt=source.setup.prompt,
    )  # fmt: skip
    assert tokens(run.events) == tokens([*source.events[:count], *collect(alone.stream())[0]])
    if seq < 16:
        assert tokens(run.events) == tokens(source.events)  # greedy: it does what its parent did


def tokens(events: list[Event]) -> list[int]:
    board = Board()
    for event in events:
        board.apply(event)
    return board.tokens[0]


def test_written_by_hand_with_another_sampler_seed_and_temperature() -> None:
    source = parent()
    token = source.maker.board.tokens[0][-1]
    changes = [{"cell": 1, "token": token}, {"cell": 2, "token": None}, {"cell": 15, "token": token}]
    run = grow(asked(source, 12, sampler="remdm", seed=7, temperature=0.5, changes=changes))
    assert run.setup is not None and (run.setup.sampler, run.setup.seed) == ("remdm", 7)
    assert run.setup.settings["temperature"] == 0.5 and run.setup.settings["gen_length"] == 16
    by_hand = [e for e in run.events if isinstance(e, (Edited, Remasked)) and e.reason == "user"]
    first = source.maker.board.prompt_length
    assert {c.position - first for e in by_hand for c in e.cells} >= {1, 15}
    assert isinstance(run.events[13], Branched) and run.events[14] == by_hand[0]
    edit = next(f for f in run.frames if f["kind"] == "edit")
    assert edit["reason"] == "user" and edit["say"][0] == "Written by you."
    assert run.frames[-1]["kind"] == "finish"


@pytest.mark.parametrize(("data", "said"), [
    (None, "cannot be read"), ({"run": 3}, "cannot be read"), ({"seed": -1}, "Seed"), ({"seed": 1.5}, "Seed"),
    ({"temperature": None}, "Temperature"), ({"seq": -1}, "cannot be read"), ({"sampler": "x"}, "not known"),
    ({"changes": "all"}, "256"), ({"changes": [3]}, "cannot be read"), ({"run": "gone"}, "no longer here"),
    ({"changes": [{"cell": 99, "token": 1}]}, "not on the board"), ({"temperature": 99}, "emperature"),
    ({"changes": [{"cell": 0, "token": 10**9}]}, "cannot be written"), ({"sampler": "backmask"}, ""),
])  # fmt: skip
def test_what_cannot_grow_is_a_sentence(data: Any, said: str) -> None:
    """And the board stays: no other run is shown."""
    if data == {"sampler": "backmask"}:  # the prompt is a bundled problem, which the checker scores
        assert grow(asked(parent(), 2, **data)).frames[-1]["kind"] == "finish"
        return
    answer = refused(asked(parent()) | data if isinstance(data, dict) else data)
    assert said in answer["refused"], answer


def test_on_zero_gpu_and_while_a_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    going = tab().runs._add(Run([b""]))
    assert "press Stop first" in refused(asked(parent()), run_id=going.id)["refused"]
    going.stop()
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert "ZeroGPU" in refused(asked(parent()))["refused"]


def test_a_trace_of_another_model_is_said_and_its_model_offered() -> None:
    page = tab()
    trace = read_trace(pack_trace(parent().trace()))
    other = page.runs.open(Trace(trace.events, trace.pieces, "somebody/else"))
    answer = refused(asked(other))
    assert "somebody/else made this run, and tiny-llada is in use" in answer["refused"]
    assert answer["offer"] == "models"
    few = page.runs.open(Trace(trace.events, trace.pieces, "tiny-llada-few-steps"))
    assert refused(asked(few))["offer"] == "attach"
    used = page.branching.on_offer(values(few.id), {"run": few.id})
    assert used[page.attached] == "tiny-llada-few-steps"
    again = refused(asked(parent()), attached="tiny-llada-few-steps")
    assert again["offer"] == "detach"
    back = page.branching.on_offer(values("", "tiny-llada-few-steps"), {"run": parent().id})
    assert back[page.attached] == ""


def test_while_candidates_are_compared_the_frame_before_is_offered() -> None:
    run = grow(asked(parent(), 2, sampler="backmask"))
    fork = next(i for i, frame in enumerate(run.frames) if frame["kind"] == "fork")
    answer = refused(asked(run, fork + 1))
    assert "still compared" in answer["refused"] and answer["offer"] == "frame"
    assert answer["frame"] == fork - 1 and grow(asked(run, answer["frame"])).branched == fork


def test_two_tabs_on_one_tree() -> None:
    page, functions = tab(), canvas()
    one, two = grow(asked(parent())), grow(asked(parent(), 3))
    twig = grow(asked(one, 8))
    shown = functions.family(twig.id)["nodes"]
    assert {one.id, two.id, twig.id} <= {node["run"] for node in shown}
    name = next(node["name"] for node in shown if node["run"] == one.id)
    assert "error" not in functions.rename([one.id, "mine", name])
    late = functions.rename([one.id, "other", name])
    assert "it is called “mine”" in late["error"] and "mine" in [node["name"] for node in late["nodes"]]
    left = functions.prune(one.id)
    assert left["parent"] == parent().id and twig.id not in [node["run"] for node in left["nodes"]]
    # The other tab still shows them.
    for gone in (one, twig):
        assert "no longer here" in functions.family(gone.id)["error"]
        assert "no longer here" in functions.rename([gone.id, "x", "y"])["error"]
        assert "no longer here" in functions.prune(gone.id)["error"]
        assert "no longer here" in refused(asked(gone))["refused"]
        assert "aside" in page.branching.on_open(values(), {"run": gone.id})[page.canvas]
        assert "aside" in page.branching.on_compare(values(), {"run": gone.id})[page.canvas]
    assert "not a branch" in functions.prune(parent().id)["error"]


def canvas() -> Any:
    branching = tab().branching
    return TokenCanvas(tab().runs, questions=branching.questions, branches=branching.branches)


def test_functions_of_the_canvas_take_anything() -> None:
    functions = canvas()
    for name in ("likeliest", "spelled", "branching", "family", "rename", "prune"):
        for data in (None, [], ["x", 0], ["x", 1, 2], {"a": 1}, [[], {}, ""], 7, ["x", -1, 0]):
            assert "error" in getattr(functions, name)(data), (name, data)


def test_a_branch_is_opened_and_laid_beside_its_parent() -> None:
    page, run = tab(), grow(asked(parent()))
    shown = page.branching.on_open(values(), {"run": parent().id})
    message = shown[page.canvas]
    assert shown[page.run_id] == message["run"] == parent().id
    assert message["ready"] and message["number"] > run.number  # not too late for the page
    beside = page.branching.on_compare(values(run.id), {"run": run.id})
    pair = page.branching.comparisons.get(beside[page.branching.boards]["run"])
    assert pair is not None and list(pair.names) == ["The run", "LLaDA · surest first"]
    assert pair.runs == [parent(), run] and beside[page.branching.beside]["visible"]
    shown = values() | {page.branching.pair: beside[page.branching.pair]}
    assert page.branching.on_lane(shown, {"lane": 1})[page.run_id] == run.id
    for wrong in ({"lane": 2}, {"lane": True}, {}, None):
        assert list(page.branching.on_lane(shown, wrong)) == [page.canvas]


def test_a_run_that_everybody_is_shown_gets_no_branches() -> None:
    """Another visitor would see them: its copy does."""
    page = tab()
    opening = Runs().open(parent().trace())
    page.runs.keep(opening)
    run = grow(asked(opening))
    assert run.parent != opening.id and page.runs.get(run.parent).events == opening.events  # type: ignore[union-attr]
    assert len(canvas().family(opening.id)["nodes"]) == 1
    assert "error" in canvas().rename([opening.id, "mine", "The run"])


@pytest.mark.parametrize(("text", "cells"), [("=", "cell 3"), ("<|eot_id|>", "cells 3 to"), (', "', "cell")])
def test_a_word_is_pinned_as_it_was_typed(text: str, cells: str) -> None:
    page = tab()
    length = page.form.input("gen_length")
    form = {page.run_id: "", page.attached: "", page.constraints: "0:4", length: 32}
    shown = page.branching.on_pin(form, {"pos": 3, "text": text})
    assert shown[page.constraints] == f"0:4, 3:{json.dumps(text)}"
    assert cells in shown[page.canvas]["aside"]["told"]
    for data in (None, {}, {"pos": 40, "text": "a"}, {"pos": 0, "text": "b"}, {"pos": 1, "text": ""}):
        again = page.branching.on_pin(form, data)
        assert list(again) == [page.canvas] and again[page.canvas]["aside"]["refused"], data


def test_pinned_words_stand_on_the_empty_board() -> None:
    page = tab()
    length = page.form.input("gen_length")
    form = {page.attached: "", page.constraints: '2:"=", 4:"12"', length: 16}
    shown = page.branching.on_constraints(form)[page.canvas]["aside"]["pins"]
    assert [2, "="] in shown and [place for place, _ in shown][:2] == [2, 4]
    for wrong in ("x", "99:a", "3"):
        told = page.branching.on_constraints(form | {page.constraints: wrong})
        assert told[page.canvas]["aside"] == {"pins": []}
