"""The bundled model's batches: a function of (seed, step), prompts clean, facts true."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from models.loading import load
from tasks import CountdownTask, split_of
from tasks.countdown_solver import solve
from tasks.exclude import countdown_key
from training.bundled.build import Start, continue_from, first_texts, new_model
from training.bundled.bundled_data import ENGLISH, BundledMixture, Encoder, batches
from training.bundled.facts import draw_fact
from training.bundled.stages import FIRST, LAST, LEVELLED, STAGES
from training.bundled.tokenizer import fit_tokenizer
from training.bundled.tokenizer_growth import grown

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


def test_rows_are_filled_to_few_widths(encoder: Encoder) -> None:
    """What fills a row of answers is more of its end; what fills a packed row is neither hidden nor
    learned."""
    wide = replace(SMALL, plans=2, widths=16)
    for step in range(5):
        *answers, packed = batches(step, 0, encoder, wide)
        assert all(batch.targets.shape[1] % 16 == 0 for batch in (*answers, packed))
        assert bool((packed.targets[:, -1] == encoder.eos).any())
        end = (packed.targets == encoder.eos).long().flip(-1).cumprod(-1).flip(-1).bool()
        assert torch.equal(packed.input_ids[end], packed.targets[end]) and not bool(packed.learned[end].any())


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
    plan = STAGES["first"]
    assert [plan.mixture(s) for s in (0, 6999, 7000, 11000)] == [FIRST, FIRST, LAST, LAST]


def test_a_continued_model_begins_as_the_one_it_continues() -> None:
    """Also where it gets more tokens: each begins as the mean of its pieces, and the old ones stay."""
    start = Start.of(BUNDLED)
    old = len(start.tokenizer)
    tokenizer = grown(
        start.tokenizer, ["Seventeen turquoise zebras juggle kettles behind the lighthouse."], old + 6
    )
    model = new_model(STAGES["levels"], tokenizer)
    continue_from(model, start, tokenizer)
    ids = torch.arange(40)[None]
    wanted = load(str(BUNDLED), device="cpu").model(ids).logits
    torch.testing.assert_close(model(ids).logits[..., :old], wanted)
    rows, name = model.get_input_embeddings()(torch.arange(old + 6)), tokenizer.convert_ids_to_tokens(old + 5)
    pieces = [token.id for token in start.tokenizer.backend_tokenizer.model.tokenize(name)]
    assert len(pieces) > 1
    torch.testing.assert_close(rows[old + 5], rows[pieces].mean(0))


def test_a_grown_tokenizer_writes_what_it_wrote_and_new_words_shorter() -> None:
    start = PreTrainedTokenizerFast.from_pretrained(BUNDLED)
    text = "The zebra juggles the kettles."
    new = grown(start, [text], len(start) + 200)
    known = "What is 3 * (4 - 15)?\n12 + 345 = 357\n\\boxed{357}"
    assert new(known)["input_ids"] == start(known)["input_ids"]
    assert len(start) < len(new) < len(start) + 200  # every word is one token before the size is reached
    assert new.tokenize(text) == ["The", "Ġzebra", "Ġjuggles", "Ġthe", "Ġkettles", "."]
    assert new.decode(new(text)["input_ids"]) == text
    assert new.chat_template == start.chat_template and new.mask_token_id == start.mask_token_id


def test_answers_of_sudokus_and_english_are_hidden_anywhere(encoder: Encoder) -> None:
    """Their block share is 0 or small: behind the last hidden cell open ones are found far more often than
    with blocks, behind which all is hidden."""
    for name, wanted in (("sudoku", True), ("linear", False)):
        only = BundledMixture(
            rows=64, facts=0, shares={name: 1.0}, block_shares=LEVELLED.block_shares, block_share=1.0
        )
        batch = next(iter(batches(0, 0, encoder, only)))
        text = batch.targets != encoder.eos
        hidden = (batch.input_ids == encoder.mask) & text
        last = hidden.long().cumsum(-1) == hidden.long().sum(-1, keepdim=True)
        open_behind = (last & ~hidden & text).sum(-1)
        assert (float((open_behind > 1).float().mean()) > 0.15) == wanted


def test_rows_of_plans_ask_for_the_first_step_of_many_countdowns(encoder: Encoder) -> None:
    task = CountdownTask()
    only = BundledMixture(rows=4, facts=0, plans=3, plans_a_row=6, gaps=0.0)
    *_, batch = batches(0, 0, encoder, only)
    assert len(batch.targets) == 3 and bool(batch.learned.any())
    for row, learned in zip(batch.targets, batch.learned, strict=True):
        text = encoder.backend.decode(row.tolist(), skip_special_tokens=False).split("\n\n")[-1]
        lines = text.replace("<|endoftext|>", "").strip().split("\n")
        assert len(lines) == 12
        for asked, step in zip(lines[::2], lines[1::2], strict=True):
            numbers, target = asked.removeprefix("Countdown: ").split(" -> ")
            solution = solve([int(n) for n in numbers.split(",")], int(target))
            assert solution is not None and step == solution.text.split("\n")[0]
            assert (
                split_of(task.name, countdown_key([int(n) for n in numbers.split(",")], int(target)))
                == "train"
            )
        hidden = encoder.backend.decode(row[learned].tolist())
        assert "Countdown" not in hidden and "->" not in hidden


def test_english_is_drawn_where_it_has_a_share(encoder: Encoder) -> None:
    rng = random.Random(0)
    prompt, answer = BundledMixture(shares={ENGLISH: 1.0}).draw(rng, ENGLISH)
    assert prompt and answer and "boxed" not in answer


@pytest.mark.slow
def test_the_shipped_tokenizer_is_the_first_plan_s_and_grew_to_the_last_s() -> None:
    plan = STAGES["first"]
    built = fit_tokenizer(first_texts(), plan.vocab_size, plan.max_sequence_length)
    shipped = PreTrainedTokenizerFast.from_pretrained(BUNDLED)
    # As sets: ids follow how often pieces occur. Equations were reworded during the run, countdown since, so
    # the rarest piece may be another.
    assert len(set(built.get_vocab()) - set(shipped.get_vocab())) <= 1
    assert len(shipped) == STAGES["mending"].vocab_size
    assert built.chat_template == shipped.chat_template


def test_any_corpus_gives_every_number_and_every_byte() -> None:
    tokenizer = fit_tokenizer(["a b c"], size=1500)
    vocabulary = tokenizer.get_vocab()
    runs = [f"{n:0{width}d}" for width in (1, 2, 3) for n in range(10**width)]
    assert all(run in vocabulary for run in runs)
    text = "12345 0071 ☃"
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode("12345")) == 5
