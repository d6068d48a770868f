"""`python -m tests.deploy.zero_gpu_space`: runs of the page decoded by workers of the real package `spaces`.

Its device API is answered here, and its part that moves weights to a GPU is left out, for there is none:
workers are forked, orders and events are pickled, and seconds are asked for, as on ZeroGPU. Prints one JSON
object.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from llada_viz import command

ASKED: list[tuple[str, dict[str, list[str]]]] = []


class DeviceAPI(BaseHTTPRequestHandler):
    """What `spaces` asks ZeroGPU for; every GPU is free. The second run finds the worker of the first."""

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        ASKED.append((url.path, parse_qs(url.query)))
        idle = sum(path == "/schedule" for path, _ in ASKED) > 1
        lent = {"idle": idle, "nvidiaIndex": 0, "nvidiaUUID": "none", "allowToken": "token"}
        body = json.dumps(lent if url.path == "/schedule" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def without_a_gpu() -> None:
    """In place of the part of `spaces` that stands in for CUDA, which needs a torch with CUDA: nothing."""
    moving: Any = ModuleType("spaces.zero.torch")
    for name in ("patch", "unpatch", "init", "move", "enter_mode", "is_in_bad_fork"):
        setattr(moving, name, lambda *args, **kwargs: None)
    moving.size = moving.pack = lambda *args, **kwargs: 0
    sys.modules["spaces.zero.torch"] = moving


def main() -> int:
    """Decode on workers and here, and print what came."""
    api = ThreadingHTTPServer(("127.0.0.1", 0), DeviceAPI)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    os.environ["SPACES_ZERO_DEVICE_API_URL"] = f"http://127.0.0.1:{api.server_port}"
    without_a_gpu()
    command.prepare_environment()
    from llada_viz.decoding import zero_gpu
    from llada_viz.decoding.attached import Attachments
    from llada_viz.decoding.bundled import Bundled
    from llada_viz.decoding.preparing import prepare_here, prepare_ordered, prepare_run

    attachments = Attachments(Bundled())
    zero_gpu.lend(lambda order: prepare_ordered(attachments, order))
    small = {"gen_length": 32, "block_length": 8, "steps": 32}
    said: dict[str, Any] = {"same": [], "untouched": []}
    for adapter, sampler in (("", "low_confidence"), ("tiny-llada-few-steps", "backmask")):
        if adapter:
            attachments.add_bundled(adapter)
        run = (attachments.using(adapter), sampler, small, "What is 12 + 9 - 6?", 1.0, "", "checker")
        ready = prepare_run(*run)
        events = list(ready.stream())
        said["same"].append(events == list(prepare_here(*run).stream()))
        said["untouched"].append(
            int(ready.canvas.masked.sum()) == 32
        )  # the server's own canvas was not filled
    stopped = prepare_run(attachments.using(""), "low_confidence", small, "What is 3 + 4?", 0).stream()
    said["first"] = type(next(stopped)).__name__
    stopped.close()
    said["seconds"] = [int(q["durationSeconds"][0]) for path, q in ASKED if path == "/schedule"]
    said["asked"] = [path for path, _ in ASKED]
    api.shutdown()
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    code = main()
    sys.stdout.flush()
    for worker in multiprocessing.active_children():
        worker.kill()  # it waits for the next run
    os._exit(code)
