"""What the page asks about a cell: what else could stand in it, and which tokens a typed word has.

A question costs one forward at most, in the line of the runs that go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llada_viz.decoding.attached import Attached, Attachments, Using
from llada_viz.decoding.branches import Branches, ModelMissing, setup_of_run
from llada_viz.decoding.entrance import ENTRANCE
from llada_viz.decoding.recent import Recent
from llada_viz.decoding.run_models import NotAsked, RunModels, asked, fits
from llada_viz.decoding.runs import MOST_RUNS, Run, Runs
from llada_viz.decoding.sampler_groups import group_of, in_groups
from llada_viz.host import models_open, on_zero_gpu
from models.loading import LoadedModel
from models.text import cell_texts
from samplers.branch import BranchError
from samplers.events import Branched, Event, EventError, Started
from samplers.fold import Board
from samplers.measuring.alternatives import LIKELIEST, Alternatives, Moment, alternatives, moment_of
from samplers.registry import entry
from samplers.requests import RequestError, typed_ids
from samplers.settings import sentence_of

PATIENCE = 30.0  # seconds that a question waits for the model
LONGEST_WORD = 80
GONE = "The server no longer has this run: run it again to ask about its cells."
Answer = dict[str, Any]
"""What the page is told; "error": a sentence instead."""


class CellQuestions:
    """Answers questions about the runs in `runs`. models: which ones decoded them; attachments: what the
    tabs of the page decode with."""

    def __init__(self, runs: Runs, models: RunModels, attachments: Attachments) -> None:
        self.runs, self.models, self.attachments = runs, models, attachments
        self._shown: Recent[str, str] = Recent(MOST_RUNS)  # run -> attachment of the tab that shows it

    def shown(self, run_id: str, attachment: str) -> None:
        """A tab shows this run, and decodes with that attachment."""
        if run_id:
            self._shown.put(run_id, attachment)

    def using(self, run: Run) -> Using:
        """What the tab that shows a run decodes with."""
        return self.attachments.using_or_bundled(self._shown.get(run.id) or "")

    def likeliest(self, run_id: str, seq: int, cell: int) -> Answer:
        """The likeliest tokens of a cell where the token was written that it holds after frame `seq`; of an
        undecided cell, after that frame. cell: its id, counted as the page does.

        {"tokens": [[token, text, probability], …], "recorded": whether these are the run's own drafts,
        "stands": the token in the cell, None: none, "frame": the last one before the tokens were looked at,
        "note": what is to be known of them}, or {"given": True} for a cell that was not written.
        """
        run = self.runs.get(run_id)
        if run is None or not run.events:
            return {"error": GONE}
        events = tuple(run.events[: seq + 1])
        start = run.maker.board.prompt_length
        try:
            moment = moment_of(events, len(events) - 1, cell + start)
        except EventError:
            return {"error": "This cell is not on the board at this frame."}
        if moment is None:
            return {"given": True}
        try:
            found, note = self._asked(run, events[: moment.count], moment)
        except NotAsked as error:
            if not moment.recorded:
                return {"error": str(error)}
            found, note = Alternatives(moment.recorded[:LIKELIEST], True), str(error)
        tokens = [[token, self._text(run, token), sure] for token, sure in found.likeliest]
        stands = _stands(events, cell + start)
        return {
            "tokens": tokens, "recorded": found.recorded, "stands": stands, "frame": moment.count - 1,
            "note": note,
        }  # fmt: skip

    def _asked(self, run: Run, events: Sequence[Event], moment: Moment) -> tuple[Alternatives, str]:
        if len(moment.recorded) >= LIKELIEST:
            return Alternatives(moment.recorded[:LIKELIEST], True), ""
        loaded = self.models.of(run, self.using(run))
        check_canvas(moment, loaded)
        settings = _settings(events)
        guidance = settings.get("cfg_scale")
        scale = float(guidance) if isinstance(guidance, (int, float)) and 0 < guidance <= 20 else 0.0
        with ENTRANCE.entered() as place:
            if sentence := place.wait(PATIENCE):
                raise NotAsked(sentence)
            with asked(loaded, run.owner or run.id) as network:
                found = alternatives(moment, network, scale)
        cached = settings.get("cache", "none") != "none"
        return found, "The run had a KV cache; asked again without it." if cached else ""

    def _text(self, run: Run, token: int) -> str:
        pieces = run.pieces
        if isinstance(pieces, Mapping) and token not in pieces:
            pieces = self.using(run).pieces
        return cell_texts(pieces, [token], None)[0]

    def word(self, run_id: str, text: str) -> Answer:
        """The tokens of a word that somebody types into the board of a run, each for a cell of its own:
        {"tokens": [[token, text], …]}."""
        run = self.runs.get(run_id)
        loaded = self.using(run).loaded if run is not None else None
        if run is None or loaded is None or not fits(run, self.using(run)):
            return {"error": GONE if run is None else str(ModelMissing(run.model, self.using(run).name))}
        if len(text) > LONGEST_WORD:
            return {"error": f"A word may have {LONGEST_WORD} characters here; this one has {len(text)}."}
        try:
            ids = typed_ids(loaded, text, "word")
        except RequestError as error:
            return {"error": sentence_of(error)}
        return {"tokens": [[token, self._text(run, token)] for token in ids]}

    def branching(self, run_id: str) -> Answer:
        """How a run could go on: {"samplers": [[name, title, its temperature, its group], …], "sampler",
        "seed", "temperature": of the run, "why": a sentence where it cannot, "offer": what would help}."""
        run = self.runs.get(run_id)
        if run is None:
            return {"error": GONE}
        samplers = [
            [each.name, each.title, known["temperature"].default, group_of(each)]
            for each in in_groups()
            if "temperature" in (known := {setting.name: setting for setting in each.settings})
        ]
        answer: Answer = {"samplers": samplers, "sampler": "", "seed": 0, "temperature": 0.0, "why": ""}
        try:
            setup = setup_of_run(run)
            own = {s.name: s.default for s in entry(setup.sampler).settings} | dict(setup.settings)
            answer |= {
                "sampler": setup.sampler,
                "seed": setup.seed % 2**53,
                "temperature": own["temperature"],
            }
            Branches.check(run, self.using(run))
        except ModelMissing as error:
            answer |= {"why": str(error), "offer": offer_for(run, self.using(run))}
        except BranchError as error:
            answer["why"] = str(error)
        return answer


def check_canvas(moment: Moment, loaded: LoadedModel) -> None:
    """NotAsked: the network cannot read this canvas."""
    size, most = loaded.model.config.embedding_size, loaded.max_length
    if len(moment.tokens) - moment.begin > most:
        raise NotAsked(f"This canvas is longer than the {most:,} tokens that {loaded.name} reads.")
    if moment.mask_id != loaded.mask_id or not all(0 <= token < size for token in moment.tokens):
        raise NotAsked(f"The tokens of this run are not those of {loaded.name}.")


def offer_for(run: Run, using: Using) -> str:
    """What would load the model of a run: "detach", "attach" (a bundled adapter), "models" (the Models tab),
    "" where visitors may not load it."""
    bundled = using.bundled if isinstance(using, Attached) else using
    if run.model == bundled.name:
        return "detach" if bundled is not using else ""
    if run.model in bundled.adapters:
        return "attach"
    return "models" if models_open() and not on_zero_gpu() and run.model else ""


def _settings(events: Sequence[Event]) -> Mapping[str, Any]:
    """Those of the sampler that wrote last."""
    return next((e.settings for e in reversed(events) if isinstance(e, (Started, Branched))), {})


def _stands(events: Sequence[Event], cell: int) -> int | None:
    """The token in a cell of the row that is shown, None: it is undecided."""
    board = Board()
    for event in events:
        board.apply(event)
    row = board.rows[0]
    place = row.ids.index(cell)
    return None if row.undecided[place] else row.tokens[place]
