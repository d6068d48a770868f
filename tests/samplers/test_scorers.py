"""Scorers: the exact checker on right and wrong answers, caching, and errors that end the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.loading import LoadedModel, load
from models.reward import load_reward
from samplers import collect, make, new_canvas
from samplers.checker import Checker
from samplers.events import BlockScored, CandidatesForked
from samplers.prm import PRMScorer
from samplers.requests import Tools, prepare
from samplers.scoring import Question
from samplers.settings import SettingError
from tests.models.test_reward import make_reward

BUNDLED = str(Path(__file__).parents[2] / "assets" / "models" / "tiny-llada")
LINEAR = {"name": "linear", "problem": {"equation": "2x + 3 = 7"}}
PROMPT = "What is the value of x if 2x + 3 = 7?"


@pytest.fixture(scope="module")
def bundled() -> LoadedModel:
    return load(BUNDLED, device="cpu")


def letters(ids: list[int]) -> str:
    return "".join(map(chr, ids))


def checker(task: str, **fields: str) -> Checker:
    return Checker([Question("", task, tuple(fields.items()))], letters)


def canvas_of(text: str) -> Any:
    canvas = new_canvas([[1, 2]], len(text), 0)
    canvas.tokens[0, 2:] = torch.tensor([ord(c) for c in text])
    return canvas


def test_the_checker_scores_each_part_by_the_steps_that_end_in_it() -> None:
    text = "7 - 3 = 5\n2x = 4\n4 / 2 = 2\n\\boxed{2}"
    score = checker("linear", equation="2x + 3 = 7")
    spans = [(2, 5), (2, 14), (2, 21), (2, 2 + len(text))]
    rows = torch.tensor([True])
    assert score(canvas_of(text), spans, rows) == [[1.0, 0.0, 1.0, 1.0]]
    assert score.calls == 1
    score(canvas_of(text), spans, rows)
    assert score.calls == 1, "the same contents are scored once"
    score(canvas_of(text.replace("5", "4")), spans, rows)
    assert score.calls == score.row_calls[0] == 2


def test_a_part_without_text_repeats_the_score_before_it() -> None:
    score = checker("linear", equation="2x + 3 = 7")
    canvas = canvas_of("7 - 3 = 5\n" + "\x03" * 8)
    canvas = type(canvas)(**(vars(canvas) | {"eos_id": 3}))
    assert score(canvas, [(2, 12), (12, 16), (16, 20)], torch.tensor([True])) == [[0.0, 0.0, 0.0]]
    assert score(canvas_of("   "), [(2, 2)], torch.tensor([True])) == [[1.0]]


def test_text_without_steps_is_not_right() -> None:
    score, rows = checker("linear", equation="2x + 3 = 7"), torch.tensor([True])
    assert score(canvas_of("7 - 3 = 4\n2x"), [(2, 8), (2, 12)], rows) == [[1.0, 1.0]], "not ended yet"
    assert score(canvas_of("7 - 3 = 4\n2x"), [(2, 8), (2, 14)], rows) == [[1.0, 0.0]], "ended without a box"
    assert score(canvas_of("x" * 90), [(2, 42), (2, 72)], rows) == [[1.0, 0.0]], "too long for a step"


def test_what_is_unfinished_belongs_to_what_stands_before_it() -> None:
    score, rows = checker("linear", equation="2x + 3 = 7"), torch.tensor([True])
    text = "7 - 3 = 5\n2x = 4"
    spans = [(2, 11), (2, 13), (2, 15)]
    assert score(canvas_of(f"{text}\n"), spans, rows) == [[0.0, 0.0, 0.0]], "5 is wrong as soon as it stands"
    spans = [(2, 10), (2, 12), (2, 14)]
    right = canvas_of("7 - 3 = 4\n2x = 4\n")
    assert score(right, spans, rows) == [[1.0, 1.0, 1.0]]


def test_nothing_behind_a_mask_is_judged() -> None:
    """`7 - 3_= 5` would else be read as `7 - 3 = 5`, whatever the mask becomes."""
    score, rows = checker("linear", equation="2x + 3 = 7"), torch.tensor([True])
    canvas = canvas_of("7 - 3\0 = 5\n")
    assert score(canvas, [(2, 6), (6, 13)], rows) == [[1.0, 1.0]]
    assert score(canvas_of("7 - 4\0 = 5\n"), [(2, 6), (6, 13)], rows) == [[1.0, 0.0]]


@pytest.mark.parametrize(("task", "fields"), [("", {}), ("linear", {}), ("linear", {"equation": "x = x"})])
def test_the_checker_needs_a_problem(task: str, fields: dict[str, str]) -> None:
    with pytest.raises(SettingError):
        checker(task, **fields)


def test_a_prm_scores_a_whole_run(bundled: LoadedModel, tmp_path: Path) -> None:
    reward = load_reward(str(make_reward(tmp_path / "prm", "qwen")), device="cpu")
    plain = {"steps": 16, "gen_length": 16, "block_length": 8, "num_candidates_per_block": 3}
    prepared = prepare(bundled, "vanilla_prm", plain, Tools(scorer="prm", reward=reward), prompt=PROMPT)
    events, _ = collect(prepared.stream())
    assert sum(isinstance(e, CandidatesForked) for e in events) == 2
    scores = [e for e in events if isinstance(e, BlockScored)]
    assert scores[-1].scorer == "prm" and scores[-1].scorer_calls == prepared.score.calls  # type: ignore[union-attr]
    assert 2 <= prepared.score.calls <= 6  # type: ignore[union-attr]
    assert events[0].settings["scorer"] == {"name": "prm", "model": "prm", "form": "qwen"}  # type: ignore[attr-defined]


def test_a_scorer_that_fails_fails_the_run(bundled: LoadedModel, tmp_path: Path) -> None:
    reward = load_reward(str(make_reward(tmp_path / "prm", "trl")), device="cpu")
    reward.longest = 5
    plain = {"steps": 8, "gen_length": 8, "block_length": 8, "num_samples": 2}
    prepared = prepare(bundled, "best_of_n", plain, Tools(scorer="prm", reward=reward), prompt=PROMPT)
    assert isinstance(prepared.score, PRMScorer)
    with pytest.raises(ValueError, match="at most 5"):
        collect(prepared.stream())


def test_the_checker_through_a_request(bundled: LoadedModel) -> None:
    plain = {"steps": 32, "gen_length": 32, "block_length": 8, "num_samples": 4}
    made = prepare(bundled, "best_of_n", plain, Tools(scorer="checker"), prompt=PROMPT, task=LINEAR)
    events, _ = collect(made.stream())
    assert made.score is not None and 1 <= made.score.calls <= 4
    assert make("best_of_n", plain).needs.scorer
    assert all(0 <= s <= 1 for e in events if isinstance(e, BlockScored) for s in e.scores if s is not None)
