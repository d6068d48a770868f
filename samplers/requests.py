"""From a person's request to sampler, canvas, denoiser and scorer; every refusal is one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import ModelError
from models.loading import LoadedModel
from models.reward import LoadedReward
from models.text import chat_ids, half_character, plain_text
from models.ups_head import UPSHead
from samplers.canvas import Canvas, new_canvas
from samplers.checker import Checker
from samplers.denoiser import Denoiser
from samplers.events import Event
from samplers.forwards.shared_forwards import Place
from samplers.forwards.shared_network import Sharing, shared
from samplers.network import ModelNetwork, PolicyModelNetwork
from samplers.prm import PRMScorer
from samplers.registry import Sampler, entry, head_users, make
from samplers.scoring import Question, Scorer

MASK_MARK = "[MASK]"
SCORERS = ("checker", "prm")
_CONSTRAINT = re.compile(
    r'\s*,*\s*(?P<place>\d+)\s*:\s*(?:(?P<exact>"(?:[^"\\]|\\["\\/bfnrtu])+")|(?P<word>[^,\s"][^,]*))\s*(?:,|$)',
    re.ASCII,
)
_ANOTHER = re.compile(r"\s\d+\s*:")


class RequestError(ValueError):
    """A request that cannot be run; the message names the field, the value and what is allowed.
    sentence: the same in the words of the page, where these differ."""

    def __init__(self, message: str, sentence: str = "") -> None:
        super().__init__(message)
        self.sentence = sentence


@dataclass(frozen=True)
class Prepared:
    """Everything a run needs."""

    sampler: Sampler
    denoise: Denoiser
    canvas: Canvas
    score: Scorer | None = None

    def stream(self) -> Generator[Event, None, Canvas]:
        """The events of the run."""
        return self.sampler(self.denoise, self.canvas, self.score)

    @property
    def place(self) -> Place | None:
        """The run's place in the line of those that share its model; None: it has the model for itself."""
        place: Place | None = getattr(self.denoise.network, "place", None)
        return place


@dataclass(frozen=True)
class PreparedRow:
    """One checked request. prompt: ids; given_tokens: {position in the answer: token} of cells that are
    fixed from the start; question: for a scorer."""

    prompt: list[int]
    given_tokens: dict[int, int]
    seed: int
    question: Question = Question("")


@dataclass(frozen=True)
class Tools:
    """What a run needs besides the model. scorer: "", "checker" or "prm" (then with `reward`); sharing: with
    whom it shares the passes of its model, None: with nobody."""

    ups_head: UPSHead | None = None
    scorer: str = ""
    reward: LoadedReward | None = None
    sharing: Sharing | None = None


NO_TOOLS = Tools()


def prompt_ids(
    loaded: LoadedModel,
    prompt: str | None = None,
    messages: Sequence[Mapping[str, str]] | None = None,
    raw_prompt: str | None = None,
    prompt_ids: Sequence[int] | None = None,
) -> list[int]:
    """The ids of exactly one of: one user turn, a conversation, text as it is, ids.

    A special token typed in a turn is plain text; in `raw_prompt`, which has the template written out, it
    is a token.
    """
    kinds = {"prompt": prompt, "messages": messages, "raw_prompt": raw_prompt, "prompt_ids": prompt_ids}
    chosen = [name for name, value in kinds.items() if value is not None]
    if len(chosen) != 1:
        given = " and ".join(chosen) or "no prompt"
        raise RequestError(f"{given} given; allowed: exactly one of {', '.join(kinds)}")
    if prompt_ids is not None:
        return _checked_ids(loaded, prompt_ids)
    tokenizer = loaded.tokenizer
    if tokenizer is None:
        raise RequestError(f"{chosen[0]}: the model {loaded.name} has no tokenizer; allowed: prompt_ids")
    if raw_prompt is not None:
        if not isinstance(raw_prompt, str) or not raw_prompt:
            raise RequestError(f"raw_prompt = {raw_prompt!r} is empty; allowed: some text")
        check_unicode("raw_prompt", raw_prompt)
        return _known_ids(loaded, "raw_prompt", tokenizer.encode(raw_prompt, add_special_tokens=False))
    if prompt is not None:
        if not isinstance(prompt, str) or not prompt.strip():
            raise RequestError(f"prompt = {prompt!r} is empty; allowed: some text", "Type a question first.")
        check_unicode("prompt", prompt)
        messages = [{"role": "user", "content": prompt}]
    return _known_ids(loaded, "prompt" if prompt is not None else "messages", _chat(tokenizer, messages))


def _chat(tokenizer: Any, messages: Any) -> list[int]:
    good = isinstance(messages, (list, tuple)) and messages
    if not good or not all(
        isinstance(m, Mapping) and isinstance(m.get("role"), str) and isinstance(m.get("content"), str)
        for m in messages
    ):
        raise RequestError(f"messages = {str(messages)[:80]}; allowed: a list of {{role, content}} texts")
    for turn in messages:
        check_unicode("messages", turn["role"])
        check_unicode("messages", turn["content"])
    try:
        return chat_ids(tokenizer, messages)
    except ModelError as error:
        raise RequestError(f"messages: {error}") from None


def check_unicode(field: str, text: str) -> None:
    """RequestError for half a character (a lone surrogate), which a terminal or a browser can send."""
    if place := half_character(text):
        raise RequestError(f"{field}: character {place} is half of one; allowed: Unicode text")


def _checked_ids(loaded: LoadedModel, ids: Any) -> list[int]:
    size = loaded.model.config.vocab_size
    if not isinstance(ids, (list, tuple)) or not ids:
        raise RequestError(f"prompt_ids = {str(ids)[:60]}; allowed: a list of ids, not empty")
    for i in ids:
        if isinstance(i, bool) or not isinstance(i, int) or not 0 <= i < size:
            raise RequestError(f"prompt_ids has {i!r}; allowed: whole numbers from 0 to {size - 1}")
    return list(ids)


def _known_ids(loaded: LoadedModel, field: str, ids: Sequence[int]) -> list[int]:
    """The ids of a text. RequestError: a token of the tokenizer that the network has no embedding of, which
    would end the process on a GPU."""
    most = loaded.model.config.embedding_size - 1
    if ids and (highest := max(ids)) > most:
        assert loaded.tokenizer is not None
        token = loaded.tokenizer.convert_ids_to_tokens(highest)
        raise RequestError(
            f"{field}: {token!r} is token {highest} of the tokenizer, and {loaded.name} knows 0 to {most}; "
            "allowed: text without it"
        )
    return list(ids)


def parse_constraints(loaded: LoadedModel, text: str, gen_length: int) -> dict[int, int]:
    """`pos:word, …` to {position: token}; words are tokenised with a leading space (LLaDA's demo), what
    stands in quotation marks (`pos:"text"`, as JSON writes it) exactly as it is.

    Positions count from 0 at the first cell of the answer; a word of several tokens takes the next
    cells too. A special token that is typed is text.
    """
    given_tokens: dict[int, int] = {}
    for place, word in _constraints(text):
        ids = typed_ids(loaded, word, "constraints")
        _pin(given_tokens, place, ids, gen_length, f"constraints: {f'{place}:{word.strip()}'!r}")
    return given_tokens


def _constraints(text: str) -> list[tuple[int, str]]:
    """(position, exact text) of every part. RequestError: one cannot be read."""
    parts, at = [], 0
    while text[at:].strip(" \t\r\n,"):
        found = _CONSTRAINT.match(text, at)
        part = text[at:].split(",")[0].strip()
        word = _word_of(found) if found else ""
        if found is None or not word:
            raise RequestError(
                f"constraints: {part!r} cannot be read; allowed: position:word, …",
                f"Word constraints: “{part}” is not cell:word, such as 3:word.",
            )
        if not found["exact"] and _ANOTHER.search(word):
            raise RequestError(
                f"constraints: {part!r} holds two of them; allowed: a comma between",
                f"Word constraints: put a comma between the words of “{part}”.",
            )
        parts.append((int(found["place"]), word))
        at = found.end()
    return parts


def _word_of(found: re.Match[str]) -> str:
    """The text of a part; "" where its quotation cannot be read."""
    if not found["exact"]:
        return f" {found['word'].strip()}"
    try:
        return str(json.loads(found["exact"], strict=False))
    except ValueError:
        return ""


def parse_infill(loaded: LoadedModel, text: str, gen_length: int) -> dict[int, int]:
    """An answer with holes, `x = [MASK][MASK]\\n`, to {position: token}; one hole, one cell."""
    if loaded.tokenizer is None:
        raise RequestError(f"infill: the model {loaded.name} has no tokenizer")
    given_tokens: dict[int, int] = {}
    position = 0
    for i, piece in enumerate(text.split(MASK_MARK)):
        position += i > 0
        ids = _answer_ids(loaded, piece, "infill") if piece else []
        _pin(given_tokens, position, ids, gen_length, "infill")
        position += len(ids)
    if position > gen_length:
        raise RequestError(f"infill takes {position} cells; allowed: at most gen_length = {gen_length}")
    return given_tokens


def typed_ids(loaded: LoadedModel, text: str, field: str) -> list[int]:
    """Ids of text that somebody types into the answer; a special token in it is text like any other.
    RequestError: it is empty or spells the mask, or the model has no tokenizer."""
    if loaded.tokenizer is None:
        raise RequestError(f"{field}: the model {loaded.name} has no tokenizer")
    if not text:
        raise RequestError(f"{field}: a word is empty; allowed: some text")
    _answer_ids(loaded, text, field)  # refuses the mask
    return _answer_ids(loaded, plain_text(loaded.tokenizer, text), field)


def _answer_ids(loaded: LoadedModel, text: str, field: str) -> list[int]:
    """Ids of text given in the answer. RequestError for a mask token: no sampler would fill it."""
    check_unicode(field, text)
    assert loaded.tokenizer is not None
    ids = _known_ids(loaded, field, loaded.tokenizer.encode(text, add_special_tokens=False))
    if loaded.mask_id in ids:
        mask = loaded.tokenizer.convert_ids_to_tokens(loaded.mask_id)
        raise RequestError(
            f"{field}: {mask} is the mask token; allowed: text, and {MASK_MARK} for a hole of infill",
            f"{mask} is the model's mask: no sampler would fill it in. Leave it out.",
        )
    return ids


def _pin(given_tokens: dict[int, int], start: int, ids: list[int], length: int, field: str) -> None:
    for position, token in enumerate(ids, start):
        if not 0 <= position < length:
            raise RequestError(
                f"{field}: position {position} is out of range; allowed: 0 to {length - 1}",
                f"A given word takes cell {position}, and the answer has the cells 0 to {length - 1}.",
            )
        if given_tokens.get(position, token) != token:
            raise RequestError(
                f"{field}: position {position} is given twice; allowed: once",
                f"Two given words take cell {position}.",
            )
        given_tokens[position] = token


def check_seed(seed: Any) -> None:
    """RequestError for a seed that no run can have."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        empty = "Seed is empty." if seed is None else "Seed must be a whole number from 0 to 2^63 - 1."
        raise RequestError(f"seed = {seed!r} is not valid; allowed: a whole number from 0 to 2^63 - 1", empty)


def prepare_row(
    loaded: LoadedModel,
    sampler: Sampler,
    seed: int = 0,
    constraints: str = "",
    infill: str | None = None,
    task: Mapping[str, Any] | None = None,
    **prompts: Any,
) -> PreparedRow:
    """Check one request against model and sampler; nothing is evaluated."""
    ids = prompt_ids(loaded, **prompts)
    total = len(ids) + sampler.gen_length
    if total > loaded.max_length:
        most = loaded.max_length
        raise RequestError(
            f"prompt has {len(ids)} tokens and the answer {sampler.gen_length}, together {total}; "
            f"allowed: at most {most} (max_sequence_length of {loaded.name})",
            f"The prompt has {len(ids):,} tokens and the answer {sampler.gen_length:,}, together {total:,}. "
            f"{loaded.name} reads at most {most:,}. Shorten one of them.",
        )
    check_seed(seed)
    given_tokens = parse_constraints(loaded, constraints or "", sampler.gen_length)
    if infill:
        given_tokens = parse_infill(loaded, infill, sampler.gen_length) | given_tokens
    return PreparedRow(ids, given_tokens, seed, question_of(loaded, ids, prompts, task))


def question_of(loaded: LoadedModel, ids: list[int], prompts: Mapping[str, Any], task: Any) -> Question:
    """What a scorer gets: the last user turn (or the prompt's text), and `task {name, problem}`."""
    text = prompts.get("prompt") or prompts.get("raw_prompt") or ""
    if prompts.get("messages"):
        text = [m["content"] for m in prompts["messages"] if m["role"] == "user"][-1:]
        text = text[0] if text else ""
    if not text and loaded.tokenizer is not None:
        text = str(loaded.tokenizer.decode(ids, skip_special_tokens=True))
    if task is None:
        return Question(text)
    if not isinstance(task, Mapping) or not isinstance(task.get("problem"), Mapping):
        raise RequestError(f"task = {str(task)[:60]!r} is not valid; allowed: {{name, problem {{…}}}}")
    fields = tuple(sorted((str(k), str(v)) for k, v in task["problem"].items()))
    return Question(text, str(task.get("name", "")), fields)


def prepare_rows(
    loaded: LoadedModel, sampler: Sampler, rows: Sequence[PreparedRow], tools: Tools = NO_TOOLS
) -> Prepared:
    """One batch for one sampler."""
    check_tools(sampler, tools)
    canvas = new_canvas(
        [r.prompt for r in rows],
        sampler.gen_length,
        loaded.mask_id,
        seeds=[r.seed for r in rows],
        given=[r.given_tokens for r in rows],
        eos_id=loaded.eos_id,
        eot_id=loaded.eot_id,
        pad_id=loaded.pad_id,
    )
    network = network_of(loaded, tools)
    score = scorer_of(loaded, tools, [r.question for r in rows])
    return Prepared(sampler, sampler.denoiser(network), canvas, score)


def network_of(loaded: LoadedModel, tools: Tools) -> ModelNetwork:
    """The network of one run; shared, it has a place of its own in the line."""
    model = loaded.model if tools.sharing is None else tools.sharing.model
    network = ModelNetwork(model, loaded.name, revision=loaded.revision)
    if tools.ups_head is not None:
        network = PolicyModelNetwork(model, loaded.name, tools.ups_head, revision=loaded.revision)
    return network if tools.sharing is None else shared(network, tools.sharing.forwards)


def check_tools(sampler: Sampler, tools: Tools) -> None:
    """RequestError unless the sampler uses every tool given and gets every tool it needs."""
    if tools.scorer and tools.scorer not in SCORERS:
        raise RequestError(f"scorer = {tools.scorer!r} is not known; allowed: {', '.join(SCORERS)}")
    if tools.scorer and not sampler.needs.scorer:
        raise RequestError(f"scorer = {tools.scorer!r} is not used by sampler {sampler.name}")
    if sampler.needs.scorer and not tools.scorer:
        raise RequestError(f"scorer is missing; sampler {sampler.name} needs one: {', '.join(SCORERS)}")
    if (tools.scorer == "prm") != (tools.reward is not None):
        raise RequestError("prm and scorer do not agree; allowed: a prm with scorer prm, and only then")
    if sampler.needs.head and tools.ups_head is None:
        raise RequestError(f"ups_head is missing; sampler {sampler.name} needs one with these settings")
    if tools.ups_head is not None and not sampler.needs.head:
        users = (
            f"{each.name} with " + " and ".join(f"{key} {value}" for key, value in each.with_head.items())
            for each in head_users()
        )
        refusal = f"ups_head is not used by sampler {sampler.name} with these settings"
        raise RequestError(f"{refusal}; allowed: {', '.join(users)}")


def scorer_of(loaded: LoadedModel, tools: Tools, questions: list[Question]) -> Scorer | None:
    """The scorer that the tools name, for a question a row; None: none. RequestError: the model has no
    tokenizer."""
    if not tools.scorer:
        return None
    tokenizer = loaded.tokenizer
    if tokenizer is None:
        raise RequestError(f"scorer = {tools.scorer!r}: the model {loaded.name} has no tokenizer")

    def text_of(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, skip_special_tokens=True))

    if tools.reward is not None:
        return PRMScorer(questions, text_of, tools.reward)
    return Checker(questions, text_of)


def prepare(
    loaded: LoadedModel,
    sampler: str = "low_confidence",
    settings: Mapping[str, Any] | None = None,
    tools: Tools = NO_TOOLS,
    **request: Any,
) -> Prepared:
    """One request: see `prepare_row` for its fields; SettingError or RequestError if it is bad."""
    built = make(entry(sampler).name, settings or {})
    return prepare_rows(loaded, built, [prepare_row(loaded, built, **request)], tools)
