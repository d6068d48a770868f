"""Every named endpoint with `gradio_client`, against a page that is served, on the bundled model."""

from __future__ import annotations

import json
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.preparing import prepare_here
from llada_viz.decoding.served import answer_settings, model_defaults
from samplers.recording.traces import read_trace
from samplers.streams import collect

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    from llada_viz.page import create_ui, launch_options
    from llada_viz.widgets.named_api import NAMES

# The page's program turns the summary off that gradio makes of its events with pandas; a test does not.
OF_PANDAS = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), OF_PANDAS]
ROOT = Path(__file__).parents[3]
QUESTION = "What is 12 + 9 - 6?"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page as it is served."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLADA_VIZ_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GRADIO_SERVER_NAME", "127.0.0.1")
        patch.delenv("GRADIO_SERVER_PORT", raising=False)
        page = create_ui()
        page.launch(**launch_options(page), prevent_thread_lock=True, quiet=True)
        yield page.local_url
        page.close()


@pytest.fixture(scope="module")
def client(url: str) -> Client:
    return Client(url, verbose=False)


def followed(job: Any) -> list[dict[str, Any]]:
    """All that a call gives; raises where it was refused."""
    given = list(job)
    job.result()
    return given


def page_tokens(prompt: str, sampler: str, own: dict[str, Any], seed: int) -> list[int]:
    """What a run of the page writes."""
    bundled = Bundled()
    settings = answer_settings(bundled, sampler, model_defaults(bundled.folder), own)
    ready = prepare_here(bundled, sampler, settings, prompt, seed, "", "")
    collect(ready.stream())
    return ready.canvas.answer(0)


def test_the_five_are_published_with_types_and_texts(url: str) -> None:
    with urllib.request.urlopen(f"{url}gradio_api/info") as answer:
        info = json.load(answer)
    assert sorted(info["named_endpoints"]) == sorted(f"/{name}" for name in NAMES)
    assert not info["unnamed_endpoints"]
    decode = info["named_endpoints"]["/decode"]
    assert decode["description"].startswith("Decode an answer")
    kinds = {p["parameter_name"]: p["type"].get("type") for p in decode["parameters"]}
    assert (kinds["prompt"], kinds["sampler"], kinds["seed"]) == ("string", "string", "integer")
    assert [p["parameter_has_default"] for p in decode["parameters"]][:2] == [False, True]
    assert decode["returns"][0]["type"]["type"] == "object"


def test_decode_gives_the_page_s_tokens(client: Client) -> None:
    own = {"gen_length": 32, "block_length": 8, "temperature": 0.7}
    answer = client.predict(QUESTION, "klass", own, 3, api_name="/decode")
    assert answer["tokens"] == page_tokens(QUESTION, "klass", own, 3)
    assert answer["text"] and answer["nfe"] >= 4 and answer["model"] == "tiny-llada"
    assert answer["settings"]["temperature"] == 0.7 and answer["seed"] == 3


def test_sizes_that_are_not_given_suit_the_model(client: Client) -> None:
    answer = client.predict(prompt=QUESTION, api_name="/decode")
    assert answer["sampler"] == "threshold" and "\\boxed{15}" in answer["text"]
    assert answer["settings"]["gen_length"] <= 64 and answer["verdict"]["right"]


def test_stream_shows_masks_fall_and_ends_with_the_answer(client: Client) -> None:
    seen = followed(client.submit(QUESTION, "low_confidence", api_name="/stream"))
    masks = [now["masks"] for now in seen[:-1]]
    assert len(masks) >= 2 and masks == sorted(masks, reverse=True) and masks[0] > masks[-1]
    assert all(len(now["cells"]) == len(seen[-1]["tokens"]) for now in seen[:-1])
    assert seen[0]["cells"].count(None) == seen[0]["masks"]
    assert seen[-1]["ended"] and seen[-1]["run"] == seen[0]["run"] and seen[-1]["text"]


def test_compare_says_where_answers_part(client: Client) -> None:
    lanes = [
        {"sampler": "low_confidence"},
        {"sampler": "low_confidence", "settings": {"temperature": 9.0}},
        {"sampler": "vanilla_prm", "settings": {"num_candidates_per_block": 2}},
    ]
    compared = client.predict(QUESTION, lanes, 1, "tiny-prm", api_name="/compare")
    first, hot, scored = compared["answers"]
    assert "temperature" in hot["label"] and scored["scorer"] == "tiny-prm" and first["scorer"] == ""
    cell = compared["first_difference"]
    tokens = [answer["tokens"] for answer in compared["answers"]]
    assert cell is not None and len({t[cell] for t in tokens}) > 1
    assert all(t[:cell] == tokens[0][:cell] for t in tokens)


def test_a_trace_opens_anywhere(client: Client, tmp_path: Path) -> None:
    answer = client.predict(QUESTION, api_name="/decode")
    file = tmp_path / "run.jsonl"
    file.write_text(client.predict(answer["run"], api_name="/trace"), encoding="utf-8")
    finished = read_trace(file).events[-1]
    assert list(finished.tokens[0][-len(answer["tokens"]) :]) == answer["tokens"]  # type: ignore[attr-defined]


def test_evaluate_follows_its_job_to_the_result(client: Client) -> None:
    lanes = [{"sampler": "low_confidence"}, {"sampler": "threshold"}]
    *before, last = followed(client.submit("expression", lanes, 3, api_name="/evaluate"))
    assert before and all(not now["ended"] for now in before)
    assert last["ended"] and last["done"] == last["expected"] == 6
    assert [line["label"] for line in last["lines"]] == ["low_confidence", "threshold"]
    assert all(line["rows"] == 3 and 0 <= line["accuracy"] <= 1 for line in last["lines"])
    assert len(last["rows"]) == 3 and last["comparisons"]


def test_evaluate_takes_problems_of_one_s_own(client: Client) -> None:
    own = [{"question": QUESTION, "answer": "15"}]
    *_, last = followed(client.submit(problems=own, rows=5, api_name="/evaluate"))
    assert last["lines"][0]["rows"] == 1 and last["lines"][0]["correct"] == 1


@pytest.mark.parametrize("arguments, sentence", [
    ({"prompt": ""}, "Type a question first"),
    ({"prompt": QUESTION, "sampler": "magic"}, "sampler = 'magic' is not valid"),
    ({"prompt": QUESTION, "settings": {"block_length": 7, "gen_length": 32}}, "does not divide"),
    ({"prompt": QUESTION, "settings": {"gen_length": 4096}}, "at most 2,048"),
])  # fmt: skip
def test_a_refusal_reaches_the_caller_as_a_sentence(
    client: Client, arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AppError, match=sentence):
        client.predict(**arguments, api_name="/decode")


def test_the_lines_of_the_docs_run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of docs/api.md, at this server."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    program = text.split("```python\n")[1].split("```")[0].replace("http://127.0.0.1:7860", url)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(program, scope)  # noqa: S102 - what a reader would run
    assert scope["answer"]["text"] and scope["result"]["ended"]
    assert read_trace(tmp_path / "run.jsonl").events


def test_handlers_of_the_page_cannot_be_called_by_name(client: Client) -> None:
    assert sorted(client.view_api(return_format="dict")["named_endpoints"]) == sorted(f"/{n}" for n in NAMES)
    for name in ("/on_run", "/on_copy", "/on_start", "/on_preset"):
        with pytest.raises(ValueError, match="Cannot find a function"):
            client.predict(api_name=name)
