"""Measures of decoded runs in the terminal, as JSON, in batches and in reports; what is judged, and how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluation.runs.written import means, written_html, written_markdown, written_rows
from models.loading import LoadedModel, load
from samplers.__main__ import main
from samplers.batch import run_requests
from samplers.events import Started
from samplers.measuring.judges import known_to_first_error, prompt_check, question_in, task_check
from samplers.measuring.measures import Opinion, measure
from samplers.measuring.measures_table import as_data, run_table, summary_table
from samplers.recording.traces import Trace, read_trace, write_trace
from tests.networks import VECTORS

TRACES = VECTORS / "traces" / "v0.2"
TINY = str(VECTORS / "tiny_llada")
SHORT = {"steps": 8, "gen_length": 8, "block_length": 4}


@pytest.fixture(scope="module")
def tiny() -> LoadedModel:
    return load(TINY, device="cpu")


def test_a_saved_run_as_a_list_and_several_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    threshold, wino = (str(TRACES / f"{name}.jsonl") for name in ("threshold", "wino_takes_back"))
    assert main(["measures", threshold]) == 0
    said = capsys.readouterr().out
    assert "| tokens/forward | 3.40 |" in said and "| finally right | yes |" in said
    assert "ever right" not in said  # it holds no drafts
    assert main(["measures", threshold, wino]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 4 and table[2].startswith("| threshold (threshold) | 3.40 |")


def test_all_numbers_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measures", "--json", str(TRACES / "edit.jsonl")]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["sampler"] == "edit" and data["finally_right"] is True and data["flips"] is None
    assert 0 < data["global_ar_1"] <= 1 and data["commits"]


def test_of_several_rows_the_first_is_measured_and_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = Started(
        nfe=0, tokens=((1, 9), (1, 9)), attention_mask=((True, True),) * 2, mask_id=9, prompt_length=1,
        settings={},
    )  # fmt: skip
    write_trace(tmp_path / "x", Trace((started,), {}))
    assert main(["measures", str(tmp_path / "x")]) == 0
    assert capsys.readouterr().err == f"{tmp_path / 'x'}: measures of the first of 2 rows\n"


def test_a_file_that_is_no_trace_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text("{}")
    assert main(["measures", str(tmp_path / "x")]) == 2
    assert "error:" in capsys.readouterr().err


def test_a_row_of_a_batch_is_measured_as_it_is_alone(tiny: LoadedModel) -> None:
    """The passes of a row are those it was in, not those of its batch."""
    settings = {"steps": 16, "gen_length": 16, "block_length": 8, "threshold": 0.5}
    asked = {"sampler": "threshold", "settings": settings}
    lines = [json.dumps({"id": i, "prompt_ids": list(range(1, 3 + 4 * i)), **asked}) for i in range(3)]
    together = [result["measures"] for result in run_requests(tiny, lines)]
    alone = [run_requests(tiny, [line])[0]["measures"] for line in lines]
    assert together == alone and len({data["forwards"] for data in alone}) > 1


def test_the_table_of_a_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        json.dumps({"prompt_ids": [1, 2], "settings": SHORT}),
        json.dumps({"prompt_ids": [1], "sampler": "threshold", "settings": SHORT}), json.dumps({}),
    ]  # fmt: skip
    (tmp_path / "in").write_text("\n".join(lines))
    flags = ["--requests", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--measures"]
    assert main(["batch", "--model", TINY, *flags]) == 0
    said = capsys.readouterr().out
    assert "| low_confidence | 1.00 |" in said and "| threshold |" in said and "regret" not in said


def test_a_run_asks_the_network_again(capsys: pytest.CaptureFixture[str]) -> None:
    settings = [f"--set={key}={value}" for key, value in {**SHORT, "steps": 4}.items()]
    flags = ["--model", TINY, "--prompt-ids", "[1, 2, 3]", *settings, "--measures"]
    assert main(["run", *flags]) == 0
    said = capsys.readouterr().out
    assert "| tokens/forward | 2.00 |" in said and "| regret |" in said


# ---- judges ----------------------------------------------------------------------------------


def test_who_can_know_what() -> None:
    prompt = "<|start|>user<|end|>What is 3 + 4 * 2?<|start|>assistant<|end|>"
    assert question_in(prompt) == ("expression", {"expression": "3 + 4 * 2"})
    check = prompt_check(prompt)
    assert check is not None
    assert check("\\boxed{11}") == Opinion("11", True) and check("\\boxed{14}").right is False
    assert prompt_check("Tell me a story.") is None
    asked = {"problem": "Anna has 2 apples and gets 1 more."}
    assert task_check("word", asked)("\\boxed{3}") == Opinion("3", None)
    assert task_check("word", asked, "3")("\\boxed{3}") == Opinion("3", True)


def test_tokens_are_right_up_to_the_first_error() -> None:
    """4 * 2 = 8 holds, 3 + 8 = 12 breaks at its result; nothing is known of what comes behind, nor of a line
    without end."""
    pieces = [
        b"<|end|>",
        b"4 * 2 = ",
        b"8\n",
        b"3 + 8",
        b" = 12\n",
        b"\\boxed{",
        b"12}",
        b"x",
        b"11}",
        b" = 11\n",
    ]
    known = known_to_first_error("expression", {"expression": "3 + 4 * 2"}, pieces, {0})
    assert known([1, 2, 3, 4, 5, 6, 7, 0, 7]) == [True, True, True, False, *[None] * 5]
    assert known([1, 2, 3, 9, 5, 8, 0]) == [True] * 6 + [None]
    assert known([1, 2, 3, 9, 5, 6]) == [True] * 5 + [False]
    assert known([1]) == [None] and known([]) == []


def test_a_wrong_plan_shows_in_the_box_at_the_latest() -> None:
    pieces = [b"<|end|>", b"Tom: 3 + 4", b" = 7\n", b"\\boxed{", b"7", b"}"]
    problem = {"problem": "Tom has 3 apples and 4 pears. How many more pears?"}
    answer = [1, 2, 3, 4, 5]
    for gold, wanted in (("1", [True, True, True, False, None]), ("7", [True] * 5), ("", [True] * 5)):
        assert known_to_first_error("word", problem, pieces, {0}, gold)(answer) == wanted


def test_a_step_that_leaves_no_way_to_the_target_is_the_error() -> None:
    pieces = [b"<|end|>", b"7", b" + ", b"5", b" = 12\n", b" - "]
    for target, wanted in (("9", [True] * 4), ("6", [True, False, None, None])):  # 9: 12 - 3
        fields = {"numbers": "3, 5, 7", "target": target}
        assert known_to_first_error("countdown", fields, pieces, {0})([1, 2, 3, 4]) == wanted


# ---- tables ----------------------------------------------------------------------------------


def test_numbers_as_people_read_them() -> None:
    data = as_data(measure(read_trace(TRACES / "wino.jsonl").events, ends={0}))
    assert "| tokens | 18 |" in run_table(data) and "ever right" not in run_table(data)
    groups = {
        "a|b": [{"tpf": 1.0, "ever_right": True}, {"tpf": 2.0, "ever_right": False}],
        "c": [{"tau": -0.5}],
    }
    head, _, first, second = summary_table(groups).splitlines()
    assert head == "| sampler | tokens/forward | order τ | ever right |"
    assert first == "| a\\|b | 1.50 | – | 50.0% |" and second == "| c | – | −0.50 | – |"


def test_reports_show_what_was_measured_and_nothing_of_older_rows() -> None:
    rows = {"<b>": {1: {"measures": {"tpf": 2.0, "tau": 1.0}}, 2: {"measures": {"tpf": 4.0, "tau": None}}}}
    old = {"a": {1: {"nfe": 3}, 2: {"error": "x"}}}
    assert means(rows["<b>"]) == {"tpf": 3.0, "tau": 1.0} and means(old["a"]) == {}
    html = written_html(rows | old)
    assert "<b>" not in html.replace("&lt;b&gt;", "") and "3.00" in html and "<td>a</td>" not in html
    assert written_html(old) == written_markdown(old) == "" and written_rows(old) == ([], [])
    assert written_markdown(rows).splitlines()[2] == "| <b> | 3.00 | +1.00 |"
