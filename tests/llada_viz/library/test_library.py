"""The library of traces: what is kept, found, changed and deleted, by several tabs, servers and visitors."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

import llada_viz.library.library as module
from llada_viz.library.cards import Card, CardError, card_of, checked_tags, from_json, to_json
from llada_viz.library.library import CARD, TRACE, Conflict, Library, LibraryError
from samplers.recording.traces import Trace, read_trace

SAVED = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"


def trace(name: str = "backmask") -> Trace:
    return read_trace(SAVED / f"{name}.jsonl")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "kept")


def test_a_kept_trace_is_the_trace(library: Library) -> None:
    card = library.put(trace(), "Mine")
    assert library.trace(card.id) == trace() and library.card(card.id) == card
    assert (card.name, card.version, card.events) == ("Mine", 1, len(trace().events))
    assert [c.id for c in library.cards()] == [card.id]
    assert sorted(path.name for path in (library.folder / card.id).iterdir()) == [CARD, TRACE]


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


def test_searching(library: Library) -> None:
    first, second = library.put(trace(), "A repair"), library.put(trace("remedi"), "Words of policy")
    library.change(first.id, 1, tags=("Talk", "talk ", "slides"))
    assert [c.id for c in library.cards("POLICY words")] == [second.id]
    assert [c.id for c in library.cards("talk repair")] == [first.id]
    assert [c.id for c in library.cards(tag="talk")] == [first.id] and library.cards(tag="none") == []
    assert library.cards("no such words") == []


def test_pinned_ones_come_first_then_the_newest(library: Library) -> None:
    ids = [library.put(trace(), f"{n}").id for n in range(3)]
    library.change(ids[1], 1, pinned=True)
    assert [c.id for c in library.cards()] == [ids[1], ids[2], ids[0]]


def test_two_tabs_that_change_one_trace(library: Library) -> None:
    card = library.put(trace(), "Before")
    library.change(card.id, card.version, name="One")
    with pytest.raises(Conflict, match="changed in another tab meanwhile") as conflict:
        library.change(card.id, card.version, name="Two")
    assert conflict.value.now.name == "One" and library.card(card.id).name == "One"


def test_many_at_once_each_change_counts(library: Library) -> None:
    card = library.put(trace(), "0")

    def change(number: int) -> None:
        while True:
            try:
                now = library.card(card.id)
                library.change(card.id, now.version, name=f"{number}")
                return
            except Conflict:
                continue

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert library.card(card.id).version == 7


def test_deleting(library: Library) -> None:
    card = library.put(trace())
    library.remove(card.id)
    assert library.cards() == [] and [p for p in library.folder.iterdir() if p.is_dir()] == []
    for ask in (library.card, library.trace, library.remove):
        with pytest.raises(LibraryError, match="not in the library"):
            ask(card.id)


@pytest.mark.parametrize("id", ["", "..", "../kept", "a/b/c/d/e/f", "x" * 200, ".hidden-1", None, 5])
def test_an_id_leads_nowhere_else(library: Library, id: object) -> None:
    library.put(trace())
    with pytest.raises(LibraryError, match="not in the library"):
        library.trace(id)  # type: ignore[arg-type]


def test_bundled_traces_are_only_read(tmp_path: Path) -> None:
    made = Library(tmp_path / "made")
    id = made.put(trace(), "A lesson").id
    path = made.folder / id / CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | {"bundled": True}))
    library = Library(tmp_path / "kept", made.folder)
    own = library.put(trace("remedi"), "Own")
    assert [c.name for c in library.cards()] == ["Own", "A lesson"]
    with pytest.raises(LibraryError, match="stays as it is"):
        library.change(id, 1, name="Mine")
    with pytest.raises(LibraryError, match="cannot be deleted"):
        library.remove(id)
    assert library.trace(id) == trace() and library.card(own.id).bundled is False


def test_visitors_of_a_public_host_see_their_own_and_the_bundled_ones(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, yours = library.put(trace(), "Mine", "me"), library.put(trace(), "Yours", "you")
    assert [c.id for c in library.cards(owner="me")] == [mine.id]
    assert {c.id for c in library.cards()} == {mine.id, yours.id}
    for act in (lambda: library.trace(yours.id, "me"), lambda: library.remove(yours.id, "me"),
                lambda: library.change(yours.id, 1, "me", name="x")):  # fmt: skip
        with pytest.raises(LibraryError, match="not in the library"):
            act()
    monkeypatch.setattr(module, "MOST_OF_OWNER", 1)
    with pytest.raises(LibraryError, match="holds 1 traces"):
        library.put(trace(), owner="me")


def test_a_full_library_says_so_and_keeps_what_it_has(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = library.put(trace())
    monkeypatch.setattr(module, "MOST", 1)
    with pytest.raises(LibraryError, match="Delete some first"):
        library.put(trace())
    assert [c.id for c in library.cards()] == [card.id]


def test_a_full_disk_leaves_nothing_half(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_trace", full)
    with pytest.raises(OSError, match="No space left"):
        library.put(trace())
    assert library.cards() == [] and [p for p in library.folder.iterdir() if p.is_dir()] == []


@pytest.mark.parametrize("text", ["", "[]", "5", "{}", '{"id": 5, "name": "x", "created": 1}', "not json",
                                  '{"id": "aaaaaaaa", "name": ["x"], "created": 1}'])  # fmt: skip
def test_a_broken_card_is_left_out(library: Library, text: str) -> None:
    card, broken = library.put(trace()), library.put(trace())
    (library.folder / broken.id / CARD).write_text(text)
    assert [c.id for c in library.cards()] == [card.id]
    with pytest.raises(LibraryError, match="not in the library"):
        library.trace(broken.id)


def test_a_broken_trace_is_a_sentence(library: Library) -> None:
    card = library.put(trace())
    (library.folder / card.id / TRACE).write_text("nonsense")
    with pytest.raises(LibraryError, match="This trace cannot be read: "):
        library.trace(card.id)


def test_names_and_tags() -> None:
    card = Card("an-id-of-1", "x", 1.0)
    assert card.changed(name="  two   words\n").name == "two words" and card.changed(pinned=True).pinned
    for bad in (lambda: card.changed(name=" "), lambda: card.changed(name="x" * 81),
                lambda: checked_tags(tuple("abcdefghi")), lambda: checked_tags(("x" * 25,))):  # fmt: skip
        with pytest.raises(CardError):
            bad()
