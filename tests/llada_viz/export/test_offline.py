"""A run as one offline HTML file: whole, small, inert text, nothing from elsewhere; as a table of events."""

from __future__ import annotations

import csv
import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest

from llada_viz.decoding.runs import Run, recorded
from llada_viz.export.event_table import HEAD, event_table
from llada_viz.export.offline import offline_page
from samplers.recording.traces import Trace, read_trace

SAVED = Path(__file__).parents[2] / "vectors" / "traces" / "v0.2"


def run(name: str = "backmask") -> Run:
    return recorded(read_trace(SAVED / f"{name}.jsonl"))


def page_of(runs: list[Run], title: str, measure: str = "NFE") -> str:
    return "".join(offline_page(runs, title, measure))


class Reader(HTMLParser):
    """Scripts, addresses and the policy of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.data, self.policy, self.where = "", "", ""
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "action", "srcset", "poster")]
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"] or ""
        self.where = "data" if known.get("id") == "data" else tag
        if tag == "script" and self.where != "data":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.where == "data":
            self.data += data
        elif self.where == "script":
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.where = ""


def test_the_page_holds_the_run_and_asks_nobody() -> None:
    page = Reader(page_of([run()], "A repair"))
    assert '"question":"What is' in page.data
    held = json.loads(page.data)
    assert held["frames"] == json.loads(json.dumps(run().frames)) and held["trace"]["name"].endswith(".jsonl")
    assert page.addresses == [] and page.policy.startswith("default-src 'none'; script-src 'sha256-")
    digests = re.findall(r"'sha256-([^']+)'", page.policy)
    assert digests == [b64encode(sha256(s.encode()).digest()).decode() for s in page.scripts]
    styles = re.findall(r"url\(\s*[\"']?([^\"')]{0,12})", page_of([run()], "A repair"))
    assert all(style.startswith("data:") for style in styles)


def test_several_runs_stand_side_by_side() -> None:
    held = json.loads(Reader(page_of([run(), run("remedi")], "Two", "time")).data)
    assert [len(lane) for lane in held["lanes"]] == [len(run().frames), len(run("remedi").frames)]
    assert held["measure"] == "time" and "frames" not in held
    assert "? Recorded with LLaDA Viz.</p>" in page_of([run(), run("remedi")], "Two", "time")


def test_text_of_the_run_is_no_markup() -> None:
    trace = read_trace(SAVED / "low_confidence.jsonl")
    pieces = {i: b"</script><script>alert(1)</script><!--" for i in trace.pieces}
    hostile = recorded(replace(trace, pieces=pieces, model="<img src=x onerror=alert(1)>"))
    plain, page = Reader(page_of([run()], "x")), Reader(page_of([hostile], '<b>"x" & y</b>'))
    assert page.tags == plain.tags and len(page.scripts) == 2
    assert "alert(1)" in json.loads(page.data)["frames"][0]["meta"]["prompt"]


def test_a_run_of_256_steps_is_under_a_megabyte() -> None:
    """Frames of a real run, repeated: their size is what counts."""
    short = run("low_confidence")
    many = [frame | {"seq": n} for n, frame in enumerate((short.frames * 20)[:256])]
    long = recorded(read_trace(SAVED / "low_confidence.jsonl"))
    long.frames = many
    assert len(page_of([long], "Long").encode()) < 1_000_000


def test_a_run_that_has_not_begun_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed: runs that have begun"):
        page_of([Run([b"x"])], "Nothing")
    with pytest.raises(ValueError, match="allowed: runs that have begun"):
        page_of([], "Nothing")


@pytest.mark.parametrize("path", sorted(SAVED.glob("*.jsonl")), ids=lambda path: path.stem)
def test_the_table_has_every_change(path: Path) -> None:
    trace = read_trace(path)
    head, *rows = csv.reader(StringIO("".join(event_table(trace))))
    assert tuple(head) == HEAD and all(len(row) == len(HEAD) for row in rows)
    assert {int(row[0]) for row in rows} == set(range(len(trace.events)))
    cells = sum(len(getattr(e, n, ())) for e in trace.events for n in ("cells", "accepted", "rejected"))
    assert sum(row[6] != "" for row in rows) == cells


def test_formulas_are_made_harmless() -> None:
    trace = read_trace(SAVED / "low_confidence.jsonl")
    hostile = Trace(trace.events, {i: b"=1+1" for i in trace.pieces}, trace.model)
    rows = list(csv.reader(StringIO("".join(event_table(hostile)))))[1:]
    assert {row[8] for row in rows if row[6]} == {"'=1+1"}
