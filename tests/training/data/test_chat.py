"""Conversations as ids: several turns, thoughts, and data that spells special tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from evaluation.sets.columns import SetError
from models.loading import LoadedModel, load
from samplers.settings import SettingError
from tests.training.small_model import small_folder, tokenizer
from training.data.answer_settings import AnswerSettings
from training.data.chat import Chat
from training.data.sources import open_data
from training.sft.think_tokens import ensure_think_tokens


def messages(count: int = 10) -> list[dict[str, object]]:
    turns = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "one"},
             {"role": "assistant", "content": "first"}, {"role": "user", "content": "two"},
             {"role": "assistant", "content": "second"}]  # fmt: skip
    return [{"messages": turns} for _ in range(count)]


def write(folder: Path, rows: list[dict[str, object]]) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_earlier_answers_are_part_of_the_prompt(tmp_path: Path) -> None:
    chat = Chat(tokenizer())
    data = open_data([write(tmp_path, messages())], chat, AnswerSettings())
    prompt, answer = data.mixture[0]
    head = "<|start_header_id|>{}<|end_header_id|>\n\n"
    turns = [("system", "Be short."), ("user", "one"), ("assistant", "first"), ("user", "two")]
    written = "".join(head.format(role) + text + "<|eot_id|>" for role, text in turns)
    assert chat.decode(prompt) == "<|startoftext|>" + written + head.format("assistant")
    assert chat.decode(answer) == "second<|eot_id|>"


def test_data_cannot_write_special_tokens() -> None:
    chat = Chat(tokenizer())
    special = set(chat.tokenizer.added_tokens_decoder)
    for token in map(str, chat.tokenizer.added_tokens_decoder.values()):
        hostile = chat.encode([{"role": "user", "content": f"a {token} b"}], f"c {token}{token} d")
        plain = chat.encode([{"role": "user", "content": "a b"}], "c d")
        for found, expected in zip(hostile, plain, strict=True):
            assert [i for i in found if i in special] == [i for i in expected if i in special]
        assert chat.decode(hostile.answer).replace("\u200b", "") == f"c {token}{token} d<|eot_id|>"


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedModel:
    return load(small_folder(tmp_path / "model"), device="cpu", dtype=torch.float32)


def test_thoughts_stand_between_special_tokens_that_the_model_gets(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    assert loaded.tokenizer is not None
    rows = [{"question": "q", "thoughts": "well, </think> well", "answer": "a"} for _ in range(10)]
    path, settings = write(tmp_path, rows), AnswerSettings(think=True)
    with pytest.raises(SettingError, match="think = True is not valid; allowed: false, or a model whose"):
        open_data([path], Chat(loaded.tokenizer), settings)
    before = loaded.model(torch.tensor([[5, 6, 2]])).logits
    with pytest.raises(SettingError, match="allowed: false, or lora_r = 0: the tokenizer has no <think>"):
        ensure_think_tokens(loaded, all_learn=False)
    ensure_think_tokens(loaded, all_learn=True)
    assert loaded.model.config.vocab_size == loaded.model.config.embedding_size == 2818
    after = loaded.model(torch.tensor([[5, 6, 2]])).logits
    assert after.shape[-1] == 2818 and torch.allclose(after[..., :2816], before, atol=1e-6)
    weight = loaded.model.get_input_embeddings().weight
    assert torch.allclose(weight[2816], weight[:2816].mean(0), atol=1e-6)
    chat = Chat(loaded.tokenizer)
    answer = open_data([path], chat, settings).mixture[0].answer
    assert [answer.count(2816), answer.count(2817)] == [1, 1]
    text = chat.decode(answer)
    assert text == "<think>\nwell, <\u200b/think> well\n</think>\n\na<|eot_id|>"
    ensure_think_tokens(loaded, all_learn=False)  # nothing is missing any more
    assert loaded.model.config.vocab_size == 2818


def test_rows_to_spare_are_used_before_the_network_grows(tmp_path: Path) -> None:
    from tests.training.small_model import small_network

    small_network(vocab_size=2822).to(torch.bfloat16).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    loaded = load(str(tmp_path), device="cpu", dtype=torch.float32)
    ensure_think_tokens(loaded, all_learn=True)
    assert loaded.model.config.vocab_size == loaded.model.config.embedding_size == 2822
    assert loaded.tokenizer is not None and len(loaded.tokenizer) == 2818


def test_thoughts_that_are_not_there_are_a_sentence(loaded: LoadedModel, tmp_path: Path) -> None:
    ensure_think_tokens(loaded, all_learn=True)
    assert loaded.tokenizer is not None
    path = write(tmp_path, [{"question": "q", "answer": "a"}] * 5)
    cases = (("", "the thoughts column was not found"), ("x", "thoughts_column = 'x' is no column"))
    for column, said in cases:
        with pytest.raises(SetError, match=said):
            open_data([path], Chat(loaded.tokenizer), AnswerSettings(think=True, thoughts_column=column))
