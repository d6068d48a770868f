"""Pairs of files and hub sets: text and conversations, columns by name, evaluation sets refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from evaluation.sets.columns import SetError
from training.dpo.pair_rows import open_pairs
from training.dpo.pairs import Pair
from training.dpo.settings import DPOSettings

SYSTEM = {"role": "system", "content": "Be brief."}
TEST_PROBLEM = ("A robe takes 2 bolts of blue fiber and half that much white fiber. "
                "How many bolts in total does it take?")  # fmt: skip


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def opened(name: object, allow: bool = False, **settings: Any) -> list[Pair]:
    return open_pairs([str(name)], DPOSettings(**settings), allow)


def write(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def words(pair: Pair) -> tuple[list[dict[str, str]], str, str]:
    return [dict(turn) for turn in pair.turns], pair.chosen, pair.rejected


@pytest.mark.parametrize(("row", "turns"), [
    ({"prompt": "why", "chosen": "yes", "rejected": "no"}, [user("why")]),
    ({"prompt": "why", "chosen": [said("yes")], "rejected": [said("no")]}, [user("why")]),
    ({"prompt": "why", "chosen": said("yes"), "rejected": said("no")}, [user("why")]),
    ({"prompt": [SYSTEM, user("why")], "chosen": "yes", "rejected": "no"}, [SYSTEM, user("why")]),
    ({"prompt": [SYSTEM, user("why")], "chosen": [said("yes")], "rejected": [said("no")]},
     [SYSTEM, user("why")]),
    ({"chosen": [user("why"), said("yes")], "rejected": [user("why"), said("no")]}, [user("why")]),
    ({"prompt": "cut", "chosen": [user("why"), said("yes")], "rejected": [user("why"), said("no")]},
     [user("why")]),
    ({"input": "", "chosen": [user("why"), said("yes")], "rejected": [user("why"), said("no")]},
     [user("why")]),
    ({"prompt": "why", "chosen": [SYSTEM, said("yes")], "rejected": [SYSTEM, said("no")]},
     [SYSTEM, user("why")]),
    ({"id": 3, "chosen": [user("a"), said("b"), user("why"), said("yes")],
      "rejected": [user("a"), said("b"), user("why"), said("no")]}, [user("a"), said("b"), user("why")]),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_text_and_conversations_are_the_same_pair(
    row: dict[str, Any], turns: list[dict[str, str]], kind: str, tmp_path: Path
) -> None:
    path = write(tmp_path, [row, row])
    if kind == "parquet":
        path = path.with_suffix(".parquet")
        datasets.Dataset.from_list([row, row]).to_parquet(path)
    (pair, _) = opened(path)
    assert words(pair) == (turns, "yes", "no")


def test_an_answer_that_is_a_json_list_is_text(tmp_path: Path) -> None:
    row = {"prompt": "as JSON", "chosen": '[{"name": "Ann"}]', "rejected": "[1, 2]"}
    (pair,) = opened(write(tmp_path, [row]))
    assert (pair.chosen, pair.rejected) == (row["chosen"], row["rejected"])


@pytest.mark.parametrize(("row", "why"), [
    ({"prompt": "why", "chosen": "yes"}, "rejected_column = 'rejected' is no column of rows.jsonl; allowed"),
    ({"prompt": "why", "chosen": " ", "rejected": "no"}, "row 1, column 'chosen' of rows.jsonl is empty"),
    ({"prompt": None, "chosen": "yes", "rejected": "no"}, "row 1, column 'prompt' of rows.jsonl is empty"),
    ({"prompt": "why", "chosen": "no", "rejected": "no"}, "'chosen' and 'rejected' are the same"),
    ({"chosen": "yes", "rejected": "no"}, "row 1 of rows.jsonl has no question; allowed: a prompt column"),
    ({"chosen": [said("yes")], "rejected": [said("no")]}, "row 1 of rows.jsonl has no question; allowed"),
    ({"prompt": "why", "chosen": [said("yes")], "rejected": "no"}, "one a conversation and one text"),
    ({"prompt": "why", "chosen": [user("a"), said("yes")], "rejected": [user("b"), said("no")]},
     "differ before their last turn"),
    ({"prompt": "why", "chosen": [user("a")], "rejected": [user("b")]}, "no answer at its end"),
    ({"prompt": "why", "chosen": [{"from": "tool", "value": "yes"}], "rejected": [said("no")]},
     "column 'chosen' of rows.jsonl has role = 'tool'; allowed: system, user, assistant, human, gpt"),
    ({"prompt": "why", "chosen": [said(" ")], "rejected": [said("no")]}, "has an empty turn"),
    ({"prompt": [user("a")], "chosen": [user("b"), said("yes")], "rejected": [user("b"), said("no")]},
     "column 'prompt' of rows.jsonl has other turns than the answers"),
    ({"prompt": [user("a"), said("b")], "chosen": "yes", "rejected": "no"}, "has no question at its end"),
    ({"prompt": "why", "chosen": '[{"role": "assistant", "content": "\\ud800"}]', "rejected": [said("no")]},
     "column 'chosen' of rows.jsonl has half a character"),
])  # fmt: skip
def test_what_is_no_pair_is_said(row: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(SetError) as error:
        opened(write(tmp_path, [row]))
    assert why in str(error.value)


def test_columns_are_guessed_or_named(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("Question,good,bad\nhow,so,not so\n")
    named = {"chosen_column": "good", "rejected_column": "bad"}
    (pair,) = opened(path, **named)
    assert words(pair) == ([user("how")], "so", "not so")
    assert pair.raw == {"Question": "how", "good": "so", "bad": "not so"}
    others = {"problem": "a", "instruction": "b", "input": "c"}
    (pair,) = opened(write(tmp_path, [others | {"prompt": "why", "chosen": "yes", "rejected": "no"}]))
    assert words(pair)[0] == [user("why")], "prompt goes before the others"
    with pytest.raises(SetError, match="prompt_column = 'nope' is no column of p.csv; allowed: Question, g"):
        opened(path, prompt_column="nope", **named)
    with pytest.raises(SetError, match="'good' is named twice"):
        opened(path, chosen_column="good", rejected_column="good")


def test_pairs_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name: str, config: str, split: str) -> datasets.Dataset:
        asked.append((name, config, split))
        return datasets.Dataset.from_list([
            {"chosen": [user(f"q{i}"), said("yes")], "rejected": [user(f"q{i}"), said("no")], "score": 1.5}
            for i in range(30)
        ])  # fmt: skip

    monkeypatch.setattr(datasets, "load_dataset", load)
    pairs = opened("someone/pairs:part", split="train_prefs")
    assert asked == [("someone/pairs", "part", "train_prefs")]
    assert [words(pair) for pair in pairs] == [([user(f"q{i}")], "yes", "no") for i in range(30)]
    assert pairs[7].raw["score"] == "1.5" and json.loads(pairs[7].raw["chosen"])[0] == user("q7")


def test_sets_for_evaluation_are_refused_by_name_split_and_content(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "chosen": "b", "rejected": "c"}]
    turns = [user(TEST_PROBLEM), said("b"), user("And now?")]
    hidden = [{"chosen": [*turns, said("b")], "rejected": [*turns, said("c")]}]
    cases = [(write(tmp_path, rows, "x-test.jsonl"), {}, "is named as an evaluation set"),
             (write(tmp_path, hidden, "h.jsonl"), {}, "row 1 of h.jsonl is a test problem of GSM8K"),
             ("math-500", {}, "is for evaluation only"),
             ("a/pairs", {"split": "test_prefs"}, "split = 'test_prefs' is for evaluation only")]  # fmt: skip
    for name, settings, why in cases:
        with pytest.raises(SetError) as error:
            opened(name, **settings)
        assert why in str(error.value) and "--allow-eval-data" in str(error.value)
    assert opened(tmp_path / "x-test.jsonl", allow=True) and opened(tmp_path / "h.jsonl", allow=True)
    with pytest.raises(SetError, match="is neither a file nor a known set"):
        opened("nothing")
    with pytest.raises(SetError, match="data = 'word' is a task; allowed: only tasks, or only files"):
        opened("word")
