"""The Evaluate tab in a real browser: from an upload to an exported report that opens offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.canvas_page import BEYOND, FAINT

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=\"document.title='owned'\"> ${document.title=1} {{value}}"


def open_tab(page: Page) -> None:
    page.get_by_role("tab", name="Evaluate").click()
    page.wait_for_selector("#evaluate-run")
    page.wait_for_timeout(500)


def upload(page: Page, path: Any) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("#evaluate-upload")
    chooser.value.set_files(str(path))


def questions(folder: Path, rows: int) -> Path:
    path = folder / "sums.csv"
    sums = "".join(f"What is {n} + {n + 1}?,{2 * n + 1}\n" for n in range(2, rows + 1))
    path.write_text('id,question,answer\n"1","' + HOSTILE.replace('"', '""') + '",1\n' + "")
    with path.open("a") as file:
        file.writelines(f"{n},{line}\n" for n, line in enumerate(sums.splitlines(), 2))
    return path


def state(page: Page, text: str, seconds: int = 120) -> None:
    page.wait_for_function(
        "(text) => document.querySelector('#evaluate-state').textContent.includes(text)",
        arg=text, timeout=seconds * 1000,
    )  # fmt: skip


def test_from_upload_to_a_report_that_opens_offline(
    open_page: Any, browser: Browser, shots: Path, tmp_path: Path
) -> None:
    page = open_page()
    open_tab(page)
    page.screenshot(path=str(shots / "evaluate-empty.png"), full_page=True)
    upload(page, questions(tmp_path, 12))
    page.wait_for_function("document.querySelector('#evaluate-preview').textContent.includes('12 rows')")
    assert page.input_value("#evaluate-question input") == "question"
    page.click("#evaluate-lanes [data-lane='2'] summary")
    page.fill("#evaluate-lanes [data-lane='2'] [data-setting=temperature]", "10")
    assert not page.is_visible("#evaluate-job") and "A finished one" in page.inner_text("#evaluate-state")
    page.click("#evaluate-run")
    state(page, "24 of 24 rows")
    state(page, "Done")
    table = page.inner_text("#evaluate-result")
    assert "LLaDA · surest first" in table and " points (95%: " in table
    assert page.get_attribute("#evaluate-run", "data-pressed") is None
    page.wait_for_selector("#evaluate-pareto .js-plotly-plot .main-svg")
    assert page.locator("#evaluate-pareto .scatterlayer .point").count() >= 4  # two samplers, two costs
    page.check("#evaluate-differ input")
    page.wait_for_timeout(1000)
    cells = page.locator("#evaluate-rows button[data-line]")
    assert 0 < cells.count() / 2 < 12
    page.check("#evaluate-fail input")
    page.wait_for_timeout(1000)
    assert 0 < cells.count() / 2 < 12 and cells.filter(has_text="✗").count() > 0
    cells.filter(has_text="✗").first.click()
    page.wait_for_function("document.querySelector('#evaluate-detail').textContent.includes('found in it')")
    page.wait_for_function(
        "document.querySelector('#evaluate-canvas .lz')?.parentElement.tokenCanvas?.timeline?.ended"
    )
    page.wait_for_function(
        "document.querySelector('#evaluate-replayed').textContent.includes('the recorded answer')"
    )
    assert "Row " in page.inner_text("#evaluate-detail") and page.title() == "LLaDA Viz"
    page.get_by_role("button", name="Mark: Right").click()
    page.wait_for_function("document.querySelector('#evaluate-result').textContent.includes('set by hand')")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / "evaluate-done.png"), full_page=True)
    with page.expect_download() as download:
        page.click("#export-HTML")
    report = tmp_path / "report.html"
    download.value.save_as(report)
    offline = browser.new_context(offline=True).new_page()
    offline.goto(report.as_uri())
    assert offline.title() == "sums.csv: 2 samplers on 12 rows"
    rows = offline.locator(".rows tbody tr")
    assert rows.count() == 12
    offline.check("#differ")
    assert 0 < rows.filter(visible=True).count() < 12
    offline.uncheck("#differ")
    offline.check("#fail")
    failing = rows.filter(visible=True)
    assert 0 < failing.count() == failing.filter(has=offline.locator(".wrong, .failed")).count()
    assert " points (95%: " in offline.inner_text("ul")
    offline.screenshot(path=str(shots / "report.png"), full_page=True)
    later = open_page()
    open_tab(later)
    later.wait_for_selector("#evaluate-pareto .js-plotly-plot .main-svg")
    offline.context.close()


def test_stop_resume_and_a_second_tab(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    open_tab(page)
    upload(page, questions(tmp_path, 120))
    page.wait_for_function("document.querySelector('#evaluate-preview').textContent.includes('120 rows')")
    page.click("#evaluate-run")
    page.wait_for_function(
        "/ (32|64|96|128) of 240/.test(document.querySelector('#evaluate-state').textContent)"
    )
    page.click("#evaluate-stop")
    state(page, "Stopped")
    again = open_page(dark=True)  # a second tab finds the job and goes on with it
    open_tab(again)
    state(again, "Stopped")
    assert "Not finished" in again.inner_text("#evaluate-result") and again.is_enabled("#evaluate-resume")
    assert again.evaluate(FAINT) == []
    again.click("#evaluate-resume")
    state(again, "240 of 240 rows", 200)
    state(page, "240 of 240 rows")


def choose_set(page: Page, words: Any) -> None:
    page.click("#evaluate-set input")
    page.get_by_role("option", name=words).click()


def test_a_replay_that_differs_and_the_deletion_of_a_job(
    open_page: Any, shots: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = open_page(dark=True)
    open_tab(page)
    upload(page, questions(tmp_path, 3))
    page.wait_for_function("document.querySelector('#evaluate-preview').textContent.includes('3 rows')")
    page.click("#evaluate-run")
    state(page, "6 of 6 rows")
    state(page, "Done")
    found = tmp_path_factory.getbasetemp().glob("home*/runs/*/results.jsonl")
    results = max(found, key=lambda path: path.stat().st_mtime)
    rows = [json.loads(line) | {"text": "Something else."} for line in results.read_text().splitlines()]
    results.write_text("".join(json.dumps(row) + "\n" for row in rows))
    page.locator("#evaluate-rows button[data-line]").nth(2).click()
    page.wait_for_selector("#evaluate-replayed [role=alert]")
    assert "The replay differs from the recorded answer: " in page.inner_text("#evaluate-replayed")
    assert page.evaluate(BEYOND) == [] and page.evaluate(FAINT) == []
    page.screenshot(path=str(shots / "evaluate-differs.png"), full_page=True)
    jobs = len(list(results.parents[1].iterdir()))
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#evaluate-delete")
    page.wait_for_timeout(3000)
    assert results.exists()
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#evaluate-delete")
    page.wait_for_function("!document.querySelector('#evaluate-detail').textContent.includes('Row')")
    assert not results.exists() and len(list(results.parents[1].iterdir())) == jobs - 1


def test_a_set_out_of_reach_is_a_sentence(open_page: Any, shots: Path) -> None:
    page = open_page()
    open_tab(page)
    choose_set(page, "openai/gsm8k (from the hub)")
    page.wait_for_selector("#evaluate-preview [role=alert]")
    assert "openai/gsm8k cannot be loaded" in page.inner_text("#evaluate-preview")
    page.click("#evaluate-run")
    page.wait_for_selector("#evaluate-alert [role=alert]")
    assert "cannot be loaded" in page.inner_text("#evaluate-alert") and page.evaluate(BEYOND) == []
    page.screenshot(path=str(shots / "evaluate-hub.png"), full_page=True)
    choose_set(page, "arithmetic.csv (sample)")
    page.wait_for_function("document.querySelector('#evaluate-preview').textContent.includes('rows')")


def test_a_bad_file_is_a_sentence(open_page: Any, shots: Path, tmp_path: Path) -> None:
    page = open_page(width=390)
    open_tab(page)
    path = tmp_path / "bad.csv"
    path.write_text("question,answer\n1,2,3\n")
    upload(page, path)
    page.wait_for_selector("#evaluate-preview [role=alert]")
    assert "row 1 (line 2) has 3 cells, the header 2" in page.inner_text("#evaluate-preview")
    page.click("#evaluate-run")
    page.wait_for_selector("#evaluate-alert [role=alert]")
    assert "3 cells" in page.inner_text("#evaluate-alert") and page.evaluate(BEYOND) == []
    page.screenshot(path=str(shots / "evaluate-narrow.png"), full_page=True)
