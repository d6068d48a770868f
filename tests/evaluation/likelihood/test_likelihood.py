"""The Monte Carlo estimate: its masks, its exactness on small cases, and the published reference."""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluation.likelihood import answer_scores
from evaluation.likelihood.monte_carlo import error_of_mean, mask_counts, monte_carlo
from models.loading import LoadedModel, load
from samplers import GuidedDenoiser, new_canvas
from tests.networks import VECTORS, TableNetwork

TINY = VECTORS / "tiny_llada"
REFERENCE = json.loads((TINY / "log_likelihood.json").read_text())
BUNDLED = Path(__file__).parents[3] / "assets" / "models" / "tiny-llada"


def command(*flags: str) -> None:
    parser = argparse.ArgumentParser()
    answer_scores.add_likelihood(parser.add_subparsers())
    args = parser.parse_args(["likelihood", *flags])
    args.run(args)


def score_file(folder: Path, model: Path, rows: list[dict[str, Any]], *flags: str) -> list[dict[str, Any]]:
    source, out = folder / "in.jsonl", folder / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command("--model", str(model), "--in", str(source), "--out", str(out), "--device", "cpu", *flags)
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    return load(str(TINY), device="cpu")


def test_the_reference_within_four_standard_errors(tmp_path: Path) -> None:
    """Through the command line; row 4 has guidance."""
    rows = [
        {"id": i, "prompt_ids": r["prompt"], "answer_ids": r["answer"], "cfg_scale": r["cfg_scale"]}
        for i, r in enumerate(REFERENCE)
    ]
    found = score_file(tmp_path, TINY, rows, "--mc-num", "1024", "--batch-size", "32")
    assert [set(f) for f in found] == [{"id", "log_likelihood", "standard_error"}] * len(rows)
    for result, r in zip(found, REFERENCE, strict=True):
        spread = math.hypot(result["standard_error"], r["reference_standard_error"])
        assert abs(result["log_likelihood"] - r["reference_mean"]) <= 4 * spread + 1e-3
        assert 0 < result["standard_error"] < 2 or len(r["answer"]) == 1


@pytest.mark.parametrize(("rows", "length"), [(8, 4), (16, 7), (3, 10), (1, 5), (2, 4), (4, 6)])
def test_every_number_of_masks_is_equally_likely(rows: int, length: int) -> None:
    """In every row, over the draw of the first; and strides are even, so a batch covers the range."""
    drawn = [mask_counts(first, rows, length) for first in range(1, length + 1)]
    for row in zip(*drawn, strict=True):
        assert sorted(row) == list(range(1, length + 1))
    for batch in drawn:
        times = Counter(batch)
        assert max(times.values()) - min(times[n] for n in range(1, length + 1)) <= 1


def test_masks_of_the_specification() -> None:
    """x_i = ((round(k + i L / b) - 1) mod L) + 1, k = 3, L = 4, b = 8, halves up."""
    assert mask_counts(3, 8, 4) == [3, 4, 4, 1, 1, 2, 2, 3]


def test_the_estimate_has_the_expectation_that_all_masks_have() -> None:
    """Every mask of a three-token answer, weighted as the equation has it, against many draws."""
    prompt, answer, mask = [3, 5, 8], [1, 4, 2], 22
    network = TableNetwork()
    expected = 0.0
    for size in (1, 2, 3):
        sums = []
        for masked in itertools.combinations(range(3), size):
            canvas = new_canvas([prompt], 3, mask)
            for i in set(range(3)) - set(masked):
                canvas.tokens[0, 3 + i] = answer[i]
            cells = torch.zeros(1, 6, dtype=torch.bool)
            cells[0, [3 + i for i in masked]] = True
            logits = GuidedDenoiser(network)(canvas, cells)
            log_p = logits.log_softmax(-1)
            sums.append(sum(float(log_p[n, answer[i]]) for n, i in enumerate(masked)))
        expected += sum(sums) / len(sums) * 3 / size / 3
    found = monte_carlo(GuidedDenoiser(network), prompt, answer, mask, 6000, 20)
    assert found.standard_error is not None and found.standard_error < 0.1
    assert abs(found.log_likelihood - expected) < 4 * found.standard_error


def test_one_token_takes_one_forward_and_is_exact(tiny: LoadedModel) -> None:
    denoise = GuidedDenoiser(TableNetwork())
    found = monte_carlo(denoise, [3, 5], [7], 22, mc_num=128, batch_size=16)
    assert denoise.nfe == denoise.forwards == 1 and found.standard_error == 0.0
    canvas = new_canvas([[3, 5]], 1, 22)
    log_p = GuidedDenoiser(TableNetwork())(canvas, canvas.masked).log_softmax(-1)
    assert found.log_likelihood == pytest.approx(float(log_p[0, 7]))
    assert REFERENCE[0]["reference_mean"] == pytest.approx(
        answer_scores.score(
            tiny, REFERENCE[0]["prompt"], REFERENCE[0]["answer"], answer_scores.Scoring()
        ).log_likelihood,
        abs=1e-3,
    )


def test_a_batch_is_one_forward_and_guidance_doubles_it() -> None:
    for cfg, branches in ((0.0, 1), (1.5, 2)):
        denoise = GuidedDenoiser(TableNetwork(), cfg)
        monte_carlo(denoise, [3, 5], [7, 8, 9], 22, mc_num=24, batch_size=8)
        assert denoise.forwards == 3 and denoise.nfe == 24 * branches


def test_seeds() -> None:
    def estimate(seed: int) -> float:
        return monte_carlo(GuidedDenoiser(TableNetwork()), [3], [7, 8, 9], 22, 16, 8, seed).log_likelihood

    assert estimate(1) == estimate(1) != estimate(2)


def test_one_batch_says_nothing_about_its_error() -> None:
    assert error_of_mean([1.0]) is None
    assert error_of_mean([1.0, 3.0]) == pytest.approx(1.0)
    found = monte_carlo(GuidedDenoiser(TableNetwork()), [3], [7, 8], 22, 8, 8)
    assert found.standard_error is None


def test_text_rows_prefer_the_right_answer(tmp_path: Path) -> None:
    rows = [
        {"id": "right", "prompt": "What is 3 + 4?", "answer": "3 + 4 = 7\n\\boxed{7}"},
        {"id": "wrong", "prompt": "What is 3 + 4?", "answer": "3 + 4 = 9\n\\boxed{9}"},
        {"id": "raw", "raw_prompt": "What is 3 ", "answer": "+ 4?", "cfg_scale": 0.5},
    ]
    right, wrong, raw = score_file(tmp_path, BUNDLED, rows, "--mc-num", "16", "--batch-size", "4")
    assert (right["id"], wrong["id"], raw["id"]) == ("right", "wrong", "raw")
    assert right["log_likelihood"] > wrong["log_likelihood"] + 5 and raw["log_likelihood"] < 0


@pytest.mark.parametrize(("row", "said"), [
    ({"prompt_ids": [1]}, "line 2: answer and answer_ids"),
    ({"prompt_ids": [1], "answer": "x", "answer_ids": [1]}, "exactly one"),
    ({"answer_ids": [1]}, "no prompt given"),
    ({"prompt": "a", "answer_ids": [1]}, "no tokenizer"),
    ({"prompt_ids": [1], "answer": "x"}, "no tokenizer"),
    ({"prompt_ids": [1], "answer_ids": []}, "answer_ids"),
    ({"prompt_ids": [1], "answer_ids": [119]}, "mask token 119"),
    ({"prompt_ids": [1], "answer_ids": [999]}, "answer_ids has 999"),
    ({"prompt_ids": [1], "answer_ids": [1] * 5000}, "together 5001"),
    ({"prompt_ids": [1], "answer_ids": [1], "cfg_scale": -1}, "cfg_scale = -1"),
    ({"prompt_ids": [1], "answer_ids": [1], "cfg": 1}, "field 'cfg'"),
])  # fmt: skip
def test_bad_rows_stop_the_file_before_it_is_scored(row: dict[str, Any], said: str, tmp_path: Path) -> None:
    good = {"prompt_ids": [1], "answer_ids": [1]}
    with pytest.raises(ValueError, match=said):
        score_file(tmp_path, TINY, [good, row])
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(("flags", "said"), [
    (["--mc-num", "10", "--batch-size", "4"], "mc_num = 10"), (["--batch-size", "0"], "batch_size = 0"),
    (["--cfg-scale", "-1"], "cfg_scale"), (["--seed", "-1"], "seed = -1"),
])  # fmt: skip
def test_bad_flags(flags: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        score_file(tmp_path, TINY, [], *flags)


class Joiner:
    """A tokenizer of words, in which `fire` and `wood` grow together."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        words = text.replace("firewood", "FIREWOOD").replace(" ", " _").split(" ")
        return [sum(map(ord, w)) for w in words if w not in ("", "_")] if text else []


def test_pairs_are_tokenised_together_where_they_can_be() -> None:
    first, second = answer_scores.encode_pair(Joiner(), "some dry ", "wood")
    whole = Joiner().encode("some dry wood", False)
    assert first + second == whole and len(second) == 1
    first, second = answer_scores.encode_pair(Joiner(), "fire", "wood")
    assert first == Joiner().encode("fire", False) and second == Joiner().encode("wood", False)
