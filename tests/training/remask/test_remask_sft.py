"""The recipe of the UPS head: what may stand as a wrong token, and how the head is evaluated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from evaluation.ranking import auroc
from samplers.settings import SettingError
from tests.training.small_model import small_folder
from training.engine.settings import RunArguments
from training.remask.objective import RemaskSettings, RemaskSFT, ScoredCells, score_shown_cells


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> RemaskSFT:
    model = small_folder(tmp_path_factory.mktemp("model"))
    settings = RemaskSettings(max_length=256, batch_size=4, r_incorrect=0.2, precision="no")
    found = RemaskSFT(RunArguments(model, ("word",), device="cpu"), settings)
    torch.nn.init.normal_(found.head.outer.weight, generator=torch.Generator().manual_seed(0))
    found.answers.data = replace(found.answers.data, held_out=found.answers.data.held_out[:40])
    return found


def test_control_tokens_and_unused_ids_are_no_wrong_tokens(recipe: RemaskSFT) -> None:
    tokenizer = recipe.loaded.tokenizer
    assert tokenizer is not None
    ordinary = set(recipe.noise.ordinary.tolist())
    names = {str(token) for i, token in tokenizer.added_tokens_decoder.items() if i in ordinary}
    assert not names & {"<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "[gMASK]"}
    assert recipe.loaded.mask_id not in ordinary and max(ordinary) < len(tokenizer)
    assert len(ordinary) > len(tokenizer) / 2


def test_an_evaluation_draws_the_noise_several_times(recipe: RemaskSFT) -> None:
    one, three = (score_shown_cells(recipe.module, recipe.noise, recipe.answers, 0.0, n) for n in (1, 3))
    first = len(one.scores)
    assert all(torch.equal(a, b[:first]) for a, b in zip(one, three, strict=True))
    assert 2 * first < len(three.scores) < 4 * first
    assert set(three.row.tolist()) <= set(range(40)) and 0 < int(three.wrong.sum()) < len(three.wrong)
    again = torch.equal(one.scores, three.scores[first : 2 * first])
    assert not again, "another draw is other noise"
    assert three.auroc == auroc(three.scores.numpy(), three.wrong.numpy())
    nothing = ScoredCells(three.scores, torch.zeros_like(three.wrong), three.row)
    assert nothing.auroc is None
    assert set(recipe.evaluate()) == {"auroc_random", "auroc_own"}


def test_block_lengths_are_those_of_the_settings(recipe: RemaskSFT) -> None:
    """With rows that are all noised block by block, nothing is learned beyond a block."""
    plain = recipe.noise.settings
    assert plain.block_lengths == "4,8,16,32"
    rows = recipe.answers.collated(recipe.answers.data.held_out)
    for text, longest in (("8", 8), ("8, 64", 64)):
        recipe.noise.settings = replace(plain, block_share=1.0, block_lengths=text)
        learned = recipe.noise.noised(rows, torch.Generator().manual_seed(0)).answer.sum(-1)
        assert 0 < int(learned.min()) <= 8 and int(learned.max()) <= longest
        assert longest == 8 or int(learned.max()) > 8
    recipe.noise.settings = plain


@pytest.mark.parametrize("text", ["", "8,", "0", "8,x", "-8", "8;16", "99999"])
def test_bad_block_lengths_are_a_sentence(text: str) -> None:
    with pytest.raises(SettingError, match="block_lengths = .* whole numbers from 1 to 4096 with commas"):
        RemaskSettings(block_lengths=text)


def test_the_head_goes_where_the_samplers_find_it(recipe: RemaskSFT, tmp_path: Path) -> None:
    recipe.export(tmp_path, recipe.module.state_dict())
    assert [path.name for path in tmp_path.iterdir()] == ["ups_head.safetensors"]
