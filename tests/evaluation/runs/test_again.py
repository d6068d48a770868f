"""How to do a run again: a command that the program reads, and no folder of the machine that did it."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path

from evaluation.cli.run import add_run, plan_of
from evaluation.runs import again

LINES = [{"label": "A (x 1)", "sampler": "threshold", "scorer": "",
          "settings": {"gen_length": 16, "block_length": 8, "steps": 4}}]  # fmt: skip
MANIFEST = {
    "created": "2026-11-29T12:00:00Z",
    "model": {"name": "tiny-llada", "dtype": "float32", "device": "cpu", "sha256": "abc"},
    "data": {"name": "linear", "rows": 3, "question": None, "answer": None, "shots_from": ""},
    "lines": LINES,
    "versions": {"python": "3.12"},
    "identity": {
        "template": "Q: {question}", "seed": 7, "ups_head": "/data/secret/ups_head.safetensors", "prm": "",
        "shots": [{"question": "1 + 1?", "answer": "2"}],
    },
}  # fmt: skip


def test_the_command_is_one_that_the_program_reads(tmp_path: Path) -> None:
    words = shlex.split(again.command(MANIFEST).replace("\\\n", " "))
    assert words[:4] == ["python", "-m", "evaluation", "run"]
    parser = argparse.ArgumentParser()
    add_run(parser.add_subparsers())
    args = parser.parse_args(words[3:])
    (tmp_path / "lines.json").write_text(again.lines(MANIFEST))
    args.lines, args.model = tmp_path / "lines.json", str(tmp_path)
    plan = plan_of(args)
    assert (len(plan.problems.problems), len(plan.shots), plan.seed, plan.template) == (
        3,
        1,
        7,
        "Q: {question}",
    )
    assert [line.label for line in plan.lines] == ["A (x 1)"] and plan.ups_head == "ups_head.safetensors"


def test_a_report_names_no_folder() -> None:
    html = again.as_html(MANIFEST)
    assert "/data/secret" not in html and "ups_head.safetensors" in html and "sha256 abc" in html
    assert json.dumps(LINES[0]["label"])[1:-1] in html
