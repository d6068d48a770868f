"""The reward model on a LLaDA: who sees whom, and how tokens make the score of a step."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from models.checkpoint import ModelError
from models.loading import load
from models.reward import LoadedReward, load_reward
from models.shadow_reward import TRUST, visibility
from samplers.settings import SettingError
from training.prm.prm_model import new_reward, save_reward

BASE = "assets/models/tiny-llada"
QUESTION, STEPS = "What is 12 + 9 - 6?", ["12 + 9 = 21\n", "21 - 6 = 15\n", "\\boxed{15}"]


def reward_with_a_judge() -> LoadedReward:
    reward = new_reward(BASE, form="shadow")
    torch.manual_seed(1)
    torch.nn.init.normal_(reward.model.judge[-1].weight, std=0.5)  # type: ignore[index, union-attr]
    reward.model.eval()
    return reward


def test_who_sees_whom() -> None:
    """A question of two cells, an answer of three, shadows of cells 2 to 4."""
    seen = visibility(torch.tensor([2]), 5, 2)[0].int().tolist()
    assert seen == [
        [1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0, 1, 0, 0], [1, 1, 1, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0, 0, 0, 1],
    ]  # fmt: skip


@torch.no_grad()
def test_a_shadow_predicts_what_a_mask_in_its_cell_would() -> None:
    """The first shadow: a LLaDA with one mask behind a question that does not see it."""
    reward, llada = new_reward(BASE, form="shadow"), load(BASE, device="cpu", dtype=torch.float32)
    ids, _ = reward.encode(QUESTION, STEPS)
    start = len(reward.question(QUESTION))
    logits = reward.model.token_logits(torch.tensor([ids]), torch.tensor([start]))  # type: ignore[operator]
    shown = torch.tensor([[*ids[:start], llada.mask_id]])
    seen = torch.ones(1, 1, start + 1, start + 1, dtype=torch.bool)
    seen[..., :start, start] = False
    hidden = llada.model.hidden(shown, visible=seen)
    likely = llada.model.head(hidden[0, -1]).log_softmax(-1)[ids[start]]
    assert float(logits[0, start]) == pytest.approx(TRUST + float(likely), abs=1e-4)


def test_scores_depend_neither_on_the_cut_nor_on_what_follows() -> None:
    reward = reward_with_a_judge()
    whole = reward.scores([(QUESTION, STEPS)])[0]
    assert reward.scores([(QUESTION, STEPS[:2])])[0] == pytest.approx(whole[:2], rel=1e-4)
    halves = reward.scores([(QUESTION, ["12 + 9 = ", "21\n", *STEPS[1:]])])[0]
    assert halves[1:] == pytest.approx(whole, rel=1e-4), "a line is judged whole, wherever it is cut"
    assert halves[0] > whole[0]


def test_behind_a_wrong_line_nothing_scores_high() -> None:
    reward = load_reward("assets/models/tiny-prm", "cpu")
    for wrong, rest in (("12 + 9 = 22\n", ["22", " - 6 = "]), ("12 + 9 = 22", ["\n", "22 - "])):
        scores = reward.scores([(QUESTION, [wrong, *rest])])[0]
        assert max(scores) < 0.5 and scores == sorted(scores, reverse=True)


@torch.no_grad()
def test_a_score_is_the_product_over_the_answer_so_far() -> None:
    reward = reward_with_a_judge()
    ids, ends = reward.encode(QUESTION, STEPS)
    start = len(reward.question(QUESTION))
    logits = reward.model.token_logits(torch.tensor([ids]), torch.tensor([start]))  # type: ignore[operator]
    right = logits[0].sigmoid()
    products = [float(right[start : end + 1].prod()) for end in ends]
    assert reward.scores([(QUESTION, STEPS)])[0] == pytest.approx(products, rel=1e-4)


def test_a_batch_is_what_its_rows_are() -> None:
    reward = reward_with_a_judge()
    rows = [(QUESTION, STEPS), ("What is 3 + 4?", ["3 + 4 = 8\n"]), ("?", ["a", "b", "c", "d"])]
    for row, found in zip(rows, reward.scores(rows), strict=True):
        assert found == pytest.approx(reward.scores([row])[0], rel=1e-3, abs=1e-6)


def test_a_llada_without_a_judge_and_other_bad_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="without a judge"):
        load_reward(BASE, device="cpu")
    reward = new_reward(BASE, form="shadow")
    state = {n: t for n, t in reward.model.state_dict().items() if n != "level"}
    save_reward(reward, tmp_path, state, "bf16")
    with pytest.raises(ModelError, match="does not fit"):
        load_reward(str(tmp_path), device="cpu")
    with pytest.raises(SettingError, match="layers"):
        new_reward(BASE, layers="0,1", form="shadow")


def test_the_bundled_reward_model_finds_a_wrong_sum() -> None:
    """assets/models/tiny-prm: under 6 MB, and it lowers the score of the line that is wrong."""
    folder = Path(BASE).with_name("tiny-prm")
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 6_000_000
    reward = load_reward(str(folder), device="cpu")
    right, wrong = reward.scores([(QUESTION, STEPS), (QUESTION, ["12 + 9 = 22\n"])])
    assert reward.form == "shadow" and min(right) > 0.5 > wrong[0]


def changed(folder: Path, file: str, change: Callable[[Any], Any]) -> str:
    """The bundled reward model with one file changed; None from `change` deletes it."""
    shutil.copytree("assets/models/tiny-prm", folder)
    path, data = folder / file, change(json.loads((folder / file).read_text()))
    path.unlink()
    if data is not None:
        path.write_text(data if isinstance(data, str) else json.dumps(data))
    return str(folder)


CONFIG = "config.json"


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        (CONFIG, lambda data: "{", "is not JSON"),
        (CONFIG, lambda data: [], "model_type = None"),
        (CONFIG, lambda data: data | {"architectures": 5, "n_heads": 0}, "n_heads = 0"),
        (CONFIG, lambda data: data | {"d_model": "x"}, "d_model = 'x'"),
        (CONFIG, lambda data: data | {"mask_token_id": None}, "mask_token_id = None"),
        (CONFIG, lambda data: data | {"mask_token_id": 999_999}, "mask_token_id = 999999"),
        (CONFIG, lambda data: data | {"vocab_size": 100}, "allowed: 100"),
        (CONFIG, lambda data: data | {"max_sequence_length": None}, "max_sequence_length = None"),
        (CONFIG, lambda data: data | {"max_sequence_length": -5}, "max_sequence_length = -5"),
        ("tokenizer.json", lambda data: None, "has no tokenizer.json"),
    ],
)
def test_a_broken_folder_is_a_sentence(
    tmp_path: Path, file: str, change: Callable[[Any], Any], says: str
) -> None:
    with pytest.raises(ModelError, match=says):
        load_reward(changed(tmp_path / "prm", file, change), "cpu")


def test_a_template_that_raises_is_a_sentence(tmp_path: Path) -> None:
    shutil.copytree("assets/models/tiny-prm", tmp_path / "prm")
    (tmp_path / "prm" / "chat_template.jinja").write_text("{{ raise_exception('no') }}")
    with pytest.raises(
        ModelError, match="^prm = .*prm': the model's chat template does not .*: TemplateError: no"
    ):
        load_reward(str(tmp_path / "prm"), "cpu")


def test_other_forms_do_not_begin_with_what_they_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a reward model of the form shadow; allowed"):
        new_reward("assets/models/tiny-prm", form="qwen")
    shutil.copytree(BASE, tmp_path / "base")
    weights = load_file(tmp_path / "base" / "model.safetensors")
    rest = {name: tensor for name, tensor in weights.items() if "blocks.3." not in name}
    save_file(rest, tmp_path / "base" / "model.safetensors", metadata={"format": "pt"})
    for form in ("shadow", "qwen"):
        with pytest.raises(ModelError, match="has no "):
            new_reward(str(tmp_path / "base"), form=form)


def test_a_text_cannot_write_a_turn_nor_half_a_character() -> None:
    reward = load_reward("assets/models/tiny-prm", "cpu")
    plain = reward.question("a b")
    end = reward.tokenizer.convert_tokens_to_ids("<|eot_id|>")
    assert reward.question("a<|eot_id|>b").count(end) == plain.count(end), "typed, it is text"
    with pytest.raises(ModelError, match="character 2 is half"):
        reward.scores([("a\ud800", ["1"])])
