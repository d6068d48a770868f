"""The bundled model's batches: a function of (seed, step), prompts clean, facts true."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from models.loading import load
from training.bundled.build import FIRST, LAST, Plan, bundled_tokenizer, continue_from, new_model
from training.bundled.bundled_data import BundledMixture, Encoder, batches
from training.bundled.facts import draw_fact
from training.bundled.tokenizer import fit_tokenizer

BUNDLED = Path(__file__).parents[3] / "assets" / "models" / "tiny-llada"
SMALL = BundledMixture(rows=16, facts=4, gaps=0.4)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(PreTrainedTokenizerFast.from_pretrained(BUNDLED))


@pytest.mark.parametrize("mixture", [SMALL, BundledMixture(rows=8, facts=0)])
def test_a_step_is_a_function_of_seed_and_step(encoder: Encoder, mixture: BundledMixture) -> None:
    def of(step: int, seed: int) -> list[torch.Tensor]:
        return [t for b in batches(step, seed, encoder, mixture) for t in (b.input_ids, b.targets, b.learned)]

    first, again, other = of(7, 0), of(7, 0), of(8, 0)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_only_answers_are_masked_and_only_masks_are_learned(encoder: Encoder) -> None:
    for step in range(5):
        for batch in batches(step, 0, encoder, SMALL):
            masked = batch.input_ids == encoder.mask
            assert torch.equal(batch.input_ids[~masked], batch.targets[~masked])
            assert not bool((batch.learned & ~masked).any())
            assert bool(batch.learned.any())
            start = torch.tensor(encoder.before)
            assert torch.equal(batch.input_ids[:, : len(start)], start.expand(len(masked), -1))
            assert encoder.mask not in batch.targets


def test_facts_are_true_and_within_the_limit() -> None:
    rng = random.Random(0)
    for _ in range(5000):
        fact = draw_fact(rng, negative=0.4)
        whole = {"+": fact.left + fact.right, "-": fact.left - fact.right, "*": fact.left * fact.right}
        if fact.op == "/":
            assert fact.result * fact.right == fact.left
        else:
            assert fact.result == whole[fact.op]
        assert max(abs(fact.left), abs(fact.result)) <= 200


def test_the_stages_follow_each_other() -> None:
    plan = Plan()
    assert [plan.mixture(s) for s in (0, 6999, 7000, 11000)] == [FIRST, FIRST, LAST, LAST]


def test_a_continued_model_begins_as_the_one_it_continues() -> None:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(BUNDLED)
    model = new_model(Plan(), tokenizer)
    continue_from(model, BUNDLED)
    ids = torch.arange(40)[None]
    wanted = load(str(BUNDLED), device="cpu").model(ids).logits
    torch.testing.assert_close(model(ids).logits, wanted)


@pytest.mark.slow
def test_the_shipped_tokenizer_is_the_plans() -> None:
    built = bundled_tokenizer(Plan())
    shipped = PreTrainedTokenizerFast.from_pretrained(BUNDLED)
    # As sets: ids follow how often pieces occur, and the equations' answers were reworded during the run.
    assert set(built.get_vocab()) == set(shipped.get_vocab())
    assert built.chat_template == shipped.chat_template


def test_any_corpus_gives_every_number_and_every_byte() -> None:
    tokenizer = fit_tokenizer(["a b c"], size=1500)
    vocabulary = tokenizer.get_vocab()
    runs = [f"{n:0{width}d}" for width in (1, 2, 3) for n in range(10**width)]
    assert all(run in vocabulary for run in runs)
    text = "12345 0071 ☃"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode("12345")) == 5
