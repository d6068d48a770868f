"""diffusers' text pipelines as our events: pass one of these as `callback_on_step_end=`, and hand what the
pipeline returned to `finish`.

The callback's contract (diffusers 0.42): called after every step with the pipeline, the step's number, its
number within the block, and the tensors that `tensor_inputs` names; what it returns may replace them, and
these return nothing. It is called neither before the first step nor at the end, so the last canvas is known
only from the pipeline's output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers.callbacks import PipelineCallback
from torch import Tensor

from samplers.engines.changes import Changes
from samplers.engines.recorder import Recorder
from samplers.events import Cell, Deleted, Inserted, Predicted, Renoised, Unmasked
from samplers.recording.traces import Trace


class PipelineEvents(PipelineCallback):  # type: ignore[misc]
    """What both pipelines' callbacks share: `recorder.events`, `trace()`, and live with
    `follow(callback.recorder, lambda: callback.finish(pipeline(..., callback_on_step_end=callback)))`.

    pieces, model: as in Recorder; drafts: whether Predicted is told. One callback follows one run.
    """

    wanted: tuple[str, ...] = ()

    def __init__(
        self, pieces: Sequence[bytes] | Mapping[int, bytes] = (), model: str = "", drafts: bool = True
    ) -> None:
        super().__init__()
        self.recorder, self.drafts = Recorder(pieces, model), drafts
        self.eos_id: int | None = None
        self.steps = 0

    @property
    def tensor_inputs(self) -> list[str]:
        return list(self.wanted)

    def trace(self) -> Trace:
        """What was seen so far, as a trace."""
        return self.recorder.trace()

    def callback_fn(
        self, pipeline: Any, step_index: int, timesteps: Any, callback_kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """Called by the pipeline."""
        if self.recorder.board.finished:
            raise ValueError("this callback has followed a run to its end; allowed: a new one for each run")
        self.eos_id = getattr(pipeline, "eos_token_id", None)
        self.see(pipeline, int(timesteps), callback_kwargs)
        return {}

    def see(self, pipeline: Any, timestep: int, tensors: Mapping[str, Tensor]) -> None:
        """A step. timestep: within its block."""
        raise NotImplementedError

    def _close(self, prompt_length: int) -> None:
        reasons = []
        for row in self.recorder.board.trunk:
            ended = self.eos_id in row.tokens[prompt_length:]
            reasons.append("left" if any(row.undecided) else "eos" if ended else "steps")
        self.recorder.finish(reasons)


def sequences_of(output: Any) -> Tensor:
    """Int[rows, cells], the answers that a pipeline returned, as an object or as a tuple."""
    found = output[0] if isinstance(output, tuple) else getattr(output, "sequences", output)
    if not isinstance(found, Tensor) or found.dim() != 2:
        raise ValueError("output is not what the pipeline returned; allowed: its output, or its sequences")
    return found


class BlockRefinementEvents(PipelineEvents):
    """Of LLaDA2Pipeline (LLaDA 2.x, block refinement), one prompt or several.

    The pipeline shows the canvas up to the block that it works on: so it grows here block by block, as the
    network sees it. drafts: what was sampled for each mask (sampled, so not always the likeliest). Where the
    answer ended early, the pipeline leaves masks, and so does the trace. mask_id: where neither the pipeline
    nor its tokenizer names it. Rows that were padded show their padding as prompt.
    """

    wanted = (
        "block_x", "transfer_index", "editing_transfer_index", "sampled_tokens", "sampled_probs",
        "active_block",
    )  # fmt: skip

    def __init__(self, *args: Any, mask_id: int | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.mask_id = mask_id

    def see(self, pipeline: Any, timestep: int, tensors: Mapping[str, Tensor]) -> None:
        """A step: what it drafted, wrote and edited."""
        after, active = tensors["block_x"].tolist(), tensors["active_block"].tolist()
        length, size = len(after[0]), len(active[0])
        if not self.recorder.events:
            self._start(pipeline, after, active, size)
        board, mask = self.recorder.board, self.mask_id
        assert mask is not None
        nfe, self.steps = board.nfe + len(after), self.steps + 1
        first = board.prompt_length // size  # of the sequence's blocks, the one with the answer's first cell
        now: dict[str, Any] = {"nfe": nfe, "forwards": self.steps, "block": length // size - 1 - first}
        grown = [
            Cell(r, len(row), mask, 0.0)
            for r, row in enumerate(board.tokens)
            for _ in range(length - len(row))
        ]
        if grown:
            self.recorder.add(Inserted(**now, cells=tuple(grown)))
        if self.drafts and (drafts := self._drafts(tensors, active, length - size)):
            self.recorder.add(Predicted(**now, cells=drafts))
        changes = Changes()
        written = tensors["transfer_index"] | tensors["editing_transfer_index"]
        sure = torch.where(written, tensors["sampled_probs"].float(), 0.0).tolist()
        for r, row in enumerate(after):
            known = [0.0] * (length - size) + sure[r]
            changes.row(r, board.tokens[r], row, mask, board.prompt_length, known)
        for event in changes.events(self.steps - 1, nfe, self.steps, now["block"]):
            self.recorder.add(event)

    def _drafts(
        self, tensors: Mapping[str, Tensor], active: list[list[bool]], start: int
    ) -> tuple[Cell, ...]:
        tokens, probabilities = tensors["sampled_tokens"].tolist(), tensors["sampled_probs"].float().tolist()
        undecided = [row.undecided for row in self.recorder.board.trunk]
        return tuple(
            Cell(r, start + i, tokens[r][i], round(probabilities[r][i], 4))
            for r, row in enumerate(active)
            for i, is_mask in enumerate(row)
            if is_mask and undecided[r][start + i]
        )

    def _start(self, pipeline: Any, after: list[list[int]], active: list[list[bool]], size: int) -> None:
        """Started: the prompt is what was no mask in the first block, before its first step."""
        if self.mask_id is None:
            self.mask_id = getattr(pipeline, "mask_token_id", None)
        if self.mask_id is None:
            raise ValueError(
                "mask_id is not known: the pipeline's tokenizer names none; allowed: pass mask_id"
            )
        start = len(after[0]) - size
        prompt_length = start + min(row.index(True) if True in row else size for row in active)
        tokens = [
            [self.mask_id if p >= start and active[r][p - start] else token for p, token in enumerate(row)]
            for r, row in enumerate(after)
        ]
        settings = {"sampler": type(pipeline).__name__, "block_length": size, "drafts": self.drafts}
        self.recorder.start(tokens, self.mask_id, prompt_length, settings, grid="absolute")

    def finish(self, output: Any) -> Any:
        """Finished; cells behind the length that was asked for are gone. output: the pipeline's; it is
        returned."""
        answers, board = sequences_of(output).tolist(), self.recorder.board
        keep = [board.prompt_length + len(answer) for answer in answers]
        gone = [
            Cell(r, p, row.tokens[p], 0.0)
            for r, row in enumerate(board.trunk)
            for p in range(keep[r], len(row.tokens))
        ]
        now: dict[str, Any] = {"nfe": board.nfe, "forwards": board.forwards}
        if gone:
            self.recorder.add(Deleted(**now, cells=tuple(gone)))
        self._close(board.prompt_length)
        return output


class DiffusionGemmaEvents(PipelineEvents):
    """Of DiffusionGemmaPipeline, with any of its schedulers; one prompt.

    The callback sees the canvas itself, but not which of its cells were accepted: so they are noise until
    their canvas is finished, and Renoised says what stands on it after each step. drafts: the network's
    likeliest token of each cell. The pipeline does not show the prompt: pass its ids, else the trace has
    none. A pass of a corrector is not counted.

    A canvas that ended before its steps were used up is what the network then thought likeliest. One that
    used all of them may be that, or the canvas as it was seen: cells in which the two differ stay noise
    until `finish` is told.
    """

    wanted = ("canvas", "logits")

    def __init__(self, *args: Any, prompt: Sequence[int] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.prompt = list(prompt)
        self._likeliest: list[tuple[int, float]] = []  # of the canvas that is open
        self._doubtful: dict[int, tuple[int, float]] = {}  # the same, of cells that were left noise
        self._taken = 0  # steps of the canvas that is open
        self._canvases = 0

    @property
    def _now(self) -> dict[str, Any]:
        return {"nfe": self.steps, "forwards": self.steps, "block": max(self._canvases - 1, 0)}

    def see(self, pipeline: Any, timestep: int, tensors: Mapping[str, Tensor]) -> None:
        """A step: the draft, and what stands on the canvas now. What the step decided is known, and told,
        when the next one comes."""
        canvas, logits = tensors["canvas"], tensors["logits"]
        if canvas.shape[0] != 1:
            rows = canvas.shape[0]
            raise ValueError(
                f"the callback follows one row, and there are {rows}; allowed: a prompt at a time"
            )
        tokens = canvas[0].tolist()
        decided = self._settled(pipeline) if timestep == 0 else []
        if self.steps:
            self._tell(decided)
        if timestep == 0:
            self._open(pipeline, tokens)
        self.steps, self._taken = self.steps + 1, self._taken + 1
        found = torch.softmax(logits[0].float(), -1).max(-1)
        self._likeliest = list(zip(found.indices.tolist(), found.values.tolist(), strict=True))
        stood, start = self.recorder.board.tokens[0], self._start
        if self.drafts:
            cells = (Cell(0, start + i, t, round(p, 4)) for i, (t, p) in enumerate(self._likeliest))
            self.recorder.add(Predicted(**self._now, cells=tuple(cells)))
        moved = [Cell(0, start + i, t, 0.0) for i, t in enumerate(tokens) if stood[start + i] != t]
        if moved:
            self.recorder.add(Renoised(**self._now, cells=tuple(moved)))

    def _open(self, pipeline: Any, tokens: list[int]) -> None:
        """A canvas: the noise that it began with was not shown, so it begins as it was after a step."""
        self._canvases, self._taken = self._canvases + 1, 0
        if not self.recorder.events:
            settings = {
                "sampler": type(pipeline).__name__, "scheduler": type(pipeline.scheduler).__name__,
                "block_length": len(tokens), "drafts": self.drafts,
            }  # fmt: skip
            noise = [False] * len(self.prompt) + [True] * len(tokens)
            tokens = [*self.prompt, *tokens]
            self.recorder.start([tokens], None, len(self.prompt), settings, noise=[noise])
            self._start = len(self.prompt)
        else:
            self._start = len(self.recorder.board.tokens[0])
            new = tuple(Cell(0, self._start, t, 0.0) for t in tokens)
            self.recorder.add(Inserted(**self._now, cells=new, noise=True))

    def _settled(self, pipeline: Any) -> list[Cell]:
        """What is certain of the canvas that was open, now that the next one begins."""
        early = self._taken < len(pipeline.scheduler.timesteps)
        stood, certain = self.recorder.board.tokens[0] if self.steps else [], []
        for place, (token, probability) in enumerate(self._likeliest, self._start if self.steps else 0):
            if early or stood[place] == token:
                certain.append(Cell(0, place, token, probability))
            else:
                self._doubtful[place] = (token, probability)
        return certain

    def _tell(self, cells: list[Cell]) -> None:
        """One Unmasked for each pass."""
        self.recorder.add(Unmasked(**self._now, step=self.steps - 1, cells=tuple(cells)))

    def finish(self, output: Any) -> Any:
        """What is still undecided becomes what the pipeline returned, then Finished. output: the pipeline's;
        it is returned."""
        answer, row = sequences_of(output)[0].tolist(), self.recorder.board.trunk[0]
        start, seen = len(self.prompt), len(row.tokens) - len(self.prompt)
        if len(answer) != seen:
            raise ValueError(f"output has {len(answer)} tokens; allowed: {seen}, as many as were seen")
        thought = self._doubtful | dict(enumerate(self._likeliest, self._start))
        cells = []
        for place, token in enumerate(answer, start):
            if row.undecided[place]:
                likeliest, probability = thought[place]
                cells.append(Cell(0, place, token, probability if token == likeliest else 0.0))
        self._tell(cells)
        self._close(start)
        return output
