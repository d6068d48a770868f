"""The Evaluate tab without a browser: refusals are sentences, jobs end with every row, grades by hand."""

from __future__ import annotations

import csv
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evaluation.grading.grades import Grader
from evaluation.runs.execute import manifest, run
from evaluation.runs.plan import Line, Plan
from evaluation.runs.report import Report
from evaluation.runs.run_folder import RunFolder
from evaluation.runs.summary import summarise
from evaluation.sets.problem_sets import Problem, bundled_set, load_set
from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.decoding.lane import Lane
from llada_viz.decoding.line_up import written
from llada_viz.jobs.evaluations import MOST_ROWS, EvaluationRequest, Evaluations, seconds_left, shown_rows
from llada_viz.jobs.queue import Jobs
from llada_viz.render.evaluation import progress, scores_of
from llada_viz.render.rows_table import rows_table
from tasks import TASKS
from tests.llada_viz.handlers import given, looked

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.evaluate import Evaluate
    from llada_viz.tabs.evaluate_form import SAMPLES, UPLOADED, EvaluateForm, samples
    from llada_viz.widgets.plots import drawn_pareto

SIZES = {"gen_length": 16, "block_length": 8, "steps": 4}
LANES = (Lane("low_confidence", "low_confidence", SIZES), Lane("threshold", "threshold", SIZES))
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def evaluations(tmp_path: Path) -> Iterator[Any]:
    home = tmp_path / "home"
    home.mkdir()
    jobs = Jobs(home, tick=0.1, beat=0.2)
    jobs.watch()
    yield Evaluations(jobs, FOLDER, "cpu")
    for job in jobs.list():
        if not job.has_ended:
            jobs.stop(job.id)
    jobs.close()


def upload(folder: Path, rows: int = 4) -> str:
    path = folder / "mine.csv"
    text = "".join(f"What is {n} + {n}?,{2 * n}\n" for n in range(2, rows + 2))
    path.write_text(f"question,answer\n{HOSTILE},1\n{text}")
    return str(path)


def wait(evaluations: Any, job_id: Any, seconds: int = 200) -> Any:
    until = time.monotonic() + seconds
    while not (job := evaluations.jobs.get(job_id)).has_ended and time.monotonic() < until:
        time.sleep(0.2)
    return job


@pytest.fixture
def tab(evaluations: Any) -> Any:
    with gr.Blocks():
        bundled = Bundled()
        tab = Evaluate(bundled, Runs(), evaluations, Attachments(bundled), public=False)
        tab.build(gr.State(""))
    return tab


def values(tab: Any, source: Any, path: str = "", mine: Any = (), **changes: Any) -> Any:
    """What Evaluate sends."""
    form = tab.form
    lanes = written([("low_confidence", {}), ("threshold", {"threshold": 0.5})])
    asked = {"source": source, "path": path, "question": "question", "answer": "answer"} | changes
    named = {getattr(form, name): value for name, value in asked.items()}
    named |= dict(zip(form.sizes.values(), (16, 8, 4), strict=True))
    named |= {form.lanes: lanes, tab.panel.visitor_jobs: list(mine)}
    return given({tab.panel.visitor_jobs, tab.attached, *form.inputs}, named)


@pytest.mark.slow
def test_an_upload_is_evaluated_in_the_background_and_read_back(
    tab: Any, evaluations: Any, tmp_path: Path
) -> None:
    panel, answer = tab.panel, tab.answer
    started = next(tab.on_start(values(tab, UPLOADED, upload(tmp_path), limit=3)))
    mine = started[panel.visitor_jobs]
    job = wait(evaluations, mine[-1])
    assert started[tab.alert] == "" and started[panel.job]["value"] == mine[-1]
    assert job.state == "done", job.note
    shown = panel.on_look(looked(tab, job.id, mine))
    ready = {action: shown[button]["interactive"] for action, button in panel.actions.items()}
    assert "6 of 6 rows" in shown[panel.state]
    assert ready == {"stop": False, "resume": False, "remove": True}
    assert "Fast-dLLM · threshold" in shown[tab.result] and shown[tab.rows].count("data-row=") == 6
    assert HOSTILE not in shown[tab.result] and HOSTILE not in shown[tab.rows]
    assert shown[tab.rows_card]["visible"] and all(shown[button]["interactive"] for button in tab.exports)
    event = SimpleNamespace(row=1, line=1)
    chosen = answer.on_cell(job.id, mine, "", event)
    cell, run_id = chosen[answer.cell], chosen[answer.run_id]
    assert cell == (job.id, "Fast-dLLM · threshold (threshold 0.5)", 1) and chosen[answer.canvas]["visible"]
    assert HOSTILE not in chosen[answer.detail]
    messages = list(answer.on_replay(run_id, mine, cell))
    assert messages and tab.runs.get(run_id).ended
    assert "the recorded answer" in messages[-1][answer.replayed]
    assert "set by hand" in answer.on_grade(True, mine, cell)
    assert evaluations.report(job).summaries[1].by_hand == 1
    for form in ("CSV", "JSON", "HTML"):
        assert Path(tab.on_export(form, job.id, mine)[1]).stat().st_size > 100
    with pytest.raises(gr.Error):
        tab.on_export("CSV", None, mine)
    before = panel.on_tick(looked(tab, job.id, mine))[panel.last_look]
    assert before and panel.on_tick(looked(tab, job.id, mine, seen=before)) == {panel.last_look: gr.skip()}
    assert len(RunFolder(job.folder).rows()) == 6


@pytest.mark.slow
def test_a_stopped_evaluation_resumes_in_a_new_server_and_ends_with_every_row_once(
    evaluations: Any, tmp_path: Path
) -> None:
    asked = EvaluationRequest(upload(tmp_path, 100), "mine.csv", LANES, "question", "answer")
    job_id = evaluations.start(asked)
    folder = RunFolder(evaluations.jobs.get(job_id).folder)
    until = time.monotonic() + 200
    while len(folder.rows()) < 32 and time.monotonic() < until:
        time.sleep(0.1)
    evaluations.jobs.stop(job_id)
    assert wait(evaluations, job_id).state == "stopped"
    before = folder.rows()
    assert 32 <= len(before) < 202
    evaluations.jobs.close()
    server = Jobs(evaluations.jobs.store.path.parent, tick=0.1)  # what a restarted server makes
    again = Evaluations(server, FOLDER, "cpu")
    server.resume(job_id)
    server.watch()
    assert wait(again, job_id).state == "done"
    server.close()
    rows = folder.rows()
    assert rows[: len(before)] == before and len(rows) == 202
    assert len({(row["line"], row["row"]) for row in rows}) == len(folder.results.read_text().splitlines())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"limit": -1}, "Rows must be a whole number, at least 0."),
        ({"limit": 2.5}, "Rows must be a whole number"),
        ({"seed": None}, "Seed is empty."),
        ({"question": "no"}, "The question column = 'no' is no column"),
        ({"question": "answer"}, "both 'answer'"),
        ({"template": "no mark"}, "{question}"),
        ({"limit": 10**8}, "An evaluation has at most 20,000 rows."),
    ],
)
def test_refusals_are_sentences(tab: Any, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    answer = tab.on_start(values(tab, UPLOADED, upload(tmp_path), **changes))
    first = next(answer)
    assert list(first) == [tab.alert] and said in first[tab.alert].replace("&#x27;", "'")
    with pytest.raises(gr.Error):
        next(answer)
    assert tab.evaluations.list() == []


def test_the_mapping_is_guessed_and_shown_escaped(tab: Any, tmp_path: Path) -> None:
    form = tab.form
    updates = form.on_upload(upload(tmp_path))
    assert (updates[form.question]["value"], updates[form.answer]["value"]) == ("question", "answer")
    shown = updates[form.preview]
    assert HOSTILE not in shown and "&lt;img" in shown and "5 rows" in shown
    assert updates[form.path].endswith("mine.csv") and updates[form.source]["value"] == UPLOADED


def test_a_file_without_known_columns_asks_for_them(tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("a,b\n1,2\n")
    facts = EvaluateForm(Bundled().settings_of).look(UPLOADED, str(path))
    assert facts.columns == ("a", "b") and facts.question is None
    assert "choose one of: a, b" in facts.shown


def test_a_file_that_is_no_set_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"\xff\xfe\x00")
    shown = EvaluateForm(Bundled().settings_of).look(UPLOADED, str(path)).shown
    assert "save it as UTF-8" in shown and "alert" in shown


def test_every_sample_set_is_at_hand() -> None:
    form = EvaluateForm(Bundled().settings_of)
    for _, source in samples(public=True):  # without those of the hub
        assert "First row" in form.look(source, "").shown


def test_on_a_public_host_visitors_see_only_their_own(evaluations: Any, tmp_path: Path) -> None:
    with gr.Blocks():
        bundled = Bundled()
        public = Evaluate(bundled, Runs(), evaluations, Attachments(bundled), public=True)
        public.build(gr.State(""))
    job = evaluations.start(EvaluationRequest(upload(tmp_path), "mine.csv", LANES, "question", "answer"))
    assert public.panel.choices([]) == [] and [known for _, known in public.panel.choices([job])] == [job]
    for reach in (
        lambda: public.on_export("CSV", job, []),
        lambda: public.answer.on_grade(True, [], (job, "threshold", 1)),
        lambda: public.panel.on_action("stop", job, [], False),
        lambda: public.answer.on_cell(job, [], "", SimpleNamespace(row=1, line=0)),
    ):
        with pytest.raises(gr.Error, match="no such evaluation"):
            reach()
    asked = values(public, UPLOADED, upload(tmp_path), mine=[job], limit=2)
    assert "one at a time" in next(public.on_start(asked))[public.alert]


def public_tab(evaluations: Any) -> Any:
    with gr.Blocks():
        bundled = Bundled()
        tab = Evaluate(bundled, Runs(), evaluations, Attachments(bundled), public=True)
        tab.build(gr.State(""))
    return tab


def test_m16_the_default_of_a_public_host_is_not_refused(evaluations: Any) -> None:
    """As the page opens there, and with every set of its list."""
    tab = public_tab(evaluations)
    form = tab.form
    assert form.limit.value == 0  # all of eight rows
    for _, source in samples(public=True):
        fresh = form.on_set(source, "")
        assert fresh[form.limit] == (50 if source in TASKS else 0)
        changes = {form.source: source} | {
            c: u["value"] if isinstance(u, dict) else u for c, u in fresh.items() if c in form.inputs
        }
        asked = form.request(Bundled(), given(form.inputs, changes))
        assert asked.limit == (50 if source in TASKS else None)


def test_m16_more_rows_than_a_public_host_allows_are_a_sentence(evaluations: Any, tmp_path: Path) -> None:
    tab = public_tab(evaluations)
    for asked in (
        values(tab, UPLOADED, upload(tmp_path, 300)), values(tab, "linear", limit=201), values(tab, "linear"),
    ):  # fmt: skip
        said = next(tab.on_start(asked))[tab.alert]
        assert "On this public Space an evaluation has at most 200 rows." in said
    assert tab.form.on_upload(upload(tmp_path, 300))[tab.form.limit] == 50
    assert tab.form.on_upload(upload(tmp_path, 20))[tab.form.limit] == 0
    assert evaluations.list() == []


def test_b2_a_set_fills_the_sizes_of_its_kind(tab: Any, tmp_path: Path) -> None:
    """From prompts.json; of an upload, the kind that most rows look like."""
    form, known = tab.form, json.loads((FOLDER / "prompts.json").read_text())

    def sizes(updates: Any) -> Any:
        return {name: updates[component] for name, component in form.sizes.items()}

    for task in TASKS:
        settings = known[task]["settings"]
        wanted = {name: settings[name] for name in form.sizes}
        assert sizes(form.on_set(task, "")) == wanted
        problems = bundled_set(task, 6, 3).problems
        path = tmp_path / f"{task}.csv"
        rows = [[p.question, p.answer] for p in problems] + [["Why?", "no"]] * 3
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([["question", "answer"], *rows])
        assert sizes(form.on_upload(str(path))) == wanted
    (tmp_path / "other.csv").write_text("question,answer\nWhy?,no\nHow?,so\n")
    assert sizes(form.on_upload(str(tmp_path / "other.csv")))["gen_length"] == 64  # the longest
    assert sizes(form.on_set(str(SAMPLES / "arithmetic.csv"), "")) == {
        name: known["expression"]["settings"][name] for name in form.sizes
    }


def test_with_an_adapter_a_set_fills_the_steps_of_the_adapter(tab: Any) -> None:
    name = "tiny-llada-few-steps"
    assert tab.attachments.add_bundled(name) == name
    form = tab.form
    for attached, steps in ((name, 16), ("", 64), ("gone", 64)):
        filled = tab.on_set({form.source: "word", form.path: "", tab.attached: attached})
        assert [filled[component] for component in form.sizes.values()] == [64, 8, steps]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["arithmetic.csv", "algebra_latex.csv"])
def test_b2_no_row_of_the_sample_files_is_cut_off(tab: Any, tmp_path: Path, name: str) -> None:
    form, source = tab.form, str(SAMPLES / name)
    fresh = form.on_set(source, "")
    changes = {form.source: source} | {
        c: u["value"] if isinstance(u, dict) else u for c, u in fresh.items() if c in form.inputs
    }
    asked = form.request(tab.bundled, given(form.inputs, changes))
    problems = load_set(source, asked.question, asked.answer)
    lines = [Line(lane.label, lane.sampler, lane.settings) for lane in asked.lanes]
    plan, folder = Plan(problems, tuple(lines), asked.template), RunFolder(tmp_path)
    folder.open(manifest(tab.bundled.loaded, str(FOLDER), plan), plan.problems)
    with Grader() as grader:
        list(run(tab.bundled.loaded, plan, folder, grader))
    report = Report(folder)
    assert [s.cut for s in report.summaries] == [0] * len(lines)
    assert not any("cut off" in note for note in report.notes())


def report_of(count: int, graded: int) -> Any:
    """Of one line "a", of which every second row is right. graded: rows that are finished."""
    rows = {
        n: {"correct": n % 2 == 0, "extracted": f"{n} {HOSTILE}", "seconds": 0.5, "nfe": 1, "tokens": 1,
            "scorer_calls": 0}
        for n in range(1, graded + 1)
    }  # fmt: skip
    problems = [Problem(n, "Why? " * 100, "1") for n in range(1, count + 1)]
    summaries = [summarise("a", list(rows.values()))]
    return SimpleNamespace(labels=["a"], rows={"a": rows}, problems=problems, summaries=summaries)


def test_a_page_of_rows() -> None:
    report = report_of(500, 500)
    problems = shown_rows(report, 100)
    assert [p.number for p in problems] == list(range(100, 100 + MOST_ROWS))
    assert shown_rows(report, differ=True) == []
    table = rows_table(report, problems, ("job", "a", 101))
    assert table.count("<tr>") == MOST_ROWS + 1 and "<th scope='col'>a</th>" in table
    assert "class='is-right' data-row='100' data-line='0'" in table and "<b>✗</b> 101" in table
    assert table.count("aria-pressed='true'") == 1 and HOSTILE not in table
    assert table.count("<details><summary>Why?") == MOST_ROWS, "long questions are folded"
    assert "<details" not in rows_table(report_of(1, 0), [Problem(1, "Why?", "1")])
    assert "No such row" in rows_table(report, [])


def test_the_time_that_is_left() -> None:
    assert seconds_left(report_of(10, 4)) == 3.0 and seconds_left(report_of(4, 4)) == 0.0
    assert seconds_left(report_of(10, 0)) is None
    said = progress("running", "", 4, 10, left=3.0)
    assert "4 of 10 rows · 0.5 s a row · about 3 s left" in said
    assert "left" not in progress("running", "", 4, 10)


def test_the_pareto_plot_is_drawn_from_the_report_and_hidden_without_one() -> None:
    report: Any = SimpleNamespace(summaries=[])
    assert drawn_pareto(report)["visible"] is False and drawn_pareto(None)["visible"] is False
    done = {"correct": True, "nfe": 8, "scorer_calls": 0, "seconds": 1.0, "extracted": "1", "tokens": 8}
    report.summaries.append(summarise("threshold", [done]))
    shown = drawn_pareto(report)
    named = [trace.name for trace in shown["value"].data if trace.showlegend]
    assert shown["visible"] and named == ["threshold"]


def test_an_empty_page_shows_what_an_evaluation_finds(tab: Any, tmp_path: Path) -> None:
    """Scores that stand beside the weights; without them nothing."""
    assert "expression" in tab.panel.empty and "%" in tab.panel.empty
    assert not tab.panel.job.visible and not tab.panel.tools.visible and not tab.rows_card.visible
    assert scores_of(tmp_path) == ""
    (tmp_path / "scores.json").write_text('[{"set": "a"}]')
    assert scores_of(tmp_path) == ""


@pytest.mark.slow
def test_m44_the_form_is_filled_in_as_the_shown_job_was_asked_for(
    tab: Any, evaluations: Any, tmp_path: Path
) -> None:
    form, panel = tab.form, tab.panel
    asked = values(tab, UPLOADED, upload(tmp_path, 6), limit=3) | {form.shots: 2, form.seed: 5}
    job = next(tab.on_start(asked))[panel.visitor_jobs][-1]
    filled = tab.on_job({panel.job: job, panel.visitor_jobs: [job]})
    assert filled[form.source]["value"] == UPLOADED and filled[form.path].endswith("mine.csv")
    assert Path(filled[form.path]).is_relative_to(evaluations.jobs.get(job).folder)
    assert (filled[form.limit], filled[form.seed], filled[form.shots]) == (3, 5, 2)
    assert filled[form.lanes] == asked[form.lanes]
    assert [filled[component] for component in form.sizes.values()] == [16, 8, 4]
    assert filled[form.question]["value"] == "question"
    assert "--shots=2" in evaluations.jobs.get(job).argv
    nothing = tab.on_job({panel.job: "gone", panel.visitor_jobs: []})
    assert form.source not in nothing


def test_worked_examples_that_are_not_there_are_a_sentence(tab: Any, tmp_path: Path) -> None:
    path = upload(tmp_path, 4)
    for changes, part in (({"shots": 5}, "the rows less one"), ({"shots": 99}, "0 to 32"),
                          ({"shots": 1, "shots_from": "/etc/passwd"}, "no set of the list")):  # fmt: skip
        said = next(tab.on_start(values(tab, UPLOADED, path, **changes)))[tab.alert]
        assert part in said, said
