"""The page: header, tabs, and how it is served."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from llada_viz.address import free_port, wanted_host
from llada_viz.api.access import is_local, wanted_key
from llada_viz.api.server import Api
from llada_viz.decoding.attached import Attachments
from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.comparison import Comparisons
from llada_viz.decoding.preparing import prepare_ordered
from llada_viz.decoding.runs import Runs
from llada_viz.decoding.served import model_defaults
from llada_viz.decoding.zero_gpu import lend
from llada_viz.endpoints.answers import Answers
from llada_viz.endpoints.asked import PUBLIC, Limits
from llada_viz.endpoints.evaluating import Evaluating
from llada_viz.endpoints.mcp import wanted_mcp
from llada_viz.export.exports import Exports
from llada_viz.export.exports import Limits as FileLimits
from llada_viz.export.hand_out import routes as export_routes
from llada_viz.gallery.gallery import Gallery
from llada_viz.gallery.shelf import Shelf
from llada_viz.host import on_zero_gpu, public_host
from llada_viz.jobs.evaluations import Evaluations
from llada_viz.jobs.home import browser_secret, home_folder
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.trainings import Trainings
from llada_viz.render import canvas_files
from llada_viz.render.menu_headings import menu_headings
from llada_viz.share_preview import SharePreview
from llada_viz.tabs.compare import Compare
from llada_viz.tabs.evaluate import Evaluate
from llada_viz.tabs.explain import Explain
from llada_viz.tabs.hand_over import HandOver
from llada_viz.tabs.model_offer import offer_models
from llada_viz.tabs.models import Models
from llada_viz.tabs.traces import Traces
from llada_viz.tabs.train import Train
from llada_viz.tabs.visualize import Visualize
from llada_viz.theme import theme
from llada_viz.widgets import page_head
from llada_viz.widgets.live import QUIET
from llada_viz.widgets.model_menu import ModelMenu
from llada_viz.widgets.named_api import publish
from llada_viz.widgets.page_tabs import keep_tab
from models.assets import assets

TITLE = "LLaDA Viz"
MOST_UPLOAD = "64mb"


class Page(gr.Blocks):
    """The page, and the API that is served beside it; None: it is off. exports: files that are fetched."""

    api: Api | None = None
    exports: Exports | None = None


def create_ui() -> Page:
    """The whole page."""
    bundled = Bundled()
    comparisons = Comparisons()
    runs = Runs(golds=bundled.golds, others_busy=comparisons.busy)
    attachments, jobs = Attachments(bundled), background_jobs()
    lend(partial(prepare_ordered, attachments))
    # ZeroGPU lends its GPU to the page's own runs only.
    device = bundled.loaded.device if bundled.loaded and not on_zero_gpu() else "cpu"
    evaluations = Evaluations(jobs, bundled.folder, device)
    trainings = Trainings(jobs, bundled.folder, device)
    shelf, exports = shelf_of(bundled, runs), Exports(FileLimits() if public_host() else None)
    page = Page(title=TITLE, analytics_enabled=False, fill_width=True)
    with page:
        if not on_zero_gpu():  # which lends its GPU to the page's own runs only
            limits = PUBLIC if public_host() else Limits()
            publish(Answers(attachments, runs, limits), Evaluating(bundled, evaluations, limits))
        attached = gr.State("")
        with gr.Row(elem_classes="lz-header"):
            page_head.name(TITLE)
            ModelMenu(attachments).build(attached)
            page_head.tools()
        with gr.Tabs(elem_classes="lz-tabs") as tabs:
            with gr.Tab("Visualize", id="visualize"):
                visualize = Visualize(bundled, runs, attachments, comparisons, shelf, exports)
                visualize.build(attached)
            with gr.Tab("Compare", id="compare", render_children=True):
                compare = Compare(bundled, comparisons, attachments, exports, shelf)
                compare.build(attached)
            with gr.Tab("Evaluate", id="evaluate", render_children=True):
                evaluate = Evaluate(bundled, runs, evaluations, attachments, public_host(), browser_secret())
                evaluate.build(attached)
            with gr.Tab("Train", id="train", render_children=True) as tab:
                train = Train(bundled, runs, trainings, attachments, public_host(), browser_secret())
                train.build(attached, tabs, tab)
            with gr.Tab("Models", id="models", render_children=True):
                models = Models(attachments)
                models.build(attached)
            with gr.Tab("Traces", id="traces", render_children=True):
                traces = Traces(shelf, visualize, compare, exports)
                traces.build(tabs)
            with gr.Tab("Explain", id="explain", render_children=True):
                Explain(bundled, comparisons, attachments).build()
        offer_models(visualize, models, tabs)
        HandOver(compare, visualize, evaluate, tabs).connect()
        page.unload(leaves(runs, comparisons, attachments))
        keep_tab(page, tabs)
        # A link to a run wins over a set-up, and over what a browser kept: it fills the form after them.
        opened = visualize.setups.on_load(page)
        opened.then(traces.on_link, {visualize.run_id}, visualize.shown, **QUIET)
        for tab in (compare, evaluate, train):
            tab.when_opened(page)
        hush(page)
    page.queue(max_size=64)
    page.api, page.exports = api_of(bundled), exports
    return page


def hush(page: Page) -> None:
    """Events without a sign of progress tell it to one component alone, and not to each of their outputs: the
    page looks for every component that it tells, at each answer of the server."""
    nobody = gr.HTML(visible=False)
    for event in page.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = [nobody]


def leaves(runs: Runs, comparisons: Comparisons, attachments: Attachments) -> Callable[[gr.Request], None]:
    """What is done when a visitor leaves: whatever goes on of his is stopped, and let go."""

    def leave(request: gr.Request) -> None:
        visitor = str(request.session_hash or "")
        runs.leave(visitor)
        comparisons.leave(visitor)
        attachments.leave(visitor)

    return leave


def shelf_of(bundled: Bundled, runs: Runs) -> Shelf:
    """The kept traces of the home folder, and those that come with the program."""
    gallery = Gallery(home_folder() / "traces", assets() / "traces", bundled.golds)
    return Shelf(gallery, runs, public_host())


def api_of(bundled: Bundled) -> Api | None:
    """The OpenAI-compatible API of the bundled model. None on a host that others reach, without a key, and on
    ZeroGPU, whose GPU only the page's own runs are lent."""
    key = wanted_key()
    if on_zero_gpu() or (not key and (public_host() or not is_local(wanted_host(public_host())))):
        return None
    return Api(bundled, key, model_defaults(bundled.folder))


def background_jobs() -> Jobs:
    """The jobs of the home folder, watched. Jobs that an earlier server started go on."""
    jobs = Jobs(home_folder())
    jobs.watch()
    return jobs


def launch_options(page: Any = None) -> dict[str, Any]:
    """The arguments of gradio's `launch`: to this machine only, or as a Space is served; no public link, no
    folder whose files are handed out. The routes of the page's API and exports come before gradio's own."""
    api: Api | None = getattr(page, "api", None)
    exports: Exports | None = getattr(page, "exports", None)
    host = wanted_host(public_host())
    return {
        "server_name": f"[{host}]" if ":" in host else host, "server_port": free_port(host),
        "share": False, "strict_cors": True, "allowed_paths": None, "show_error": False,
        "run_history": False, "max_file_size": MOST_UPLOAD, "mcp_server": wanted_mcp(),
        "app_kwargs": {
            "routes": [*(api.routes() if api else []), *(export_routes(exports) if exports else [])],
            "middleware": [Middleware(SharePreview, title=TITLE)],
        },
        "ssr_mode": False, "footer_links": [], "theme": theme(), "css_paths": list(canvas_files.STYLES),
        "head": canvas_files.head() + menu_headings(),
        # Gradio asks for its own page and gives up after 3 seconds, which a busy machine may need.
        "_frontend": False,
    }  # fmt: skip
