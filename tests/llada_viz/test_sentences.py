"""What people read on the page: every sentence that once read oddly is gone, and its better one is shown."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.bundled import ADAPTERS
from llada_viz.render import FrameMaker
from samplers.events import (
    BlockScored,
    CandidateChosen,
    CandidatesForked,
    Edited,
    Event,
    Finished,
    PolicyScored,
    Unmasked,
)
from samplers.recording.traces import TraceError, read_trace
from samplers.registry import entry, make
from samplers.requests import RequestError
from samplers.settings import SettingError, sentence_of
from tests.llada_viz.script import PIECES, cell, started

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.bundled import Bundled
    from llada_viz.decoding.comparison import Comparisons
    from llada_viz.decoding.line_up import lanes_of, written
    from llada_viz.tabs.compare import Compare
    from llada_viz.widgets.form import SamplerForm

ROOT = Path(__file__).parents[2]
SHOWN = ("llada_viz/**/*.py", "samplers/**/*.py", "assets/canvas/*")
DIVIDES = "does not divide the answer length 32"
IDENTICAL = "are identical. Change a setting of one."
SIZES: dict[str, Any] = {"gen_length": 32, "block_length": 8, "steps": 32}
GONE = (
    "Attach the adapter for few steps", "its settings: temperature", "was chosen twice",
    "sampler chosen; allowed", "now hold another token", "+ 1} goes on", "the accepted text waits",
    "ways to go on", "under the cut (", "what stands, stays", "Which cells of a block go",
    "none before so many stand", '"In step by"', "does not begin with a", "Stopped before it began",
)  # fmt: skip


@pytest.mark.parametrize("sentence", GONE)
def test_odd_sentences_are_gone(sentence: str) -> None:
    files = [path for pattern in SHOWN for path in ROOT.glob(pattern) if path.is_file()]
    assert len(files) > 60
    assert [path.name for path in files if sentence in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    ("sampler", "settings", "sentence"),
    [
        (
            "low_confidence",
            {"block_length": 7},
            f"Block length 7 {DIVIDES}. Try 8 or 4.",
        ),
        (
            "low_confidence",
            {"block_length": 24},
            f"Block length 24 {DIVIDES}. Try 16 or 32.",
        ),
        ("low_confidence", {"steps": 33}, "Steps must be a multiple of 4, one share for each block. Try 32."),
        ("low_confidence", {"steps": 1}, "Steps must be a multiple of 4, one share for each block. Try 4."),
        ("low_confidence", {"gen_length": None}, "Answer length is empty."),
        ("low_confidence", {"steps": 2.5}, "Steps must be a whole number from 1 to 4096."),
        ("low_confidence", {"cfg_scale": -1.0}, "Guidance must be a number from 0 to 20."),
        ("low_confidence", {"cache": "all"}, "KV cache must be one of: none, prefix, dual."),
        ("window_refine", {"window": 5}, "Window K must be at most 4, the blocks of the answer."),
        ("threshold", {"luck": 1}, "Fast-dLLM · threshold has no setting luck. It has: steps, "),
        (
            "threshold",
            {"treshold": 1},
            "Fast-dLLM · threshold has no setting treshold. Did you mean threshold?",
        ),
    ],
)
def test_a_bad_setting_is_said_with_labels_and_what_to_try(
    sampler: str, settings: Mapping[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingError) as error:
        make(sampler, {**SIZES, **settings})
    assert sentence_of(error.value).startswith(sentence)
    name = next(iter(settings))
    assert str(error.value).startswith(f"{name} = "), "the command line keeps names"


@pytest.mark.parametrize(
    ("lanes", "sentence"),
    [
        ([("low_confidence", {})], "Choose at least two samplers."),
        ([("low_confidence", {}), ("low_confidence", {})], f"Samplers 1 and 2 {IDENTICAL}"),
        ([("klass", {}), ("wino", {}), ("klass", {})], f"Samplers 1 and 3 {IDENTICAL}"),
        ([("low_confidence", {}), ("threshold", {"steps": "x"})],
         "Sampler 2: Steps must be a whole number from 1 to 4096."),
        ([("low_confidence", {}), ("threshold", {"threshold": 2})],
         "Sampler 2: Threshold must be a number from 0 to 1."),
    ],
)  # fmt: skip
def test_a_bad_lane_is_said(lanes: list[Any], sentence: str) -> None:
    with pytest.raises(RequestError) as error:
        lanes_of(written(lanes), SIZES, 2)
    assert sentence_of(error.value) == sentence


def test_an_empty_prompt_and_a_foreign_trace(tmp_path: Path) -> None:
    with gr.Blocks():
        tab = Compare(Bundled(), Comparisons())
        tab.build()
    inputs = [
        tab.prompt,
        tab.seed,
        tab.measure,
        tab.attached,
        tab.scorer.scorer,
        *tab.sizes,
        tab.lanes,
    ]
    values = {component: component.value for component in inputs} | {tab.run_id: "", tab.prompt: "  "}
    refused = next(tab.on_start(values))[tab.alert]
    assert refused.endswith(">Type a question first.</p>") and 'data-field="prompt"' in refused
    assert tab.measure.label == "Keep in step by"
    for content in (b"", b"a,b\n1,2\n", b"{}\n", b"[" * 100_000, b"\xff\xfe"):
        with pytest.raises(TraceError) as error:
            read_trace(content)
        assert sentence_of(error.value) == "This is not a trace saved by LLaDA Viz."


def test_settings_explain_themselves() -> None:
    described = {setting.name: setting.help for setting in entry("backmask").settings}
    assert described["choice"] == "Which cells are masked again: the least confident, or random ones."
    assert described["backmasking_lookback"] == "How many of the last blocks are checked."
    assert ADAPTERS["tiny-llada-few-steps"].button == "Use the 8-step adapter"
    choices = [key[2] for key in SamplerForm().settings if key[0] == "cache"]
    assert choices and all(len(options) > 1 for options in choices), "WINO's only cache is no choice"


def said(*events: Event) -> str:
    """The sentence of the last of the events."""
    maker = FrameMaker(PIECES)
    for event in (started(), *events):
        frame = maker.frame(event)
    return " ".join(frame["say"][:2])


def test_events_are_said_plainly() -> None:
    span = (2, 6)
    forked = CandidatesForked(nfe=1, block=0, k=2, rows=2)
    unmasked = Unmasked(nfe=3, block=0, step=0, cells=(cell(1, 4), cell(1, 5, row=1)), forked=True)
    scored = BlockScored(
        nfe=3, block=0, scorer="prm", span=span, scores=(0.2, 0.25), scorer_calls=2, forked=True
    )
    chosen = CandidateChosen(nfe=3, block=0, winners=(1,))
    assert said(forked) == "2 candidates for block 1."
    assert said(forked, unmasked) == "Filling in 2 candidates (step 1)."
    assert said(forked, unmasked, scored, chosen) == "Candidate 2 wins, 0.25."
    written = Unmasked(nfe=1, block=0, step=0, cells=(cell(0, 4), cell(1, 4)))
    edited = Edited(nfe=2, block=0, cells=(cell(0, 5),))
    assert said(written, edited) == "Edited. “a” became “b” in cell 0."
    both = Edited(nfe=2, block=0, cells=(cell(0, 5), cell(1, 8)))
    assert said(written, both) == "Edited. “a” became “b” in cell 0, and 1 cell more."
    policy = PolicyScored(nfe=1, block=0, span=span, scores=((0.9, 0.2, 0.3, 0.7),), keep=(1.0,))
    assert said(written, policy) == "Keep scores: 4 of 4 cells fall below 1.00 and stay masks."


@pytest.mark.parametrize(("token", "words"), [
    (b"<|eot_id|>", "The end of the answer in cell 1, 50% sure."),
    (b"<|endoftext|>", "The end of the text in cell 1, 50% sure."),
    (b"<|start_header_id|>", "The beginning of a turn in cell 1, 50% sure."),
    (b"<|tool_call|>", "The special token <|tool_call|> in cell 1, 50% sure."),
    (b"\n", "A line break in cell 1, 50% sure."),
    (b" 7", "“7” in cell 1, 50% sure."),
])  # fmt: skip
def test_special_tokens_are_named_in_words(token: bytes, words: str) -> None:
    maker = FrameMaker([*PIECES, token])
    maker.frame(started())
    frame = maker.frame(Unmasked(nfe=1, block=0, step=0, cells=(cell(1, len(PIECES)),)))
    assert frame["say"][1] == words


def test_masks_that_a_sampler_leaves_are_said_and_no_more_cells_are_offered() -> None:
    """klass with leftovers = keep, as published: more cells would not help, more steps would."""
    left = Unmasked(nfe=1, block=0, step=0, cells=(cell(0, 4), cell(1, 5)))
    maker = FrameMaker(PIECES)
    for event in (started(), left):
        maker.frame(event)
    frame = maker.frame(Finished(nfe=1, tokens=maker.board.tokens, stop_reasons=("left",)))
    assert frame["say"] == [
        "Finished.", "8 cells in 1 step, 1 sequence evaluated. 5 masks left: the steps ran out.", "back",
    ]  # fmt: skip
    assert "again" not in frame


def test_a_stopped_run_says_where() -> None:
    maker = FrameMaker(PIECES)
    maker.frame(started())
    assert " ".join(maker.stopped()["say"][:2]) == "Stopped at step 0 of 8, 7 masks left."
