"""The Train tab in a real browser: a job that outlives page and server, and what its checkpoints change."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from playwright.sync_api import Page

from llada_viz.jobs.job_folder import kill_all_of
from tests.browser.canvas_page import BEYOND, FAINT, CanvasPage, leaving, press_tab
from tests.browser.conftest import ROOT, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1800)]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
PATIENCE = 900  # seconds; a training shares its cores with the server and the browser


class Server:
    """The app on one port and one home, so that a second start is a restart."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url, self.folder, self.log = f"http://127.0.0.1:{self.port}", folder, folder / "app.txt"

    def start(self) -> None:
        """Until the page answers."""
        env = os.environ | {
            "GRADIO_SERVER_PORT": str(self.port), "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "default",
            "LLADA_VIZ_HOME": str(self.folder / "home"),
        }  # fmt: skip
        with self.log.open("a") as out:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=ROOT, env=env, stdout=out, stderr=out
            )
        wait_for(self.url, self.process, self.log)

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    made = Server(tmp_path_factory.mktemp("train"))
    try:
        made.start()
        yield made
    finally:
        made.process.terminate()
        made.process.wait(20)
        for folder in (made.folder / "home" / "runs").glob("*"):
            kill_all_of(folder.name)  # jobs outlive their server
    assert "Traceback" not in made.log.read_text(), made.log.read_text()


@pytest.fixture(scope="module")
def app(server: Server) -> Any:
    """What open_page opens."""
    return server.url


def open_tab(page: Page) -> None:
    press_tab(page, "Train")
    page.wait_for_selector("#train-run")
    if not page.is_visible("#train-command textarea"):
        page.click("#train-as-command > button")
    page.wait_for_selector("#train-command textarea")
    page.wait_for_timeout(500)


def choose(page: Page, where: Any, text: str) -> None:
    page.click(f"{where} input")
    page.get_by_role("option", name=text, exact=True).last.click()
    page.wait_for_timeout(800)


def setting(page: Page, name: Any, value: Any) -> None:
    page.fill(f"#train-{name} input", str(value))


def state(page: Page, text: str, seconds: Any = PATIENCE) -> None:
    page.wait_for_function(
        "(text) => document.querySelector('#train-state').textContent.includes(text)",
        arg=text, timeout=seconds * 1000,
    )  # fmt: skip


def command(page: Page, part: Any) -> None:
    page.wait_for_function(
        "(part) => document.querySelector('#train-command textarea').value.includes(part)", arg=part
    )


def train(page: Page) -> None:
    """Press Train; the new job is the chosen one."""
    chosen = (
        "(document.querySelector('#train-job input')?.value ?? '')"  # it is not there before the first job
    )
    before = page.evaluate(chosen)
    page.click("#train-run")
    page.wait_for_function(f"(before) => {chosen} !== before", arg=before)


def gsm8k(folder: Path) -> Path:
    """The public training set, or a file of its form."""
    public = Path(os.environ.get("LLADA_VIZ_DATA", "")) / "gsm8k" / "train.jsonl"
    if os.environ.get("LLADA_VIZ_DATA") and public.is_file():
        return public
    path = folder / "train.jsonl"
    rows = [
        {"question": f"Ann has {n} pens and buys {n + 1}. How many? {HOSTILE if n == 1 else ''}",
         "answer": f"{n} + {n + 1} = <<{n}+{n + 1}={2 * n + 1}>>{2 * n + 1}\n#### {2 * n + 1}"}
        for n in range(1, 60)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def upload(page: Page, path: Any) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#train-upload")
    chooser.value.set_files(str(path))


def test_sft_on_an_upload_outlives_a_refresh_and_a_restart(
    server: Server, open_page: Any, shots: Path, tmp_path: Path
) -> None:
    page = open_page()
    open_tab(page)
    page.screenshot(path=str(shots / "train-empty.png"), full_page=True)
    choose(page, "#train-objective", "SFT")
    command(page, "training sft")
    upload(page, gsm8k(tmp_path))
    page.wait_for_selector("#train-prompt_column input")
    assert page.input_value("#train-prompt_column input") == "question"
    for name, value in (("max_steps", 50), ("batch_size", 12), ("save_every", 25)):
        setting(page, name, value)
    page.get_by_role("button", name="All settings").click()
    setting(page, "log_every", 1)
    setting(page, "samples", 1)
    command(page, "--set=samples=1")
    command(page, "--set=max_steps=50")
    page.screenshot(path=str(shots / "train-asked.png"), full_page=True)
    train(page)
    state(page, "Running")
    page.wait_for_selector("#train-curves svg", timeout=PATIENCE * 1000)
    page.screenshot(path=str(shots / "train-running.png"), full_page=True)
    with leaving(page):
        page.reload()
        open_tab(page)
    state(page, "Running")
    page.wait_for_selector("#train-curves svg")
    with leaving(page):
        page.goto("about:blank")
        server.kill()
        server.start()
        page.goto(server.url + "/?__theme=dark&still=1")
        open_tab(page)
    page.wait_for_selector("#train-curves svg", timeout=PATIENCE * 1000)
    state(page, "Done")
    state(page, "step 50 of 50")
    assert re.match(r"loss \d", page.inner_text("#train-curves figcaption >> nth=0"))
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == [] and page.title() == "LLaDA Viz"
    page.click("#train-replay")
    page.wait_for_function(
        "document.querySelector('#train-canvas .lz')?.parentElement.tokenCanvas?.timeline?.ended"
    )
    page.screenshot(path=str(shots / "train-done-dark.png"), full_page=True)


def remask(page: Page, steps: Any, save: Any, rows: Path = 16) -> None:
    open_tab(page)
    choose(page, "#train-objective", "Remask SFT")
    choose(page, "#train-preset", "the objective's defaults")
    page.wait_for_function("!document.querySelector('#train-command textarea').value.includes('--set')")
    for name, value in (("max_steps", steps), ("batch_size", rows), ("save_every", save)):
        setting(page, name, value)
    setting(page, "learning_rate", 0.02)
    command(page, "--set=learning_rate=0.02")


def test_stop_keeps_a_checkpoint_and_resume_goes_on(open_page: Any) -> None:
    page = open_page()
    remask(page, 400, 400, 4)
    train(page)
    page.wait_for_function(
        "/step [1-9]\\d* of 400/.test(document.querySelector('#train-state').textContent)",
        timeout=PATIENCE * 1000,
    )  # fmt: skip
    page.click("#train-stop")
    state(page, "Stopped")
    stopped = int(re.search(r"stopped after step (\d+)", log(page))[1])
    assert page.input_value("#train-step input") == f"step {stopped}" and stopped < 400
    page.click("#train-resume")
    page.wait_for_function(
        "(step) => Number(/step (\\d+) of 400/.exec("
        "document.querySelector('#train-state').textContent)?.[1]) > step",
        arg=stopped, timeout=PATIENCE * 1000,
    )  # fmt: skip
    assert f"going on after step {stopped}" in log(page)
    page.click("#train-stop")
    state(page, "Stopped")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#train-delete")
    page.wait_for_function(
        "!document.querySelector('#train-state').textContent.includes('of 400')", timeout=60_000
    )


def log(page: Page) -> Any:
    if not page.is_visible("#train-log pre"):
        page.get_by_role("button", name="Log and command").click()
        page.wait_for_selector("#train-log pre")
    page.wait_for_timeout(2000)
    return page.inner_text("#train-log")


def test_a_failing_job_says_why_and_a_bad_file_is_said_before(
    open_page: Any, shots: Path, tmp_path: Path
) -> None:
    page = open_page(width=390)
    open_tab(page)
    choose(page, "#train-objective", "SFT")
    command(page, "training sft")
    path = tmp_path / "odd.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    upload(page, path)
    page.wait_for_function(
        "document.querySelector('#train-problem-alert').textContent.includes('was not found')"
    )
    page.click("#train-run")
    page.wait_for_selector("#train-alert [role=alert]")
    assert "odd.csv" in page.inner_text("#train-alert")
    late = tmp_path / "late.jsonl"  # what is wrong stands behind the rows that the form reads
    rows = [{"question": f"What is {n}?" * (n < 300), "answer": str(n)} for n in range(301)]
    late.write_text("".join(json.dumps(row) + "\n" for row in rows))
    upload(page, late)
    command(page, "late.jsonl")
    train(page)
    state(page, "Failed")
    assert "row 301, column 'question' of late.jsonl is empty" in page.inner_text("#train-state .lz-state")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / "train-failed-narrow.png"), full_page=True)


# Every re-mask probability that the last run of Visualize was told.
UPS = "timeline.frames.flatMap((frame) => frame.ups?.p ?? [])"


def probabilities(tab: Any) -> Any:
    before = tab.canvas("timeline?.run")
    tab.run()
    tab.wait(f"line?.ended && line.run !== '{before}'", 300)
    return tab.canvas(UPS)


def load(page: Page, step: Any) -> None:
    choose(page, "#train-step", f"step {step}")
    page.click("#train-load")
    page.wait_for_function(
        "(said) => document.querySelector('#model').textContent.includes(said)", arg=f"step {step}"
    )
    page.wait_for_function("document.querySelector('#sampler input').value.startsWith('RemeDi')")
    page.wait_for_timeout(1500)


def test_a_checkpoint_in_visualize_changes_the_remask_probabilities(open_page: Any, shots: Path) -> None:
    page = open_page()
    tab = CanvasPage(page)
    remask(page, 40, 4)
    page.click("#train-show")
    page.wait_for_selector("#train-example .lz-legend")
    assert "wrong on purpose" in page.inner_text("#train-example")
    assert page.evaluate(FAINT) == [] and page.evaluate(BEYOND) == []
    page.screenshot(path=str(shots / "train-example.png"), full_page=True)
    page.get_by_role("button", name="All settings").click()
    setting(page, "samples", 0)
    command(page, "--set=samples=0")
    train(page)
    state(page, "Done")
    load(page, 4)
    early = probabilities(tab)
    tab.shot(shots, "train-probabilities-early")
    open_tab(page)
    load(page, 40)
    trained = probabilities(tab)
    tab.shot(shots, "train-probabilities-late")
    for name, found in (("step 4", early), ("step 40", trained)):
        print(f"{name}: {len(found)} re-mask probabilities from {min(found):.3f} to {max(found):.3f}")
    assert min(len(early), len(trained)) > 20
    assert abs(fmean(trained) - fmean(early)) > 0.1
    assert re.search(r"Remask SFT of \d\d:\d\d(:\d\d)?, step 40", page.inner_text(".lz-header"))
    other = open_page()  # another tab decodes with the bundled model
    assert "Remask SFT" not in other.inner_text(".lz-header")
    page.click("#model > button")
    page.click("#model-detach")
    page.wait_for_function("!document.querySelector('#model').textContent.includes('Remask SFT')")
    assert page.evaluate(FAINT) == []
