"""The gallery as one browser may use it: what the page asks for, and what it is answered.

Requests come from browsers, so anything may be in them; an answer is plain data, and where something cannot
be done it has a sentence under "error". On a public host everybody sees, changes and deletes what their own
browser kept, and nothing else; a browser is known by a key that it made itself and tells nobody else. A
trace's id, as it stands in a link, lets whoever has it look at the trace.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from llada_viz.decoding.runs import OPENED, Run, Runs
from llada_viz.gallery.cards import Card, CardError
from llada_viz.gallery.gallery import MOST_OF_OWNER, Conflict, Gallery, GalleryError
from samplers.events import EventError
from samplers.recording.traces import Trace, TraceError, read_trace
from samplers.settings import sentence_of

MOST_CARDS = 60
"""Cards of one answer; the page asks for more."""
LARGEST_IMPORT = 32 << 20
_KEY = re.compile(r"[A-Za-z0-9_-]{20,64}")
CANNOT = (GalleryError, CardError, TraceError, EventError, OSError)
"""What a sentence is made of."""
NOBODY = "?"
"""The owner that a browser without a key of its own has: nothing is his."""
Answer = dict[str, Any]


class Shelf:
    """public: strangers use the page; runs: where a run that is to be kept is found."""

    def __init__(self, gallery: Gallery, runs: Runs, public: bool) -> None:
        self.gallery, self.runs, self.public = gallery, runs, public

    def cards(self, asked: Any) -> Answer:
        """The cards that fit, `MOST_CARDS` from number `from` on; how many there are, and all tags. asked:
        words, tag, from, key."""
        asked = _mapping(asked)
        owner = self._owner(asked)
        words, tag = _text(asked, "words")[:200], _text(asked, "tag")
        found = self.gallery.cards(words, tag, owner)
        every = self.gallery.cards(owner=owner) if words or tag else found
        first = asked.get("from", 0)
        first = first if type(first) is int and first >= 0 else 0
        return {
            "cards": [shown(card) for card in found[first : first + MOST_CARDS]],
            "count": len(found), "all": len(every),
            "tags": sorted({tag for card in every for tag in card.tags}),
            "note": self._note(),
        }  # fmt: skip

    def keep(self, asked: Any) -> Answer:
        """Keep a run of the page. asked: run, name, key."""
        asked = _mapping(asked)
        return self.keep_run(self.runs.get(asked.get("run")), asked)

    def keep_run(self, run: Run | None, asked: Any) -> Answer:
        """Keep a run that was found; None: there is none. asked: name, key."""
        asked = _mapping(asked)
        if run is None or not run.events:
            return {"error": "The server no longer has this run; run it again to keep it."}
        if not run.ended:
            return {"error": "This run is still going on: press Stop first, or wait for its end."}
        return self._put(run.trace(), _text(asked, "name"), asked)

    def bring(self, asked: Any) -> Answer:
        """Keep a trace file. asked: file (its bytes, in base64), name, key."""
        asked = _mapping(asked)
        file = _text(asked, "file")
        if len(file) > LARGEST_IMPORT * 4 // 3 + 4:
            return {"error": f"A trace file may have {LARGEST_IMPORT >> 20} MB here."}
        try:
            return self._put(read_trace(base64.b64decode(file, validate=True), OPENED), "", asked)
        except (binascii.Error, ValueError) as error:
            return {"error": sentence_of(error)}

    def change(self, asked: Any) -> Answer:
        """Rename, tag or pin. asked: id, version, name, tags, pinned, key; who is told of a conflict gets the
        card as it is now."""
        asked = _mapping(asked)
        tags, pinned, version = asked.get("tags"), asked.get("pinned"), asked.get("version")
        try:
            card = self.gallery.change(
                _text(asked, "id"), version if type(version) is int else 0, self._owner(asked),
                name=_text(asked, "name") if "name" in asked else None,
                tags=tuple(map(str, tags)) if isinstance(tags, list) else None,
                pinned=pinned if isinstance(pinned, bool) else None,
            )  # fmt: skip
        except Conflict as conflict:
            return {"error": sentence_of(conflict), "card": shown(conflict.now)}
        except CANNOT as error:
            return {"error": sentence_of(error)}
        return {"card": shown(card)}

    def remove(self, asked: Any) -> Answer:
        """Delete one's own trace. asked: id, key."""
        asked = _mapping(asked)
        try:
            self.gallery.remove(_text(asked, "id"), self._owner(asked))
        except CANNOT as error:
            return {"error": sentence_of(error)}
        return {}

    def trace(self, id: Any) -> Trace:
        """The trace of an id, whoever asks. GalleryError: a sentence."""
        return self.gallery.trace(id if isinstance(id, str) else "")

    def _put(self, trace: Trace, name: str, asked: Mapping[str, Any]) -> Answer:
        try:
            if (owner := self._owner(asked)) == NOBODY:
                raise GalleryError("This browser keeps no key of its own, so nothing can be kept for it.")
            return {"card": shown(self.gallery.put(trace, name, owner or ""))}
        except CANNOT as error:
            return {"error": sentence_of(error)}

    def _owner(self, asked: Mapping[str, Any]) -> str | None:
        """Whose traces are meant: None, everybody's, on somebody's own machine."""
        if not self.public:
            return None
        key = _text(asked, "key")
        return sha256(key.encode()).hexdigest()[:32] if _KEY.fullmatch(key) else NOBODY

    def _note(self) -> str:
        if not self.public:
            return ""
        return (
            f"On this public host only your browser lists what you keep, up to {MOST_OF_OWNER} traces; "
            "whoever has a link to one can watch it. All may be gone when the host restarts: download what "
            "matters."
        )


def shown(card: Card) -> Answer:
    """A card as the page gets it: without what tells whose it is."""
    return {name: value for name, value in asdict(card).items() if name != "owner"}


def _mapping(asked: Any) -> Mapping[str, Any]:
    return asked if isinstance(asked, Mapping) else {}


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name, "")
    return value if isinstance(value, str) else ""
