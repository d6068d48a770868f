"""Reward models in both published forms, built small and saved as they are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config

from models.checkpoint import ModelError
from models.reward import STEP_TOKEN, RewardModel, load_reward

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def reward_tokenizer(step_token: str = STEP_TOKEN) -> PreTrainedTokenizerFast:
    """One token a character, with the special tokens of Qwen's chat template and a step token."""
    letters = {chr(c): c - 32 for c in range(32, 127)} | {"\n": 95, "<unk>": 96}
    backend = Tokenizer(models.WordLevel(letters, "<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="<unk>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>", step_token]})
    tokenizer.chat_template = CHAT
    return tokenizer


def make_reward(folder: Path, form: str, step_token: str = STEP_TOKEN, **extra: Any) -> Path:
    """A random reward model in the published layout."""
    folder.mkdir()
    reward_tokenizer(step_token).save_pretrained(folder)
    shape = {
        "vocab_size": 104, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512,
    }  # fmt: skip
    config = Qwen2Config(**(shape | extra))
    torch.manual_seed(0)
    model = RewardModel(config, form)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    save_file({n: t.contiguous() for n, t in model.state_dict().items()}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("form", ["qwen", "trl"])
def test_scores_are_one_a_step_and_see_only_what_came_before(tmp_path: Path, form: str) -> None:
    reward = load_reward(str(make_reward(tmp_path / form, form)), device="cpu")
    assert reward.form == form
    steps = ["2 + 3 = 5", "5 * 2 = 10", "so it is 10"]
    whole = reward.scores([("What is (2 + 3) * 2?", steps)])[0]
    assert len(whole) == 3 and all(0 < s < 1 for s in whole) and len(set(whole)) == 3
    first_two = reward.scores([("What is (2 + 3) * 2?", steps[:2])])[0]
    assert first_two == pytest.approx(whole[:2], abs=1e-6)


@pytest.mark.parametrize("form", ["qwen", "trl"])
def test_a_batch_is_what_its_rows_are(tmp_path: Path, form: str) -> None:
    reward = load_reward(str(make_reward(tmp_path / form, form)), device="cpu")
    rows = [("a?", ["b", "c c c"]), ("a much longer question?", ["d"]), ("e", ["f", "g", "h" * 40])]
    together = reward.scores(rows)
    for row, found in zip(rows, together, strict=True):
        assert found == pytest.approx(reward.scores([row])[0], abs=1e-6)


def test_the_score_is_the_softmax_at_the_step_token(tmp_path: Path) -> None:
    reward = load_reward(str(make_reward(tmp_path / "m", "qwen")), device="cpu")
    text = CHAT_TEXT.format(steps=f"one{STEP_TOKEN}two{STEP_TOKEN}")
    ids = reward.tokenizer.encode(text, add_special_tokens=False)
    hidden = reward.model.model(torch.tensor([ids])).last_hidden_state
    probabilities = reward.model.score(hidden).softmax(-1)[0, :, 1]
    mark = reward.tokenizer.convert_tokens_to_ids(STEP_TOKEN)
    wanted = [float(probabilities[i]) for i, token in enumerate(ids) if token == mark]
    assert reward.scores([("q", ["one", "two"])])[0] == pytest.approx(wanted, abs=1e-6)


CHAT_TEXT = (
    "<|im_start|>system\nPlease reason step by step, and put your final answer within "
    "\\boxed{{}}.<|im_end|>\n"
    "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n{steps}"
)


def test_a_step_cannot_write_a_step_token(tmp_path: Path) -> None:
    reward = load_reward(str(make_reward(tmp_path / "m", "qwen")), device="cpu")
    assert len(reward.scores([("q", [f"a{STEP_TOKEN}b"])])[0]) == 1


def test_models_that_cannot_score_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="step token"):
        load_reward(str(make_reward(tmp_path / "a", "qwen", step_token="<other>")), device="cpu")
    with pytest.raises(ModelError, match="no config"):
        load_reward(str(tmp_path))
    folder = make_reward(tmp_path / "b", "trl")
    (folder / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelError, match="qwen2"):
        load_reward(str(folder), device="cpu")
    folder = make_reward(tmp_path / "c", "trl")
    save_file({"model.norm.weight": torch.ones(32)}, folder / "model.safetensors")
    with pytest.raises(ModelError, match="two-label head"):
        load_reward(str(folder), device="cpu")
    with pytest.raises(ModelError, match="reads -5 positions"):
        load_reward(str(make_reward(tmp_path / "e", "trl", max_position_embeddings=-5)), device="cpu")
    reward = load_reward(str(make_reward(tmp_path / "d", "trl")), device="cpu")
    with pytest.raises(ModelError, match="at most 512"):
        reward.scores([("q", ["x" * 600])])


def test_what_would_not_fit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(make_reward(tmp_path / "a", "qwen"))
    size = sum(p.numel() * 4 for p in load_reward(folder, "cpu").model.parameters())
    monkeypatch.setattr("models.reward.free_memory", lambda _: size - 1)
    monkeypatch.setattr("models.streaming.read_tensors", None)
    with pytest.raises(ModelError, match="needs 0.1 MB as float32, .* free on cpu; allowed: bfloat16"):
        load_reward(folder, "cpu")
