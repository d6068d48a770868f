"""What an evaluation is decoded with: named by folders, used by the job, and by its replays."""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llada_viz.decoding.attached import Attachments, attach
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.decoding.line_up import written
from llada_viz.decoding.networks import Sources
from llada_viz.decoding.sources import LoadedSources, sources_of
from llada_viz.jobs.evaluations import Evaluations
from llada_viz.jobs.queue import Jobs
from models.checkpoint import ModelError
from samplers.requests import RequestError
from tests.llada_viz.handlers import given
from tests.random_adapter import write_adapter

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.runs import Runs
    from llada_viz.decoding.served import CHECKER
    from llada_viz.tabs.evaluate import Evaluate

HEAD = FOLDER.with_name("tiny-llada-ups")
PRM = FOLDER.with_name("tiny-prm")
LANES = [("remedi", {}), ("best_of_n", {"num_samples": 2})]


@pytest.fixture(scope="module")
def bundled() -> Any:
    return Bundled()


@pytest.fixture
def tab(bundled: Bundled, tmp_path: Path) -> Iterator[Any]:
    (home := tmp_path / "home").mkdir()
    jobs = Jobs(home, tick=0.1, beat=0.2)
    jobs.watch()
    with gr.Blocks():
        tab = Evaluate(bundled, Runs(), Evaluations(jobs, FOLDER, "cpu"), Attachments(bundled), public=False)
        tab.build(gr.State(""))
    yield tab
    jobs.close()


def adapter(folder: str, head: bool = False) -> Any:
    write_adapter(folder, FOLDER)
    if head:
        shutil.copy(HEAD / "ups_head.safetensors", folder)
    return folder


def upload(folder: str) -> Any:
    path = folder / "mine.csv"
    path.write_text("question,answer\nWhat is 2 + 3?,5\nWhat is 4 + 3?,7\n")
    return str(path)


def values(tab: Any, path: Any, scorer: str = "tiny-prm", lanes: Any = LANES, known: str = "") -> Any:
    form = tab.form
    sent = {form.source: "the uploaded file", form.path: path, form.question: "question",
            form.answer: "answer", form.scorer: scorer, tab.attached: known,
            tab.panel.visitor_jobs: []}  # fmt: skip
    sent |= dict(zip(form.sizes.values(), (16, 8, 4), strict=True))
    sent[form.lanes] = written(lanes)
    return given({tab.attached, tab.panel.visitor_jobs, *form.inputs}, sent)


def test_what_is_not_needed_is_not_named(bundled: Bundled) -> None:
    assert sources_of(bundled) == Sources(str(FOLDER))
    everything = sources_of(bundled, "tiny-prm", head=True)
    assert everything.flags == [
        f"--model={FOLDER}", f"--ups-head={HEAD / 'ups_head.safetensors'}", f"--prm={PRM}",
    ]  # fmt: skip


def test_what_is_attached_is_named_by_its_folder(bundled: Bundled, tmp_path: Path) -> None:
    both = adapter(tmp_path / "both", head=True)
    using = attach(attach(bundled, both, "remask-lora"), PRM, "mine")
    assert sources_of(using, "mine", head=True) == Sources(
        str(FOLDER), str(both), str(both / "ups_head.safetensors"), str(PRM)
    )
    assert sources_of(using, "tiny-prm").prm == str(PRM)
    assert using.label == "adapter of remask-lora, UPS head of remask-lora, reward model of mine"


def test_what_is_bundled_is_not_loaded_twice_and_the_last_few_are_kept(
    bundled: Bundled, tmp_path: Path
) -> None:
    known = LoadedSources(bundled, most=1)
    all_bundled = sources_of(bundled, "tiny-prm", head=True)
    found = known.of(all_bundled)
    assert found.loaded is bundled.loaded and found.own_head is bundled.ups_head
    assert found.own_reward is bundled.reward("tiny-prm") and known.of(all_bundled) is found
    other = known.of(Sources(str(FOLDER), str(adapter(tmp_path / "lora"))))
    assert other.loaded is not bundled.loaded and other.pieces == bundled.pieces
    assert known.of(all_bundled) is not found
    with pytest.raises(ModelError):
        known.of(Sources(str(FOLDER), str(tmp_path / "gone")))


def test_a_reward_model_scores_what_the_checker_cannot(tab: Any, bundled: Bundled, tmp_path: Path) -> None:
    path = upload(tmp_path)
    with pytest.raises(RequestError, match="a reward model as the scorer"):
        tab.form.request(bundled, values(tab, path, CHECKER))
    with pytest.raises(RequestError, match="allowed: checker, tiny-prm"):
        tab.form.request(bundled, values(tab, path, "none"))
    asked = tab.form.request(bundled, values(tab, path))
    assert asked.scorer == "prm" and asked.sources == sources_of(bundled, "tiny-prm", head=True)
    own = attach(bundled, adapter(tmp_path / "lora"), "sft")
    with pytest.raises(RequestError, match="policy = 'ups' needs a UPS head"):
        tab.form.request(own, values(tab, path, lanes=[("remedi", {"policy": "ups"}), *LANES[1:]]))
    plain = [("threshold", {})]
    asked = tab.form.request(bundled, values(tab, path, lanes=plain))
    assert asked.scorer == "" and asked.sources == Sources(str(FOLDER))


@pytest.mark.slow
def test_a_job_decodes_with_what_is_attached_and_its_replays_too(tab: Any, tmp_path: Path) -> None:
    known = tab.attachments.add("", lora := adapter(tmp_path / "lora", head=True), "remask-lora, step 5")
    mine = next(tab.on_start(values(tab, upload(tmp_path), known=known)))[tab.panel.visitor_jobs]
    until = time.monotonic() + 200
    while not (job := tab.evaluations.jobs.get(mine[-1])).has_ended and time.monotonic() < until:
        time.sleep(0.2)
    assert job.state == "done", job.note
    assert job.title.endswith(" · remask-lora, step 5")
    assert f"--adapter={lora}" in job.argv
    for line, calls in ((0, False), (1, True)):
        answer = tab.answer
        shown = answer.on_cell(job.id, mine, "", choice(line))
        cell = shown[answer.cell]
        replay = answer.on_replay(shown[answer.run_id], mine, cell)
        said = [update[answer.replayed] for update in replay]
        assert shown[answer.replayed] == "" and "The replay wrote the recorded answer again." in said[-1]
        row = tab.evaluations.report(job).rows[cell[1]][1]
        assert bool(row["scorer_calls"]) == calls
    shutil.rmtree(lora)
    tab.answer.loaded = LoadedSources(tab.bundled)
    answer = tab.answer
    shown = answer.on_cell(job.id, mine, "", choice(0))
    assert "cannot be decoded again" in shown[answer.replayed] and "What is 2 + 3?" in shown[answer.detail]
    assert shown[answer.run_id] == "" and not shown[answer.canvas]["visible"]


def choice(line: Any) -> Any:
    return SimpleNamespace(row=1, line=line)
