"""The gallery as browsers ask for it: answers are plain, refusals are sentences, strangers see their own."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import llada_viz.gallery.gallery as gallery_module
import llada_viz.gallery.shelf as module
from llada_viz.decoding.runs import Run, Runs
from llada_viz.gallery.gallery import Gallery, GalleryError
from llada_viz.gallery.shelf import Shelf
from samplers.recording.traces import read_trace

SAVED = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"
ME, YOU = "m" * 32, "y" * 32


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(Gallery(tmp_path / "kept"), Runs(), public=False)


@pytest.fixture
def public(tmp_path: Path) -> Shelf:
    return Shelf(Gallery(tmp_path / "kept"), Runs(), public=True)


def file(name: str = "backmask") -> str:
    return b64encode((SAVED / f"{name}.jsonl").read_bytes()).decode()


def opened(shelf: Shelf, name: str = "backmask") -> Run:
    return shelf.runs.open(read_trace(SAVED / f"{name}.jsonl"))


def test_a_run_is_kept_found_changed_and_deleted(shelf: Shelf) -> None:
    run = opened(shelf)
    card = shelf.keep({"run": run.id, "name": "A repair", "key": ""})["card"]
    assert card["name"] == "A repair" and "owner" not in card and card["picture"]
    assert shelf.trace(card["id"]).events == run.trace().events
    changed = shelf.change({"id": card["id"], "version": 1, "tags": ["Talk"], "pinned": True, "name": "New"})
    assert changed["card"]["tags"] == ("talk",) and changed["card"]["pinned"]
    told = shelf.cards({"words": "new", "tag": "talk"})
    assert (told["count"], told["all"], told["tags"], told["note"]) == (1, 1, ["talk"], "")
    assert shelf.cards({"words": "nothing like it"})["count"] == 0
    assert shelf.remove({"id": card["id"]}) == {} and shelf.cards({})["all"] == 0
    assert "not in the gallery" in shelf.remove({"id": card["id"]})["error"]


def test_two_tabs_that_change_one_trace_are_told(shelf: Shelf) -> None:
    card = shelf.keep({"run": opened(shelf).id})["card"]
    shelf.change({"id": card["id"], "version": 1, "name": "First"})
    late = shelf.change({"id": card["id"], "version": 1, "name": "Second"})
    assert "changed in another tab" in late["error"] and late["card"]["name"] == "First"


def test_what_cannot_be_kept_is_a_sentence(shelf: Shelf) -> None:
    assert "no longer has this run" in shelf.keep({"run": "gone"})["error"]
    live = shelf.runs._add(Run([b"x"], events=list(opened(shelf).events)))
    assert "still going on" in shelf.keep({"run": live.id})["error"]


def test_a_file_is_brought_in_and_what_is_no_trace_is_a_sentence(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shelf.bring({"file": file()})["card"]["name"].startswith("What is")
    for text in ("%%%", b64encode(b"nonsense").decode(), b64encode(b"\x1f\x8b\x00").decode(), 5, None):
        answer = shelf.bring({"file": text})
        assert answer["error"].endswith(".") and "card" not in answer
    newer = (SAVED / "backmask.jsonl").read_bytes().replace(b'"schema": 1', b'"schema": 9')
    said = shelf.bring({"file": b64encode(newer).decode()})["error"]
    assert "schema 9, of another version" in said and "schemas 1 to 3" in said
    monkeypatch.setattr(module, "LARGEST_IMPORT", 10)
    assert "may have" in shelf.bring({"file": file()})["error"]


@pytest.mark.parametrize("asked", [None, 5, [], {}, {"id": 5, "version": "x", "tags": 3, "pinned": "yes"},
                                   {"words": 5, "tag": [], "from": -3, "key": {}}])  # fmt: skip
def test_any_request_has_an_answer(shelf: Shelf, public: Shelf, asked: Any) -> None:
    for each in (shelf, public):
        for ask in (each.keep, each.bring, each.change, each.remove):
            assert ask(asked)["error"].endswith(".")
        assert each.cards(asked)["count"] == 0


def test_many_cards_come_in_parts(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        shelf.keep({"run": opened(shelf).id, "name": f"{number}"})
    monkeypatch.setattr(module, "MOST_CARDS", 2)
    first, rest = shelf.cards({}), shelf.cards({"from": 2})
    assert [len(each["cards"]) for each in (first, rest)] == [2, 1] and first["count"] == 3


def test_on_a_public_host_everybody_has_their_own(public: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    card = public.keep({"run": opened(public).id, "name": "Mine", "key": ME})["card"]
    assert public.cards({"key": ME})["count"] == 1 and "public host" in public.cards({"key": ME})["note"]
    for key in (YOU, "", "?", "short"):
        assert public.cards({"key": key})["all"] == 0
        change = public.change({"id": card["id"], "version": 1, "name": "Yours", "key": key})
        assert "not in the gallery" in change["error"]
        assert "not in the gallery" in public.remove({"id": card["id"], "key": key})["error"]
    assert "keeps no key" in public.keep({"run": opened(public).id, "key": "short"})["error"]
    assert public.trace(card["id"]).events, "whoever has the link may look"
    assert ME not in (public.gallery.folder / card["id"] / "card.json").read_text()
    assert public.remove({"id": card["id"], "key": ME}) == {}
    monkeypatch.setattr(gallery_module, "LARGEST_OF_OWNER", 100)
    assert "a public host keeps up to" in public.bring({"file": file(), "key": ME})["error"]
    assert public.cards({"key": ME})["all"] == 0


def test_a_link_to_what_is_gone(shelf: Shelf) -> None:
    for id in ("gone-gone-gone", "../../etc", 5, None):
        with pytest.raises(GalleryError):
            shelf.trace(id)
