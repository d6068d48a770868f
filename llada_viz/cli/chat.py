"""`llada-viz chat`: talk with a model in the terminal, and watch every answer fill in.

Without a terminal (a pipe, a file) it reads a message a line and writes plain lines: answers to the standard
output, everything else to the error output.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from models.flags import add_model_flags, add_tool_flags

if TYPE_CHECKING:
    from llada_viz.cli.chat_session import ChatSession
    from samplers.events import Event
    from samplers.requests import Prepared

PROMPT = "> "
LEAVE = "Ctrl-D or /quit leaves."


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="llada-viz chat", description=__doc__)
    add_model_flags(top, model="tiny-llada")
    add_tool_flags(top)
    top.add_argument("--sampler", default="threshold", help="a name that `llada-samplers list` shows")
    top.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting")
    top.add_argument("--seed", type=int, default=0)
    top.add_argument("--system", default="", help="what the model is told before the conversation")
    top.add_argument("--scorer", default="", help="checker, or the name of --prm, for samplers that score")
    return top


def main(argv: list[str] | None = None) -> int:
    """Chat until the other side leaves. ValueError or OSError: a sentence."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    args = parser().parse_args(argv)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdin else "replace")  # type: ignore[union-attr]
    Talk(begin(args)).to_the_end()
    return 0


def begin(args: argparse.Namespace) -> ChatSession:
    """A chat as the flags ask for it. ValueError: a sentence."""
    from llada_viz.cli.chat_session import ChatSession
    from llada_viz.decoding.conversation import Conversation
    from llada_viz.decoding.served import load_served
    from samplers.registry import entry, parse_settings

    sampler = entry(args.sampler).name
    own = parse_settings(sampler, args.set)
    served = load_served(args)
    session = ChatSession(
        served, sampler, own, served.defaults, args.seed, args.scorer, Conversation(args.system)
    )
    session.loaded  # noqa: B018 - refused here if it cannot chat
    return session


class Talk:
    """The terminal's side: reads lines, shows answers."""

    def __init__(self, session: ChatSession) -> None:
        from rich.console import Console

        self.session = session
        self.live = sys.stdin.isatty() and sys.stdout.isatty()
        self.console = Console(force_terminal=self.live, soft_wrap=True, highlight=False, markup=False)
        self.pieces = session.pieces
        if self.live:
            with suppress(ImportError):
                import readline  # noqa: F401 - lines can be edited, and come back with the arrow keys

    def to_the_end(self) -> None:
        """Read and answer until /quit or the end of the input."""
        loaded = self.session.loaded
        if self.live:
            self.say(f"{loaded.name} on {loaded.device}, sampler {self.session.sampler}. /help: commands.")
        while (line := self.read()) is not None:
            if line.strip() and not self.obey(line):
                return

    def read(self) -> str | None:
        """The next line, None at the end."""
        while True:
            try:
                if self.live:
                    return input(PROMPT)
                line = sys.stdin.readline()
                return line.rstrip("\r\n") if line else None
            except EOFError:
                print()
                return None
            except KeyboardInterrupt:
                with suppress(KeyboardInterrupt):  # pressed again before it was said
                    print()
                    self.say(LEAVE)

    def obey(self, line: str) -> bool:
        """Do what a line asks for; whether the chat goes on."""
        try:
            if not line.startswith("/") or line.startswith("//"):
                self.answer(line[1:] if line.startswith("//") else line)
                return True
            reply = self.session.command(line)
            if reply.text:
                self.say(reply.text)
            if reply.question:
                self.answer(reply.question)
            return not reply.leave
        except KeyboardInterrupt:
            self.say("Stopped.")
        except (ValueError, OSError) as error:
            self.say(f"{error}.", "red")
        return True

    def answer(self, question: str) -> None:
        """Decode an answer, live where there is a terminal; Ctrl-C stops it, and what exists stays."""
        from llada_viz.cli.chat_session import STOPPED_EARLY

        ready, notice = self.session.prepare(question)
        if notice:
            self.say(notice)
        events: list[Event] = []
        stopped = self.decode(ready, events)
        text = self.session.keep(question, events)
        if text.strip() or not stopped:
            self.write(text)
        if stopped:
            self.say("Stopped." if text.strip() else STOPPED_EARLY)

    def decode(self, ready: Prepared, events: list[Event]) -> bool:
        """Run to the end or to Ctrl-C, and collect the events; whether it was stopped."""
        from samplers.events import Finished
        from samplers.streams import record
        from samplers.terminal import show

        stream: Any = ready.stream()
        try:
            with interrupts() as stop:
                steps = until(stop, record(stream, events))
                if self.live:
                    show(steps, self.pieces, self.console, passing=True)
                else:
                    deque(steps, maxlen=0)
        except KeyboardInterrupt:
            return True
        finally:
            stream.close()
        return not (events and isinstance(events[-1], Finished))

    def write(self, text: str) -> None:
        """An answer. Model text is hostile: what a terminal would obey is written out."""
        from samplers.terminal import LINES, printable

        self.console.print(printable(text.strip("\n"), LINES))

    def say(self, text: str, style: str = "cyan") -> None:
        """Something that is not the model's: dim in the terminal, else to the error output."""
        from rich.text import Text

        from samplers.terminal import LINES, printable

        if self.live:
            self.console.print(Text(printable(text, LINES), style=style))
        else:
            print(printable(text, LINES), file=sys.stderr, flush=True)


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C, so that a run ends between two steps; the second one interrupts at once."""
    stop = threading.Event()

    def pressed(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def until(stop: threading.Event, events: Iterator[Event]) -> Iterator[Event]:
    """The events, as long as nobody has stopped them."""
    for event in events:
        yield event
        if stop.is_set():
            return
