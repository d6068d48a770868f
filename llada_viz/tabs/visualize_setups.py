"""Set-ups in the Visualize tab: presets, copies of the form as a link, Python or a command, opened links,
and a form that stays as it was through a refresh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from llada_viz.decoding.branches import setup_of_run
from llada_viz.decoding.fillings import Filling, of_setup, other_parts, titled, whole
from llada_viz.decoding.own_presets import own_presets, with_preset
from llada_viz.decoding.runs import Run
from llada_viz.decoding.served import CHECKER, scorers
from llada_viz.decoding.setup_code import CODE
from llada_viz.decoding.setup_link import LinkError, from_link, to_link
from llada_viz.decoding.setups import Setup
from llada_viz.render.question import question_of
from llada_viz.widgets.form import Key
from llada_viz.widgets.form_values import FormValues
from llada_viz.widgets.kept_form import RESET, KeptForm, field_id, recall
from llada_viz.widgets.live import QUIET, Updates, Values, alert
from llada_viz.widgets.settings_menu import OWN, PRESETS, SettingsMenu, is_own, said
from models.errors import ModelError
from samplers.branch import BranchError
from samplers.registry import SAMPLERS, make
from samplers.requests import RequestError
from samplers.settings import SettingError, sentence_of

if TYPE_CHECKING:
    from llada_viz.tabs.visualize import Visualize

NAME = "visualize"
NO_FILLING: dict[str, Any] = {}
COPIES: dict[str, Callable[[Setup], str]] = {"Link": lambda setup: f"?setup={to_link(setup)}", **CODE}
OPENED = "From a link: {title}. Nothing runs until you press Run."
LINK_PARAMETER = "setup"
# What was kept of the form and of presets, and the set-up of the address, which is used once.
READ = f"""() => {{
  const kept = ({recall(NAME, PRESETS)})();
  const link = new URL(location.href).searchParams.get('{LINK_PARAMETER}') ?? '';
  return [...kept, link];
}}"""
STORE = f"(text) => window.LladaCanvas.store('{PRESETS}', text)"
COPY = "(text) => window.LladaCanvas.copyText(text)"
BEGIN = f"""() => {{
  window.LladaCanvas.keeping('{NAME}');
  window.LladaCanvas.setAddress('{LINK_PARAMETER}', null);
}}"""


class VisualizeSetups:
    """Lays out the parts in the tab's form, and fills the form. The methods `on_…` are event handlers."""

    def __init__(self, tab: Visualize) -> None:
        self.tab, self.menu = tab, SettingsMenu("")

    # ---- layout ------------------------------------------------------------------------------

    def build_words(self) -> None:
        """At the top of the form: what a link or a refresh filled it with."""
        self.words = gr.HTML(elem_id="setup-words", elem_classes="lz-about", apply_default_css=False)

    def build_menu(self) -> None:
        """The menu of presets."""
        self.menu.build()
        # The sampler and settings that the form was filled with last; {} once another sampler was chosen.
        self.filled = gr.State(NO_FILLING)

    def build_tools(self) -> None:
        """Copy, save, reset."""
        with gr.Accordion("Copy, save, reset", open=False, elem_classes="lz-more", elem_id="setup-tools"):
            gr.HTML("<p>Copy this set-up as</p>", elem_classes="lz-caption", apply_default_css=False)
            with gr.Row(elem_classes="lz-tools"):
                self.copies = {kind: small(kind, name=f"copy-{kind.lower()}") for kind in COPIES}
            self.copied_words = gr.HTML(elem_id="copied-words", apply_default_css=False)
            self.copied = gr.Textbox(
                "", visible=False, lines=2, max_lines=8, interactive=False, elem_id="copied", label="Copied",
                elem_classes="lz-code", show_label=False,
            )  # fmt: skip
            self.name = gr.Textbox(
                "", label="Save these settings as", placeholder="a name", elem_id="preset-name", max_lines=1,
                info="Kept in this browser, without the prompt.",
            )  # fmt: skip
            with gr.Row(elem_classes="lz-tools"):
                self.save, self.delete = small("Save preset"), small("Delete preset", visible=False)
                self.reset = small("Reset form")
        self.kept_text, self.link_text = gr.Textbox("", visible=False), gr.Textbox("", visible=False)

    @property
    def kept(self) -> KeptForm:
        """What stays through a refresh."""
        tab = self.tab
        settings = {field_id(key): key for key in tab.form.widgets}
        fields = {
            "prompt": tab.prompt, "sampler": tab.sampler, "seed": tab.seed, "constraints": tab.constraints,
            "scorer": tab.scorer.scorer, **{name: tab.form.widgets[key] for name, key in settings.items()},
        }  # fmt: skip
        return KeptForm(NAME, fields, {name: tab.form.settings[key] for name, key in settings.items()})

    # ---- events ------------------------------------------------------------------------------

    @property
    def outputs(self) -> list[Any]:
        """What `fill` changes."""
        tab = self.tab
        return [
            tab.prompt, tab.sampler, tab.seed, tab.constraints, tab.about, tab.scorer.scorer,
            tab.scorer.of_adapter, self.filled, *tab.form.inputs,
        ]  # fmt: skip

    def connect(self, inputs: set[Any]) -> None:
        """Connect the events. inputs: of Run."""
        tab, menu = self.tab, self.menu
        options: dict[str, Any] = {"queue": False, **QUIET}
        shown = [*self.outputs, menu.words, tab.alert, self.delete, *tab.presets.outputs]
        read: set[Any] = {menu.choice, menu.own, tab.prompt, tab.attached}
        menu.choice.input(self.on_preset, read, shown, **options)
        form = FormValues(inputs)
        for kind, button in self.copies.items():
            copied = form.gathered(button.click).success(
                form.given_to(partial(self.on_copy, kind)), form.inputs(tab.run_id),
                [self.copied, tab.alert], **options,
            )  # fmt: skip
            copied.success(None, self.copied, [self.copied, self.copied_words], js=COPY, **options)
        own = [menu.choice, menu.own, menu.words, tab.alert, self.delete, self.name]
        named = form.inputs(tab.run_id, menu.own, menu.choice, self.name)
        for button, handler in ((self.save, self.on_save), (self.delete, self.on_delete)):
            done = form.gathered(button.click).success(form.given_to(handler), named, own, **options)
            done.success(None, menu.own, None, js=STORE, **options)
        everything = [*shown, menu.choice, self.words]
        self.reset.click(self.on_reset, None, everything, **options)
        self.kept.keep()

    def on_load(self, page: gr.Blocks) -> Any:
        """When the page opens: fill the form from a link, or as it was; the event."""
        options: dict[str, Any] = {"queue": False, **QUIET}
        read = [self.kept_text, self.menu.own, self.link_text]
        outputs = [*self.outputs, self.menu.choice, self.menu.own, self.words]
        loaded = page.load(self.on_open, read, outputs, js=READ, **options)
        loaded.then(None, None, None, js=BEGIN, **options)
        return loaded

    def fill(self, filling: Filling) -> Updates:
        """The form with another sampler, settings, and what else a filling has."""
        tab = self.tab
        own = {tab.prompt: filling.prompt, tab.seed: filling.seed, tab.constraints: filling.constraints}
        filled = {"sampler": filling.sampler, "settings": dict(filling.settings), "scorer": filling.scorer}
        return {
            **{component: value for component, value in own.items() if value is not None},
            tab.sampler: filling.sampler, tab.scorer.of_adapter: False, self.filled: filled,
            **tab.of_sampler(filling.sampler, filling.settings, filling.scorer),
        }  # fmt: skip

    def of_run(self, run: Run) -> Updates:
        """The form as a recorded run was asked for; of one that is not our samplers' its question alone."""
        using, judge = self.tab.bundled, run.layout.scorer
        try:
            setup = setup_of_run(run)
            known = judge in [value for _, value in scorers(using)]
            filled = self.fill(of_setup(replace(setup, scorer=judge if known else setup.scorer), using, ""))
        except (BranchError, SettingError):
            question = question_of(run.layout.prompt)
            filled = {self.tab.prompt: question} if question else {}
        return filled | self.menu.left() | {self.words: ""}

    def on_preset(self, values: Values) -> Updates:
        """A preset was chosen: fill the form, and say what it is and how it was scaled."""
        tab, choice = self.tab, values[self.menu.choice]
        using = tab.attachments.using_or_bundled(values[tab.attached])
        try:
            filling = self.menu.filled(choice, values[self.menu.own], using, values[tab.prompt] or "")
        except LinkError as error:
            return {tab.alert: alert(sentence_of(error))}
        if filling is None:
            return {self.menu.words: "", self.delete: gr.update(visible=False)}
        return {
            **tab.presets.left(), **self.fill(filling), self.menu.words: said(filling.said),
            tab.alert: alert(""), self.delete: gr.update(visible=is_own(choice)),
        }  # fmt: skip

    def on_copy(self, kind: str, values: Values) -> Updates:
        """The form as a link, a program or a command."""
        try:
            text = COPIES[kind](self.tab.setup(values))
        except (RequestError, SettingError, ModelError, LinkError) as error:
            return {self.copied: gr.update(visible=False), self.tab.alert: alert(sentence_of(error))}
        shown = gr.update(value=text, visible=True, label=kind)
        return {self.copied: shown, self.tab.alert: alert("")}

    def on_save(self, values: Values) -> Updates:
        """Keep the form's settings under a name."""
        own, name = own_presets(values[self.menu.own]), values[self.name] or ""
        try:
            kept = with_preset(own, name, self.tab.setup(values))
        except (RequestError, SettingError, ModelError, LinkError) as error:
            return {self.tab.alert: alert(sentence_of(error))}
        name = " ".join(name.split())
        return {
            **self.menu.offered(kept, OWN + name), self.menu.words: said(f"Saved as {name}."), self.name: "",
            self.delete: gr.update(visible=True), self.tab.alert: alert(""),
        }  # fmt: skip

    def on_delete(self, values: Values) -> Updates:
        """Forget the chosen preset; the form stays."""
        name = str(values[self.menu.choice]).removeprefix(OWN)
        own = {key: link for key, link in own_presets(values[self.menu.own]).items() if key != name}
        return {
            **self.menu.offered(own), self.menu.words: said(f"{name} is deleted."),
            self.delete: gr.update(visible=False),
        }  # fmt: skip

    def on_reset(self) -> Updates:
        """The form as the page has it for somebody who is new."""
        return {
            **self.fill(self.first()), **self._first_settings(), **self.menu.left(),
            **self.tab.presets.left(), self.words: "", self.tab.alert: alert(""),
            self.delete: gr.update(visible=False),
        }  # fmt: skip

    def on_open(self, kept: str, own: str, link: str) -> Updates:
        """Fill the form from a link, else from what the browser kept; what does not fit is said."""
        offered = self.menu.offered(own_presets(own))
        using = self.tab.bundled
        if link:
            try:
                setup, notes = from_link(link)
            except LinkError as error:
                return offered | self._restored(kept) | {self.words: alert(sentence_of(error))}
            what = OPENED.format(title=titled(setup))
            filling = of_setup(setup, using, what, [*notes, *other_parts(setup, using)])
            return offered | self.fill(filling) | {self.words: said(filling.said)}
        return offered | self._restored(kept)

    # ---- what a browser remembers -------------------------------------------------------------

    def first(self) -> Filling:
        """What the form begins with."""
        tab, chosen = self.tab, self.tab.form.chosen
        own = {setting.name for setting in SAMPLERS[chosen].settings}
        settings = {name: value for name, value in tab.form.first.items() if name in own}
        return Filling(chosen, whole(chosen, settings), CHECKER, tab.first.prompt, 0, "")

    def _first_settings(self) -> Updates:
        """Every input of a setting, those of other samplers too, as it began."""
        form, shown = self.tab.form, self.tab.of_sampler(self.tab.form.chosen, {}, CHECKER)
        for key, widget in form.widgets.items():
            shown[widget] = gr.update(**{**shown[widget], "value": first_value(form, key)})
        return {widget: shown[widget] for widget in form.inputs}

    def _restored(self, text: str) -> Updates:
        right, wrong = self.kept.read(text)
        if not right and not wrong:
            return {}
        tab, first = self.tab, self.first()
        sampler = right.get("sampler", first.sampler)
        if sampler not in SAMPLERS:
            sampler = first.sampler
        form, names = tab.form, {key: field_id(key) for key in tab.form.widgets}
        values = {key: right.get(names[key], first_value(form, key)) for key in form.widgets}
        settings = form.values(sampler, {form.widgets[key]: value for key, value in values.items()})
        try:
            make(sampler, settings)
        except SettingError as error:
            wrong["together"] = error.sentence
            own = [key for key in form.widgets if key[0] in settings]
            values |= {key: first_value(form, key) for key in own}
            settings = form.values(sampler, {form.widgets[key]: value for key, value in values.items()})
        scorer = tab.scorer.kept(right, wrong)
        prompt, constraints = right.get("prompt", first.prompt), right.get("constraints", "")
        filling = Filling(sampler, settings, scorer, prompt, right.get("seed", 0), constraints)
        filled = self.fill(filling)
        for key, widget in form.widgets.items():
            filled[widget] = gr.update(**{**filled[widget], "value": values[key]})
        note = RESET.format(" ".join(wrong.values())) if wrong else ""
        return filled | {self.words: said(note)}


def small(text: str, name: str = "", visible: bool = True) -> Any:
    """A small button. name: its element id, else its text."""
    name = name or text.lower().replace(" ", "-")
    return gr.Button(text, size="sm", min_width=60, visible=visible, elem_id=name)


def first_value(form: Any, key: Key) -> Any:
    """What a setting's input begins with."""
    setting = form.settings[key]
    return form.first.get(setting.name, setting.default)
