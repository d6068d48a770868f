"""The page as a reader feels it: `python -m benchmarks.page [--seconds 10] [--presses 7] [--json]`.

Starts the app in a process of its own and opens it in headless Chromium ($CHROMIUM, else one on PATH).
Prints how long the page takes to be ready once the server is up, how soon something moves, how long Run takes
to its first painted frame, and how a run of 1,024 cells is painted at 60 frames a second, without drafts and
with them; then PASS or FAIL for each target.

Wall times depend on what else the machine does: beside them stand the processor time of the page's main
thread, and the load of the machine. The long runs are scripted, and opened as saved traces: one cell a step,
and with drafts DRAFTS_CHANGE of the undecided cells change theirs at each forward, as with the bundled model.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.visitors import ROOT, processor_of, served
from samplers.events import Cell, Event, Predicted, Started, Unmasked
from samplers.recording.traces import Trace, write_trace

CELLS, BLOCK, PACE = 1024, 32, 60
WORDS = 200
DRAFTS_CHANGE = 0.35
"""Share of the undecided cells whose draft changes, to two digits, from one forward to the next: the mean of
a word problem of 64 cells in one block, decoded by tiny-llada with drafts=1."""
# The targets.
READY, MOVES, FIRST_FRAME, LONGEST_TASK = 3.0, 1.0, 0.3, 0.05  # seconds, at most
PLAIN_RATE, DRAFTS_RATE = 60, 30  # frames a second, at least
NEAR = 0.97  # of a rate: a clock of 59.94 Hz is as good as one of 60

# In every page: when it is ready, when something moves first, and its longest task.
WATCH = """
window.bench = { ready: null, moved: null, longest: 0 };
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) bench.longest = Math.max(bench.longest, task.duration);
}).observe({ type: 'longtask', buffered: true });
window.benchCanvas = () => document.querySelector('#canvas .lz')?.parentElement.tokenCanvas;
(function look() {
  const canvas = benchCanvas();
  const run = document.querySelector('#run');
  if (bench.ready === null && canvas && run && !run.disabled) bench.ready = performance.now();
  if (bench.moved === null && canvas?.painted.index > 0) bench.moved = performance.now();
  requestAnimationFrame(look);
})();
"""
# From a press of Run to the first painted frame of its run, ms.
PRESS = """() => new Promise((done) => {
  const canvas = benchCanvas();
  const before = canvas.timeline?.run;
  const pressed = performance.now();
  document.querySelector('#run').click();
  (function look() {
    const shown = canvas.timeline && canvas.timeline.run !== before && canvas.painted.index >= 0;
    if (shown) done(performance.now() - pressed);
    else requestAnimationFrame(look);
  })();
})"""
ENDED = "() => benchCanvas().timeline?.ended && !document.querySelector('#run').disabled"
# Plays from the first frame for some seconds; what was painted.
TO_BEGIN = """() => {
  const canvas = benchCanvas();
  if (canvas.player.moving) canvas.act('play');
  canvas.act('frame-to', 0);
}"""
AT_BEGIN = "() => benchCanvas().painted.index === 0"
PLAY = """([seconds, pace]) => new Promise((done) => {
  const canvas = benchCanvas();
  const tick = canvas.tick.bind(canvas);
  const ticks = [];
  canvas.tick = (now) => {
    const began = performance.now();
    tick(now);
    ticks.push(performance.now() - began);
  };
  canvas.player.setPace(pace);
  canvas.act('play');
  bench.longest = 0;
  const stills = canvas.timeline.frames.map((frame) => frame.still);
  let [painted, lost, last, began] = [0, 0, 0, performance.now()];
  (function look() {
    const { index } = canvas.painted;
    if (index !== last) {
      painted += 1;
      lost += stills.slice(last + 1, index).filter((still) => !still).length;
      last = index;
    }
    const spent = performance.now() - began;
    if (spent < seconds * 1000 && index < canvas.player.last) return requestAnimationFrame(look);
    delete canvas.tick;
    if (canvas.player.moving) canvas.act('play');
    ticks.sort((a, b) => a - b);
    done({ rate: painted / (spent / 1000), painted, lost, seconds: spent / 1000,
           longest: bench.longest / 1000, script: {
             median: ticks[Math.floor(ticks.length / 2)] / 1000, longest: ticks.at(-1) / 1000 } });
  })();
})"""

STEPPED = 200
# Paints frames one after the other, with the layout that each costs, however long it takes.
STEP = """(count) => {
  const canvas = benchCanvas();
  const last = Math.min(canvas.player.last, count);
  for (let index = 1; index <= last; index++) {
    canvas.player.index = index;
    canvas.paint(performance.now(), true);
    document.body.offsetHeight;
  }
  return last;
}"""


def scripted(forwards: int, drafts: bool, seed: int = 0) -> Trace:
    """A run of CELLS cells, one decided at each forward."""
    chance = random.Random(seed)
    pieces = {0: b"<|mdm_mask|>", 1: b"What is asked?"}
    pieces |= {2 + i: f" {chance.choice(('ab', 'cde', 'fghi', 'k'))}{i}".encode() for i in range(WORDS)}
    tokens = (1, *[0] * CELLS)
    settings = {"sampler": "low_confidence", "steps": CELLS, "block_length": BLOCK}
    events: list[Event] = [
        Started(
            nfe=0,
            tokens=(tokens,),
            attention_mask=((True,) * len(tokens),),
            mask_id=0,
            prompt_length=1,
            settings=settings,
        )  # fmt: skip
    ]
    order = [
        at for block in range(0, CELLS, BLOCK) for at in chance.sample(range(block, block + BLOCK), BLOCK)
    ]
    ghosts = [drawn(chance) for _ in range(CELLS)]
    for step, place in enumerate(order[:forwards]):
        where = {"nfe": step + 1, "forwards": step + 1, "block": place // BLOCK}
        if drafts:
            ghosts = [drawn(chance) if chance.random() < DRAFTS_CHANGE else ghost for ghost in ghosts]
            cells = tuple(Cell(0, 1 + at, *ghosts[at]) for at in sorted(order[step:]))
            events.append(Predicted(**where, cells=cells))
        token, sure = ghosts[place]
        events.append(Unmasked(**where, step=step, cells=(Cell(0, 1 + place, token, sure),)))
    return Trace(tuple(events), pieces, "scripted")


def drawn(chance: random.Random) -> tuple[int, float]:
    """A token and a confidence."""
    return 2 + chance.randrange(WORDS), round(chance.random(), 4)


@contextmanager
def browser_tab() -> Iterator[Any]:
    """A tab of Chromium that watches itself."""
    from tests.browser.conftest import headless  # Chromium is not needed to import this

    with headless() as browser:
        page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
        page.set_default_timeout(180_000)
        page.add_init_script(WATCH)
        yield page


class Processor:
    """Processor seconds of a tab's main thread."""

    def __init__(self, page: Any) -> None:
        self.client = page.context.new_cdp_session(page)
        self.client.send("Performance.enable")

    def seconds(self) -> float:
        """So far."""
        metrics = self.client.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "ThreadTime"))


def opening(page: Any, processor: Processor, port: int, waits: float) -> dict[str, Any]:
    """The page from its address on. waits: seconds for something to move, before it is given up."""
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_function("() => bench.ready !== null")
    cpu = processor.seconds()
    page.wait_for_timeout(waits * 1000)
    seen = page.evaluate("bench")
    moves = None if seen["moved"] is None else max(0.0, seen["moved"] - seen["ready"]) / 1000
    return {"ready": seen["ready"] / 1000, "moves": moves, "cpu": cpu}


def presses(page: Any, processor: Processor, server: int, count: int) -> dict[str, Any]:
    """Run is pressed several times; the first press stands apart. server: its process."""
    times, cpu = [], []
    for _ in range(count):
        before = processor.seconds(), processor_of(server)
        times.append(page.evaluate(PRESS) / 1000)
        cpu.append((processor.seconds() - before[0], processor_of(server) - before[1]))
        page.wait_for_function(ENDED)
    rest = times[1:] or times
    page_cpu, server_cpu = (statistics.median(each) for each in zip(*cpu, strict=True))
    return {
        "first": times[0], "median": statistics.median(rest), "worst": max(rest),
        "page_cpu": page_cpu, "server_cpu": server_cpu,
    }  # fmt: skip


def played(page: Any, processor: Processor, folder: Path, drafts: bool, seconds: float) -> dict[str, Any]:
    """A scripted run, opened and played."""
    trace = scripted(int(seconds * PACE) + PACE, drafts)
    path = folder / ("drafts.jsonl" if drafts else "plain.jsonl")
    write_trace(path, trace)
    page.locator("input[type=file]").first.set_input_files(str(path))
    frames = len(trace.events) + 1  # and the one that says that it was not finished
    page.wait_for_function(f"() => benchCanvas().timeline?.length === {frames}")
    page.evaluate(TO_BEGIN)
    page.wait_for_function(AT_BEGIN)
    before = processor.seconds()
    found: dict[str, Any] = page.evaluate(PLAY, [seconds, PACE])
    found["cpu"] = processor.seconds() - before
    page.evaluate(TO_BEGIN)
    page.wait_for_function(AT_BEGIN)
    before = processor.seconds()
    steps = page.evaluate(STEP, STEPPED)
    return found | {"frame_cpu": (processor.seconds() - before) / steps}


def measure(seconds: float, count: int) -> dict[str, Any]:
    """Everything that is printed."""
    with served(ROOT, True, os.cpu_count() or 1) as (port, server), browser_tab() as page:
        processor = Processor(page)
        found = {"opening": opening(page, processor, port, 5 * MOVES)}
        found["press"] = presses(page, processor, server.pid, count)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("plain", "drafts"):
                found[name] = played(page, processor, Path(folder), name == "drafts", seconds)
    return found | {"load": os.getloadavg()[0], "processors": os.cpu_count()}


def bars(found: dict[str, Any]) -> dict[str, bool]:
    """Target -> whether it was met."""
    moves, plain, drafts = found["opening"]["moves"], found["plain"], found["drafts"]
    return {
        f"ready in {READY:g} s": found["opening"]["ready"] < READY,
        f"something moves {MOVES:g} s later": moves is not None and moves < MOVES,
        f"Run to first frame in {FIRST_FRAME * 1000:g} ms": found["press"]["median"] < FIRST_FRAME,
        f"{PLAIN_RATE} frames/s without drafts": plain["rate"] >= PLAIN_RATE * NEAR,
        f"{DRAFTS_RATE} frames/s with drafts": drafts["rate"] >= DRAFTS_RATE * NEAR,
        "no frame lost": plain["lost"] == 0,
        f"no task over {LONGEST_TASK * 1000:g} ms": max(plain["longest"], drafts["longest"]) <= LONGEST_TASK,
    }


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The figures in words."""
    first, press = found["opening"], found["press"]
    moves = (
        "nothing moves by itself"
        if first["moves"] is None
        else f"something moves {first['moves']:.2f} s later"
    )
    yield f"load {found['load']:.1f} on {found['processors']} processors"
    yield f"page: ready in {first['ready']:.2f} s ({first['cpu']:.2f} s of processor time); {moves}"
    yield (
        f"Run to first frame: {press['median'] * 1000:.0f} ms (median; worst {press['worst'] * 1000:.0f}, "
        f"first press {press['first'] * 1000:.0f}); processor time until then: page "
        f"{press['page_cpu'] * 1000:.0f} ms, server {press['server_cpu'] * 1000:.0f} ms"
    )
    for name in ("plain", "drafts"):
        play, title = found[name], "with drafts" if name == "drafts" else "without drafts"
        share, script = play["cpu"] / play["seconds"], play["script"]
        longest = f"{play['longest'] * 1000:.0f} ms" if play["longest"] else "under 50 ms"
        yield (
            f"{CELLS:,} cells {title}: {play['rate']:.1f} frames/s, {play['lost']} lost, "
            f"longest task {longest}; script {script['median'] * 1000:.1f} ms a frame "
            f"(longest {script['longest'] * 1000:.0f}); main thread busy {share:.0%} by processor time; "
            f"{play['frame_cpu'] * 1000:.1f} ms of it a frame for script, styles and layout"
        )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="that each long run is played")
    parser.add_argument("--presses", type=int, default=7, help="of Run")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(args.seconds, args.presses)
    if args.json:
        print(json.dumps(found | {"bars": bars(found)}, indent=1))
        return
    for line in lines(found):
        print(line)
    for name, met in bars(found).items():
        print("PASS" if met else "FAIL", name)


if __name__ == "__main__":
    main()
