"""The Evaluate tab without a browser: refusals are sentences, jobs end with every row, grades by hand."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from evaluation.runs.run_folder import RunFolder
from evaluation.runs.summary import summarise
from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.decoding.lane import Chosen
from llada_viz.jobs.evaluations import SHOWN, Asked, Evaluations, matrix
from llada_viz.jobs.queue import Jobs
from llada_viz.widgets.lanes import Lanes
from samplers.requests import RequestError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.evaluate import Evaluate
    from llada_viz.tabs.evaluate_form import UPLOADED, EvaluateForm, samples
    from llada_viz.widgets.plots import ParetoPlot

SIZES = {"gen_length": 16, "block_length": 8, "steps": 4}
LANES = (Chosen("low_confidence", "low_confidence", SIZES), Chosen("threshold", "threshold", SIZES))
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def evaluations(tmp_path):
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


def wait(evaluations, job_id, seconds=200):
    until = time.monotonic() + seconds
    while not (job := evaluations.jobs.get(job_id)).has_ended and time.monotonic() < until:
        time.sleep(0.2)
    return job


@pytest.fixture
def tab(evaluations):
    with gr.Blocks():
        bundled = Bundled()
        tab = Evaluate(bundled, Runs(), evaluations, Attachments(bundled), public=False)
        tab.build(gr.State(""))
    return tab


def values(form, source, path="", **changes):
    lanes = ["low_confidence", "", "threshold", "threshold=0.5", "none", "", "none", ""]
    asked = {"question": "question", "answer": "answer", "limit": 0, "seed": 0, "template": "{question}"}
    asked |= changes
    return [source, path, *asked.values(), 16, 8, 4, *lanes]


@pytest.mark.slow
def test_an_upload_is_evaluated_in_the_background_and_read_back(tab, evaluations, tmp_path):
    asked = values(tab.form, UPLOADED, upload(tmp_path), limit=3)
    alert, mine, chosen = next(tab.on_start([], "", "checker", *asked))
    job = wait(evaluations, mine[-1])
    assert alert == "" and chosen["value"] == mine[-1] and job.state == "done", job.note
    _, state, stop, resume, delete, result, rows, _ = tab.on_look(job.id, mine, False, False, 1, "")
    assert "6 of 6 rows" in state and delete["interactive"]
    assert not stop["interactive"] and not resume["interactive"]
    assert "threshold" in result and len(rows["value"]) == 3
    assert HOSTILE not in result
    event = SimpleNamespace(index=[0, 4], row_value=[1])
    cell, detail, _, canvas, run_id, *_ = tab.answer.on_cell(job.id, mine, "", event)
    assert cell == (job.id, "threshold", 1) and canvas["visible"] and HOSTILE not in detail
    messages = list(tab.answer.on_replay(run_id, mine, cell))
    assert messages and tab.runs.get(run_id).ended and "the recorded answer" in messages[-1][1]
    assert "set by hand" in tab.answer.on_grade(mine, cell, True)
    assert evaluations.report(job).summaries[1].by_hand == 1
    for form in ("CSV", "JSON", "HTML"):
        assert Path(tab.on_export(job.id, mine, form)[1]).stat().st_size > 100
    with pytest.raises(gr.Error):
        tab.on_export(None, mine, "CSV")
    before = tab.on_tick(job.id, mine, False, False, 1, "")[-1]
    assert before and tab.on_tick(job.id, mine, False, False, 1, before)[-1] == gr.skip()
    assert len(RunFolder(job.folder).rows()) == 6


@pytest.mark.slow
def test_a_stopped_evaluation_resumes_in_a_new_server_and_ends_with_every_row_once(evaluations, tmp_path):
    asked = Asked(upload(tmp_path, 200), "mine.csv", LANES, "question", "answer")
    job_id = evaluations.start(asked)
    folder = RunFolder(evaluations.jobs.get(job_id).folder)
    until = time.monotonic() + 200
    while len(folder.rows()) < 64 and time.monotonic() < until:
        time.sleep(0.1)
    evaluations.jobs.stop(job_id)
    assert wait(evaluations, job_id).state == "stopped"
    before = folder.rows()
    assert 64 <= len(before) < 402
    evaluations.jobs.close()
    server = Jobs(evaluations.jobs.store.path.parent, tick=0.1)  # what a restarted server makes
    again = Evaluations(server, FOLDER, "cpu")
    server.resume(job_id)
    server.watch()
    assert wait(again, job_id).state == "done"
    server.close()
    rows = folder.rows()
    assert rows[: len(before)] == before and len(rows) == 402
    assert len({(row["line"], row["row"]) for row in rows}) == len(folder.results.read_text().splitlines())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"limit": -1}, "rows = -1 is not valid"),
        ({"limit": 2.5}, "rows = 2.5"),
        ({"seed": None}, "seed = None"),
        ({"question": "no"}, "the question column = 'no' is no column"),
        ({"question": "answer"}, "both 'answer'"),
        ({"template": "no mark"}, "{question}"),
        ({"limit": 10**8}, "rows = 100,000,000; allowed here"),
    ],
)
def test_refusals_are_sentences(tab, tmp_path, changes, said):
    answer = tab.on_start([], "", "checker", *values(tab.form, UPLOADED, upload(tmp_path), **changes))
    alert, *rest = next(answer)
    assert said in alert.replace("&#x27;", "'") and all(part == gr.skip() for part in rest)
    with pytest.raises(gr.Error):
        next(answer)
    assert tab.evaluations.list() == []


def test_the_mapping_is_guessed_and_shown_escaped(tmp_path):
    form = EvaluateForm()
    _, path, question, answer, shown = form.on_upload(upload(tmp_path))
    assert (question["value"], answer["value"]) == ("question", "answer")
    assert HOSTILE not in shown and "&lt;img" in shown and "5 rows" in shown and path.endswith("mine.csv")


def test_a_file_without_known_columns_asks_for_them(tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("a,b\n1,2\n")
    _, _, question, _, shown = EvaluateForm().on_upload(str(path))
    assert question["choices"] == [("a", "a"), ("b", "b")] or question["choices"] == ["a", "b"]
    assert "choose one of: a, b" in shown


def test_a_file_that_is_no_set_is_a_sentence(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes(b"\xff\xfe\x00")
    shown = EvaluateForm().on_upload(str(path))[-1]
    assert "save it as UTF-8" in shown and "alert" in shown


def test_every_sample_set_is_at_hand():
    form = EvaluateForm()
    for _, source in samples(public=True):  # without those of the hub
        assert "First row" in form.show(source, "")[-1]


def test_lanes_are_named_by_what_tells_them_apart():
    lanes = Lanes("x")
    found = lanes.read(["threshold", "threshold=0.5", "threshold", "threshold=0.9", "none", ""], SIZES)
    assert [lane.label for lane in found] == ["threshold threshold=0.5", "threshold threshold=0.9"]
    usual = {"remedi": {"policy": "ups"}}
    found = lanes.read(["remedi", "", "remedi", "policy=random"], SIZES, usual=usual)
    assert [lane.label for lane in found] == ["remedi policy=ups", "remedi policy=random"]
    with pytest.raises(RequestError, match="chosen twice"):
        lanes.read(["threshold", "", "threshold", ""], SIZES)
    with pytest.raises(RequestError, match="Sampler 2: luck = '1'"):
        lanes.read(["threshold", "", "klass", "luck=1"], SIZES)
    with pytest.raises(RequestError, match="0 sampler chosen; allowed: 1 to 1"):
        lanes.read(["none", ""], SIZES)


def test_on_a_public_host_visitors_see_only_their_own(evaluations, tmp_path):
    with gr.Blocks():
        bundled = Bundled()
        public = Evaluate(bundled, Runs(), evaluations, Attachments(bundled), public=True)
        public.build(gr.State(""))
    job = evaluations.start(Asked(upload(tmp_path), "mine.csv", LANES, "question", "answer"))
    assert public.panel.choices([]) == [] and [known for _, known in public.panel.choices([job])] == [job]
    for reach in (
        lambda: public.on_export(job, [], "CSV"),
        lambda: public.answer.on_grade([], (job, "threshold", 1), True),
        lambda: public.answer.on_cell(job, [], "", SimpleNamespace(index=[0, 3], row_value=[1])),
    ):
        with pytest.raises(gr.Error, match="no such evaluation"):
            reach()
    assert "no such evaluation" in public.panel.act("stop", job, [])
    asked = values(public.form, UPLOADED, upload(tmp_path))
    assert "allowed on a public host: 1 to 200" in next(public.on_start([], "", "checker", *asked))[0]
    asked = values(public.form, UPLOADED, upload(tmp_path), limit=2)
    assert "one at a time" in next(public.on_start([job], "", "checker", *asked))[0]


def test_a_page_of_rows():
    numbers = range(1, 501)
    report = SimpleNamespace(
        labels=["a"], rows={"a": {n: {"correct": n % 2 == 0, "extracted": str(n)} for n in numbers}},
        problems=[SimpleNamespace(number=n, question="q" * 500, answer="1") for n in numbers],
    )  # fmt: skip
    table = matrix(report, 100)
    assert list(table.columns) == ["row", "question", "answer", "a"] and len(table) == SHOWN
    body = table.to_numpy().tolist()
    assert body[0][0] == 100 and body[0][3] == "✓ 100" and len(body[0][1]) < 200
    assert matrix(report, differ=True).empty


def test_the_pareto_plot_is_drawn_from_the_report_and_hidden_without_one() -> None:
    report = SimpleNamespace(summaries=[])
    plot = ParetoPlot(lambda chosen, mine: report)  # type: ignore[arg-type, return-value]
    assert plot.draw("job", [])["visible"] is False and plot.draw(None, [])["visible"] is False
    done = {"correct": True, "nfe": 8, "scorer_calls": 0, "seconds": 1.0, "extracted": "1", "tokens": 8}
    report.summaries.append(summarise("threshold", [done]))
    shown = plot.draw("job", [])
    named = [trace.name for trace in shown["value"].data if trace.showlegend]
    assert shown["visible"] and named == ["threshold"]
