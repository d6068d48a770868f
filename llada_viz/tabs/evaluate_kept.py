"""What stays of the Evaluate tab's form through a refresh. An uploaded file does not."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llada_viz.decoding.kept import kept_lanes, size_ranges
from llada_viz.tabs.evaluate_fill import filled
from llada_viz.tabs.evaluate_form import EvaluateForm, SetFacts, samples
from llada_viz.widgets.kept_form import KeptForm
from llada_viz.widgets.live import Updates, head_settings
from llada_viz.widgets.scorer_input import ScorerInput

SET_GONE = "The set is not here any more: choose it again, or upload it again."


class KeptEvaluation:
    """The form's fields, and how they are filled in again."""

    def __init__(self, form: EvaluateForm, scorer: ScorerInput) -> None:
        self.form, self.scorer = form, scorer

    @property
    def form_kept(self) -> KeptForm:
        """Its fields; the set comes first."""
        form = self.form
        fields = {
            "set": form.source, "question": form.question, "answer": form.answer, "lanes": form.lanes,
            "scorer": form.scorer, **form.sizes, "limit": form.limit, "shots": form.shots,
            "shots_from": form.shots_from, "seed": form.seed, "prompt": form.template,
        }  # fmt: skip
        return KeptForm("evaluate", fields, size_ranges())

    @property
    def outputs(self) -> list[Any]:
        """What `back` and `first` update."""
        return [*filled(self.form), self.form.scorer]

    def back(self, right: dict[str, Any], wrong: dict[str, str]) -> Updates:
        """The form as a browser kept it."""
        form, fields = self.form, self.form_kept.fields
        if "set" not in right:  # its columns, rows and sizes are those of another
            right = {name: value for name, value in right.items() if name in ("lanes", "scorer", "seed")}
            wrong |= {"set": SET_GONE}
        facts = form.look(right.get("set", form.source.value), "")
        using = self.scorer.attachments.using_or_bundled("")
        right |= kept_lanes(right, wrong, form.sizes_of(facts), 1, head_settings(using))
        right |= {"scorer": self.scorer.kept(right, wrong)}
        for column in ("question", "answer"):
            if right.get(column) not in facts.columns:
                right.pop(column, None)
        return self._filled(facts, {fields[name]: value for name, value in right.items()})

    def first(self) -> Updates:
        """The form for somebody who is new."""
        kept, form = self.form_kept, self.form
        return self._filled(form.look(form.source.value, ""), kept.first())

    def _filled(self, facts: SetFacts, values: Updates) -> Updates:
        """The form with a set and the values of its inputs; all others are as they began."""
        form, filled = self.form, self.form_kept.first() | self.form.fill(facts)
        for component, value in values.items():
            before = filled.get(component)
            filled[component] = gr.update(**{**before, "value": value}) if isinstance(before, dict) else value
        chosen = gr.update(choices=samples(form.public), value=values.get(form.source, form.source.value))
        return filled | {form.source: chosen, form.path: ""}
