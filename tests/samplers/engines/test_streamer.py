"""transformers' own generate through our streamer: the tiny DiffusionGemma against its recorded cases."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import TextDiffusionStreamer

from samplers.engines.recorder import Stopped, follow
from samplers.engines.streamer import EventStreamer
from samplers.events import Event, Finished, Inserted, Predicted, Started, Unmasked
from samplers.fold import fold
from samplers.recording.traces import dump_trace, read_trace
from tests.samplers.engines.tiny_gemma import CASES, PIECES, VOCABULARY, generate

ONE_ROW = [name for name, case in CASES.items() if len(case["prompt"]) == 1]


def drafts(events: list[Event]) -> list[list[list[int]]]:
    return [[[cell.token for cell in e.cells]] for e in events if isinstance(e, Predicted)]


class Listener(TextDiffusionStreamer):  # type: ignore[misc]
    """Keeps the drafts as transformers hands them over, without a line of ours."""

    def __init__(self) -> None:
        super().__init__(None)
        self.drafts: list[list[list[int]]] = []

    def put(self, value: torch.Tensor) -> None:
        """What is finished is in generate's result as well."""

    def put_draft(self, value: torch.Tensor, **_: Any) -> None:
        self.drafts.append(value.tolist())

    def end(self) -> None:
        """Nothing to do."""


@pytest.mark.parametrize("name", ONE_ROW)
def test_the_drafts_and_the_canvas_are_those_of_the_case(name: str) -> None:
    case, listener = CASES[name], Listener()
    streamer = EventStreamer(pieces=PIECES, model="tiny", eos_ids=[case["eos_token_id"]])
    output, unwatched = generate(case, streamer), generate(case, listener)
    events = streamer.recorder.events
    assert drafts(events) == listener.drafts
    assert torch.equal(output.sequences, unwatched.sequences)
    if listener.drafts != case["drafts"]:
        pytest.skip("on this processor transformers itself rounds, and so draws, otherwise than in the case")
    assert output.sequences.tolist() == case["output"] == [list(fold(events).tokens[0])]
    first, last = events[0], events[-1]
    assert isinstance(first, Started) and first.mask_id is None
    assert list(first.tokens[0][: first.prompt_length]) == case["prompt"][0]
    assert first.noise[0] == (False,) * first.prompt_length + (True,) * 12
    assert isinstance(last, Finished) and last.nfe == last.forwards == case["nfe_decoder"]
    assert last.stop_reasons == ("eos" if name == "dgemma_07" else "steps",)
    steps = [e.step for e in events if isinstance(e, Unmasked) and e.step >= 0]
    assert steps == list(range(case["nfe_decoder"]))
    canvases = [[c.token for e in events if isinstance(e, Unmasked) and e.block == block for c in e.cells]
                for block in range(len(case["confirmed"]) - 1)]  # fmt: skip
    assert [sorted(canvas) for canvas in canvases] == [sorted(c[0]) for c in case["confirmed"][1:]]
    assert len([e for e in events if isinstance(e, Inserted)]) == len(canvases) - 1
    trace = streamer.trace()
    assert read_trace(dump_trace(trace).encode()) == trace


def test_a_draft_has_its_probabilities_and_the_likeliest_tokens_on_request() -> None:
    one, three, none = (EventStreamer(top_k=k) for k in (1, 3, 0))
    seen: list[torch.Tensor] = []
    put = three.put_draft
    three.put_draft = lambda logits: (seen.append(logits), put(logits=logits))  # type: ignore[method-assign]
    for streamer in (one, three, none):
        generate(CASES["dgemma_04"], streamer)
    plain = [e for e in one.recorder.events if isinstance(e, Predicted)]
    many = [e for e in three.recorder.events if isinstance(e, Predicted)]
    assert [[c for i, c in enumerate(e.cells) if i % 3 == 0] for e in many] == [list(e.cells) for e in plain]
    for event, logits in zip(many, seen, strict=True):
        exact = torch.softmax(logits[0], -1).topk(3)
        assert [c.token for c in event.cells] == exact.indices.flatten().tolist()
        assert [c.confidence for c in event.cells] == [round(p, 4) for p in exact.values.flatten().tolist()]
    assert drafts(none.recorder.events) == CASES["dgemma_04"]["drafts"]
    assert {c.confidence for e in none.recorder.events for c in getattr(e, "cells", ())} == {0.0}
    assert none.trace().settings["confidence"] == "unknown"
    assert "confidence" not in one.trace().settings


def test_what_stands_behind_the_end_was_not_asked_of_the_network() -> None:
    streamer = EventStreamer(eos_ids=[74])
    generate(CASES["dgemma_07"], streamer)
    filled = [e for e in streamer.recorder.events if isinstance(e, Unmasked) and e.step < 0]
    assert len(filled) == 1 and {cell.token for cell in filled[0].cells} == {0}
    answer = streamer.recorder.board.tokens[0]
    assert [c.position for c in filled[0].cells] == list(range(answer.index(74) + 1, len(answer)))


def test_until_a_canvas_is_finished_its_cells_are_noise_with_drafts() -> None:
    streamer = EventStreamer()
    open_cells = []

    def look(event: Event) -> None:
        row = streamer.recorder.board.trunk[0]
        if isinstance(event, Predicted):
            open_cells.append((sum(row.undecided), len(row.drafts)))
        elif isinstance(event, Unmasked) and event.cells:
            assert not any(row.undecided) and not row.drafts

    streamer.recorder.listen(look)
    generate(CASES["dgemma_01"], streamer)
    assert open_cells == [(12, 12)] * 16


def test_a_batch_is_refused_before_anything_is_recorded() -> None:
    streamer = EventStreamer()
    with pytest.raises(ValueError, match="follows one row, and there are 2; allowed: a prompt at a time"):
        generate(CASES["dgemma_06"], streamer)
    with pytest.raises(ValueError, match="nothing was recorded"):
        streamer.trace()


def test_a_generate_that_breaks_off_leaves_a_trace_that_opens() -> None:
    streamer = EventStreamer(pieces=PIECES)

    def interrupt(event: Event) -> None:
        if event.nfe == 11:
            raise KeyboardInterrupt

    streamer.recorder.listen(interrupt)
    with pytest.raises(KeyboardInterrupt):
        generate(CASES["dgemma_01"], streamer)
    trace = streamer.trace()
    assert read_trace(dump_trace(trace).encode()) == trace
    board = fold(trace.events)
    assert not board.finished and board.masks_left() == 12
    assert board.tokens[0][:19] == CASES["dgemma_01"]["output"][0][:19]


def test_it_is_followed_live_and_stops_where_its_reader_stops() -> None:
    case, calls = CASES["dgemma_01"], []
    streamer = EventStreamer()
    streamer.recorder.listen(calls.append)
    live = follow(streamer.recorder, lambda: generate(case, streamer))
    seen = [next(live) for _ in range(4)]
    assert [type(e).__name__ for e in seen] == ["Started", "Predicted", "Unmasked", "Predicted"]
    live.close()
    assert seen == streamer.recorder.events[:4] and not streamer.recorder.board.finished
    assert calls == streamer.recorder.events
    with pytest.raises(Stopped):
        streamer.end()
    whole = EventStreamer()
    events = list(follow(whole.recorder, lambda: generate(case, whole)))
    assert events == whole.recorder.events and isinstance(events[-1], Finished)


def test_what_the_engine_raises_is_raised_to_its_reader() -> None:
    streamer = EventStreamer()

    def work() -> Any:
        generate(CASES["dgemma_00"], streamer)
        raise MemoryError("no room")

    live = follow(streamer.recorder, work)
    with pytest.raises(MemoryError, match="no room"):
        for event in live:
            assert event is streamer.recorder.events[0] or event.nfe > 0


def test_one_streamer_follows_one_generate() -> None:
    streamer = EventStreamer()
    generate(CASES["dgemma_00"], streamer)
    with pytest.raises(ValueError, match="a new one for each"):
        generate(CASES["dgemma_00"], streamer)


def test_a_model_that_writes_from_left_to_right_is_followed_too() -> None:
    streamer = EventStreamer(pieces=PIECES, eos_ids=[1])
    streamer.put(torch.tensor([[5, 6]]))
    for token in (7, 8, 1):
        streamer.put(torch.tensor([token]))
    streamer.end()
    board = fold(streamer.trace().events)
    assert (board.tokens, board.steps, board.nfe) == ([[5, 6, 7, 8, 1]], 3, 3)
    assert streamer.trace().events[-1].stop_reasons == ("eos",)  # type: ignore[attr-defined]


@pytest.mark.parametrize("call", [
    lambda s: s.put_draft(value=torch.zeros(1, 4, dtype=torch.long)),
    lambda s: (s.put(torch.tensor([[1]])), s.put_draft(value=torch.tensor([[1, 2]])),
               s.put(torch.tensor([[1]]))),
    lambda s: (s.put(torch.tensor([[1]])), s.put_draft(logits=torch.zeros(2, 3, VOCABULARY))),
    lambda s: (s.put(torch.tensor([[1]])), s.put_draft(value=torch.tensor([[1, 2]])),
               s.put_draft(value=torch.tensor([[1]]))),
])  # fmt: skip
def test_calls_that_do_not_belong_together_are_sentences(call: Any) -> None:
    with pytest.raises(ValueError, match="allowed|for a canvas of 2"):
        call(EventStreamer())


@pytest.mark.parametrize("top_k", [-1, 65, True, 1.5])
def test_top_k_is_checked(top_k: Any) -> None:
    with pytest.raises(ValueError, match="top_k"):
        EventStreamer(top_k=top_k)
