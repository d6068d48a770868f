"""Several visitors at once, over real HTTP, as a browser talks to the page."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from benchmarks.page_client import TOKENS, PageClient, PageFacts, read_facts
from llada_viz.decoding.entrance import Entrance
from llada_viz.decoding.sharing import sharing_of
from samplers.forwards.shared_forwards import Forwards

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    from llada_viz import page as page_module
    from llada_viz.page import create_ui, launch_options
    from llada_viz.widgets import live

pytestmark = pytest.mark.slow
PATIENCE = 120.0  # a loaded machine takes as long as it takes


class Served:
    """A page that is served by this process, its runs and the line of its model."""

    def __init__(self, page: Any, runs: Any, forwards: Forwards) -> None:
        self.port, self.runs, self.forwards = (
            int(page.local_url.rstrip("/").rpartition(":")[2]),
            runs,
            forwards,
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    kept: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLADA_VIZ_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("GRADIO_SERVER_NAME", "127.0.0.1")
        patch.delenv("GRADIO_SERVER_PORT", raising=False)
        make = page_module.Visualize

        def visualize(bundled: Any, runs: Any, *rest: Any) -> Any:
            kept.extend([bundled, runs])
            return make(bundled, runs, *rest)

        patch.setattr(page_module, "Visualize", visualize)
        page = create_ui()
        page.launch(**launch_options(page), prevent_thread_lock=True, quiet=True)
        sharing = sharing_of(kept[0].loaded)
        assert sharing is not None
        yield Served(page, kept[1], sharing.forwards)
        page.close()


def visited(server: Served, doing: Callable[[PageFacts], Awaitable[Any]]) -> Any:
    """What a coroutine gives that is handed the page's facts."""

    async def all_of_it() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await doing(await read_facts(server.port))

    return asyncio.run(all_of_it())


async def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_three_visitors_share_forwards_and_each_sees_his_own_run(server: Served) -> None:
    async def three(facts: PageFacts) -> list[Any]:
        async def one(number: int) -> Any:
            async with PageClient(server.port, facts, f"visitor {number}".replace(" ", "")) as client:
                return [await client.run({"seed": number}) for _ in range(2)]

        return await asyncio.gather(*map(one, range(3)))

    passes, rows = server.forwards.passes, server.forwards.rows
    runs = visited(server, three)
    assert all(first.first_tokens <= first.ended <= second.first_tokens for first, second in runs)
    kept = server.runs._runs.values()[-6:]
    assert all(run.ended and run.frames[-1]["kind"] == "finish" for run in kept)
    assert sorted({run.events[0].settings["seeds"][0] for run in kept}) == [0, 1, 2]
    assert len({run.owner for run in kept}) == 3
    assert server.forwards.rows - rows > server.forwards.passes - passes  # some went together


def test_a_dropped_connection_frees_the_place_within_a_step(server: Served) -> None:
    """The tab is closed while its run decodes: not one pass more than the one that is going on."""

    async def leave(facts: PageFacts) -> Any:
        client = PageClient(server.port, facts, "who-leaves")
        await client.__aenter__()
        await client.decoding({"setting-gen_length": 512, "setting-steps": 512})
        await until(lambda: server.runs._runs.values()[-1].owner == "who-leaves")
        run = server.runs._runs.values()[-1]
        await until(lambda: len(run.events) > 2)
        place = run.place
        client.drop()
        await until(lambda: run._stopping.is_set())
        steps = len(run.events)
        await until(lambda: run.frames[-1]["kind"] == "stop")
        assert run.ended and len(run.events) <= steps + 1
        assert place is not None and place.left and run.place is None
        await client.__aexit__(None, None, None)

    visited(server, leave)


def test_a_visitor_who_must_wait_is_told_his_place(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for nobody: the canvas says the place, and the run begins when there is room."""
    entrance = Entrance(0)
    monkeypatch.setattr(live, "ENTRANCE", entrance)
    monkeypatch.setattr(live, "NOTICE_SECONDS", 0.05)

    async def wait(facts: PageFacts) -> bytes:
        async with PageClient(server.port, facts, "who-waits") as client:
            told = b""
            async for text in await client.decoding({}):
                if b"Waiting for the model: 0 runs are before yours" in text:
                    told = text
                    entrance.open(1)
                if TOKENS in text:
                    return told
            return b"no tokens"

    assert b"frames" in visited(server, wait)
