"""The gallery of traces: what is kept, found, changed and deleted, by several tabs, servers and visitors."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

import llada_viz.gallery.gallery as module
from llada_viz.gallery.cards import Card, CardError, card_of, checked_tags, from_json, to_json
from llada_viz.gallery.gallery import CARD, TRACE, Conflict, Gallery, GalleryError
from samplers.recording.traces import Trace, read_trace

SAVED = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"


def trace(name: str = "backmask") -> Trace:
    return read_trace(SAVED / f"{name}.jsonl")


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path / "kept")


def test_a_kept_trace_is_the_trace(gallery: Gallery) -> None:
    card = gallery.put(trace(), "Mine")
    assert gallery.trace(card.id) == trace() and gallery.card(card.id) == card
    assert (card.name, card.version, card.events) == ("Mine", 1, len(trace().events))
    assert [c.id for c in gallery.cards()] == [card.id]
    assert sorted(path.name for path in (gallery.folder / card.id).iterdir()) == [CARD, TRACE]


@pytest.mark.parametrize("path", sorted(SAVED.glob("*.jsonl")), ids=lambda path: path.stem)
def test_every_sampler_s_trace_has_a_card_with_a_moving_picture(path: Path) -> None:
    card = card_of(read_trace(path), "an-id-of-1", 1.0)
    assert card.prompt.endswith("?") and card.name == card.prompt[:80].strip()
    assert card.sampler and card.nfe > 0
    assert 2 <= len(card.picture) <= 21 and set("".join(card.picture)) <= set(".#*!")
    assert card.picture[0].count(".") > card.picture[-1].count(".") or "!" in card.picture[-1]
    assert len({len(moment) for moment in card.picture}) == 1
    assert from_json(to_json(card)) == card


def test_a_taken_back_cell_is_seen_in_the_picture() -> None:
    pictures = [card_of(trace(name), "an-id-of-1", 1.0).picture for name in ("backmask_window", "remdm")]
    assert any("!" in moment for picture in pictures for moment in picture)


def test_searching(gallery: Gallery) -> None:
    first, second = gallery.put(trace(), "A repair"), gallery.put(trace("remedi"), "Words of policy")
    gallery.change(first.id, 1, tags=("Talk", "talk ", "slides"))
    assert [c.id for c in gallery.cards("POLICY words")] == [second.id]
    assert [c.id for c in gallery.cards("talk repair")] == [first.id]
    assert [c.id for c in gallery.cards(tag="talk")] == [first.id] and gallery.cards(tag="none") == []
    assert gallery.cards("no such words") == []


def test_pinned_ones_come_first_then_the_newest(gallery: Gallery) -> None:
    ids = [gallery.put(trace(), f"{n}").id for n in range(3)]
    gallery.change(ids[1], 1, pinned=True)
    assert [c.id for c in gallery.cards()] == [ids[1], ids[2], ids[0]]


def test_two_tabs_that_change_one_trace(gallery: Gallery) -> None:
    card = gallery.put(trace(), "Before")
    gallery.change(card.id, card.version, name="One")
    with pytest.raises(Conflict, match="changed in another tab meanwhile") as conflict:
        gallery.change(card.id, card.version, name="Two")
    assert conflict.value.now.name == "One" and gallery.card(card.id).name == "One"


def test_many_at_once_each_change_counts(gallery: Gallery) -> None:
    card = gallery.put(trace(), "0")

    def change(number: int) -> None:
        while True:
            try:
                now = gallery.card(card.id)
                gallery.change(card.id, now.version, name=f"{number}")
                return
            except Conflict:
                continue

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert gallery.card(card.id).version == 7


def test_deleting(gallery: Gallery) -> None:
    card = gallery.put(trace())
    gallery.remove(card.id)
    assert gallery.cards() == [] and [p for p in gallery.folder.iterdir() if p.is_dir()] == []
    for ask in (gallery.card, gallery.trace, gallery.remove):
        with pytest.raises(GalleryError, match="not in the gallery"):
            ask(card.id)


@pytest.mark.parametrize("id", ["", "..", "../kept", "a/b/c/d/e/f", "x" * 200, ".hidden-1", None, 5])
def test_an_id_leads_nowhere_else(gallery: Gallery, id: object) -> None:
    gallery.put(trace())
    with pytest.raises(GalleryError, match="not in the gallery"):
        gallery.trace(id)  # type: ignore[arg-type]


def test_bundled_traces_are_only_read(tmp_path: Path) -> None:
    made = Gallery(tmp_path / "made")
    id = made.put(trace(), "A lesson").id
    path = made.folder / id / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | {"bundled": True}))
    gallery = Gallery(tmp_path / "kept", made.folder)
    own = gallery.put(trace("remedi"), "Own")
    assert [c.name for c in gallery.cards()] == ["Own", "A lesson"]
    with pytest.raises(GalleryError, match="stays as it is"):
        gallery.change(id, 1, name="Mine")
    with pytest.raises(GalleryError, match="cannot be deleted"):
        gallery.remove(id)
    assert gallery.trace(id) == trace() and gallery.card(own.id).bundled is False


def test_visitors_of_a_public_host_see_their_own_and_the_bundled_ones(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, yours = gallery.put(trace(), "Mine", "me"), gallery.put(trace(), "Yours", "you")
    assert [c.id for c in gallery.cards(owner="me")] == [mine.id]
    assert {c.id for c in gallery.cards()} == {mine.id, yours.id}
    for act in (lambda: gallery.trace(yours.id, "me"), lambda: gallery.remove(yours.id, "me"),
                lambda: gallery.change(yours.id, 1, "me", name="x")):  # fmt: skip
        with pytest.raises(GalleryError, match="not in the gallery"):
            act()
    monkeypatch.setattr(module, "MOST_OF_OWNER", 1)
    with pytest.raises(GalleryError, match="holds 1 traces"):
        gallery.put(trace(), owner="me")


def test_a_full_gallery_says_so_and_keeps_what_it_has(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = gallery.put(trace())
    monkeypatch.setattr(module, "MOST", 1)
    with pytest.raises(GalleryError, match="Delete some first"):
        gallery.put(trace())
    assert [c.id for c in gallery.cards()] == [card.id]


def test_a_full_disk_leaves_nothing_half(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_trace", full)
    with pytest.raises(OSError, match="No space left"):
        gallery.put(trace())
    assert gallery.cards() == [] and [p for p in gallery.folder.iterdir() if p.is_dir()] == []


@pytest.mark.parametrize("text", ["", "[]", "5", "{}", '{"id": 5, "name": "x", "created": 1}', "not json",
                                  '{"id": "aaaaaaaa", "name": ["x"], "created": 1}'])  # fmt: skip
def test_a_broken_card_is_left_out(gallery: Gallery, text: str) -> None:
    card, broken = gallery.put(trace()), gallery.put(trace())
    (gallery.folder / broken.id / CARD).write_text(text)
    assert [c.id for c in gallery.cards()] == [card.id]
    with pytest.raises(GalleryError, match="not in the gallery"):
        gallery.trace(broken.id)


def test_a_broken_trace_is_a_sentence(gallery: Gallery) -> None:
    card = gallery.put(trace())
    (gallery.folder / card.id / TRACE).write_text("nonsense")
    with pytest.raises(GalleryError, match="This trace cannot be read: "):
        gallery.trace(card.id)


def test_names_and_tags() -> None:
    card = Card("an-id-of-1", "x", 1.0)
    assert card.changed(name="  two   words\n").name == "two words" and card.changed(pinned=True).pinned
    for bad in (lambda: card.changed(name=" "), lambda: card.changed(name="x" * 81),
                lambda: checked_tags(tuple("abcdefghi")), lambda: checked_tags(("x" * 25,))):  # fmt: skip
        with pytest.raises(CardError):
            bad()
