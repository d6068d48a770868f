"""Lists of canvases become traces: every canvas is there again, and hostile files are sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samplers.__main__ import main
from samplers.engines import imported
from samplers.engines.imported import ImportFileError, guess_mask, read_canvases, to_trace
from samplers.events import Deleted, Edited, Event, Inserted, Remasked, Renoised, Unmasked
from samplers.fold import Board
from samplers.measuring.measures import measure
from samplers.recording.traces import dump_trace, read_trace

M = 9
PLAIN = [
    [[1, 2, M, M, M, M]],
    [[1, 2, M, 5, M, M]],
    [[1, 2, 6, 5, M, 7]],
    [[1, 2, M, 4, 8, 7]],
    [[1, 2, 3, 4, 8, 7]],
]


def boards(events: Any) -> list[list[list[int]]]:
    """The canvas at the start, and after each step."""
    board, seen = Board(), {}
    for event in events:
        board.apply(event)
        seen[board.forwards] = [row[:] for row in board.tokens]
    return list(seen.values())


def cells(events: Any, kind: type[Event]) -> list[tuple[int, int]]:
    return [(c.position, c.token) for e in events if isinstance(e, kind) for c in e.cells]  # type: ignore[attr-defined]


def test_canvases_become_what_changed() -> None:
    made = to_trace(PLAIN, mask_id=M)
    events = made.trace.events
    assert boards(events) == PLAIN
    assert made.prompt_length == 2 and not made.guessed
    assert cells(events, Unmasked) == [(3, 5), (2, 6), (5, 7), (4, 8), (2, 3)]
    assert cells(events, Edited) == [(3, 4)] and cells(events, Remasked) == [(2, 6)]
    assert {e.reason for e in events if isinstance(e, Remasked)} == {"imported"}
    assert made.trace.settings["confidence"] == "unknown"
    measures = measure(events, known=lambda answer: [True] * len(answer))
    assert (measures.cells, measures.ece, measures.commits) == (4, None, ()), "no confidence is judged"
    assert read_trace(dump_trace(made.trace).encode()) == made.trace


def test_the_mask_is_guessed_and_it_is_said_when_it_cannot_be() -> None:
    made = to_trace(PLAIN)
    assert (made.mask_id, made.guessed) == (M, True) and made.trace.settings["mask_guessed"] is True
    for canvases in ([[[1, 2]], [[1, 2]]], [[[1, 2, 3]], [[4, 5, 6]]], [[[1]]]):
        with pytest.raises(ImportFileError, match="mask_id cannot be guessed"):
            guess_mask(canvases)


def test_rows_of_their_own_length_grow_at_their_end_or_where_they_did() -> None:
    grown = [[[1, 2]], [[1, 2, M, M]], [[1, 2, 3, M]], [[1, 2, 3, 4, M, M]], [[1, 2, 3, 4, 5, 6]]]
    made = to_trace(grown, mask_id=M, prompt_length=2)
    assert boards(made.trace.events) == grown
    assert [p for p, _ in cells(made.trace.events, Inserted)] == [2, 2, 4, 4]
    inside = [[[1, M, 5, 6, 7]], [[1, M, 5, M, 6, 7]], [[1, 2, 5, 3, 7]]]
    made = to_trace(inside, mask_id=M)
    assert boards(made.trace.events) == inside
    assert cells(made.trace.events, Inserted) == [(3, M)] and cells(made.trace.events, Deleted) == [(4, 6)]


TOKENS = st.integers(0, 9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3).flatmap(lambda rows: st.lists(
    st.lists(st.lists(TOKENS, min_size=1, max_size=7), min_size=rows, max_size=rows), min_size=1, max_size=6
)))  # fmt: skip
def test_whatever_follows_on_whatever_every_canvas_is_there_again(canvases: list[list[list[int]]]) -> None:
    made = to_trace(canvases, mask_id=M)
    assert boards(made.trace.events) == canvases
    assert read_trace(dump_trace(made.trace).encode()) == made.trace


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.data())
def test_without_a_mask_a_cell_is_noise_as_long_as_it_changes(more: list[int], data: Any) -> None:
    lengths = [2 + sum(more[:i]) for i in range(len(more) + 1)]
    canvases = [[data.draw(st.lists(TOKENS, min_size=n, max_size=n))] for n in lengths]
    made = to_trace(canvases, mask_id="none", prompt_length=0)
    events = made.trace.events
    assert boards(events) == canvases and made.mask_id is None
    decided = cells(events, Unmasked)
    assert sorted(decided) == list(enumerate(canvases[-1][0])), "each cell is decided once, as what it stays"
    board = Board()
    for event in events:
        if isinstance(event, Renoised):
            assert all(board.trunk[0].undecided[c.position] for c in event.cells)
        board.apply(event)


def test_dllms_histories_of_two_rows(tmp_path: Path) -> None:
    """As its samplers return them, with tolist: rows of one length, prompts of their own, EOS behind."""
    histories = [
        [[1, 2, 3, M, M, M], [1, 2, M, M, M, 0]], [[1, 2, 3, 4, M, M], [1, 2, M, 7, M, 0]],
        [[1, 2, 3, 4, M, 5], [1, 2, 6, 7, M, 0]], [[1, 2, 3, 4, 4, 5], [1, 2, 6, 7, 8, 0]],
    ]  # fmt: skip
    file = tmp_path / "h.json"
    file.write_text(json.dumps({"histories": histories, "sequences": histories[-1]}))
    canvases = read_canvases(file)
    made = to_trace(canvases)
    assert boards(made.trace.events) == histories and made.mask_id == M
    board = Board().apply(made.trace.events[0])
    assert [row.pinned for row in board.trunk] == [
        [True] * 3 + [False] * 3,
        [True] * 2 + [False] * 3 + [True],
    ]
    second = to_trace(canvases, row=1)
    assert boards(second.trace.events) == [[rows[1]] for rows in histories]
    with pytest.raises(ImportFileError, match="row = 2; allowed: 0 to 1"):
        to_trace(canvases, row=2)


def test_the_same_canvases_as_json_lines_or_an_array(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([canvas[0] for canvas in PLAIN]))
    (tmp_path / "a.jsonl").write_text("\n\n".join(json.dumps({"step": 1, "tokens": c[0]}) for c in PLAIN))
    np.save(tmp_path / "a.npy", np.array(PLAIN, dtype=np.int32))
    np.save(tmp_path / "b.npy", np.array([c[0] for c in PLAIN], dtype=np.uint8))
    for name in ("a.json", "a.jsonl", "a.npy", "b.npy"):
        assert read_canvases(tmp_path / name) == PLAIN, name


def hostile() -> dict[str, Any]:
    lists = {
        "empty": "", "no JSON": "{", "words": '"x"', "number": "7", "no list": '{"a": 1}', "no canvas": "[]",
        "empty canvas": "[[]]", "empty row": "[[[]]]", "text": '[["a"]]', "truth": "[[true]]",
        "part": "[[1.0]]",
        "nan": "[[NaN]]", "negative": "[[-1]]", "huge": f"[[{10**30}]]", "digits": f"[[{'9' * 5000}]]",
        "mixed": "[[1, [2]]]", "mixed rows": "[[[1], 2]]", "deep": "[" * 100_000, "null": "[null]",
        "script": '[["<img src=x onerror=alert(1)>"]]', "rows": "[[[1], [2]], [[1]]]",
    }  # fmt: skip
    return {f"{name}.json": text.encode() for name, text in lists.items()} | {
        "binary.json": b"\xff\xfe\x00", "cut.npy": b"\x93NUMPY\x01\x00", "text.npy": b"[[1, 2]]",
        "weights.pt": b"PK", "two.npz": b"PK", "pickle.pkl": b"cos\nsystem\n(S'true'\ntR.",
    }  # fmt: skip


@pytest.mark.parametrize("name", [*hostile(), "objects.npy", "floats.npy", "flat.npy", "missing.json"])
def test_hostile_files_are_sentences(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / name
    if name in hostile():
        file.write_bytes(hostile()[name])
    elif name != "missing.json":
        made = {
            "objects": np.array([[{}]], dtype=object),
            "floats": np.zeros((2, 2)),
            "flat": np.zeros(3, int),
        }
        np.save(file, made[file.stem], allow_pickle=True)
    assert main(["import", str(file), "--out", str(tmp_path / "out"), "--mask-id", "9"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and len(said) < 300 and said.count("\n") == 1, said
    assert not (tmp_path / "out").exists()


def test_sizes_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps([canvas[0] for canvas in PLAIN]))
    for name, most, said in (("MOST_STEPS", 4, "at most 4"), ("MOST_CELLS", 5, "more than 5 cells"),
                             ("MOST_BYTES", 20, "larger than")):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(imported, name, most)
            with pytest.raises(ImportFileError, match=said):
                read_canvases(file)
    np.save(tmp_path / "flat.npy", np.zeros((3, 0), int))
    with pytest.raises(ImportFileError, match="canvas 0"):
        read_canvases(tmp_path / "flat.npy")


def test_the_command_line_says_what_it_made_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = 126336
    canvases = [[12, 13, mask, mask], [12, 13, 14, mask], [12, 13, 14, 15]]
    file, out = tmp_path / "a.json", tmp_path / "a.trace"
    file.write_text(json.dumps(canvases))
    assert main(["import", str(file), "--tokenizer", "tiny-llada", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "3 canvases of 1 row, 2 prompt cells, mask_id 126336 (guessed)" in said
    trace = read_trace(out)
    assert boards(trace.events) == [[c] for c in canvases] and trace.model == "tiny-llada"
    assert set(trace.pieces) == {12, 13, 14, 15}
    for flags, said in (
        (["--mask-id", "x"], "mask_id = 'x'"),
        (["--prompt-length", "3"], "prompt_length = 3; allowed: 0 to 2"),
        (["--out", str(tmp_path / "no" / "t")], "its folder does not exist"), (["--row", "1"], "row = 1"),
    ):  # fmt: skip
        assert main(["import", str(file), "--out", str(out), *flags]) == 2
        assert said in capsys.readouterr().err
