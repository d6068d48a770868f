"""Faults of training data that were found outside (F19 to F30): conversations, lengths, rows that changed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from evaluation.sets.columns import SetError
from models.checkpoint import ModelError
from tests.training.small_model import BUNDLED, small_folder, tokenizer
from training.__main__ import main
from training.data.answer_settings import AnswerSettings
from training.data.chat import Chat
from training.data.list_cells import cell_value
from training.data.sources import Data, open_data, open_records
from training.data.table_examples import Conversation, TableExamples, choose_columns, held_out_rows
from training.dpo.pair_rows import open_pairs
from training.dpo.settings import DPOSettings
from training.engine.settings import RunArguments
from training.prm.prm_model import new_reward
from training.run import Request, RunError, read_config, train
from training.sft.objective import SFTSettings
from training.shared.questions import LengthLimit, QuestionSettings, open_questions

CHAT = Chat(tokenizer())
CARE = "Think about it with care. "


def write(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def opened(path: str, **settings: Any) -> Data:
    return open_data([path], CHAT, AnswerSettings(**settings))


def first(path: str) -> Conversation:
    records = open_records(path, "train", False)
    return TableExamples(records, choose_columns(records, AnswerSettings()), CHAT).conversation(0)


def words(row: Conversation) -> list[tuple[str, str]]:
    return [*((turn["role"], turn["content"]) for turn in row.turns), ("assistant", row.answer)]


ALPACA = {"instruction": "Add.", "input": "3 and 4", "output": "7", "chosen": "7", "rejected": "8"}


def test_f19_every_objective_asks_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, [ALPACA, ALPACA])
    question = "Add.\n\n3 and 4"
    assert words(first(path))[0] == ("user", question)
    assert open_pairs([path], DPOSettings(), False)[0].prompt == question
    settings = QuestionSettings()
    (questions,) = open_questions([path], CHAT, settings, LengthLimit(512, len))
    assert questions.at(0).prompt == question


@pytest.mark.parametrize("cell", [
    "[{'role': 'user', 'content': 'What\\'s 3?'}, {'role': 'assistant', 'content': \"It's\\nthree\"}]",
    '[{"role": "user", "content": "What\'s 3?"}, {"role": "assistant", "content": "It\'s\\nthree"}]',
    "[{'from': 'human', 'value': \"What's 3?\"}, {'from': 'gpt', 'value': \"It's\\nthree\"}]",
])  # fmt: skip
def test_f20_lists_that_python_wrote_are_conversations(tmp_path: Path, cell: str) -> None:
    row = first(write(tmp_path, [{"messages": cell}] * 2))
    assert words(row) == [("user", "What's 3?"), ("assistant", "It's\nthree")]


@pytest.mark.parametrize(("cell", "value"), [
    ("[True, None, -1.5, ('a',)]", [True, None, -1.5, ["a"]]), ("{'a': [1]}", {"a": [1]}),
    ("['a' 'b']", None), ("[1 2]", None), ("[__import__('os')]", None), ("['a', ", None),
    ("(" * 100_000, None), ("[" * 100_000, None), ("'text'", None), ("plain", None), ("", None),
])  # fmt: skip
def test_f20_only_whole_lists_are_read_and_nothing_is_run(cell: str, value: Any) -> None:
    assert cell_value(cell) == value


def test_f20_a_conversation_that_cannot_be_read_is_refused_by_row(tmp_path: Path) -> None:
    cell = "array([{'role': 'user', 'content': 'why'}], dtype=object)"
    row = {"prompt": "why", "chosen": cell, "rejected": "no"}
    with pytest.raises(SetError, match="row 1, column 'chosen' of rows.jsonl is a conversation that cannot"):
        open_pairs([write(tmp_path, [row])], DPOSettings(), False)
    with pytest.raises(SetError, match="row 2, column 'output' of rows.jsonl holds a conversation"):
        opened(write(tmp_path, [{"prompt": "a", "output": text} for text in ("b", cell)]))


def test_f21_system_and_history_are_turns(tmp_path: Path) -> None:
    row = {"system": "In French.", "prompt": "And 2?", "response": "3", "history": [["And 1?", "2"]],
           "chosen": "3", "rejected": "4"}  # fmt: skip
    path = write(tmp_path, [row, row | {"system": "", "history": []}])
    turns = [("system", "In French."), ("user", "And 1?"), ("assistant", "2"), ("user", "And 2?")]
    assert words(first(path)) == [*turns, ("assistant", "3")]
    pair = open_pairs([path], DPOSettings(), False)[0]
    assert [(turn["role"], turn["content"]) for turn in pair.turns] == turns
    assert "columns that are not read: chosen, rejected" in opened(path).notes[0]


def test_f21_two_system_turns_are_refused(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
    ]
    with pytest.raises(SetError, match="row 1 of rows.jsonl has two system turns"):
        opened(write(tmp_path, [{"messages": turns, "system": "d"}] * 2))
    with pytest.raises(SetError, match="row 1 of rows.jsonl, column 'history' is no history"):
        opened(write(tmp_path, [{"prompt": "a", "output": "b", "history": "x"}] * 2))


def some_too_long(count: int = 40, long: int = 3) -> list[dict[str, str]]:
    return [{"prompt": f"What is {i} + 1? " + CARE * (60 if i % 13 == 5 and i // 13 < long else 0),
             "response": f"{i + 1}"} for i in range(count)]  # fmt: skip


def test_f22_rows_that_are_too_long_are_counted_and_none_is_drawn_twice(tmp_path: Path) -> None:
    data = opened(write(tmp_path, some_too_long()), max_length=128)
    assert data.notes == ("rows.jsonl: 3 of 40 rows are longer than 128 tokens and were left out",)
    size = 37 - len(data.held_out)
    drawn = [data.mixture.raw(place)["prompt"] for place in range(size)]
    assert len(set(drawn)) == size and not any(CARE in prompt for prompt in drawn)
    rows = [{"prompt": "a", "response": "yes no " * (99 if i == 4 else 1)} for i in range(9)]
    cut = opened(write(tmp_path, rows), max_length=64, too_long="cut")
    assert cut.notes == ("rows.jsonl: 1 of 9 rows are longer than 64 tokens and were cut",)


def test_f22_of_a_large_set_some_rows_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.sources.MOST_MEASURED", 20)
    data = opened(write(tmp_path, some_too_long(200, 20)), max_length=128)
    (note,) = data.notes
    assert "of 20 measured rows of 200 are longer than 128 tokens and were left out" in note
    assert all(len(prompt) + len(answer) <= 128 for prompt, answer in data.mixture.rows(0, 300))


def run(folder: Path, data: str, out: str = "run", resume: bool = False, steps: int = 1) -> Path:
    model = folder / "model"
    if not model.exists():
        small_folder(model)
    settings = SFTSettings(max_steps=steps, batch_size=2, max_length=128, samples=0, save_every=1, warmup=1)
    return train(Request("sft", RunArguments(str(model), (data,), "cpu"), settings, folder / out, resume))


def test_f22_log_and_config_say_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, write(tmp_path, some_too_long()))
    said = "rows.jsonl: 3 of 40 rows are longer than 128 tokens and were left out"
    assert said in capsys.readouterr().out.splitlines()
    assert read_config(tmp_path / "run" / "config.yaml")["notes"] == [said]


def test_f22_the_preview_says_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, model = write(tmp_path, some_too_long()), small_folder(tmp_path / "model")
    assert main(["preview", "sft", "--model", model, "--data", path, "--set", "max_length=128"]) == 0
    said = "rows.jsonl: 3 of 40 rows are longer than 128 tokens and were left out"
    assert capsys.readouterr().out.splitlines()[0] == said


def test_f23_a_run_goes_on_with_the_same_rows_only(tmp_path: Path) -> None:
    rows = some_too_long(20)
    path = write(tmp_path, rows)
    run(tmp_path, path)
    write(tmp_path, [*rows[:6], rows[6] | {"response": "8"}, *rows[7:]])
    with pytest.raises(
        RunError, match="was begun with other data: row 7 of rows.jsonl is another one; give the"
    ):
        run(tmp_path, path, resume=True, steps=2)
    write(tmp_path, rows[:-1])
    with pytest.raises(RunError, match="rows.jsonl had 20 rows and has 19"):
        run(tmp_path, path, resume=True, steps=2)
    write(tmp_path, rows)
    assert run(tmp_path, path, resume=True, steps=2).is_dir()


def test_f29_sharegpt_and_content_parts_are_read(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "wh"}, {"type": "text", "text": "y"}]
    sharegpt = [{"from": "human", "value": "why"}, {"from": "gpt", "value": "so"}]
    in_parts = [{"role": "user", "content": parts}, {"role": "assistant", "content": "so"}]
    path = write(tmp_path, [{"conversations": sharegpt}, {"conversations": in_parts}])
    records = open_records(path, "train", False)
    examples = TableExamples(records, choose_columns(records, AnswerSettings()), CHAT)
    assert words(examples.conversation(0)) == [("user", "why"), ("assistant", "so")]
    assert words(examples.conversation(1)) == [("user", "why"), ("assistant", "so")]
    pair = {"conversations": sharegpt[:1], "chosen": sharegpt[1],
            "rejected": {"role": "assistant", "content": [{"type": "text", "text": "no"}]}}  # fmt: skip
    (read,) = open_pairs([write(tmp_path, [pair])], DPOSettings(), False)
    assert (read.prompt, read.chosen, read.rejected) == ("why", "so", "no")


@pytest.mark.parametrize(("turn", "said"), [
    ({"role": "user", "content": [{"type": "image_url", "url": "x"}]}, "has a part of type 'image_url'"),
    ({"from": "observation", "value": "x"}, "has role = 'observation'; allowed: system, user, assistant"),
])  # fmt: skip
def test_f29_what_is_not_read_is_named(tmp_path: Path, turn: dict[str, Any], said: str) -> None:
    with pytest.raises(SetError, match=f"row 1, column 'messages' of rows.jsonl {said}"):
        opened(write(tmp_path, [{"messages": [turn, {"role": "assistant", "content": "so"}]}] * 2))


def test_f30_a_held_out_row_that_is_too_long_stops_nothing(tmp_path: Path) -> None:
    data = opened(write(tmp_path, [{"prompt": "a", "response": "b"}] * 30), max_length=64)
    assert len(data.held_out) == 2 and not data.notes
    rows = [{"prompt": CARE * (40 if i in held_out_rows(30) else 1), "response": f"{i}"} for i in range(30)]
    data = opened(write(tmp_path, rows), max_length=64)
    assert len(data.held_out) == 1 and data.mixture.sets[0].size == 27
    long, other = data.notes
    assert long == "rows.jsonl: 2 of 30 rows are longer than 64 tokens and were left out"
    assert re.fullmatch("rows.jsonl: no held-out row fits, so row \\d+ is held out in their place", other)


def test_f30_a_shadow_reward_model_is_named() -> None:
    with pytest.raises(
        ModelError, match="is a reward model of the form shadow; allowed: form = shadow with it"
    ):
        new_reward(str(BUNDLED.with_name("tiny-prm")))


def test_answers_that_begin_with_their_question_or_differ_in_spaces_are_refused(tmp_path: Path) -> None:
    rows = [{"prompt": f"{i}?", "chosen": f"{i}? yes", "rejected": f"{i}? no"} for i in range(3)]
    with pytest.raises(SetError, match="every answer begins with its question; allowed: the answers alone"):
        open_pairs([write(tmp_path, rows)], DPOSettings(), False)
    assert len(open_pairs([write(tmp_path, [*rows, {"prompt": "a", "chosen": "b", "rejected": "c"}])],
                          DPOSettings(), False)) == 4  # fmt: skip
    with pytest.raises(SetError, match="differ in spaces only"):
        open_pairs(
            [write(tmp_path, [{"prompt": "a", "chosen": "b", "rejected": "b "}])], DPOSettings(), False
        )
