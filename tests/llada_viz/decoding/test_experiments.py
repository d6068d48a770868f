"""The experiments of the Explain tab: what is read, what is refused, and that each can be begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.experiments import Experiment, ExperimentError, experiments, read_experiments
from llada_viz.render.explain import experiment_text, question, sampler_cards
from samplers import SAMPLERS

GOOD: dict[str, Any] = {
    "title": "A <b>title</b>", "text": "Some text.", "task": "word", "seed": 3, "look": "What & why?",
    "tries": [
        {"label": "All steps", "sampler": "low_confidence", "settings": {}},
        {"label": "Half of them", "sampler": "backmask", "settings": {"half": True, "temperature": 0.5}},
    ],
}  # fmt: skip


def read(tmp_path: Path, *given: Any) -> tuple[Experiment, ...]:
    file = tmp_path / "experiments.yaml"
    file.write_text(yaml.safe_dump(list(given)), encoding="utf-8")
    return read_experiments(file)


def test_five_experiments_each_with_its_problem() -> None:
    bundled = Bundled()
    assert len(experiments()) == 5
    for experiment in experiments():
        prompt, answer = experiment.asked(bundled)
        assert prompt and answer and experiment.look.endswith((".", "?"))
        assert len({one.label for one in experiment.tries}) == len(experiment.tries) >= 2
        for one in experiment.tries:
            assert one.scorer in ("checker", *bundled.rewards)


def test_half_means_half_the_steps_of_the_problem(tmp_path: Path) -> None:
    (experiment,) = read(tmp_path, GOOD)
    whole, half = (one.settings_for({"steps": 64, "gen_length": 64, "luck": 1}) for one in experiment.tries)
    assert whole == {"steps": 64, "gen_length": 64}
    assert half == {"steps": 32, "gen_length": 64, "temperature": 0.5}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"task": "chess"}, "task one of"),
        ({"seed": "3"}, "a whole number as seed"),
        ({"tries": GOOD["tries"][:1]}, "two tries or more"),
        ({"tries": [{"label": "a", "sampler": "luck", "settings": {}}, GOOD["tries"][0]]}, "luck"),
        ({"tries": [{"label": "a", "sampler": "klass", "settings": {"x": 1}}, GOOD["tries"][0]]}, "x"),
        ({"more": 1}, "allowed: the fields"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(ExperimentError, match=said) as error:
        read(tmp_path, GOOD, GOOD | change)
    assert str(error.value).startswith("experiments.yaml: 2")


def test_texts_reach_the_page_as_text(tmp_path: Path) -> None:
    (experiment,) = read(tmp_path, GOOD)
    html = experiment_text(2, experiment, "What is 1 < 2?") + question(experiment)
    assert "2. A &lt;b&gt;title&lt;/b&gt;" in html and "1 &lt; 2" in html and "What &amp; why?" in html


def test_a_card_with_a_picture_for_every_sampler() -> None:
    html = sampler_cards()
    assert html.count("<article>") == html.count("<img ") == html.count("<details>") == len(SAMPLERS)
    assert "**" not in html and "https://arxiv.org/abs/2502.09992" in html
