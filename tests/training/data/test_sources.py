"""Data by name: columns, weights, lengths, held-out rows; every bad file ends in a sentence."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from evaluation.sets.columns import SetError
from samplers.settings import SettingError
from tasks import HELD_OUT, TASKS, split_of
from tests.training.small_model import tokenizer
from training.data.answer_settings import AnswerSettings
from training.data.chat import Chat
from training.data.examples import FittingExamples
from training.data.known_sets import digest
from training.data.sources import Data, open_data, open_records, parse_weights
from training.data.table_examples import ConversationColumns, TableExamples, held_out_rows

CHAT = Chat(tokenizer())


def opened(*names: object, allow: bool = False, **settings: Any) -> Data:
    return open_data([str(n) for n in names], CHAT, AnswerSettings(**settings), allow)


def write(folder: Path, rows: Any, name: str = "rows.jsonl") -> Path:
    path = folder / name
    if isinstance(rows, list):
        rows = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(rows if isinstance(rows, bytes) else rows.encode())
    return path


def sums(count: int = 40) -> list[dict[str, Any]]:
    return [{"problem": f"{i} + 1", "answer": str(i + 1), "solution": f"{i} + 1 = {i + 1}"}
            for i in range(count)]  # fmt: skip


GOOD = '{"question": "why", "answer": "so"}\n'


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        ('{"a": "1", "b": "2"}\n' * 3, "r.jsonl", "the question column was not found; choose one of: a, b"),
        (GOOD * 2 + '{"question": "why"}\n', "r.jsonl", "row 3, column 'answer' of r.jsonl is empty"),
        (GOOD * 2 + '{"question": "why", "answer": " "}\n', "r.jsonl", "row 3, column 'answer' of r.jsonl"),
        (GOOD + '{"question": null, "answer": "so"}\n', "r.jsonl", "row 2, column 'question' of r.jsonl"),
        (GOOD + '{"question": "why", "answer": NaN}\n', "r.jsonl", "row 2, column 'answer' is NaN"),
        (GOOD + '{"question": "%s", "answer": "1"}\n' % ("x" * 10_000_000), "r.jsonl",
         "row 2, column 'question' has 10,000,000 characters; allowed: at most 1,000,000"),
        (b"question,answer\nwhy,so\nwhy,\xff\xfe\n", "r.csv", "is not UTF-8: byte 0xff in line 3"),
        ("question,answer\nwhy,so\n,so\n", "r.csv", "row 2, column 'question' of r.csv is empty"),
        (GOOD, "r.jsonl", "r.jsonl has one row; allowed: at least 2"),
        ('{"messages": 3}\n' * 3, "r.jsonl", "row 1, column 'messages' of r.jsonl is no conversation"),
        ('{"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}]}\n' * 3,
         "r.jsonl", "has role = 'tool'; allowed: system, user, assistant"),
        ('{"messages": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]}\n' * 3,
         "r.jsonl", "has no answer at its end"),
    ],
)  # fmt: skip
def test_a_bad_file_is_a_sentence_with_row_and_column(
    tmp_path: Path, data: Any, name: str, said: str
) -> None:
    with pytest.raises(SetError) as error:
        opened(write(tmp_path, data, name))
    assert said in str(error.value)


def test_nan_as_text_stays_text_and_missing_numbers_are_empty(tmp_path: Path) -> None:
    data = opened(write(tmp_path, "question,answer\n" + "nan,nan\n" * 4, "r.csv"))
    assert data.mixture.raw(0) == {"question": "nan", "answer": "nan"}
    pd.DataFrame({"question": ["a", "b"], "answer": [1.0, float("nan")]}).to_parquet(tmp_path / "r.parquet")
    with pytest.raises(SetError, match="row 2, column 'answer' of r.parquet is empty"):
        opened(tmp_path / "r.parquet")


def test_the_worked_solution_is_learned_unless_another_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, sums())
    for settings, expected in (({}, "solution"), ({"answer_column": "answer"}, "answer")):
        data = opened(path, **settings)
        raw, encoded = data.mixture.raw(3), data.mixture[3]
        assert CHAT.decode(encoded.answer) == raw[expected] + "<|eot_id|>"
    with pytest.raises(SetError, match="the answer column = 'x' is no column"):
        opened(path, answer_column="x")


def test_an_epoch_has_every_row_once_but_the_held_out_ones(tmp_path: Path) -> None:
    data = opened(write(tmp_path, sums(40)))
    assert len(data.held_out) == len(data.prompts) == 2  # 5 %
    seen = [data.mixture.raw(place)["problem"] for place in range(38)]
    kept_out = {f"{i} + 1" for i in held_out_rows(40)}
    assert sorted({*seen, *kept_out}) == sorted(row["problem"] for row in sums(40))
    assert len(set(seen)) == 38 and not kept_out & set(seen)
    assert {turns[-1]["content"] for turns in data.prompts} == kept_out
    other = opened(tmp_path / "rows.jsonl", seed=5)
    assert other.held_out == data.held_out
    assert [other.mixture.raw(p) for p in range(38)] != [data.mixture.raw(p) for p in range(38)]
    assert [len(held_out_rows(n)) for n in (2, 100, 10_000)] == [1, 5, 256]


def test_weights_are_shares_of_the_rows(tmp_path: Path) -> None:
    first = write(tmp_path, [{"prompt": "a", "output": f"{i}"} for i in range(9)], "a.jsonl")
    other = write(tmp_path, [{"prompt": "b", "output": f"{i}"} for i in range(9)], "b.jsonl")
    data = opened(first, other, weights="2,1")
    counts = Counter(data.mixture.raw(place)["prompt"] for place in range(3000))
    assert counts["a"] / 3000 == pytest.approx(2 / 3, abs=0.03)
    for text in ("2", "2,x", "2,0", "1,nan", "1,inf", "1,-1"):
        with pytest.raises(SettingError, match="weights = .* allowed: 2 positive numbers"):
            parse_weights(text, 2)


def test_rows_that_are_too_long_are_left_out_or_cut(tmp_path: Path) -> None:
    rows = [{"question": "q", "answer": "yes no " * (200 if i % 3 else 2)} for i in range(60)]
    path = write(tmp_path, rows)
    data = opened(path, max_length=40)
    found = [data.mixture[place] for place in range(57)]
    assert all(len(p) + len(a) <= 40 and a[-1:] == CHAT.end for p, a in found)
    every = TableExamples(
        open_records(str(path), "train", False), ConversationColumns("question", "answer"), CHAT
    )
    places = Counter(FittingExamples(every, 40, "skip", "rows")._find(i)[0] for i in range(60))
    assert max(places.values()) < 12  # of a large set, what stands in for the long ones is spread
    assert all(len(every[place].answer) < 40 for place in places)
    cut = opened(path, max_length=40, too_long="cut")
    lengths = {len(p) + len(a) for p, a in (cut.mixture[place] for place in range(57))}
    assert max(lengths) == 40
    with pytest.raises(
        SetError, match="every row of rows.jsonl that was tried is longer than max_length = 10"
    ):
        opened(path, max_length=10)


def test_when_every_row_is_too_long_it_says_so(tmp_path: Path) -> None:
    held_out = held_out_rows(20)
    rows = [{"question": "q", "answer": "a" if i in held_out else "yes no " * 99} for i in range(20)]
    with pytest.raises(SetError, match="every row but one of rows.jsonl .* than max_length = 60 .the short"):
        opened(write(tmp_path, rows), max_length=60)
    for row in rows:
        row["answer"] = "yes no " * 99
    with pytest.raises(SetError, match="every row of rows.jsonl .* than max_length = 60 .the short"):
        opened(write(tmp_path, rows), max_length=60)


def test_sets_for_evaluation_are_refused_by_name_split_and_content(tmp_path: Path) -> None:
    question = "A robe takes 2 bolts of blue fiber and half that much white fiber.  How many bolts in total does it take?"  # noqa: E501
    hidden = write(tmp_path, [{"question": "1", "answer": "1"}, {"question": question, "answer": "3"}])
    cases = [(hidden, {}, "row 2 of rows.jsonl is a test problem of GSM8K")]
    for name in ("test.jsonl", "gsm8k_test_data.csv", "MATH-500.jsonl", "held_out.jsonl"):
        cases.append((tmp_path / name, {}, f"'{name}' is named as an evaluation set"))
        write(tmp_path, "question,answer\n" + "1,2\n" * 3 if name[-1] == "v" else sums(4), name)
    cases += [("MATH-500", {}, "'MATH-500' is for evaluation only"), ("math500", {}, "evaluation only"),
              ("HuggingFaceH4/MATH-500", {}, "is for evaluation only"),
              ("gsm8k", {"split": "test"}, "split = 'test' is for evaluation only"),
              ("gsm8k", {"split": "test[:10]"}, "is for evaluation only"),
              ("word", {"split": HELD_OUT}, "is for evaluation only")]  # fmt: skip
    for name, settings, said in cases:
        with pytest.raises(SetError) as error:
            opened(name, **settings)
        assert said in str(error.value) and "--allow-eval-data" in str(error.value)
    assert opened(hidden, allow=True).mixture[0]
    assert opened(tmp_path / "test.jsonl", allow=True).mixture[0]
    problem = TASKS["word"]
    held = opened("word", split=HELD_OUT, allow=True).mixture.sets[0].examples.problem(0)  # type: ignore
    assert split_of("word", held.key) == HELD_OUT and problem.name == held.task


def test_digests_do_not_see_layout_or_case() -> None:
    assert digest("What is  2+2?\n") == digest("what is 2 + 2") != digest("what is 2 + 3")


class Hub:
    """Stands in for the hub: what was asked for, and what it gives."""

    def __init__(self, rows: list[dict[str, Any]] | Exception) -> None:
        self.rows, self.asked = rows, []

    def load_dataset(self, name: str, config: str, split: str) -> datasets.Dataset:
        self.asked.append((name, config, split))
        if isinstance(self.rows, Exception):
            raise self.rows
        return datasets.Dataset.from_list(self.rows)


@pytest.mark.parametrize(("name", "asked", "columns"), [
    ("s1K-1.1", ("simplescaling/s1K-1.1", "default"), ("question", "deepseek_attempt")),
    ("gsm8k", ("openai/gsm8k", "main"), ("question", "answer")),
    ("openai/gsm8k", ("openai/gsm8k", "main"), ("question", "answer")),
    ("opc-sft-stage2/evol_instruct", ("OpenCoder-LLM/opc-sft-stage2", "evol_instruct"),
     ("instruction", "output")),
    ("someone/things:part", ("someone/things", "part"), ("prompt", "response")),
])  # fmt: skip
def test_sets_of_the_hub(
    name: str, asked: tuple[str, str], columns: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{columns[0]: f"q{i}", columns[1]: f"a{i}", "other": None} for i in range(20)]
    hub = Hub(rows)
    monkeypatch.setattr(datasets, "load_dataset", hub.load_dataset)
    data = opened(name)
    assert hub.asked == [(*asked, "train")]
    raw = data.mixture.raw(0)
    assert CHAT.decode(data.mixture[0].answer) == raw[columns[1]] + "<|eot_id|>" and raw["other"] == ""
    hub.rows = [*rows, {columns[0]: "q", columns[1]: "", "other": None}]
    with pytest.raises(SetError, match=f"row 21, column '{columns[1]}' of {name} is empty"):
        opened(name)


def test_a_hub_that_cannot_be_reached_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(ConnectionError("Couldn't reach 'openai/gsm8k'\non the Hub"))
    monkeypatch.setattr(datasets, "load_dataset", hub.load_dataset)
    with pytest.raises(SetError, match="split 'train' of openai/gsm8k cannot be loaded: ConnectionError"):
        opened("gsm8k")
    with pytest.raises(SetError, match="has subsets; allowed: opc-sft-stage2/educational_instruct, opc-"):
        opened("opc-sft-stage2")
    with pytest.raises(SetError, match="is neither a file nor a known set; allowed: .*gsm8k"):
        opened("nothing")
    with pytest.raises(SetError, match="is neither a file nor a known set"):
        opened("folder/missing.jsonl")
