"""Asking a cell: what else could stand there, from drafts or by asking again; typed words; who can go on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.attached import Attached, Attachments, Origin
from llada_viz.decoding.branches import Branches, ModelMissing, setup_of_run
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.cell_questions import CellQuestions, offer_for
from llada_viz.decoding.preparing import prepare_here
from llada_viz.decoding.run_models import RunModels
from llada_viz.decoding.runs import Run, Runs
from llada_viz.decoding.setups import setup_of
from samplers.events import Predicted, Unmasked
from samplers.recording.traces import pack_trace, read_trace

SIZES = {"gen_length": 16, "block_length": 8, "steps": 16}
PROMPT = "What is 3 + 4 * 2?"


@cache
def bundled() -> Bundled:
    return Bundled()


@cache
def decoded(drafts: int = 0) -> Run:
    """A finished run, shared by the tests, which only read it."""
    settings = SIZES | {"drafts": drafts}
    setup = setup_of(bundled(), "low_confidence", settings, PROMPT)
    ready = prepare_here(bundled(), "low_confidence", settings, PROMPT, 0, "", "checker")
    run = Runs().start(ready, bundled().pieces, bundled().name, setup=setup)
    while run.advance(9.0):
        pass
    return run


def questions(*runs: Run, attachments: Attachments | None = None) -> CellQuestions:
    """Of a page that shows these runs."""
    kept = Runs()
    for run in runs:
        kept._add(run)
    return CellQuestions(kept, RunModels(), attachments or Attachments(bundled()))


def test_the_likeliest_token_is_the_one_that_was_written() -> None:
    run = decoded()
    seq, event = next((i, e) for i, e in enumerate(run.events) if isinstance(e, Unmasked) and e.cells)
    cell = event.cells[0].position - run.maker.board.prompt_length
    found = questions(run).likeliest(run.id, len(run.events), cell)
    tokens = found["tokens"]
    assert len(tokens) == 5 and not found["recorded"] and found["frame"] == seq - 1
    assert tokens[0][0] == event.cells[0].token == found["stands"]
    assert tokens[0][2] == pytest.approx(event.cells[0].confidence, abs=1e-4)
    assert [t[2] for t in tokens] == sorted((t[2] for t in tokens), reverse=True)
    assert tokens[0][1] == run.frames[seq]["ops"][0][1]


def test_recorded_drafts_are_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = decoded(drafts=5)
    asking = questions(run)
    monkeypatch.setattr(asking.models, "of", lambda *_: pytest.fail("the network was asked"))
    seq = next(i for i, e in enumerate(run.events) if isinstance(e, Predicted))
    wanted = [c for c in run.events[seq].cells if c.position == run.events[seq].cells[0].position]  # type: ignore[attr-defined]
    found = asking.likeliest(run.id, seq, wanted[0].position - run.maker.board.prompt_length)
    assert found["recorded"] and found["stands"] is None
    assert [(t, p) for t, _, p in found["tokens"]] == [(c.token, c.confidence) for c in wanted]


def test_few_drafts_are_shown_where_the_model_is_not_loaded(tmp_path: Path) -> None:
    for drafts in (2, 0):
        opened = Runs().open(read_trace(pack_trace(decoded(drafts).trace())))
        opened.model = "somebody-else"
        found = questions(opened).likeliest(opened.id, len(opened.events), 0)
        said = found["note"] if drafts else found["error"]
        assert "not loaded" in said and "somebody-else" in said
        assert len(found.get("tokens", [])) == drafts


def test_a_recorded_run_is_asked_with_the_model_of_its_name() -> None:
    live = decoded()
    opened = Runs().open(read_trace(pack_trace(live.trace())))
    last = len(live.events) - 1
    assert questions(opened).likeliest(opened.id, last, 3) == questions(live).likeliest(live.id, last, 3)


def test_what_cannot_be_asked_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    run = decoded()
    asking = questions(run)
    assert "no longer has this run" in asking.likeliest("x", 3, 0)["error"]
    assert "not on the board" in asking.likeliest(run.id, 3, 99)["error"]
    assert asking.likeliest(run.id, len(run.events), -1) == {"given": True}  # the last cell of the prompt
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert "ZeroGPU" in asking.likeliest(run.id, 3, 0)["error"]
    assert "ZeroGPU" in asking.branching(run.id)["why"]


@pytest.mark.parametrize(("text", "said"), [
    ("", "empty"), ("x" * 81, "80 characters"), ("<|mdm_mask|>", "mask"), ("\ud800", "half of one"),
])  # fmt: skip
def test_a_word_that_cannot_be_written(text: str, said: str) -> None:
    run = decoded()
    assert said in questions(run).word(run.id, text)["error"]


def test_a_typed_special_token_is_text() -> None:
    run, loaded = decoded(), bundled().loaded
    assert loaded is not None and loaded.tokenizer is not None
    tokens = questions(run).word(run.id, "<|eot_id|>")["tokens"]
    assert len(tokens) > 1 and not {t for t, _ in tokens} & set(loaded.tokenizer.all_special_ids)
    assert questions(run).word(run.id, "7")["tokens"][0][1] == "7"


def test_how_a_run_goes_on() -> None:
    run = decoded()
    how = questions(run).branching(run.id)
    assert (how["sampler"], how["seed"], how["temperature"], how["why"]) == ("low_confidence", 0, 0.0, "")
    names = [name for name, *_ in how["samplers"]]
    assert "remdm" in names and len(names) == len(set(names)) > 8
    groups = {name: group for name, _, _, group in how["samplers"]}
    assert groups["remdm"] == "Take tokens back" != groups["low_confidence"]


def test_another_model_is_named_and_offered() -> None:
    run, page = decoded(), Attachments(bundled())
    other = Attached(
        bundled(), bundled().loaded, bundled().pieces,
        origins={"model": Origin("other", Path("other"))},
    )  # fmt: skip
    with pytest.raises(ModelMissing, match="tiny-llada made this run, and other is in use"):
        Branches(Runs()).check(run, other)
    assert offer_for(run, other) == "detach" and offer_for(run, bundled()) == ""
    opened = Runs().open(read_trace(pack_trace(run.trace())))
    for name, offer in (("tiny-llada-few-steps", "attach"), ("somebody/else", "models"), ("", "")):
        opened.model = name
        assert offer_for(opened, bundled()) == offer
        assert questions(opened, attachments=page).branching(opened.id)["offer"] == offer
    assert setup_of_run(replace(opened, stream=None)).sampler == "low_confidence"


def test_nobody_is_offered_what_he_may_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Any = Runs().open(read_trace(pack_trace(decoded().trace())))
    opened.model = "somebody/else"
    monkeypatch.setenv("SPACE_ID", "me/space")
    assert offer_for(opened, bundled()) == ""
