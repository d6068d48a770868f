"""Answers by name: decode, stream, compare, and the trace of a run. Runs stand in line with the page's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from llada_viz.decoding.attached import Attachments, Using
from llada_viz.decoding.comparison import Comparison
from llada_viz.decoding.entrance import ENTRANCE
from llada_viz.decoding.preparing import checked_prompt, prepare_run
from llada_viz.decoding.runs import Run, Runs
from llada_viz.decoding.served import answer_settings, model_defaults
from llada_viz.decoding.setups import setup_of
from llada_viz.endpoints.asked import Limits, lanes_of, sampler_name, settings_of, text
from models.text import cell_texts
from samplers.batch import answer_text
from samplers.events import Finished
from samplers.recording.traces import dump_trace
from samplers.registry import make
from samplers.requests import RequestError

UPDATES_PER_SECOND = 30
WAIT = 1.0
GONE = "The server no longer has this run: decode it again."
Answer = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """Decodes with the bundled model. runs: where runs are kept, so that their traces can be asked for."""

    attachments: Attachments
    runs: Runs
    limits: Limits = field(default_factory=Limits)

    @property
    def using(self) -> Using:
        """What is decoded with."""
        return self.attachments.bundled

    def decode(
        self, prompt: Any, sampler: Any, settings: Any, seed: Any, constraints: Any, scorer: Any
    ) -> Answer:
        """The whole answer. RequestError, SettingError or ModelError: a sentence."""
        run = self._begun(prompt, sampler, settings, seed, constraints, scorer)
        for _ in _advanced(run):
            pass
        return self._answer(run)

    def stream(
        self, prompt: Any, sampler: Any, settings: Any, seed: Any, constraints: Any, scorer: Any
    ) -> Iterator[Answer]:
        """The canvas as it is filled, about 30 times a second; the last one is the whole answer."""
        run = self._begun(prompt, sampler, settings, seed, constraints, scorer)
        for _ in _advanced(run):
            if not run.ended:
                yield self._now(run)
        yield self._answer(run) | {"ended": True}

    def compare(self, prompt: Any, samplers: Any, seed: Any, scorer: Any) -> Answer:
        """Two to four samplers on one prompt and seed, kept in step by sequences evaluated."""
        lanes = lanes_of(samplers, 2, self.limits.lanes)
        runs = [self._begun(prompt, lane.sampler, lane.settings, seed, "", scorer, True) for lane in lanes]
        for _ in _advanced(Comparison(runs)):
            pass
        answers = [self._answer(run) for run in runs]
        labelled = [{"label": lane.label} | answer for lane, answer in zip(lanes, answers, strict=True)]
        return {"answers": labelled, "first_difference": first_difference([a["tokens"] for a in answers])}

    def trace(self, run: Any) -> str:
        """A run as a trace, lines of JSON. RequestError: there is no such run (any more)."""
        found = self.runs.get(run)
        if found is None or not found.events:
            raise RequestError(f"run = {str(run)[:40]!r} is not here", GONE)
        return dump_trace(found.trace())

    # ---- runs --------------------------------------------------------------------------------

    def _begun(
        self, prompt: Any, sampler: Any, settings: Any, seed: Any, constraints: Any, scorer: Any,
        optional_scorer: bool = False,
    ) -> Run:  # fmt: skip
        """A run that waits for its first step. optional_scorer: it is only for samplers that need one."""
        using, name = self.using, sampler_name(sampler)
        question, scorer = checked_prompt(using, text("prompt", prompt)), text("scorer", scorer)
        loaded, defaults = using.loaded, model_defaults(self.attachments.bundled.folder)
        assert loaded is not None
        defaults = {**defaults, **using.prompt_settings(question)}
        full = answer_settings(using, name, defaults, settings_of(settings))
        built = make(name, full)
        if built.gen_length > self.limits.gen_length:
            most = f"Answer length must be at most {self.limits.gen_length:,} here."
            raise RequestError(f"gen_length = {built.gen_length}; allowed: {self.limits.gen_length}", most)
        if scorer and not built.needs.scorer:
            if not optional_scorer:
                raise RequestError(f"scorer = {scorer[:60]!r} is not used by sampler {name}; allowed: none")
            scorer = ""
        how = seed, text("constraints", constraints), scorer
        ready = prepare_run(using, name, full, question, *how)
        setup = setup_of(using, name, full, question, *how)
        return self.runs.start(ready, using.pieces, using.name, setup=setup)

    def _now(self, run: Run) -> Answer:
        """The canvas as it stands. cells: their texts, None where undecided."""
        board, frame = run.maker.board, run.frames[-1]
        start = board.prompt_length
        undecided = board.trunk[0].undecided[start:]
        texts = cell_texts(self.using.pieces, board.tokens[0][start:], board.mask_id)
        cells = [None if is_open else piece for is_open, piece in zip(undecided, texts, strict=True)]
        return {
            "run": run.id, "ended": False, "step": frame["step"], "nfe": board.nfe, "masks": sum(undecided),
            "cells": cells,
        }  # fmt: skip

    def _answer(self, run: Run) -> Answer:
        """The answer of a run that has ended. RequestError: it broke off, or was stopped."""
        loaded, setup = self.using.loaded, run.setup
        if loaded is None or setup is None or not run.events or not isinstance(run.events[-1], Finished):
            raise RequestError("the run broke off", "The run broke off: the server's log says why.")
        board = run.maker.board
        tokens = list(board.tokens[0][board.prompt_length :])
        return {
            "run": run.id, "model": run.model, "text": answer_text(loaded, tokens), "tokens": tokens,
            "nfe": board.nfe, "forwards": board.forwards, "sampler": setup.sampler,
            "settings": _all_settings(setup.sampler, setup.settings), "seed": setup.seed,
            "scorer": setup.scorer, "verdict": run.frames[-1].get("verdict"),
        }  # fmt: skip


def _all_settings(sampler: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return asdict(make(sampler, settings))


def _advanced(decoding: Run | Comparison) -> Iterator[None]:
    """Decode to the end, in the line of all runs; whoever stops listening ends it."""
    with ENTRANCE.entered() as place:
        try:
            while place.wait(WAIT):
                pass
            while _any(decoding.advance(1 / UPDATES_PER_SECOND)):
                yield
        finally:
            decoding.stop()


def _any(frames: list[Any]) -> bool:
    """Whether there are new frames, of a run or of one of several."""
    return any(frames)


def first_difference(answers: list[list[int]]) -> int | None:
    """The first cell in which two of the answers differ; None: in none."""
    longest = max(map(len, answers), default=0)
    padded = [answer + [-1] * (longest - len(answer)) for answer in answers]
    return next((cell for cell, tokens in enumerate(zip(*padded, strict=True)) if len(set(tokens)) > 1), None)
