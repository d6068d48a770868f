"""diffusers' own pipelines through our callbacks, on tiny networks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from samplers.events import (
    Deleted,
    Edited,
    Event,
    Finished,
    Inserted,
    Predicted,
    Renoised,
    Started,
    Unmasked,
)
from samplers.fold import fold
from samplers.recording.traces import dump_trace, read_trace
from tests.samplers.engines.tiny_gemma import PIECES, model

diffusers = pytest.importorskip("diffusers", reason="the extra `diffusers` is not installed")
MASK, PROMPT = 20, [1, 2, 4, 5, 6]


class Table(torch.nn.Module):
    """Logits that depend on the place and on all that stands on the canvas; never the mask."""

    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.places = torch.randn(64, 21, generator=generator) * 2
        self.tokens = torch.randn(21, 21, generator=generator)

    def forward(self, tokens: torch.Tensor, position_ids: torch.Tensor, **_: Any) -> Any:
        logits = self.places[position_ids % 64] + self.tokens[tokens].mean(1, keepdim=True)
        logits[..., MASK] = -1e9
        return SimpleNamespace(logits=logits)


def llada2(rows: int = 1, eos: int | None = None, more: int = 0, **options: Any) -> tuple[Any, Any]:
    """The events of a run, and what the pipeline returned. more: tokens before the usual prompt."""
    from samplers.engines.diffusers import BlockRefinementEvents

    scheduler = diffusers.BlockRefinementScheduler(block_length=8)
    pipe = diffusers.LLaDA2Pipeline(model=Table(), scheduler=scheduler, tokenizer=None)
    pipe.set_progress_bar_config(disable=True)
    pipe.mask_token_id, pipe.eos_token_id = MASK, eos
    ids = torch.tensor([[3] * more + PROMPT, [3] * more + [1, 7, 4, 5, 6]][:rows])
    watcher = BlockRefinementEvents({}, "table", **options)
    output = pipe(
        input_ids=ids, gen_length=14, num_inference_steps=4, threshold=0.6, editing_threshold=0.3,
        generator=torch.Generator().manual_seed(1), output_type="seq", callback_on_step_end=watcher,
    )  # fmt: skip
    assert watcher.finish(output) is output
    return watcher, output


def kinds(events: list[Event], kind: Any) -> list[Any]:
    return [e for e in events if isinstance(e, kind)]


@pytest.mark.parametrize("rows", [1, 2])
def test_block_refinement(rows: int) -> None:
    watcher, output = llada2(rows)
    events, trace = watcher.recorder.events, watcher.trace()
    first, last = events[0], events[-1]
    assert isinstance(first, Started) and (first.grid, first.prompt_length) == ("absolute", 5)
    assert first.tokens[0] == (*PROMPT, MASK, MASK, MASK), "the first block, as the network saw it"
    assert isinstance(last, Finished) and last.stop_reasons == ("steps",) * rows
    assert [list(row[5:]) for row in last.tokens] == output.sequences.tolist()
    assert len(kinds(events, Inserted)) == 2 and kinds(events, Deleted), "grown by blocks, cut to 14 cells"
    forwards = len(kinds(events, Unmasked))
    assert (last.forwards, last.nfe) == (forwards, rows * forwards)
    for draft, written in zip(events, events[1:], strict=False):
        if isinstance(draft, Predicted) and isinstance(written, Unmasked):
            sure = {c[:3]: c.confidence for c in draft.cells}
            assert all(sure[c[:3]] == round(c.confidence, 4) for c in written.cells)
    assert read_trace(dump_trace(trace).encode()) == trace
    if rows == 2:
        assert kinds(events, Edited)


def test_blocks_count_from_the_one_with_the_first_cell_of_the_answer() -> None:
    for more in (0, 16):
        written = kinds(llada2(more=more)[0].recorder.events, Unmasked)
        assert list(dict.fromkeys(event.block for event in written)) == [0, 1, 2], more


@pytest.mark.parametrize(("eos", "reason"), [(7, "eos"), (8, "left")])
def test_where_the_answer_ends_early_the_pipeline_leaves_masks(eos: int, reason: str) -> None:
    """Of blocks that it never reached they are not shown; of the one that it worked on they are left."""
    watcher, output = llada2(eos=eos)
    last, answer = watcher.recorder.events[-1], output.sequences[0].tolist()
    assert MASK in answer and last.stop_reasons == (reason,)
    seen = list(last.tokens[0][5:])
    assert seen == answer[: len(seen)] and set(answer[len(seen) :]) <= {MASK}
    assert (MASK in seen) == (reason == "left")


def test_drafts_change_nothing_else() -> None:
    with_drafts, without = (llada2(drafts=d)[0].recorder.events for d in (True, False))
    assert not kinds(without, Predicted) and kinds(with_drafts, Predicted)
    assert [e for e in with_drafts if not isinstance(e, (Predicted, Started))] == without[1:]


class Processor:
    """Writes a fixed prompt."""

    eos_token_id = None

    def apply_chat_template(self, messages: Any, **_: Any) -> Any:
        return {"input_ids": torch.tensor([PROMPT] * len(messages))}


def gemma(scheduler: Any, **options: Any) -> tuple[Any, Any, list[list[int]]]:
    """The events of a run, what the pipeline returned, and the canvases that a plain callback saw."""
    from samplers.engines.diffusers import DiffusionGemmaEvents

    pipe = diffusers.DiffusionGemmaPipeline(model=model(), scheduler=scheduler, processor=Processor())
    pipe.set_progress_bar_config(disable=True)
    watcher, canvases = DiffusionGemmaEvents(PIECES, "tiny", prompt=PROMPT), []

    def both(pipe: Any, step: int, timestep: int, tensors: dict[str, Any]) -> dict[str, Any]:
        canvases.append(tensors["canvas"][0].tolist())
        returned: dict[str, Any] = watcher(pipe, step, timestep, tensors)
        return returned

    output = pipe(
        prompt=options.pop("prompt", "x"), gen_length=24, output_type="seq",
        num_inference_steps=options.pop("steps", 6), generator=torch.Generator().manual_seed(3),
        callback_on_step_end=both,
        callback_on_step_end_tensor_inputs=watcher.tensor_inputs, **options,
    )  # fmt: skip
    return watcher, watcher.finish(output), canvases


@pytest.mark.parametrize("name", ["BlockRefinement", "EntropyBound", "DiscreteDDIM"])
def test_diffusion_gemma_with_each_scheduler(name: str) -> None:
    watcher, output, canvases = gemma(getattr(diffusers, f"{name}Scheduler")())
    events = watcher.recorder.events
    board, seen = fold(events[:1]), []
    for event in events[1:]:
        if isinstance(event, (Unmasked, Finished)) and len(seen) < event.nfe:
            seen.append(board.tokens[0][-12:])  # after each step, before what it decided is told
        board.apply(event)
    assert seen == canvases and len(seen) == 12
    assert board.finished and not board.masks_left()
    assert board.tokens[0][5:] == output.sequences[0].tolist()
    assert kinds(events, Renoised) and len(kinds(events, Inserted)) == 1
    steps = [e.step for e in kinds(events, Unmasked)]
    assert steps == list(range(12))
    trace = watcher.trace()
    assert read_trace(dump_trace(trace).encode()) == trace


def test_a_canvas_that_ended_early_is_what_the_network_thought() -> None:
    """Cold enough that two drafts are the same, and any entropy is small enough."""
    cold = diffusers.EntropyBoundScheduler(entropy_bound=60.0, t_min=0.01, t_max=0.02)
    watcher, output, canvases = gemma(cold, confidence_threshold=9.0, steps=16)
    events = watcher.recorder.events
    first = [e for e in events if e.block == 0]
    drafts, answer = kinds(first, Predicted), output.sequences[0, :12].tolist()
    assert len(drafts) < 16 and len(canvases) < 32, "it ended early"
    [decided] = [e for e in kinds(first, Unmasked) if e.cells]
    assert [c.token for c in decided.cells] == answer == [c.token for c in drafts[-1].cells]
    assert [round(c.confidence, 4) for c in decided.cells] == [c.confidence for c in drafts[-1].cells]


def test_several_prompts_are_refused() -> None:
    with pytest.raises(ValueError, match="follows one row, and there are 2"):
        gemma(diffusers.EntropyBoundScheduler(), prompt=["x", "y"])


def test_what_is_not_the_pipelines_output_is_refused_and_one_callback_follows_one_run() -> None:
    watcher, output = llada2()
    with pytest.raises(ValueError, match="output is not what the pipeline returned"):
        watcher.finish("text")
    with pytest.raises(ValueError, match="a new one for each run"):
        watcher(None, 0, 0, {})
