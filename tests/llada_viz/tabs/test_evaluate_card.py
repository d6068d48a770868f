"""The sizes that the Evaluate tab fills in give the scores of the model's card: 200 problems a task."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from evaluation.runs.execute import manifest, run
from evaluation.runs.plan import Line, Plan
from evaluation.runs.report import Report
from evaluation.runs.run_folder import RunFolder
from evaluation.runs.sampler_table import NothingToGrade
from evaluation.sets.problem_sets import bundled_set
from llada_viz.decoding.bundled import FOLDER, Bundled
from tasks import TASKS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    from llada_viz.tabs.evaluate_form import EvaluateForm

PROBLEMS, SEED = 200, 7


@pytest.fixture(scope="module")
def bundled() -> Bundled:
    return Bundled()


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("task", TASKS)
def test_b2_the_form_gives_the_scores_of_the_card(bundled: Bundled, task: str, tmp_path: Path) -> None:
    """Two samples of the same accuracy: the 95% interval of this one and that of the card overlap, and as
    good as no answer is cut off."""
    form = EvaluateForm(bundled.settings_of)
    sizes = form.sizes_of(form.look(task, ""))
    line = Line("plain", "low_confidence", {**sizes, "early_stop": True})
    assert bundled.loaded is not None
    plan, folder = Plan(bundled_set(task, PROBLEMS, SEED), (line,)), RunFolder(tmp_path)
    folder.open(manifest(bundled.loaded, str(FOLDER), plan), plan.problems)
    list(run(bundled.loaded, plan, folder, NothingToGrade()))
    found = Report(folder).summaries[0]
    card = {score["set"]: score for score in json.loads((FOLDER / "scores.json").read_text())}[task]
    low, high = found.interval
    print(f"{task}: {found.correct} of {found.graded}, {low:.1%} to {high:.1%}; card {card['accuracy']:.1%}, "
          f"{card['low']:.1%} to {card['high']:.1%}; cut off {found.cut}")  # fmt: skip
    assert low <= card["high"] and card["low"] <= high and found.cut <= PROBLEMS // 100
