"""The Models tab: what is loaded, what another model would take before it is loaded, and its parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr

from llada_viz.decoding import model_choice as choice
from llada_viz.decoding.attached import NAMES, Attached, Attachments, Using, parts_of
from llada_viz.decoding.model_choice import AUTO, Facts
from llada_viz.decoding.provenance import facts, memory_of
from llada_viz.host import models_open
from llada_viz.render.models import facts_table, loading, memory_bar, note
from llada_viz.widgets.live import QUIET, Updates, Values, alert, refusal, without_fraction
from models import hub
from models.assets import locate
from models.checkpoint import ModelError
from models.memory import Use, gigabytes
from samplers.requests import RequestError
from samplers.settings import sentence_of

OTHER = "another"
"""The choice that stands for a folder or an id that is typed."""
CACHES = ("none", "prefix", "dual")
MOST_TOKENS, MOST_ROWS = 2**20, 4096
LOOK_SECONDS = 0.5  # between two looks at how far a load is
NOBODY = "No model is loaded."
PARTS = (
    "An adapter, a UPS head (it decides which cells are masked again) or a reward model. "
    "An adapter and a head only fit the network that they were trained on."
)
Progress = Callable[[str, float | None], None]


class Models:
    """Builds the tab. The methods `on_…` are its event handlers."""

    def __init__(self, attachments: Attachments) -> None:
        self.attachments, self.bundled = attachments, attachments.bundled
        self.open = models_open()

    # ---- layout ------------------------------------------------------------------------------

    def build(self, attached: gr.State) -> None:
        """Lay out the tab and connect its events. attached: the page's state with the id of an attachment."""
        self.attached = attached
        with gr.Row(elem_classes="lz-page"):
            with gr.Column(elem_classes="lz-card lz-form", min_width=280):
                self._choice()
                self._use()
                self._foot()
                self._open()
            with gr.Column(elem_classes="lz-out", min_width=0):
                self._loaded()
                self._parts()
        self._connect()

    def _choice(self) -> None:
        first = self.bundled.folder.name if choice.is_bundled(str(self.bundled.folder)) else ""
        listed = [*choice.offers(), *([("A folder or another hub id…", OTHER)] if self.open else [])]
        value = first if first in [name for _, name in listed] else listed[0][1]
        self.model = gr.Dropdown(listed, value=value, label="Model", elem_id="models-model", filterable=False)
        self.named = gr.Textbox(
            label="Folder or hub id", placeholder="owner/name, or /path/to/folder", visible=False,
            elem_id="models-named",
        )  # fmt: skip
        self.revision = gr.Textbox(
            label="Revision", info="A branch, tag or commit of the hub.", visible=False,
            elem_id="models-revision",
        )  # fmt: skip
        self.about = gr.HTML(elem_id="models-about", apply_default_css=False)
        with gr.Row(elem_classes="lz-two"):
            words = [(choice.WORDS[way], way) for way in (AUTO, *choice.TYPES)]
            self.precision = gr.Dropdown(
                words, value=AUTO, label="Precision", elem_id="models-precision", filterable=False
            )
            places = [(choice.WORDS.get(name, name), name) for name in choice.devices()]
            self.device = gr.Dropdown(
                places, value=AUTO, label="Device", elem_id="models-device", filterable=False
            )

    def _use(self) -> None:
        with gr.Row(elem_classes="lz-two"):
            self.length = gr.Number(1024, label="Canvas, in tokens", elem_id="models-length", min_width=80)
            self.rows = gr.Number(1, label="Answers at once", elem_id="models-rows", min_width=80)
        self.cache = gr.Radio(list(CACHES), value="none", label="KV cache", elem_id="models-cache")
        self.memory = gr.HTML(elem_id="models-memory", apply_default_css=False)

    def _foot(self) -> None:
        with gr.Column(elem_classes="lz-bottom", min_width=0):
            self.alert = gr.HTML(elem_id="models-alert", apply_default_css=False)
            self.progress = gr.HTML(elem_id="models-progress", apply_default_css=False)
            with gr.Row(elem_classes="lz-go lz-alone"):
                self.load = gr.Button("Load", variant="primary", elem_id="models-load", min_width=80)

    def _open(self) -> None:
        """What the first choice says, before anybody changes it."""
        asked = (self.model, self.named, self.revision, self.precision, self.device)
        opened = self.on_model({c: c.value for c in (*asked, self.length, self.rows, self.cache)})
        self.about.value, self.memory.value = opened[self.about], opened[self.memory]

    def _loaded(self) -> None:
        with gr.Column(elem_classes="lz-card lz-form lz-what", min_width=0):
            gr.HTML("<h2>What decodes</h2>", apply_default_css=False)
            self.shown = gr.HTML(
                self._facts(self.bundled), elem_id="models-loaded", apply_default_css=False
            )  # fmt: skip
            with gr.Row(elem_classes="lz-tools"):
                self.removes = {
                    part: gr.Button(
                        f"Detach the {NAMES[part]}",
                        size="sm",
                        visible=False,
                        min_width=80,
                        elem_id=f"models-detach-{part}",
                    )  # fmt: skip
                    for part in ("adapter", "head", "prm")
                }
                self.unload = gr.Button(
                    f"Unload, back to {self.bundled.name}", size="sm", visible=False, min_width=80,
                    elem_id="models-unload",
                )  # fmt: skip

    def _parts(self) -> None:
        with gr.Column(elem_classes="lz-card lz-form lz-what", min_width=0):
            gr.HTML(f"<h2>Attach to it</h2><p class='lz-about'>{PARTS}</p>", apply_default_css=False)
            kinds = [part for kind in ("adapter", "UPS head", "reward model") for part in choice.offers(kind)]
            listed = [*kinds, *([("A folder or another hub id…", OTHER)] if self.open else [])]
            self.part = gr.Dropdown(
                listed, value=listed[0][1], label="Part", elem_id="models-part", filterable=False
            )
            self.part_named = gr.Textbox(
                label="Folder or hub id", placeholder="/path/to/folder", visible=False,
                elem_id="models-part-named",
            )  # fmt: skip
            self.part_alert = gr.HTML(elem_id="models-part-alert", apply_default_css=False)
            self.part_progress = gr.HTML(elem_id="models-part-progress", apply_default_css=False)
            with gr.Row(elem_classes="lz-tools"):
                self.attach = gr.Button("Attach", size="sm", elem_id="models-attach", min_width=80)

    # ---- events ------------------------------------------------------------------------------

    def _connect(self) -> None:
        asked = {self.model, self.named, self.revision, self.precision, self.device}
        uses = {self.length, self.rows, self.cache}
        soon = {"trigger_mode": "always_last", "queue": False, **QUIET}
        forms = [self.named, self.revision, self.precision, self.about, self.memory, self.alert]
        self.model.change(self.on_model, asked | uses, forms, **soon)
        self.named.blur(self.on_model, asked | uses, forms, **soon)
        self.named.submit(self.on_model, asked | uses, forms, **soon)
        parts: tuple[Any, ...] = (self.precision, self.device, *uses)
        for component in parts:
            component.change(self.on_use, asked | uses, [self.memory], **soon)
        busy = [self.alert, self.progress, self.load, self.attached]
        self.load.click(
            self.on_load, asked | uses | {self.attached}, busy, concurrency_limit=None, trigger_mode="once",
            **QUIET,
        )  # fmt: skip
        self.part.change(self.on_part, {self.part}, [self.part_named], **soon)
        self.attach.click(
            self.on_attach, {self.part, self.part_named, self.attached},
            [self.part_alert, self.part_progress, self.attach, self.attached],
            concurrency_limit=None, trigger_mode="once", **QUIET,
        )  # fmt: skip
        for part, button in self.removes.items():
            button.click(self._remover(part), {self.attached}, [self.attached, self.alert], **QUIET)
        self.unload.click(self.on_unload, {self.attached}, [self.attached], **QUIET)
        shown = [self.shown, self.unload, *self.removes.values()]
        self.attached.change(self.on_attached, {self.attached}, shown, queue=False, **QUIET)

    def on_model(self, values: Values) -> Updates:
        """Another model was chosen or named: what is known of it, how it can be loaded, and its memory."""
        other = values[self.model] == OTHER
        updates: Updates = {
            self.named: gr.update(visible=other), self.revision: gr.update(visible=other),
            self.about: "", self.memory: "", self.alert: "",
        }  # fmt: skip
        name = self._name(values)
        if not name:
            return updates
        try:
            choice.check_allowed(name)
            found = choice.facts_of(name, self._revision(values))
        except (ModelError, RequestError) as error:
            return updates | {self.alert: alert(sentence_of(error))}
        ways = choice.precisions(found)
        words = [(choice.WORDS[way], way) for way in ways]
        kept = values[self.precision] if values[self.precision] in ways else AUTO
        updates[self.precision] = gr.update(choices=words, value=kept)
        updates[self.about] = about(found)
        return updates | self._forecast(found, {**values, self.precision: kept})

    def on_use(self, values: Values) -> Updates:
        """The settings that memory depends on have changed."""
        name = self._name(values)
        try:
            choice.check_allowed(name)
            return self._forecast(choice.facts_of(name, self._revision(values)), values)
        except (ModelError, RequestError):
            return {self.memory: ""}

    def on_load(self, values: Values) -> Iterator[Updates]:
        """Load what was chosen, and decode with it from then on; a refusal is a sentence, and what is loaded
        stays."""
        yield from self._working(
            values, (self.alert, self.progress, self.load, "Load"), lambda said: self._load(values, said)
        )

    def on_attach(self, values: Values) -> Iterator[Updates]:
        """Attach a part to what is loaded."""
        places = (self.part_alert, self.part_progress, self.attach, "Attach")
        yield from self._working(values, places, lambda said: self._attach(values, said))

    def on_part(self, values: Values) -> Updates:
        """A folder can be typed where that is chosen."""
        return {self.part_named: gr.update(visible=values[self.part] == OTHER)}

    def _remover(self, part: str) -> Callable[[Values], Updates]:
        def remove(values: Values) -> Updates:
            try:
                return {self.attached: self.attachments.remove(values[self.attached], part), self.alert: ""}
            except ModelError as error:
                return {self.attached: values[self.attached], self.alert: alert(sentence_of(error))}

        return remove

    def on_unload(self, values: Values) -> Updates:
        """Back to the bundled model; the memory is free once this tab's runs have ended."""
        self.attachments.forget(values[self.attached])
        return {self.attached: ""}

    def on_attached(self, values: Values) -> Updates:
        """What decodes has changed."""
        using = self.attachments.using_or_bundled(values[self.attached])
        origins = using.origins if isinstance(using, Attached) else {}
        return {
            self.shown: self._facts(using), self.unload: gr.update(visible=bool(origins)),
            **{button: gr.update(visible=part in origins) for part, button in self.removes.items()},
        }  # fmt: skip

    # ---- what the handlers share -------------------------------------------------------------

    def _facts(self, using: Using) -> str:
        rows = facts(using)
        return facts_table(rows) if rows else note(self.bundled.problem or NOBODY)

    def _name(self, values: Values) -> str:
        named = values[self.named] if values[self.model] == OTHER else values[self.model]
        return str(named or "").strip()

    def _revision(self, values: Values) -> str:
        return str(values[self.revision] or "").strip() if values[self.model] == OTHER else ""

    def _forecast(self, found: Facts, values: Values) -> Updates:
        try:
            use = self._use_of(values, found)
        except RequestError as error:
            return {self.memory: alert(sentence_of(error))}
        seen = choice.forecast(found, values[self.precision], values[self.device], use)
        if seen is None:
            return {self.memory: note("Its sizes are not known, so its memory is not either.")}
        return {self.memory: memory_bar(seen.memory, seen.free, seen.precision, seen.device, seen.fitting)}

    def _use_of(self, values: Values, found: Facts) -> Use:
        length, rows = without_fraction(values[self.length]), without_fraction(values[self.rows])
        most = found.context or MOST_TOKENS
        for label, number, limit in (("Canvas", length, most), ("Answers at once", rows, MOST_ROWS)):
            if not isinstance(number, int) or not 1 <= number <= limit:
                raise RequestError(f"{label} = {number!r}", f"{label} may be 1 to {limit:,}.")
        if values[self.cache] not in CACHES:
            raise RequestError(f"cache = {values[self.cache]!r}; allowed: {', '.join(CACHES)}")
        return Use(rows=rows, length=length, cache=values[self.cache])

    def _load(self, values: Values, said: Progress) -> str:
        """The id of the attachment with the chosen model."""
        name, revision = self._name(values), self._revision(values)
        choice.check_allowed(name)
        if self._is_own(name) and values[self.precision] == values[self.device] == AUTO:
            self.attachments.forget(values[self.attached])
            return ""  # the bundled model itself
        known = choice.facts_of(name, revision)
        if known.family is not None and not known.family.built:
            raise ModelError(known.wrong)
        revision = fetched(name, revision, said)
        found = choice.facts_of(name, revision, look=True)
        if found.wrong:
            raise ModelError(found.wrong)
        source = choice.sources_for(found, revision, values[self.precision], values[self.device])
        use = self._use_of(values, found)
        seen = choice.forecast(found, values[self.precision], values[self.device], use)
        said(f"reading {gigabytes(seen.memory.weights)} of weights" if seen else "reading the weights", None)
        place = choice.place_of(values[self.device])
        return self.attachments.add_model(values[self.attached], source, place, found.title)

    def _is_own(self, name: str) -> bool:
        return (
            Path(locate(name)).resolve() == self.bundled.folder.resolve() and self.bundled.loaded is not None
        )

    def _attach(self, values: Values, said: Progress) -> str:
        """The id of the attachment with the chosen part."""
        named = values[self.part_named] if values[self.part] == OTHER else values[self.part]
        name = str(named or "").strip()
        choice.check_allowed(name)
        fetched(name, "", said)
        folder = hub.snapshot(name)
        if "model" in parts_of(folder):
            raise ModelError(f"part = {name!r} is a model; allowed: an adapter, a UPS head or a reward model")
        said("reading its weights", None)
        label = folder.name if Path(locate(name)).is_dir() else name
        return self.attachments.add(values[self.attached], folder, label, here=True)

    def _working(
        self, values: Values, places: tuple[Any, Any, Any, str], work: Callable[[Progress], str]
    ) -> Iterator[Updates]:
        """Do something that takes long in a thread, and show how far it is. places: alert, progress, button
        and its label. If the visitor leaves meanwhile, what was loaded is forgotten."""
        place, progress, button, label = places
        state: list[Any] = ["looking at the files", None]

        def said(sentence: str, share: float | None) -> None:
            state[:] = [sentence, share]

        pool = ThreadPoolExecutor(1)
        future = pool.submit(work, said)
        pool.shutdown(wait=False)
        began, delivered = time.monotonic(), False
        try:
            yield {
                place: "",
                progress: loading(*state),
                button: gr.update(interactive=False, value="Loading…"),
            }
            while not future.done():
                time.sleep(LOOK_SECONDS if time.monotonic() - began > 2 else 0.05)
                seconds = f", {time.monotonic() - began:.0f} s"
                yield {progress: loading(f"{state[0]}{seconds}.", state[1])}
            ready = {progress: "", button: gr.update(interactive=True, value=label)}
            try:
                made = future.result()
            except (ModelError, RequestError, OSError) as error:
                hint = self._hint(values, error)
                update, ending = refusal(error, place)
                update = {place: alert(f"{sentence_of(error)} {hint}".strip())}
                yield update | ready
                delivered = True
                raise ending from None
            delivered = True
            yield {self.attached: made, place: "", **ready}
        finally:
            if not delivered:
                future.add_done_callback(self._drop)

    def _drop(self, future: Future[str]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.attachments.forget(future.result())

    def _hint(self, values: Values, error: Exception) -> str:
        """What this tab itself could free, where memory is what is missing."""
        using = self.attachments.using_or_bundled(values[self.attached])
        own = isinstance(using, Attached) and using.loaded is not self.bundled.loaded
        if " are free on " not in str(error) or not own or using.loaded is None:
            return ""
        return f"Unloading {using.name} first frees {gigabytes(memory_of(using.loaded))}."


def about(found: Facts) -> str:
    """What is known of a choice, in a sentence or two."""
    if found.wrong:
        return alert(sentence_of(ModelError(found.wrong)))
    known, parts = found.known, []
    if found.shape is not None:
        parts.append(f"{found.shape.parameters / 1e9:.2g} billion weights." if found.shape.parameters >= 10**8
                     else f"{found.shape.parameters / 1e6:.2g} million weights.")  # fmt: skip
    if known is not None and known.license:
        parts.append(f"Licence: {known.license}.")
    if known is not None and known.gated:
        parts.append("Gated: its terms are accepted on the hub, and HF_TOKEN is set.")
    if not found.here:
        parts.append("Its files are fetched from the hub when it is loaded.")
    return note(" ".join(parts))


def fetched(name: str, revision: str, said: Progress) -> str:
    """Fetch what is missing of a hub id; the commit that is here then. "" for a folder or a bundled name."""
    if Path(locate(name)).exists():
        return ""

    def progress(arrived: int, missing: int) -> None:
        words = f"fetching {gigabytes(arrived)} of {gigabytes(missing)}"
        said(words, arrived / missing if missing else None)

    said("asking the hub", None)
    return hub.commit_of(hub.snapshot(name, revision, progress=progress)) or revision
