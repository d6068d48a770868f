"""What the Evaluate tab does with rows that stand: replays, filters, exports, deletion."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evaluation.runs.execute import manifest, run
from evaluation.runs.plan import Line, Plan
from evaluation.runs.report import as_html
from evaluation.runs.run_folder import RunFolder
from evaluation.runs.sampler_table import NothingToGrade
from evaluation.sets.problem_sets import bundled_set
from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.decoding.lane import Lane
from llada_viz.jobs.evaluations import EvaluationRequest, Evaluations, shown_rows
from llada_viz.jobs.queue import Jobs
from llada_viz.render.evaluation import replayed
from tests.llada_viz.handlers import looked

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.evaluate import Evaluate

SIZES = {"gen_length": 32, "block_length": 8, "steps": 32, "early_stop": True}
LINES = (Line("good", "low_confidence", SIZES), Line("bad", "low_confidence", {**SIZES, "steps": 4}))
ROWS = 3


@pytest.fixture(scope="module")
def bundled() -> Any:
    return Bundled()


@pytest.fixture
def job(bundled: Bundled, tmp_path: Path) -> Any:
    """(evaluations, a job whose rows all stand): queued and stopped before a process was started."""
    evaluations = Evaluations(Jobs(tmp_path), FOLDER, "cpu")
    lanes = [Lane(line.label, line.sampler, line.settings) for line in LINES]
    job_id = evaluations.start(EvaluationRequest("linear", "linear", lanes, limit=ROWS))
    evaluations.jobs.stop(job_id)
    found = evaluations.jobs.get(job_id)
    plan, folder = Plan(bundled_set("linear", ROWS, 2026), LINES), RunFolder(found.folder)
    folder.open(manifest(bundled.loaded, str(FOLDER), plan), plan.problems)
    list(run(bundled.loaded, plan, folder, NothingToGrade()))
    return evaluations, found


def tab_of(bundled: Bundled, evaluations: Any, public: bool = False) -> Any:
    with gr.Blocks():
        tab = Evaluate(bundled, Runs(), evaluations, Attachments(bundled), public)
        tab.build(gr.State(""))
    return tab


def replay(tab: Any, job: Any, line: Any, row: Any) -> Any:
    event = SimpleNamespace(row=row, line=line)
    answer = tab.answer
    chosen = answer.on_cell(job.id, [], "", event)
    assert chosen[answer.replayed] == ""
    replay = answer.on_replay(chosen[answer.run_id], [], chosen[answer.cell])
    *during, last = [update[answer.replayed] for update in replay]
    assert set(during) <= {""}
    return last


def test_a_replay_is_compared_with_the_recorded_answer(bundled: Bundled, job: Any) -> None:
    evaluations, found = job
    tab = tab_of(bundled, evaluations)
    assert "The replay wrote the recorded answer again." in replay(tab, found, 0, 1)
    folder = RunFolder(found.folder)
    rows = folder.rows()
    rows[0]["text"] = "<b>something</b> else"
    folder.write("results.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    said = replay(tab, found, 0, rows[0]["row"])
    assert "The replay differs from the recorded answer: it wrote “" in said
    assert "&lt;b&gt;something" in said and "<b>something" not in said


def test_a_difference_is_quoted_from_where_it_begins() -> None:
    said = replayed("a" * 200 + "7" + "b" * 200, "a" * 200 + "8" + "b" * 200)
    assert "“…" in said and "a7b" in said and "a8b" in said and len(said) < 500


def test_a_replay_that_was_stopped_is_not_compared(bundled: Bundled, job: Any) -> None:
    evaluations, found = job
    tab = tab_of(bundled, evaluations)
    event = SimpleNamespace(row=1, line=0)
    answer = tab.answer
    chosen = answer.on_cell(found.id, [], "", event)
    run_id = chosen[answer.run_id]
    tab.runs.get(run_id).stop()
    replay = answer.on_replay(run_id, [], chosen[answer.cell])
    assert all(update[answer.replayed] == "" for update in replay)


def test_a_replay_whose_page_is_closed_is_stopped(bundled: Bundled, job: Any) -> None:
    """Else everybody waited for a run that nobody decodes."""
    evaluations, found = job
    tab = tab_of(bundled, evaluations)
    answer = tab.answer
    for let_go in ("the browser tab", "the answer"):
        chosen = answer.on_cell(found.id, [], "", SimpleNamespace(row=1, line=0))
        run_id, cell = chosen[answer.run_id], chosen[answer.cell]
        replay = answer.on_replay(run_id, [], cell)
        next(replay)
        assert tab.runs.busy()
        if let_go == "the browser tab":
            replay.close()
        else:
            gone = {tab.answer.cell: cell, tab.answer.run_id: run_id}
            tab.view(None, looked(tab, None) | gone)
        assert not tab.runs.busy() and tab.runs.get(run_id).ended


def test_on_a_public_host_a_visitor_resumes_one_job_at_a_time(bundled: Bundled, job: Any) -> None:
    evaluations, stopped = job
    going = evaluations.start(EvaluationRequest("linear", "linear", [Lane("a", "threshold", SIZES)], limit=1))
    public, local = (tab_of(bundled, evaluations, public).panel for public in (True, False))
    visitor = [stopped.id, going]
    said = public.on_action("resume", stopped.id, visitor, False)
    assert "evaluation is still going on; allowed here: one at a time" in said
    assert evaluations.jobs.get(stopped.id).state == "stopped"
    assert public.on_action("resume", stopped.id, [stopped.id], False) == "", "the other one is a stranger's"
    evaluations.jobs.stop(stopped.id)
    assert local.on_action("resume", stopped.id, visitor, False) == ""


def test_only_rows_that_fail(bundled: Bundled, job: Any) -> None:
    evaluations, found = job
    folder = RunFolder(found.folder)
    for number, grades in {1: (True, True), 2: (True, False), 3: (False, False)}.items():
        for line, grade in zip(("good", "bad"), grades, strict=True):
            folder.override(line, number, grade)
    report = evaluations.report(found)

    def shown(**only: Any) -> Any:
        return [problem.number for problem in shown_rows(report, **only)]

    assert shown() == [1, 2, 3] and shown(fail=True) == [2, 3]
    assert shown(fail=True, first=3) == [3]
    assert shown(differ=True) == [2] and shown(differ=True, fail=True) == [2]
    html = as_html(report)
    for kind in ("same solved", "differ fails", "same fails"):
        assert html.count(f'<tr class="{kind}">') == 1
    folder.override("bad", 1, None)  # not graded is neither right nor wrong
    report = evaluations.report(found)
    assert shown(fail=True) == [2, 3]


def test_an_export_is_written_into_the_jobs_folder(bundled: Bundled, job: Any) -> None:
    evaluations, found = job
    tab = tab_of(bundled, evaluations)
    for form, name in (("CSV", "rows.csv"), ("JSON", "report.json"), ("HTML", "report.html")):
        given = Path(tab.on_export(form, found.id, [])[1])
        assert given.read_text() == (found.folder / name).read_text()
        assert given.is_relative_to(tab.file.GRADIO_CACHE) and given.name == name


def test_a_job_is_deleted_by_who_is_sure(bundled: Bundled, job: Any) -> None:
    """What the browser's question was answered with comes with the press; the chosen answer goes too."""
    evaluations, found = job
    tab = tab_of(bundled, evaluations)
    panel, answer = tab.panel, tab.answer
    cell = answer.on_cell(found.id, [], "", SimpleNamespace(row=1, line=0))[answer.cell]
    asked = looked(tab, found.id, seen="something") | {answer.cell: cell}
    assert panel.on_look(asked)[panel.actions["remove"]]["interactive"]
    assert answer.cell not in panel.on_look(asked)
    assert panel.on_action("remove", found.id, [], False) == "" and found.folder.is_dir()
    assert panel.on_action("remove", found.id, [], True) == ""
    assert not found.folder.exists() and evaluations.list() == []
    shown = panel.on_tick(asked)
    assert shown[panel.job]["value"] is None and not shown[panel.actions["remove"]]["interactive"]
    assert (shown[tab.rows], shown[tab.result], shown[answer.cell]) == ("", "", None)
    assert not shown[tab.rows_card]["visible"] and not shown[panel.tools]["visible"]


def test_what_still_runs_and_what_is_public_is_not_deleted(bundled: Bundled, job: Any) -> None:
    evaluations, found = job
    waiting = evaluations.start(
        EvaluationRequest("linear", "linear", [Lane("a", "threshold", SIZES)], limit=1)
    )
    tab = tab_of(bundled, evaluations)
    panel = tab.panel
    assert not panel.on_look(looked(tab, waiting))[panel.actions["remove"]]["interactive"]
    assert "allowed to remove: what has ended" in panel.on_action("remove", waiting, [], True)
    public = tab_of(bundled, evaluations, public=True)
    assert not public.panel.actions["remove"].visible
    with pytest.raises(gr.Error, match="public host"):
        public.panel.on_action("remove", found.id, [found.id], True)
    assert found.folder.is_dir() and evaluations.jobs.get(waiting).state == "queued"
