"""transformers' `generate` of a text diffusion model (DiffusionGemma) as our events: pass an EventStreamer as
`streamer=`.

What a streamer is told (transformers 5.23, TextDiffusionStreamer): the prompt; after every pass the draft,
what the network would write in each cell of the canvas; each finished canvas; the end. It is never told what
stands on the canvas, nor which cells were accepted in a step. So here

- every cell of a canvas is undecided noise until the canvas is finished, and shows its draft. The random
  tokens under the drafts are drawn here, as placeholders: the network saw others;
- a finished canvas becomes tokens in its last step, all at once, however gradually the engine accepted them;
- what `generate` puts behind the end of the text without asking the network is an event of its own;
- `nfe` and `forwards` count drafts, the decoder's passes; the encoder's are not counted.

A model that writes from left to right can be followed too: its tokens are appended as they come.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import TextDiffusionStreamer

from models.text import token_pieces
from samplers.engines.recorder import UNKNOWN, Recorder
from samplers.events import Cell, Inserted, Predicted, Unmasked
from samplers.recording.traces import Trace

Draft = list[list[tuple[int, float]]]
"""Of each cell: its likeliest tokens with their probabilities, likeliest first."""


class EventStreamer(TextDiffusionStreamer):  # type: ignore[misc]
    """Turns what it is told into events: `recorder.events`, `trace()`, and live with
    `follow(streamer.recorder, lambda: model.generate(..., streamer=streamer))`.

    tokenizer: for the text of the trace, None: ids are shown; top_k: likeliest tokens a cell with their
    probabilities. They are those that `generate` chooses by (behind its temperature), and it then hands over
    the logits, which may be large; 0: drafts without probabilities. eos_ids: what ends an answer, default the
    tokenizer's. One streamer follows one `generate` of one row. ValueError: a batch, or a second call.
    """

    def __init__(
        self, tokenizer: Any = None, top_k: int = 1, model: str = "",
        pieces: Sequence[bytes] | Mapping[int, bytes] = (), eos_ids: Sequence[int] = (),
    ) -> None:  # fmt: skip
        if isinstance(top_k, bool) or not isinstance(top_k, int) or not 0 <= top_k <= 64:
            raise ValueError(f"top_k = {top_k!r} is not valid; allowed: 0 to 64")
        super().__init__(tokenizer)
        if tokenizer is not None and not pieces:
            pieces = token_pieces(tokenizer)
        own = getattr(tokenizer, "eos_token_id", None)
        self.eos_ids = set(eos_ids) or ({own} if isinstance(own, int) else set())
        self.recorder = Recorder(pieces, model)
        self.top_k = top_k
        self._takes_logits = top_k > 0
        self._prompt: list[int] | None = None
        self._draft: Draft | None = None  # of the canvas that is open
        self._passes = self._canvases = 0
        self._told = True  # whether the newest pass has its Unmasked
        self._random = random.Random(0)

    def trace(self) -> Trace:
        """What was seen so far, as a trace; of a `generate` that broke off, what came before."""
        return self.recorder.trace()

    # ---- what `generate` calls ---------------------------------------------------------------

    def put(self, value: Tensor) -> None:
        """The prompt, then finished canvases."""
        tokens = _row(value).tolist()
        if self.recorder.board.finished:
            raise ValueError("this streamer has followed a generate to its end; allowed: a new one for each")
        if self._prompt is None:
            self._prompt = tokens
        elif self._draft is None:
            self._appended(tokens)
        else:
            self._confirmed(tokens)

    def put_draft(self, value: Tensor | None = None, logits: Tensor | None = None, **_: Any) -> None:
        """What the network would write; logits, Float[1, cells, vocabulary], or value, Int[1, cells]."""
        if self._prompt is None:
            raise ValueError("a draft came before the prompt; allowed: the prompt first")
        if logits is not None:
            found = torch.softmax(_row(logits, cells=2).float(), -1).topk(
                min(self.top_k or 1, logits.shape[-1])
            )
            pairs = zip(found.indices.tolist(), found.values.tolist(), strict=True)
            draft = [[(t, round(p, 4)) for t, p in zip(*cell, strict=True)] for cell in pairs]
            vocabulary = logits.shape[-1]
        else:
            assert value is not None
            draft = [[(token, 0.0)] for token in _row(value).tolist()]
            vocabulary = 1 + max(max(token for [(token, _)] in draft), *self._prompt, 0)
        if self._draft is None:
            self._open(len(draft), vocabulary)
        elif len(draft) != len(self._draft):
            raise ValueError(f"a draft of {len(draft)} cells for a canvas of {len(self._draft)}")
        self._tell()
        self._passes += 1
        self._draft, self._told = draft, False
        cells = (Cell(0, self._start + i, t, p) for i, cell in enumerate(draft) for t, p in cell)
        self.recorder.add(Predicted(**self._now, cells=tuple(cells)))

    def end(self) -> None:
        """The end of `generate`."""
        self._begin()
        self._tell()
        answer = self.recorder.board.tokens[0][len(self._prompt or ()) :]
        self.recorder.finish(["eos" if self.eos_ids.intersection(answer) else "steps"])

    # ---- events ------------------------------------------------------------------------------

    @property
    def _now(self) -> dict[str, Any]:
        return {"nfe": self._passes, "forwards": self._passes, "block": max(self._canvases - 1, 0)}

    def _begin(self, noise: Sequence[int] = (), block_length: int = 0) -> None:
        """Started, with the first canvas, where it has not been yet."""
        if self.recorder.events:
            return
        prompt = self._prompt or []
        settings = {"sampler": "transformers generate", "drafts": self.top_k or True}
        settings |= {"block_length": block_length} if block_length else {}
        self.recorder.start(
            [[*prompt, *noise]], None, len(prompt), settings | ({} if self.top_k else UNKNOWN),
            noise=[[False] * len(prompt) + [True] * len(noise)],
        )  # fmt: skip

    def _open(self, cells: int, vocabulary: int) -> None:
        """A canvas of noise behind all that stands."""
        noise = [self._random.randrange(vocabulary) for _ in range(cells)]
        self._canvases += 1
        if not self.recorder.events:
            self._begin(noise, cells)
        else:
            here = len(self.recorder.board.tokens[0])
            new = tuple(Cell(0, here, token, 0.0) for token in noise)
            self.recorder.add(Inserted(**self._now, cells=new, noise=True))
        self._start = len(self.recorder.board.tokens[0]) - cells

    def _tell(self, cells: tuple[Cell, ...] = ()) -> None:
        """One Unmasked for each pass; what it decided is known when the next message comes."""
        if not self._told:
            self.recorder.add(Unmasked(**self._now, step=self._passes - 1, cells=cells))
            self._told = True

    def _confirmed(self, tokens: list[int]) -> None:
        assert self._draft is not None
        if len(tokens) != len(self._draft):
            raise ValueError(f"{len(tokens)} tokens for a canvas of {len(self._draft)} cells")
        written, filled = [], []
        for i, (token, cell) in enumerate(zip(tokens, self._draft, strict=True)):
            likeliest, probability = cell[0]
            place = self._start + i
            if token == likeliest:
                written.append(Cell(0, place, token, probability))
            else:
                filled.append(Cell(0, place, token, 0.0))
        self._tell(tuple(written))
        if filled:
            self.recorder.add(Unmasked(**self._now, step=-1, cells=tuple(filled)))
        self._draft = None

    def _appended(self, tokens: list[int]) -> None:
        """Tokens that had no drafts: written from left to right, a pass each."""
        self._begin()
        for token in tokens:
            self._passes += 1
            new = (Cell(0, len(self.recorder.board.tokens[0]), token, 0.0),)
            self.recorder.add(Inserted(**self._now, cells=new))
            self.recorder.add(Unmasked(**self._now, step=self._passes - 1, cells=()))


def _row(value: Tensor, cells: int = 1) -> Tensor:
    """The only row of a batch. cells: dimensions of one row. ValueError: there are more rows."""
    if value.dim() == cells:
        return value
    if value.dim() != cells + 1 or value.shape[0] != 1:
        rows = value.shape[0] if value.dim() else 0
        raise ValueError(f"a streamer follows one row, and there are {rows}; allowed: a prompt at a time")
    return value[0]
