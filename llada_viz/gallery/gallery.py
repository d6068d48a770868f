"""The gallery: a folder of kept traces, each in a folder of its own with its card. Several servers and
browser tabs may use it at once.

Bundled traces come with the program and are only read. On a public host a visitor sees the bundled ones and
those of their own browser.
"""

from __future__ import annotations

import fcntl
import logging
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from llada_viz.gallery.cards import Card, CardError, card_of, from_json, to_json
from llada_viz.render.frames import NO_GOLDS
from llada_viz.render.verdict import Golds
from models.whole_file import write_whole
from samplers.recording.traces import Trace, TraceError, read_trace, write_trace

LOG = logging.getLogger(__name__)
TRACE, CARD, LOCK = "trace.jsonl", "card.json", "lock"
MOST = 1000
MOST_OF_OWNER = 50
"""Traces of one visitor of a public host."""
LARGEST_OF_OWNER = 4 << 20
"""Bytes of one of them, as its file."""
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class GalleryError(ValueError):
    """Something that the gallery cannot do; the message is a sentence."""


class Conflict(GalleryError):
    """The card was changed meanwhile. now: as it is."""

    def __init__(self, now: Card) -> None:
        super().__init__("This trace was changed in another tab meanwhile. It is shown as it is now.")
        self.now = now


class Gallery:
    """Traces by id. folder: of the kept ones; bundled: of those that come with the program; golds: right
    answers by prompt, for verdicts."""

    def __init__(self, folder: Path, bundled: Path | None = None, golds: Golds = NO_GOLDS) -> None:
        self.folder, self.bundled, self.golds = folder, bundled, golds

    def cards(self, words: str = "", tag: str = "", owner: str | None = None) -> list[Card]:
        """The cards that fit, pinned ones first, then the newest; bundled ones behind the visitor's own.

        words: every one must stand in the card; owner: only this one's and bundled ones, None: all.
        """
        found = [card for card in self._all() if _visible(card, owner) and card.fits(words)]
        found = [card for card in found if not tag or tag in card.tags]
        return sorted(found, key=lambda card: (not card.pinned, card.bundled, -card.created, card.id))

    def card(self, id: str, owner: str | None = None) -> Card:
        """The card of an id. GalleryError: there is none, or it is somebody else's."""
        return self._find(id, owner)[1]

    def trace(self, id: str, owner: str | None = None) -> Trace:
        """The trace of an id. GalleryError: as `card`, or its file is broken."""
        place, _ = self._find(id, owner)
        try:
            return read_trace(place / TRACE)
        except (TraceError, OSError) as error:
            raise GalleryError(f"This trace cannot be read: {error}.") from None

    def put(self, trace: Trace, name: str = "", owner: str = "", parent: str = "", seq: int = 0) -> Card:
        """Keep a trace; its card. GalleryError: the gallery is full. TraceError, EventError, CardError: the
        trace or its name cannot be kept."""
        id = secrets.token_urlsafe(12)
        card = card_of(trace, id, time.time(), name, self.golds)
        card = replace(card, owner=owner, parent=parent, seq=seq)
        with self._locked():
            kept = [card for card in self._all() if not card.bundled]
            own = sum(card.owner == owner for card in kept)
            if len(kept) >= MOST or (owner and own >= MOST_OF_OWNER):
                most = MOST_OF_OWNER if owner else MOST
                raise GalleryError(f"The gallery is full: it holds {most} traces. Delete some first.")
            scratch = self.folder / f".{id}.new"
            scratch.mkdir(parents=True)
            try:
                write_trace(scratch / TRACE, trace)
                if owner and (size := (scratch / TRACE).stat().st_size) > LARGEST_OF_OWNER:
                    raise GalleryError(
                        f"This trace has {size / 1e6:.1f} MB; a public host keeps up to "
                        f"{LARGEST_OF_OWNER / 1e6:.1f} MB. Download it instead."
                    )
                write_whole(scratch / CARD, to_json(card))
                scratch.rename(self.folder / id)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        return card

    def change(
        self,
        id: str,
        version: int,
        owner: str | None = None,
        name: str | None = None,
        tags: tuple[str, ...] | None = None,
        pinned: bool | None = None,
    ) -> Card:
        """Rename, tag or pin. version: of the card that the change was made on. Conflict: it is another by
        now. GalleryError: a bundled trace, or none. CardError: a bad name or tag."""
        with self._locked():
            card = self.card(id, owner)
            if card.bundled:
                raise GalleryError(
                    "A trace that comes with the program stays as it is. Keep a copy to change it."
                )
            if card.version != version:
                raise Conflict(card)
            card = card.changed(name, tags, pinned)
            write_whole(self.folder / id / CARD, to_json(card))
        return card

    def remove(self, id: str, owner: str | None = None) -> None:
        """Delete a trace. GalleryError: a bundled one, or none."""
        with self._locked():
            if self.card(id, owner).bundled:
                raise GalleryError("A trace that comes with the program cannot be deleted.")
            gone = self.folder / f".{id}.gone"
            (self.folder / id).rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def _all(self) -> Iterator[Card]:
        for root in filter(None, (self.folder, self.bundled)):
            for path in sorted(root.glob(f"*/{CARD}")) if root.is_dir() else ():
                if not _ID.fullmatch(path.parent.name):
                    continue
                try:
                    yield self._read(path.parent)
                except (OSError, CardError) as error:
                    LOG.warning("a card is left out: %s: %s", path.parent.name, error)

    def _find(self, id: str, owner: str | None) -> tuple[Path, Card]:
        """The folder and the card of an id, which never leads out of the gallery. GalleryError: see
        `card`."""
        if isinstance(id, str) and _ID.fullmatch(id):
            for root in filter(None, (self.folder, self.bundled)):
                try:
                    card = self._read(root / id)
                except (OSError, CardError):
                    continue
                if card.id == id and _visible(card, owner):
                    return root / id, card
        raise GalleryError("This trace is not in the gallery (any more).")

    def _read(self, place: Path) -> Card:
        """The card of a folder, bundled if its root is. OSError, CardError: there is none that can be
        read."""
        card = from_json((place / CARD).read_text(encoding="utf-8"))
        return replace(card, bundled=place.parent == self.bundled)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One change at a time, over all servers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _visible(card: Card, owner: str | None) -> bool:
    return owner is None or card.bundled or card.owner == owner
