"""Both published layouts of reward models against plain code: files, shards, input and scores.

The reference reads the files with safetensors alone, puts them into transformers' own classes, writes the
input as the model's card (Qwen2.5-Math-PRM) or TRL's documentation does, and does the rest by hand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForTokenClassification, Qwen2Model

from models.checkpoint import INDEX
from models.reward import load_reward
from tests.models.test_reward import reward_tokenizer

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
QUESTION = "What is the value of x if 2x + 3 = 7?"
STEPS = ["2x = 7 - 3 = 4", "x = 4 / 2", "so x = 2\nand 2 * 2 + 3 = 7", "\\boxed{2}"]
SHAPE = {
    "vocab_size": 104, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 512, "num_labels": 2,
}  # fmt: skip


def write_reward(folder: Path, form: str, shard_size: str, bias: bool = True) -> Path:
    """A random reward model as it is published. shard_size: "1GB": one file."""
    torch.manual_seed(0)
    config = Qwen2Config(**SHAPE)
    reward_tokenizer().save_pretrained(folder)
    if form == "qwen":
        parts = nn.ModuleDict({
            "model": Qwen2Model(config),
            "score": nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)),
            "lm_head": nn.Linear(64, 104, bias=False),
        })  # fmt: skip
        state, config.architectures = parts.state_dict(), ["Qwen2ForProcessRewardModel"]
    else:
        network = Qwen2ForTokenClassification(config)
        state, config.architectures = network.state_dict(), ["Qwen2ForTokenClassification"]
    if not bias:
        del state["score.bias"]
    for name, tensor in state.items():
        state[name] = tensor + 0.2 * torch.randn(tensor.shape)  # far from how it begins
    save_torch_state_dict(state, folder, max_shard_size=shard_size)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    return folder


def read_all(folder: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    """All tensors of a folder."""
    files = sorted(folder.glob("*.safetensors"))
    return {key: t.to(dtype) for file in files for key, t in load_file(file).items()}


@torch.no_grad()
def qwen_reference(folder: Path, steps: Sequence[str], dtype: torch.dtype) -> list[float]:
    """As on the card of Qwen2.5-Math-PRM: the whole conversation, softmax, label 1 at each <extra_0>."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    turns = [
        {"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "<extra_0>".join(steps) + "<extra_0>"},
    ]  # fmt: skip
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=False)
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
    w = read_all(folder, dtype)
    model = Qwen2Model(Qwen2Config(**SHAPE)).to(dtype).eval()
    model.load_state_dict({k.removeprefix("model."): t for k, t in w.items() if k.startswith("model.")})
    hidden = model(input_ids=ids).last_hidden_state[0]
    inner = torch.relu(hidden @ w["score.0.weight"].T + w["score.0.bias"])
    logits = inner @ w["score.2.weight"].T + w["score.2.bias"]
    at = ids[0] == tokenizer.convert_tokens_to_ids("<extra_0>")
    return [float(p) for p in logits[at].float().softmax(-1)[:, 1]]


@torch.no_grad()
def trl_reference(folder: Path, steps: Sequence[str], dtype: torch.dtype) -> list[float]:
    """As in TRL's documentation: question and steps joined and ended by the separator; the class of the last
    token, once for each step, of the text up to it."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    w = read_all(folder, dtype)
    model = Qwen2Model(Qwen2Config(**SHAPE)).to(dtype).eval()
    model.load_state_dict({k.removeprefix("model."): t for k, t in w.items() if k.startswith("model.")})
    scores = []
    for count in range(1, len(steps) + 1):
        text = "\n\n".join((QUESTION, *steps[:count])) + "\n\n"
        hidden = model(input_ids=torch.tensor([tokenizer.encode(text)])).last_hidden_state[0, -1]
        logits = w["score.weight"] @ hidden + w.get("score.bias", torch.zeros(2, dtype=dtype))
        scores.append(float(logits.float().softmax(-1)[1]))
    return scores


REFERENCES = {"qwen": qwen_reference, "trl": trl_reference}


@pytest.mark.parametrize("shard_size", ["1GB", "60KB"])
@pytest.mark.parametrize("form", ["qwen", "trl"])
def test_scores_are_those_of_the_reference(form: str, shard_size: str, tmp_path: Path) -> None:
    folder = write_reward(tmp_path / form, form, shard_size)
    assert (folder / INDEX).exists() == (shard_size == "60KB")
    for dtype, near in ((torch.float32, 1e-5), (torch.bfloat16, 0.02)):
        reward = load_reward(str(folder), "cpu", dtype)
        assert (reward.form, next(reward.model.parameters()).dtype) == (form, dtype)
        other = [STEPS[0], "1 + 1 = 3"]
        wanted = [REFERENCES[form](folder, steps, dtype) for steps in (STEPS, other)]
        assert len(set(wanted[0])) == 4 and max(wanted[0]) - min(wanted[0]) > 0.1
        found = reward.scores([(QUESTION, STEPS), (QUESTION, other)])  # a batch of unequal rows
        for row, reference in zip(found, wanted, strict=True):
            assert row == pytest.approx(reference, abs=near)


def test_a_linear_head_may_have_no_bias(tmp_path: Path) -> None:
    folder = write_reward(tmp_path / "trl", "trl", "1GB", bias=False)
    found = load_reward(str(folder), "cpu").scores([(QUESTION, STEPS)])[0]
    assert found == pytest.approx(trl_reference(folder, STEPS, torch.float32), abs=1e-5)


def test_trls_files_are_those_of_its_own_class(tmp_path: Path) -> None:
    """The layout that this test writes is the one that transformers' class, which TRL trains, reads whole."""
    folder = write_reward(tmp_path / "trl", "trl", "60KB")
    network, report = Qwen2ForTokenClassification.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    reward = load_reward(str(folder), "cpu")
    ids, ends = reward.encode(QUESTION, STEPS)
    with torch.no_grad():
        logits = network.eval()(input_ids=torch.tensor([ids])).logits[0, ends]
    found = reward.scores([(QUESTION, STEPS)])[0]
    assert found == pytest.approx(logits.softmax(-1)[:, 1].tolist(), abs=1e-5)
