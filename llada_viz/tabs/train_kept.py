"""What stays of the Train tab's form through a refresh. Uploaded files do not."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.tabs.train_form import TrainForm
from llada_viz.widgets.form import key_of
from llada_viz.widgets.kept_form import KeptForm, field_id
from llada_viz.widgets.live import Updates
from samplers.settings import SettingError, describe
from training.engine.settings import settings_of
from training.registry import objective

NOT_HERE = "Data that is not here any more was left out: choose it again, or upload it again."


class KeptTraining:
    """The form's fields, and how they are filled in again."""

    def __init__(self, form: TrainForm) -> None:
        self.form = form

    @property
    def form_kept(self) -> KeptForm:
        """Its fields. Columns are not kept: they are guessed from the data."""
        form = self.form
        keys = {field_id(key): key for key in form.widgets if key not in form.columns}
        fields = {
            "objective": form.objective, "preset": form.start_from, "data": form.data.sets,
            "name": form.name, **{name: form.widgets[key] for name, key in keys.items()},
        }  # fmt: skip
        return KeptForm("train", fields, {name: form.settings[key] for name, key in keys.items()})

    @property
    def outputs(self) -> list[Any]:
        """What `back` and `first` update."""
        form = self.form
        return [form.objective, form.name, form.data.uploads, *form.shown]

    def back(self, right: dict[str, Any], wrong: dict[str, str]) -> Updates:
        """The form as a browser kept it."""
        form, name = self.form, right.get("objective", self.form.objective.value)
        entry, sets = objective(name), right.get("data")
        filled = form.filled(name, right.get("preset", ""), sets)
        if sets is not None and filled[form.data.sets]["value"] != sets:
            wrong["data"] = NOT_HERE
        own = {key: field_id(key) for key in map(key_of, describe(entry.settings)) if key in form.widgets}
        begun = {key[0]: filled[form.widgets[key]]["value"] for key in own if key not in form.columns}
        kept = {key: right[id] for key, id in own.items() if id in right}
        try:
            settings_of(entry.settings, begun | {key[0]: value for key, value in kept.items()})
        except SettingError as error:
            wrong["together"], kept = error.sentence, {}
        for key, value in kept.items():
            filled[form.widgets[key]] = gr.update(**{**filled[form.widgets[key]], "value": value})
        return filled | {form.name: right.get("name", "")}

    def first(self) -> Updates:
        """The form for somebody who is new."""
        name, preset = self.form.objective.value, self.form.start_from.value
        return self.form.filled(name, preset) | {self.form.name: ""}
