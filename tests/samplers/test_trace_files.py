"""Trace files, plain and compressed: whatever is written comes back; what is too large, damaged or a bomb is
a sentence, and refusing it takes little memory."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings

from samplers.events import (
    CandidateChosen,
    CandidatesForked,
    Cell,
    Deleted,
    Event,
    Finished,
    Inserted,
    Predicted,
    Started,
    Unmasked,
    Verified,
    to_json,
)
from samplers.fold import fold
from samplers.recording.trace_files import MAGIC, PLAIN_BYTES
from samplers.recording.traces import (
    FOREIGN,
    Limits,
    Trace,
    TraceError,
    dump_trace,
    open_trace,
    pack_trace,
    read_trace,
    used_pieces,
    write_trace,
)
from tests.samplers.random_events import MASK, event_lists

MIB = 1 << 20
LLADA = 126_464
"""Tokens of LLaDA's vocabulary."""


def start(cells: int, prompt: int = 2) -> Started:
    return Started(
        nfe=0, tokens=((5,) * prompt + (MASK,) * cells,), attention_mask=((True,) * (prompt + cells),),
        mask_id=MASK, prompt_length=prompt, settings={"sampler": "x"},
    )  # fmt: skip


def drafted_run(cells: int, steps: int) -> Trace:
    """A run with one draft a mask, none like the one before it; the text of a token has some 6 bytes."""
    dice = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgkqjxz"
    texts = [
        "".join(dice.choices(letters, k=max(1, round(dice.gauss(6, 2.5))))).encode() for _ in range(LLADA)
    ]
    masks, events = list(range(2, 2 + cells)), list[Event]([start(cells)])
    tokens = list(events[0].tokens[0])  # type: ignore[attr-defined]
    dice.shuffle(masks)
    for step in range(steps):
        told = {p: Cell(0, p, dice.randrange(MASK), round(dice.random(), 4)) for p in sorted(masks)}
        now = {"nfe": step + 1, "forwards": step + 1, "block": 0}
        events.append(Predicted(**now, cells=tuple(told.values())))  # type: ignore[arg-type]
        first = len(masks) - cells * (steps - step - 1) // steps
        taken, masks = masks[:first], masks[first:]
        for place in taken:
            tokens[place] = told[place].token
        events.append(Unmasked(**now, step=step, cells=tuple(told[p] for p in taken)))  # type: ignore[arg-type]
    events.append(Finished(nfe=steps, tokens=(tuple(tokens),), stop_reasons=("steps",), row_nfe=(steps,)))
    return Trace(tuple(events), used_pieces(events, texts), "llada")


@pytest.fixture(scope="module")
def large() -> Trace:
    return drafted_run(cells=160, steps=160)


def lines_of(*events: Event | dict[str, Any] | str, **header: Any) -> bytes:
    """A file of these lines, whose header counts them."""
    first = {"format": "llada-viz-trace", "schema": 2, "model": "", "pieces": {}, "events": len(events)}
    texts = [json.dumps(to_json(e) if isinstance(e, Event) else e) for e in events if not isinstance(e, str)]
    texts += [e for e in events if isinstance(e, str)]
    return "\n".join([json.dumps(first | header), *texts]).encode()


def refusal(file: bytes | Path, limits: Limits | None = None) -> str:
    """The sentence with which a file is refused, and that it takes little memory to do so."""
    tracemalloc.start()
    try:
        with pytest.raises(TraceError) as error:
            read_trace(file, limits or Limits())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 * MIB, f"{peak >> 20} MB"
    assert len(str(error.value)) < 300
    return str(error.value)


# ---- whatever is written comes back ----------------------------------------------------------


@given(events=event_lists())
@settings(max_examples=40, deadline=None)
def test_law_7_events_of_every_kind_survive_a_file(
    events: list[Event], tmp_path_factory: pytest.TempPathFactory
) -> None:
    trace = Trace(tuple(events), used_pieces(events, [b"\x00\xff"]), "some model")
    path = tmp_path_factory.getbasetemp() / "law"
    for name in ("law.jsonl", "law.jsonl.gz"):
        path = path.with_name(name)
        write_trace(path, trace)
        assert path.read_bytes().startswith(MAGIC) is name.endswith(".gz")
        with open_trace(path) as reader:
            assert tuple(reader) == trace.events and reader.count == len(events)
        assert (reader.board.tokens, reader.model) == (fold(events).tokens, "some model")
        assert read_trace(path) == trace


def test_a_large_trace_is_compressed_and_read_as_a_stream(large: Trace, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    write_trace(path, large)
    packed = path.read_bytes()
    assert packed.startswith(MAGIC) and packed == pack_trace(large)
    text = dump_trace(large).encode()
    assert gzip.decompress(packed) == text and len(text) > PLAIN_BYTES > len(packed)
    assert read_trace(path) == read_trace(text) == large
    small = replace(large, events=large.events[:3], pieces={})
    write_trace(path, small)
    assert path.read_bytes() == dump_trace(small).encode(), "a small one is text"
    with open_trace(packed) as reader:
        taken = next(iter(reader))
        assert taken == large.events[0] and reader.board.masks_left() == 160
        assert list(reader) == list(large.events[1:]), "what is left"


def test_pieces_of_drafts_and_of_verified_tokens() -> None:
    check = Verified(nfe=1, accepted=(Cell(0, 1, 1, 1.0),), rejected=(Cell(0, 1, 2, 1.0),))
    assert used_pieces([check, Predicted(nfe=1, cells=(Cell(0, 1, 3, 1.0),))], [b"a"] * 9) == dict.fromkeys(
        (1, 2, 3), b"a"
    )


@pytest.mark.long
def test_1024_steps_over_512_cells_with_a_draft_a_mask(tmp_path: Path) -> None:
    trace = drafted_run(cells=512, steps=1024)
    drafts = sum(len(event.cells) for event in trace.events if isinstance(event, Predicted))
    assert drafts > 262_000
    write_trace(tmp_path / "run", trace)
    assert (tmp_path / "run").stat().st_size < 5_000_000


def test_what_would_be_refused_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("old")
    cell = Cell(0, 2, 7, 0.5)
    for bad in (
        [Unmasked(nfe=1, step=0, cells=(cell._replace(confidence=float("nan")),))],
        [Unmasked(nfe=1, step=0, cells=(cell._replace(token=-1),))],
        [replace(start(3), settings={"a": float("inf")})],
        [start(3)],
    ):
        with pytest.raises(TraceError):
            write_trace(path, Trace((start(3), *bad), {}, ""))
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


# ---- compressed files ------------------------------------------------------------------------


def zeros(mib: int, before: bytes = b"") -> bytes:
    """A gzip file that unpacks to so much."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [deflate.compress(before), *(deflate.compress(b"0," * (MIB // 2)) for _ in range(mib))]
    return b"".join([*parts, deflate.flush()])


def test_damaged_compressed_files(large: Trace) -> None:
    text = dump_trace(replace(large, events=large.events[:9], pieces={})).encode()
    whole = gzip.compress(text)
    assert len(read_trace(whole).events) == 9
    for cut in (3, 17, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        assert "cut short" in refusal(whole[:cut]) or cut < 20
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    assert "trace" in refusal(bytes(flipped))
    wrong_sum = whole[:-8] + bytes(4) + whole[-4:]
    assert "cannot be unpacked" in refusal(wrong_sum)
    assert "cannot be unpacked" in refusal(MAGIC + b"no gzip at all")
    for more in (b"x", b"\0" * 99, whole, bytes(1 << 17)):
        assert "more behind the end of what is compressed" in refusal(whole + more)
    assert refusal(gzip.compress(b"\xff\xfe\x00binary")) == FOREIGN
    assert refusal(gzip.compress(b"")) == refusal(b"") == FOREIGN
    assert refusal(gzip.compress(whole)) == FOREIGN, "compressed twice"


def test_bombs() -> None:
    head = lines_of(start(2)) + b"\n"
    assert "longer than 8,388,608 bytes" in refusal(zeros(20, head)), "in one line"
    many = b'{"kind":"Unmasked","nfe":1,"step":0,"cells":[]}' + b" " * 4_000_000 + b"\n"
    bomb = gzip.compress(lines_of(start(2), events=100) + b"\n" + many * 12)
    assert "more than 200 times its size" in refusal(bomb), "in many"
    assert len(bomb) < 200_000
    roomy = Limits(ratio=5000)
    small = replace(roomy, unpacked=MIB)
    assert "unpacks to more than 1 MB" in refusal(bomb, small)
    assert "holds 13 events of 100" in refusal(bomb, roomy)


def test_a_billion_cells() -> None:
    first = lines_of('{"kind":"Started","tokens":[[')
    assert "longer than" in refusal(zeros(24, first)), "a refusal comes before the rest would be read"
    row = [0] * 1000
    canvas = to_json(start(2)) | {"tokens": [row] * 263, "attention_mask": [row] * 263}
    assert "a canvas of 263,000 cells; allowed: at most 262,144" in refusal(lines_of(canvas))
    page = Limits(length=500)
    assert "a row of 1,000 cells; allowed: at most 500" in refusal(lines_of(start(998)), page)


# ---- lines and counts ------------------------------------------------------------------------


def fork(k: int = 64) -> Iterator[Event]:
    yield CandidatesForked(nfe=0, k=k, rows=k)
    yield CandidateChosen(nfe=0, winners=(None,))


def one(**values: Any) -> dict[str, Any]:
    return to_json(Unmasked(nfe=1, step=0, cells=(Cell(0, 2, 7, 0.5),))) | values


REFUSED: dict[str, tuple[Callable[[], bytes], Limits, str]] = {
    "larger file": (lambda: lines_of(start(2)) + b" " * 999, Limits(file=900), "larger than 0 MB"),
    "long line": (lambda: lines_of(start(2), one(kind="x" * 999)), Limits(line=500), "line 3 of the trace"),
    "long first line": (lambda: b"{" * 600, Limits(line=500), "line 1 of the trace is longer"),
    "events": (lambda: lines_of(start(2), one()), Limits(events=1), "has '2' events; allowed: 1 to 1"),
    "events that are no number": (lambda: lines_of(start(2), events=True), Limits(), "has 'True' events"),
    "a billion events": (lambda: lines_of(start(2), events=10**9), Limits(), "1 to 262,144"),
    "more events": (lambda: lines_of(start(2), one(), events=1), Limits(), "goes on behind its 1 events"),
    "fewer": (lambda: lines_of(start(2), events=2), Limits(), "holds 1 events of 2: it is cut short"),
    "none": (lambda: lines_of(events=1), Limits(), "holds 0 events of 1"),
    "a blank line": (lambda: lines_of(start(2)) + b"\n\n", Limits(), "line 3 of the trace|goes on behind"),
    "brackets": (lambda: lines_of(start(2), "[" * 140_000), Limits(), "more than 131,072 cells"),
    "deep": (lambda: lines_of(start(2), "[" * 100_000), Limits(), "line 3 of the trace is not JSON"),
    "deep settings": (
        lambda: lines_of(to_json(start(2)) | {"settings": {"a": json.loads("[" * 40 + "]" * 40)}}),
        Limits(), "settings deeper than 32 levels",
    ),
    "cells in one event": (
        lambda: lines_of(start(9), to_json(Unmasked(nfe=1, step=0, cells=(Cell(0, 2, 7, 0.5),) * 9))),
        Limits(event_cells=8), "9 cells in one event",
    ),
    "cells in all": (lambda: lines_of(start(9), *[one()] * 9), Limits(all_cells=8), "9 cells in all events"),
    "rows": (
        lambda: lines_of(to_json(start(0)) | {"tokens": [[]] * 1025, "attention_mask": [[]] * 1025}),
        Limits(), "a canvas of 1,025 rows; allowed: at most 1,024",
    ),
    "events times cells": (
        lambda: lines_of(start(98), *[one()] * 9), Limits(boards=999), "10 events over 100 cells",
    ),
    "a row that grows": (
        lambda: lines_of(start(2), *[Inserted(nfe=0, cells=(Cell(0, 2, MASK, 1.0),))] * 9),
        Limits(length=8), "a row of 9 cells",
    ),
    "work": (
        lambda: lines_of(start(998), *[e for _ in range(9) for e in fork()]), Limits(work=400_000),
        "moves more than 400,000 cells",
    ),
    "overlapping deletions": (
        lambda: lines_of(start(9), Deleted(nfe=0, cells=(Cell(0, 3, MASK, 1.0),) * 2)), Limits(), "twice",
    ),
    "out of range": (
        lambda: lines_of(start(9), Deleted(nfe=0, cells=(Cell(0, 11, MASK, 1.0),))), Limits(), "outside",
    ),
    "two beginnings": (lambda: lines_of(start(2), start(2)), Limits(), "Started at a wrong place"),
    "no beginning": (lambda: lines_of(one()), Limits(), "Unmasked at a wrong place"),
    "two ends": (
        lambda: lines_of(start(0), *[Finished(nfe=0, tokens=((5, 5),), stop_reasons=("steps",))] * 2),
        Limits(), "Finished at a wrong place",
    ),
    "NaN": (lambda: lines_of(start(2), one(cells=[[0, 2, 7, float("nan")]])), Limits(), "is not JSON"),
    "infinite": (
        lambda: lines_of(start(2), json.dumps(one(cells=[[0, 2, 7, 0.25]])).replace("0.25", "1e999")),
        Limits(), "is not JSON",
    ),
    "a huge number": (lambda: lines_of(start(2), one(nfe=10**99)), Limits(), "is not JSON"),
    "confidence": (lambda: lines_of(start(2), one(cells=[[0, 2, 7, 1.5]])), Limits(), "0 to 1"),
    "token": (lambda: lines_of(start(2), one(cells=[[0, 2, 1 << 40, 0.5]])), Limits(), "token 10995"),
    "half a character": (
        lambda: lines_of(to_json(start(2)) | {"settings": {"a": "\ud800"}}), Limits(), "half a character",
    ),
    "model": (lambda: lines_of(start(2), model=["x"]), Limits(), "model of the trace is not a text"),
    "a long piece": (lambda: lines_of(start(2), pieces={"1": "00" * 2000}), Limits(), "piece of 2,000 bytes"),
    "many pieces": (
        lambda: lines_of(start(2), pieces={str(i): "" for i in range(9)}), Limits(pieces=8), "pieces of 9",
    ),
    "UTF-16": (lambda: lines_of(start(2)).decode().encode("utf-16"), Limits(), FOREIGN),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, limits, sentence = REFUSED[name]
    for file in (make(), gzip.compress(make()) + b""):
        said = refusal(file, limits)
        if name != "larger file" or not file.startswith(MAGIC):
            assert any(part in said for part in sentence.split("|")), said
        if name == "larger file":
            break  # compressed it is small


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        assert "does not exist" in refusal(path)
    (tmp_path / "file").write_bytes(lines_of(start(2), events=3))
    assert "cut short" in refusal(tmp_path / "file")


def test_reading_takes_time_as_the_file_is_long() -> None:
    """Eight times the events, or a line eight times as long in parts of 64 KiB: not sixty-four times."""

    def seconds(file: bytes, limits: Limits) -> float:
        began = process_time()
        with pytest.raises(TraceError):
            read_trace(file, limits)
        return process_time() - began

    for make in (
        lambda n: lines_of(start(2), *[one(cells=[])] * (500 * n), events=2),
        lambda n: lines_of(start(2)) + b"\n" + b"[" * (n << 19),
    ):
        limits = Limits(line=4 << 20)
        short, long = (min(seconds(make(n), limits) for _ in range(3)) for n in (1, 8))
        assert long < 30 * max(short, 1e-3)
