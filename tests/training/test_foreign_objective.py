"""An objective from outside the tree: form, command line, preview and docs work once it is registered."""

from __future__ import annotations

import json
import shlex
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from evaluation.sets.columns import SetError, listed
from evaluation.sets.tables import Table
from llada_viz.decoding.bundled import FOLDER
from llada_viz.jobs.trainings import TrainingRequest
from llada_viz.tabs.train_data import options
from llada_viz.tabs.train_example import example_of
from samplers.settings import option
from training.__main__ import main
from training.data.examples import item_at
from training.data.set_columns import find_column
from training.data.sources import open_records
from training.engine.recipe import Losses, Recipe, split
from training.engine.settings import RunArguments, TrainSettings
from training.registry import OBJECTIVES, Objective, objective, register
from training.shared.data_side import ChosenSets, Kind, Note, check_tables
from training.shared.preview import Preview

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.tabs.train_form import TrainForm, group_of

NAME, CHARACTERS = "letter-counts", 128


@dataclass(frozen=True, kw_only=True)
class CountSettings(TrainSettings):
    """A regression: how long is a text?"""

    width: int = option(4, "Features of a character.", low=1, high=64)
    squash: str = option("none", "What is done to a length before it is learned.", choices=("none", "log"))
    sentence_column: str = option("", "Column of the texts; empty: sentence.")
    split: str = option("train", "Split of a hub set.")


class Sentences(NamedTuple):
    """counts: Float[rows, CHARACTERS], how often each character is there; length: Float[rows]."""

    counts: Tensor
    length: Tensor


class CountModule(nn.Module):
    """Learns lengths from counts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(CHARACTERS, width), nn.Linear(width, 1))

    def forward(self, batch: Sentences) -> Losses:
        """The squared error."""
        error = self.body(batch.counts)[:, 0] - batch.length
        return Losses(error.square().mean(), {"error": error.abs().mean()})


class CountRecipe(Recipe):
    """Rows of files, in a new order every epoch."""

    settings: CountSettings

    def __init__(self, arguments: RunArguments, settings: CountSettings) -> None:
        self.settings, self.module = settings, CountModule(settings.width)
        self.texts: list[str] = []
        for name in arguments.data:
            records = open_records(name, settings.split, arguments.allow_eval_data)
            self.texts += [row[sentence_column(records, settings)] for row in records]

    def text(self, place: int) -> str:
        """The text of a place."""
        return self.texts[item_at(place, len(self.texts), self.settings.seed)]

    def batches(self, step: int) -> Sequence[Sentences]:
        """See Recipe."""
        size = self.settings.batch_size
        texts = [self.text(place) for place in range(step * size, (step + 1) * size)]
        codes = [torch.tensor([ord(c) % CHARACTERS for c in text]) for text in texts]
        counts = torch.stack([c.bincount(minlength=CHARACTERS).float() for c in codes])
        length = torch.tensor([float(len(text)) for text in texts])
        return split(Sentences(counts, length.log() if self.settings.squash == "log" else length), self.parts)

    def export(self, folder: Path, state: Mapping[str, Tensor]) -> None:
        """The weights."""
        save_file(
            {name: tensor.contiguous() for name, tensor in state.items()}, folder / "counts.safetensors"
        )


def sentence_column(records: Table, settings: CountSettings) -> str:
    """The column of the texts; SetError when it is not there."""
    found = find_column(records, "sentence_column", settings.sentence_column, ("sentence",))
    if not found:
        raise SetError(f"{records.name} has no sentence_column; choose one of: {listed(records.columns)}")
    return found


class CountData:
    """Files alone."""

    def accepts(self, kind: Kind) -> bool:
        """See DataSide."""
        return kind == Kind.UPLOAD

    def note(self, model: str) -> Note:
        """See DataSide."""
        return Note("a file of <sentences>", f"make-sentences --like {model}", "a file of sentences")

    def columns(self, records: Table, settings: CountSettings) -> dict[str, str]:
        """See DataSide."""
        return {"sentence_column": sentence_column(records, settings)}

    def check(self, chosen: ChosenSets, settings: CountSettings) -> None:
        """See DataSide."""
        check_tables(chosen, settings, settings.split)
        for records in chosen.tables.values():
            column = sentence_column(records, settings)
            for number, row in enumerate(records, 1):
                if not row[column]:
                    raise SetError(f"row {number} of {records.name} has no sentence; every row needs one")

    def preview(self, arguments: RunArguments, settings: CountSettings) -> Preview:
        """See DataSide."""
        text = CountRecipe(arguments, settings).text(0)
        return Preview({"sentence": text}, f"{len(text)} characters", [])


@pytest.fixture(autouse=True)
def foreign() -> Iterator[None]:
    register(
        Objective(
            NAME, "Letter counts", "Learns how long a text is.", "none", CountSettings, CountRecipe,
            "weights", CountData(), (),
        )
    )  # fmt: skip
    yield
    del OBJECTIVES[NAME]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    texts = [{"sentence": "word " * (n % 7 + 1), "note": f"number {n}"} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in texts))
    return path


@pytest.fixture
def form() -> TrainForm:
    with gr.Blocks():
        made = TrainForm("models/tiny")
        made.build()
    return made


def filled(form: TrainForm, sets: list[str], uploads: dict[str, str], **changes: Any) -> dict[Any, Any]:
    """What the form sends once the objective was chosen."""
    asked = chosen(form, sets, uploads)
    updates = form.on_objective(asked)
    values = {w: changes.get(key[0], updates[w].get("value")) for key, w in form.widgets.items()}
    return asked | {form.data.sets: updates[form.data.sets]["value"]} | values


def chosen(form: TrainForm, sets: list[str], uploads: dict[str, str]) -> dict[Any, Any]:
    """The objective with these sets, by component."""
    data = form.data
    return {form.objective: NAME, form.start_from: "", data.sets: sets, data.uploads: uploads}


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="objective = 'letter-counts' is taken"):
        register(objective(NAME))


def test_the_form_has_its_settings_columns_and_note(form: TrainForm, rows: Path) -> None:
    uploads = {"mine.jsonl": str(rows)}
    updates = form.on_objective(chosen(form, ["linear"], uploads))
    seen = {key[0] for key, widget in form.widgets.items() if updates[widget].get("visible")}
    assert {"width", "squash", "split", "max_steps"} <= seen and "lora_r" not in seen
    assert group_of("width") == 0 and form.objective.choices[-1] == ("Letter counts", NAME)
    assert options(uploads, objective(NAME)) == [("mine.jsonl (uploaded)", "upload:mine.jsonl")]
    about = updates[form.about]
    assert (
        "a file of &lt;sentences&gt;" in about and "<code>make-sentences --like models/tiny</code>" in about
    )
    assert "data is empty; allowed: a file of sentences" in updates[form.data.preview]
    shown = form.on_other_sets(chosen(form, ["upload:mine.jsonl"], uploads))
    columns = [shown[form.widgets[key]] for key in form.columns]
    (column,) = (update for update in columns if update["visible"])
    assert column["value"] == "sentence" and ("note", "note") in column["choices"]


def test_the_form_asks_for_a_run_and_its_own_check_refuses(form: TrainForm, rows: Path) -> None:
    uploads = {"mine.jsonl": str(rows)}
    asked = form.request(filled(form, ["upload:mine.jsonl"], uploads, width=8.0, squash="log"))
    assert asked.changed == {"width": 8, "squash": "log", "sentence_column": "sentence"}
    with pytest.raises(SetError, match="sentence_column = 'x' is no column of mine.jsonl"):
        form.request(filled(form, ["upload:mine.jsonl"], uploads, sentence_column="x"))
    rows.write_text(rows.read_text() + '{"sentence": "", "note": ""}\n')
    with pytest.raises(SetError, match="row 21 of mine.jsonl has no sentence"):
        form.request(filled(form, ["upload:mine.jsonl"], uploads))


def test_the_command_line_lists_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", NAME]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Letter counts: Learns how long a text is.") and "Features of a character." in text
    assert main(["list"]) == 0
    assert f"{NAME} Learns how long a text is. (none) Leaves: weights." in capsys.readouterr().out


def test_the_docs_table_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--markdown"]) == 0
    page = capsys.readouterr().out
    assert f"| [`{NAME}`](#{NAME}) | Learns how long a text is. | weights | none |" in page
    section = page.partition(f"## `{NAME}`")[2]
    assert "| `squash` | none | none, log | What is done to a length before it is learned. |" in section
    assert "Data: a file of \\<sentences>." in section and "max_steps" not in section


def test_its_preview_is_the_first_row(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", NAME, "--model", "m", "--data", str(rows), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    text = CountRecipe(RunArguments("m", (str(rows),)), CountSettings()).text(0)
    assert found["raw"] == {"sentence": text} and found["templated"] == f"{len(text)} characters"
    asked = TrainingRequest(NAME, (str(rows),), {"max_steps": 1})
    assert f"<pre class='lz-log'>{len(text)} characters</pre>" in example_of(FOLDER, asked)


def test_two_steps_with_the_real_engine(form: TrainForm, rows: Path, tmp_path: Path) -> None:
    uploads, out = {"mine.jsonl": str(rows)}, tmp_path / "run"
    quick = {"max_steps": 2, "batch_size": 4, "log_every": 1, "samples": 0, "precision": "no"}
    asked = form.request(filled(form, ["upload:mine.jsonl"], uploads, **quick))
    command = asked.arguments("m", asked.data, str(out), "cpu")
    assert main(shlex.split(shlex.join(command))) == 0
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2] and all(line["error"] > 0 for line in lines)
    final = load_file(out / "final" / "counts.safetensors")
    assert not torch.equal(final["body.0.weight"], CountModule(4).body[0].weight)
    assert (out / "checkpoints" / "step-2").is_dir() and main([*command, "--resume"]) == 0
