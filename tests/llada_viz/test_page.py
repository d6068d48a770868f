"""The page without a browser: what is asked is checked, refusals are sentences, nothing leaks."""

from __future__ import annotations

import base64
import gzip
import html
import json
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llada_viz import address
from llada_viz.decoding import scope
from llada_viz.decoding.bundled import EXAMPLES, Bundled
from llada_viz.widgets.form import FRONT, SamplerForm, plain
from samplers.events import Started, Unmasked
from samplers.recording.traces import Trace, dump_trace, pack_trace
from samplers.registry import SAMPLERS, entry, make
from samplers.settings import Described
from tasks import EASY, MIDDLE, TASKS, generate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz import page
    from llada_viz.decoding.runs import Run, Runs
    from llada_viz.tabs import visualize
    from llada_viz.tabs.visualize import Visualize
    from llada_viz.widgets.canvas import TokenCanvas, message
    from llada_viz.widgets.named_api import NAMES


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("level", [EASY, MIDDLE])
@pytest.mark.parametrize("task", sorted(TASKS))
def test_no_hint_for_what_was_learned(task: Any, level: str, split: str) -> None:
    for problem in generate(task, split, 200, 5, level):
        assert scope.hint(problem.prompt, "tiny") == "", problem.prompt


@pytest.mark.parametrize(
    ("prompt", "part"),
    [
        ("Write a poem about the sea.", "five kinds"),
        ("What is the capital of France?", "five kinds"),
        ("What is 345 * 2?", "operands up to"),
        ("What is the value of x if 22x + 3 = 135?", "factors up to"),
        ("Use the numbers 1, 2, 300 to make 5.", "up to 100"),
        ("", ""),
    ],
)
def test_hint(prompt: str, part: str) -> None:
    hint = scope.hint(prompt, "tiny")
    assert part in hint and bool(hint) == bool(part)


def test_examples_are_held_out_and_learned(tmp_path: Path) -> None:
    settings = {"steps": 32, "gen_length": 64, "block_length": 8}
    known = {"word": {"template": "Q: {problem}", "settings": settings}}
    (tmp_path / "prompts.json").write_text(json.dumps(known))
    examples = Bundled(tmp_path).examples
    assert [example.label for example in examples] == [label for _, label, _ in EXAMPLES]
    word = examples[3]
    assert word.prompt.startswith("Q: ") and word.settings == settings
    assert all(scope.hint(example.prompt, "tiny") == "" for example in examples if example is not word)


def test_an_example_without_settings_fills_in_its_prompt(tmp_path: Path) -> None:
    """A model without prompts.json: its sizes stay as they are."""
    with gr.Blocks():
        tab = Visualize(Bundled(tmp_path), Runs())
        tab.build()
    for example in tab.bundled.examples:
        assert example.settings == {}
        filled = tab._filler(example)({tab.attached: ""})
        assert filled == {tab.prompt: example.prompt, tab.scorer.of_adapter: False, **tab.presets.left()}


def test_a_missing_model_is_a_sentence(tmp_path: Path) -> None:
    bundled = Bundled(tmp_path)
    assert bundled.loaded is None and "config.json" in bundled.problem and "not loaded" in bundled.chip


@pytest.fixture
def modelless(tmp_path: Path) -> Any:
    """The tab of a page whose model folder is empty."""
    with gr.Blocks():
        tab = Visualize(Bundled(tmp_path), Runs())
        tab.build()
    return tab


def ask(tab: Visualize, old: str = "", prompt: str = "What is 3 + 4?") -> Iterator[dict[Any, Any]]:
    """Press Run with the form as it stands. old: the run before."""
    inputs = [tab.prompt, tab.sampler, tab.seed, tab.constraints, tab.attached, tab.scorer.scorer]
    inputs.append(tab.chat.switch)
    values = {component: component.value for component in (*inputs, *tab.form.inputs)}
    return tab.on_run(values | {tab.run_id: old, tab.prompt: prompt})


def test_without_a_model_run_says_so_and_the_canvas_stays(modelless: Any) -> None:
    tab, events = modelless, ask(modelless)
    updates = next(events)
    assert 'role="alert"' in updates[tab.alert] and "config.json" in updates[tab.alert]
    assert tab.canvas not in updates and tab.run_id not in updates
    assert updates[tab.start]["interactive"] and not updates[tab.stop]["interactive"]
    with pytest.raises(gr.Error) as error:
        next(events)
    assert not error.value.visible


def test_one_run_at_a_time(modelless: Any) -> None:
    tab, run = modelless, modelless.runs._add(Run([b""]))
    updates = next(ask(tab, run.id))
    assert "still going on" in updates[tab.alert] and updates[tab.stop]["interactive"]
    assert tab.on_end(run.id)[tab.stop]["interactive"]
    updates = tab.on_stop({tab.run_id: run.id})
    assert run.ended and "before the first step" in updates[tab.canvas]["notice"]
    assert not updates[tab.stop]["interactive"]


def test_a_foreign_file_is_a_sentence(modelless: Any, tmp_path: Path) -> None:
    for content in (b"", b"a,b\n", b"{}", b"\xff"):
        (tmp_path / "file").write_bytes(content)
        opened = {modelless.opener: str(tmp_path / "file"), modelless.run_id: "old"}
        shown = '<p role="alert">This is not a trace saved by LLaDA Viz.</p>'
        assert modelless.on_open(opened) == {modelless.alert: shown}


def test_sentences_are_escaped() -> None:
    assert visualize.alert("<b> & co") == '<p role="alert">&lt;b&gt; &amp; co</p>' and not visualize.alert("")


def test_a_page_is_built_even_without_a_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLADA_VIZ_MODEL", str(tmp_path))
    config = page.create_ui().get_config_file()
    named = [d["api_name"] for d in config["dependencies"] if d["api_visibility"] != "private"]
    assert sorted(named) == sorted(NAMES)
    assert any("not loaded" in str(c["props"].get("label")) for c in config["components"])


def test_a_link_to_a_run_fills_the_form_after_a_set_up_so_it_wins() -> None:
    made = page.create_ui()
    link = next(each for each in made.fns.values() if each.name == "on_link")
    before = made.fns[link.trigger_after]
    assert getattr(before.fn, "__qualname__", "") == "VisualizeSetups.on_open"
    written = {component._id for component in before.outputs}
    assert len(written - {component._id for component in link.outputs}) == 1, "one's own presets stay offered"


def test_the_form_has_every_setting_of_every_sampler() -> None:
    with gr.Blocks():
        form = SamplerForm(first={"steps": 64, "gen_length": 64, "block_length": 8})
        form.front()
        form.rest()
    assert [key[0] for key in form.widgets][: len(FRONT)] == list(FRONT)
    values = {component: component.value for component in form.inputs}
    for name in SAMPLERS:
        settings = form.values(name, values)
        # A choice among one is none: WINO's cache has no input.
        assert set(settings) == {
            setting.name for setting in entry(name).settings if len(setting.choices) != 1
        }
        assert make(name, settings).steps == 64
        assert len(form.show(name, 4)) == len(form.inputs)
    assert form.fill({"steps": 32}) == {form.input("steps"): 32}


def test_a_sampler_brings_its_own_defaults_where_they_differ() -> None:
    with gr.Blocks():
        form = SamplerForm(first={"temperature": 0.0})
        form.front()
        form.rest()

    def shown(name: Any, blocks: Any) -> Any:
        updates = form.show(name, blocks)
        pairs = [(key, updates[component]) for key, component in form.widgets.items()]
        return {key[0]: u["value"] for key, u in pairs if "value" in u}

    assert shown("low_confidence", 8)["temperature"] == 0.0
    refine = shown("window_refine", 4)
    assert refine["temperature"] == 0.8 and refine["backmasking_alpha"] == 10.0
    # The answer mostly ends before its last block: windows begin at half of them, and not above 8.
    assert refine["window"] == 2 and shown("window_refine", 99)["window"] == 8
    assert shown("window_refine", 8)["window"] == 4 and shown("window_refine", 1)["window"] == 1
    assert shown("backmask", 2)["backmasking_lookback"] == 2
    assert not {"gen_length", "block_length", "steps"} & set(refine)


@pytest.mark.parametrize(("value", "wanted"), [(64.0, 64), (64.5, 64.5), (None, None), (64, 64)])
def test_whole_numbers_are_not_rounded(value: float | int | None, wanted: float | int | None) -> None:
    setting = Described("steps", int, 1, "", "", 1, 10, ())
    assert plain(value, setting) == wanted and type(plain(value, setting)) is type(wanted)


def test_the_next_free_port_is_taken_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(address, "FIRST_PORT", taken.getsockname()[1])
        port = address.free_port("127.0.0.1")
    assert port != address.FIRST_PORT
    assert str(port) in capsys.readouterr().out
    monkeypatch.setenv("GRADIO_SERVER_PORT", "9999")
    assert address.free_port("127.0.0.1") == 9999


def test_local_unless_it_is_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_ID", "GRADIO_SERVER_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRADIO_SERVER_PORT", "9999")
    options = page.launch_options()
    assert options["server_name"] == "127.0.0.1" and options["share"] is False
    assert options["show_error"] is False and options["allowed_paths"] is None
    monkeypatch.setenv("SPACE_ID", "me/space")
    assert page.launch_options()["server_name"] == "0.0.0.0"


def test_server_functions_only_read() -> None:
    runs = Runs()
    canvas = TokenCanvas(runs)
    for asked in (None, [], ["x", 0], ["x"], {"a": 1}, [3, 4], ["x", -1]):
        assert canvas.frames(asked) == []
    assert canvas.trace("x") is None and canvas.trace(None) is None


def waiting(passes: int, cells: int = 8) -> Trace:
    """A run that was stopped while it had written nothing."""
    first = Started(
        nfe=0,
        tokens=((5,) * cells,),
        attention_mask=((True,) * cells,),
        mask_id=5,
        prompt_length=0,
        settings={},
    )
    events = (first, *(Unmasked(nfe=n, forwards=n, step=n - 1, cells=()) for n in range(1, passes)))
    return Trace(events, {5: b"five"}, "nobody's")


def test_a_run_is_saved_and_opened_compressed_where_it_is_large(modelless: Any, tmp_path: Path) -> None:
    canvas = TokenCanvas(modelless.runs)
    for passes, name in ((9, "llada-viz-trace.jsonl"), (4000, "llada-viz-trace.jsonl.gz")):
        trace = waiting(passes)
        run = modelless.runs.open(trace)
        file = json.loads(json.dumps(canvas.trace(run.id)))
        content = base64.b64decode(file["base64"]) if "base64" in file else file["text"].encode()
        assert file["name"] == name and content.startswith(b"\x1f\x8b") is name.endswith(".gz")
        (tmp_path / name).write_bytes(content)
        shown = modelless.on_open({modelless.opener: str(tmp_path / name), modelless.run_id: run.id})
        assert modelless.runs.get(shown[modelless.run_id]).trace() == trace


def test_a_run_that_could_not_be_read_again_is_not_saved(modelless: Any) -> None:
    run = modelless.runs.open(waiting(9))
    run.events.append(run.events[0])
    assert TokenCanvas(modelless.runs).trace(run.id) == {
        "error": "line 11 of the trace: Started at a wrong place; allowed: Started first, Finished last"
    }


def test_traces_that_are_too_much_for_the_page(modelless: Any, tmp_path: Path) -> None:
    text = dump_trace(waiting(9))
    blank = text.splitlines()[-1] + " " * 8_000_000 + "\n"
    bomb = text.replace('"events":9', '"events":99') + blank * 3
    for content, sentence in (
        (dump_trace(waiting(2, cells=8193)).encode(), "a row of 8,193 cells; allowed: at most 8,192"),
        (gzip.compress(bomb.encode()), "unpacks to more than 200 times its size"),
        (text.replace('"events":9', '"events":70000').encode(), "'70000' events; allowed: 1 to 65,536"),
        (pack_trace(waiting(4000))[:-20], "cut short"),
    ):
        (tmp_path / "file").write_bytes(content)
        shown = modelless.on_open({modelless.opener: str(tmp_path / "file"), modelless.run_id: ""})
        said = html.unescape(shown.pop(modelless.alert))
        assert not shown and sentence in said, said


def test_messages_hold_frames_as_text() -> None:
    run = Run([], frames=[{"seq": i} for i in range(300)])
    value = message(run, run.frames)
    assert value["run"] == run.id and len(json.loads(value["frames"])) == 256 and value["last"] == 299
    assert "last" not in message(run, run.frames[:3])


def test_a_run_knows_how_many_cells_its_prompt_leaves() -> None:
    with gr.Blocks():
        tab = Visualize(Bundled(), Runs())
        tab.build()
    shown = next(ask(tab))
    run, loaded = tab.runs.get(shown[tab.run_id]), tab.bundled.loaded
    assert run is not None and loaded is not None
    run.advance(0)
    read = run.maker.board.prompt_length + run.most_cells
    assert read == loaded.max_length and run.maker.most_cells == run.most_cells
    run.stop()
    run.frames[-1]["again"] = 0
    with pytest.raises(gr.Error, match="press Run"):
        tab.on_again({tab.run_id: run.id})


def test_f34_half_a_character_in_a_prompt_is_a_sentence() -> None:
    with gr.Blocks():
        tab = Visualize(Bundled(), Runs())
        tab.build()
    events = ask(tab, prompt="What is \ud800 3 + 4?")
    shown = next(events)[tab.alert]
    assert "prompt: character 9 is half of one; allowed: Unicode text." in shown
    assert "half of one" in json.dumps(shown, ensure_ascii=False).encode().decode()
    with pytest.raises(gr.Error):
        next(events)
    typed = {tab.prompt: "\ud800", tab.attached: ""}
    hint = tab.on_prompt(typed)[tab.hint]
    assert hint and "\ud800" not in hint
