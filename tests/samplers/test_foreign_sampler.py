"""A sampler from outside the tree: the form, the command line, the docs and the laws need no other change."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

from evaluation.runs.plan import lines_of
from llada_viz.render.frames import FrameMaker
from models.loading import load
from models.ups_head import load_ups_head
from samplers import SAMPLERS, GuidedDenoiser, decode, make, new_canvas
from samplers.__main__ import main
from samplers.blocks import BlockSettings
from samplers.drawing import top_cells
from samplers.events import Event, Remasked, Unmasked
from samplers.recording.traces import read_trace
from samplers.registry import Needs, head_users, register
from samplers.requests import RequestError, Tools, prepare
from samplers.run import Run
from samplers.settings import SettingError, option
from tests.networks import VECTORS, TableNetwork
from tests.samplers import test_laws as laws

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.line_up import lanes_of, written
    from llada_viz.widgets.form import FRONT, SamplerForm, about, choices

NAME, ALIAS = "typewriter", "left_to_right"
TINY = str(VECTORS / "tiny_llada")
HEAD = VECTORS / "tiny_llada" / "ups_head.safetensors"
SHAPE = {"steps": 8, "gen_length": 8, "block_length": 4}


@dataclass(frozen=True)
class Typewriter(BlockSettings):
    """Settings of a sampler that writes from one side, and may take its first keystroke back."""

    stride: int = option(1, "Cells written in a step.", "Cells a step", low=1, high=64)
    side: str = option("left", "Where writing begins.", choices=("left", "right"))
    proof_read: bool = option(False, "Ask a UPS head for every score.")

    @property
    def needs(self) -> Needs:
        """A head to proof-read with, and masks for what is taken back."""
        return Needs(head=self.proof_read, mask=True)

    def fill_block(self, run: Run, block: int, active: Tensor) -> Iterator[Event]:
        """The next cells, until none is masked; the first step is done twice."""
        canvas = run.canvas
        cells = canvas.block_cells(block, self.block_length) & active[:, None]
        again = cells.any(-1)
        while bool((queried := cells & canvas.masked).any()):
            guess = self.predict(run.denoise, canvas, queried)
            place = queried.nonzero()[:, 1].double()
            tokens, probability, order = guess.to_host(place if self.side == "right" else -place)
            if self.proof_read:
                _, keep = run.denoise.policy(canvas, queried, queried)
                probability = keep.cpu()
            commit = top_cells(queried, order, torch.full((canvas.rows,), self.stride))
            yield run.unmasked(block, commit, tokens[commit[queried]], probability[commit[queried]])
            undone = commit & again[:, None]
            again = again & ~queried.any(-1)
            if bool(undone.any()):
                yield run.remasked(block, undone, probability[undone[queried]], "second thoughts")


@pytest.fixture(autouse=True)
def foreign() -> Iterator[None]:
    register(
        NAME, title="Typewriter", summary="Writes from one side.", paper="none", aliases=(ALIAS,),
        with_head={"proof_read": True},
    )(Typewriter)  # fmt: skip
    yield
    del SAMPLERS[NAME]


@pytest.mark.parametrize("law", [
    laws.test_fold_pins_masks_and_counting, laws.test_same_seed_same_events_and_batch_equals_rows,
    laws.test_closing_anywhere_leaves_nothing_behind, laws.test_no_grad_inside,
])  # fmt: skip
def test_the_laws_hold(law: object) -> None:
    law(name=NAME)  # type: ignore[operator]


def test_it_is_made_by_name_or_alias_and_checks_its_settings() -> None:
    assert make(ALIAS, {"stride": 2, "cfg": 1.0}) == Typewriter(stride=2, cfg_scale=1.0)
    with pytest.raises(SettingError, match="stride = 0"):
        make(NAME, {"stride": 0})
    with pytest.raises(SettingError, match="cfg_scale"):
        decode(
            make(NAME, SHAPE | {"cfg_scale": 1.0}), GuidedDenoiser(TableNetwork()), new_canvas([[1]], 8, 20)
        )


def test_the_command_line_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    assert f"{NAME}, {ALIAS}: Writes from one side. (none)" in text and "Cells written in a step." in text
    assert main(["list", "--json"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert "stride" in {setting["name"] for setting in listed[NAME]["settings"]}


def test_the_docs_table_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--markdown"]) == 0
    section = capsys.readouterr().out.partition(f"## `{NAME}`")[2]
    assert f"Also called `{ALIAS}`." in section and "With `proof_read = True` it needs a UPS head." in section
    assert "| `stride` | 1 | 1 to 64 | Cells written in a step. |" in section
    assert "| `side` | left | left, right | Where writing begins. |" in section


def test_the_command_line_runs_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace, shape = tmp_path / "run.trace", [f"{key}={value}" for key, value in SHAPE.items()]
    flags = [flag for pair in [*shape, "stride=2", "side=right"] for flag in ("--set", pair)]
    what = ["run", "--model", TINY, "--device", "cpu", "--prompt-ids", "[3, 14]", "--sampler", NAME]
    assert main([*what, *flags, "--trace", str(trace)]) == 0
    assert main([*what, *flags, "--set", "stride=x"]) == 2
    events = read_trace(trace).events
    kinds = [type(event) for event in events if isinstance(event, (Unmasked, Remasked))]
    assert kinds == [Unmasked, Remasked, Unmasked, Unmasked] * 2
    assert [cell.position - 2 for cell in events[1].cells] == [2, 3]  # type: ignore[attr-defined]
    assert main(["replay", str(trace), "--pause", "0"]) == 0
    request = {"prompt_ids": [3, 14], "sampler": NAME, "settings": {**SHAPE, "stride": 2, "side": "right"}}
    (tmp_path / "in.jsonl").write_text(json.dumps(request) + "\n")
    out = tmp_path / "out.jsonl"
    files = ["--requests", str(tmp_path / "in.jsonl"), "--out", str(out)]
    assert main(["batch", "--model", TINY, "--device", "cpu", *files]) == 0
    assert json.loads(out.read_text())["output_ids"] == list(events[-1].tokens[0][2:])  # type: ignore[attr-defined]


def test_the_page_has_its_form_and_its_pictures() -> None:
    assert ("Typewriter", NAME) in choices() and about(NAME) == "Writes from one side. (none)"
    with gr.Blocks():
        form = SamplerForm()
        form.front(), form.own(), form.rest()
    updates = form.show(NAME, 2)
    seen = {key[0] for key, widget in form.widgets.items() if updates[widget]["visible"]}
    assert form.input("drafts").label == "Drafts" and "drafts" not in FRONT
    assert {"stride", "side", "proof_read", "steps", "drafts"} <= seen and "threshold" not in seen
    values = {w: 2.0 if key[0] == "stride" else w.value for key, w in form.widgets.items()}
    assert make(NAME, form.values(NAME, values)) == Typewriter(stride=2)
    (lane,) = lanes_of(written([(NAME, {"stride": 3})]), SHAPE)
    assert make(lane.sampler, lane.settings) == Typewriter(**SHAPE, stride=3)

    maker = FrameMaker({i: bytes([i]) for i in range(128)})
    prepared = prepare(load(TINY, device="cpu"), NAME, SHAPE, prompt_ids=[3, 14])
    frames = [maker.frame(event) for event in prepared.stream()]
    assert any("Re-masked." in frame["say"] for frame in frames) and maker.board.finished


def test_an_evaluation_has_a_line_of_it() -> None:
    (line,) = lines_of([NAME], ["stride=2"], SHAPE, "checker")
    assert make(line.sampler, line.settings) == Typewriter(**SHAPE, stride=2) and line.scorer == ""


def test_its_head_is_asked_for_and_used() -> None:
    assert [found.name for found in head_users()] == ["remedi", NAME]
    loaded, settings = load(TINY, device="cpu"), {**SHAPE, "proof_read": True}
    with pytest.raises(RequestError, match=f"ups_head is missing; sampler {NAME}"):
        prepare(loaded, NAME, settings, prompt_ids=[3, 14])
    tools = Tools(load_ups_head(HEAD, loaded.model.config.d_model))
    with pytest.raises(RequestError, match=f"{NAME} with proof_read True"):
        prepare(loaded, NAME, SHAPE, tools, prompt_ids=[3, 14])
    prepared = prepare(loaded, NAME, settings, tools, prompt_ids=[3, 14])
    assert not bool(decode(prepared.sampler, prepared.denoise, prepared.canvas).masked.any())
