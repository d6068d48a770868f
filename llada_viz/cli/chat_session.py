"""A chat in the terminal without the terminal: what was said, how answers are decoded, and the commands."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llada_viz.decoding.conversation import Conversation, answer_so_far, fitting, left_out_sentence
from llada_viz.decoding.served import Served, answer_settings, tools_for
from models.loading import LoadedModel
from models.text import token_pieces
from models.whole_file import write_whole
from samplers.events import Event, Finished
from samplers.fold import fold
from samplers.recording.traces import Trace, used_pieces, write_trace
from samplers.registry import entry, make, parse_settings
from samplers.requests import Prepared, RequestError, check_unicode, prepare

FORMAT = "llada-viz-conversation"
STOPPED_EARLY = "Stopped before the first token: nothing was kept."


@dataclass(frozen=True)
class Reply:
    """What a command did. text: a sentence; question: to be asked now; leave: whether the chat is over."""

    text: str = ""
    question: str = ""
    leave: bool = False


@dataclass
class ChatSession:
    """own: settings that were chosen; defaults: sizes of an answer where none were; events: of the last run;
    seed: of the next answer; unanswered: the last message, where nothing was written of its answer."""

    served: Served
    sampler: str = "threshold"
    own: dict[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    scorer: str = ""
    conversation: Conversation = field(default_factory=Conversation)
    events: tuple[Event, ...] = ()
    unanswered: str = ""

    def __post_init__(self) -> None:
        self.commands: dict[str, tuple[Callable[[str], Reply], str, str]] = {
            "help": (self._help, "", "this list"),
            "sampler": (self._sampler, "NAME", "decode with another sampler; alone: all of them"),
            "set": (self._set, "KEY=VALUE …", "change settings; alone: show them"),
            "seed": (self._seed, "N", "seed of the next answer"),
            "system": (
                self._system,
                "TEXT",
                "what the model is told before the conversation; alone: nothing",
            ),
            "retry": (self._retry, "", "answer the last message again, with the next seed"),
            "undo": (self._undo, "", "take the last message and its answer back"),
            "clear": (self._clear, "", "begin a new conversation"),
            "save": (self._save, "FILE", "the conversation (.json) or the trace of the last answer (.jsonl)"),
            "quit": (self._quit, "", "leave; Ctrl-D does too"),
        }
        self.settings()

    @property
    def loaded(self) -> LoadedModel:
        """The model. RequestError: it cannot chat."""
        loaded = self.served.loaded
        if loaded is None:
            raise RequestError(self.served.problem)
        if loaded.tokenizer is None:
            raise RequestError(f"model = {loaded.name!r} has no tokenizer; allowed: one with a tokenizer")
        return loaded

    @property
    def pieces(self) -> list[bytes]:
        """The bytes of every token."""
        return token_pieces(self.loaded.tokenizer)

    def settings(self, question: str = "") -> dict[str, Any]:
        """All settings of an answer, to this question where it needs others; checked: SettingError names the
        one that is wrong."""
        defaults = {**self.defaults, **self.served.prompt_settings(question)}
        settings = answer_settings(self.served, self.sampler, defaults, self.own)
        make(self.sampler, settings)
        return settings

    # ---- answers -----------------------------------------------------------------------------

    def prepare(self, question: str) -> tuple[Prepared, str]:
        """A run that answers a message, and what is to be said of it first. RequestError, SettingError."""
        check_unicode("message", question)
        if not question.strip():
            raise RequestError("message is empty; allowed: some text")
        settings = self.settings(question)
        loaded, length = self.loaded, settings["gen_length"]
        shorter, left_out = fitting(loaded, self.conversation, question, length)
        sampler = make(self.sampler, settings)
        tools, task = tools_for(self.served, sampler, question, self.scorer)
        ready = prepare(
            loaded, self.sampler, settings, tools, seed=self.seed, messages=shorter.messages(question),
            task=task if tools.scorer else None,
        )  # fmt: skip
        return ready, left_out_sentence(left_out, loaded.max_length, loaded.name)

    def keep(self, question: str, events: Sequence[Event]) -> str:
        """The answer that the events of a run, which may have been stopped, wrote; it joins the conversation,
        unless not one token was written."""
        self.events = tuple(events)
        answer = answer_so_far(self.loaded, fold(events))
        answered = bool(answer.strip() or (events and isinstance(events[-1], Finished)))
        self.unanswered = "" if answered else question
        if answered:
            self.conversation = self.conversation.with_round(question, answer)
        return answer

    # ---- commands ----------------------------------------------------------------------------

    def command(self, line: str) -> Reply:
        """Obey a line that begins with a slash. ValueError or OSError: a sentence."""
        name, _, rest = line.removeprefix("/").partition(" ")
        if name not in self.commands:
            near = difflib.get_close_matches(name, self.commands, 1)
            hint = f"did you mean /{near[0]}?" if near else "/help lists them"
            raise RequestError(f"/{name} is no command; {hint} (a message may begin with //)")
        return self.commands[name][0](rest.strip())

    def _help(self, rest: str) -> Reply:
        wide = max(len(f"/{name} {usage}") for name, (_, usage, _) in self.commands.items())
        lines = [f"{f'/{name} {usage}':<{wide}}  {what}" for name, (_, usage, what) in self.commands.items()]
        lines.append(f"{'Ctrl-C':<{wide}}  stop the answer, and keep what exists")
        return Reply("\n".join(lines))

    def _sampler(self, name: str) -> Reply:
        if not name:
            from samplers.listing import as_text

            return Reply(as_text())
        chosen = entry(name)
        known = {setting.name for setting in chosen.settings}
        own = {key: value for key, value in self.own.items() if key in known}
        dropped = [key for key in self.own if key not in known]
        before = self.sampler, self.own
        self.sampler, self.own = chosen.name, own
        self._checked(before)
        gone = f" It has no {', '.join(dropped)}." if dropped else ""
        return Reply(f"{chosen.title}. {chosen.summary}{gone}")

    def _set(self, rest: str) -> Reply:
        if rest:
            before = self.sampler, self.own
            self.own = self.own | parse_settings(self.sampler, rest.split())
            self._checked(before)
        return Reply("  ".join(f"{key}={value}" for key, value in self.settings().items()))

    def _checked(self, before: tuple[str, dict[str, Any]]) -> None:
        """Go back to a sampler and its settings where the new ones do not hold."""
        try:
            self.settings()
        except ValueError:
            self.sampler, self.own = before
            raise

    def _seed(self, rest: str) -> Reply:
        if rest:
            if not rest.isdecimal() or int(rest[:20]) >= 2**63:
                raise RequestError(
                    f"seed = {rest[:40]!r} is not valid; allowed: a whole number from 0 to 2^63 - 1"
                )
            self.seed = int(rest)
        return Reply(f"Seed {self.seed}.")

    def _system(self, rest: str) -> Reply:
        check_unicode("system", rest)
        self.conversation = Conversation(rest, self.conversation.rounds)
        return Reply(
            "The model is told so before the conversation." if rest else "The model is told nothing."
        )

    def _retry(self, rest: str) -> Reply:
        question = self.unanswered or self._last()
        if not self.unanswered:
            self.conversation = self.conversation.without_last()
        self.seed += 1
        return Reply(f"Seed {self.seed}.", question)

    def _undo(self, rest: str) -> Reply:
        question = self._last()
        self.conversation = self.conversation.without_last()
        return Reply(f"Taken back: {question[:60]}{'…' if len(question) > 60 else ''}")

    def _last(self) -> str:
        if not self.conversation.rounds:
            raise RequestError("there is no message yet; allowed: after the first answer")
        return self.conversation.rounds[-1].question

    def _clear(self, rest: str) -> Reply:
        self.conversation = Conversation(self.conversation.system)
        return Reply("A new conversation." + (" The system text stays." if self.conversation.system else ""))

    def _save(self, rest: str) -> Reply:
        path = Path(rest).expanduser()
        trace = path.name.endswith((".jsonl", ".jsonl.gz"))
        if (trace or path.suffix == ".json") and not path.parent.is_dir():
            raise RequestError(f"save = {rest!r}; allowed: a name in a folder that is there")
        if trace:
            if not self.events:
                raise RequestError("there is no answer yet whose trace could be saved")
            write_trace(path, Trace(self.events, used_pieces(self.events, self.pieces), self.loaded.name))
            return Reply(f"The trace of the last answer: {path}")
        if path.suffix != ".json":
            raise RequestError(f"save = {rest!r}; allowed: a name in .json (conversation) or .jsonl (trace)")
        saved = {
            "format": FORMAT, "model": self.loaded.name, "sampler": self.sampler, "settings": self.settings(),
            "seed": self.seed, "messages": self.conversation.messages(),
        }  # fmt: skip
        write_whole(path, json.dumps(saved, ensure_ascii=False, indent=1) + "\n")
        return Reply(f"The conversation: {path}")

    def _quit(self, rest: str) -> Reply:
        return Reply(leave=True)
