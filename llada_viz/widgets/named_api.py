"""The named endpoints as gradio publishes them: for `gradio_client`, `/gradio_api/info`, and MCP.

Gradio reads names, types and texts of the arguments from these functions: types only where they are no
strings, so annotations are evaluated here; texts only of one line for each argument.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.events import api

from llada_viz.endpoints.answers import Answers
from llada_viz.endpoints.evaluating import Evaluating
from models.errors import ModelError
from samplers.requests import RequestError
from samplers.settings import SettingError, sentence_of

NAMES = ("decode", "stream", "compare", "trace", "evaluate")
Settings = dict[str, Any]
"""JSON: the name of a setting, and its value."""


@contextmanager
def said() -> Iterator[None]:
    """A refusal reaches the caller as its sentence."""
    try:
        yield
    except (RequestError, SettingError, ModelError, ValueError) as error:
        raise gr.Error(sentence_of(error), print_exception=False) from None


def publish(answers: Answers, evaluating: Evaluating) -> None:
    """Register the endpoints with the page that is being built."""
    at_once = {"concurrency_limit": answers.limits.at_once, "concurrency_id": "named"}
    for endpoint in (_decode, _stream, _compare, _trace):
        api(endpoint(answers), **at_once)
    api(_evaluate(evaluating), concurrency_limit=answers.limits.at_once, concurrency_id="evaluate")


def _decode(answers: Answers) -> Callable[..., Settings]:
    def decode(
        prompt: str, sampler: str = "threshold", settings: Settings | None = None, seed: int = 0,
        constraints: str = "", scorer: str = "",
    ) -> Settings:  # fmt: skip
        """Decode an answer with a masked-diffusion language model, and say what it cost.

        Args:
            prompt: The question.
            sampler: Name of a sampler, such as low_confidence, threshold, klass, remedi or backmask.
            settings: Of the sampler, by name, as {"gen_length": 64}; other sizes suit model and prompt.
            seed: The same seed gives the same answer.
            constraints: Words that are given from the start, as cell:word, separated by commas.
            scorer: For samplers that need one: checker, a reward model, or empty for what there is.

        Returns:
            run (its id, for trace), text, tokens, nfe (sequences evaluated), forwards, sampler, settings,
            seed, verdict.
        """
        with said():
            return answers.decode(prompt, sampler, settings, seed, constraints, scorer)

    return decode


def _stream(answers: Answers) -> Callable[..., Iterator[Settings]]:
    def stream(
        prompt: str, sampler: str = "threshold", settings: Settings | None = None, seed: int = 0,
        constraints: str = "", scorer: str = "",
    ) -> Iterator[Settings]:  # fmt: skip
        """Decode an answer, and watch it: cells as they are filled, about 30 times a second.

        Args:
            prompt: The question.
            sampler: Name of a sampler, as for decode.
            settings: Settings of the sampler by name, as for decode.
            seed: The same seed gives the same answer.
            constraints: Words that are given from the start, as cell:word, separated by commas.
            scorer: For samplers that need one, as for decode.

        Returns:
            run, step, nfe, masks (cells that are undecided), cells (their texts, null where undecided); the
            last one is what decode gives.
        """
        with said():
            yield from answers.stream(prompt, sampler, settings, seed, constraints, scorer)

    return stream


def _compare(answers: Answers) -> Callable[..., Settings]:
    def compare(prompt: str, samplers: list[Settings], seed: int = 0, scorer: str = "") -> Settings:
        """Decode one prompt with two to four samplers, kept in step by sequences evaluated.

        Args:
            prompt: The question.
            samplers: Two to four of {"sampler": name, "settings": {name: value}}.
            seed: Of all of them.
            scorer: For those samplers that need one, as for decode.

        Returns:
            answers (what decode gives for each, with a label), and first_difference: the first cell in which
            they differ, null for none.
        """
        with said():
            return answers.compare(prompt, samplers, seed, scorer)

    return compare


def _trace(answers: Answers) -> Callable[[str], str]:
    def trace(run: str) -> str:
        """The whole run of an answer: every event of its sampler, as lines of JSON that LLaDA Viz opens.

        Args:
            run: The id that decode, stream or compare gave.

        Returns:
            The trace as text; docs/traces.md describes it.
        """
        with said():
            return answers.trace(run)

    return trace


def _evaluate(evaluating: Evaluating) -> Callable[..., Iterator[Settings]]:
    def evaluate(
        data: str = "linear", samplers: list[Settings] | None = None, rows: int = 20, seed: int = 0,
        scorer: str = "", problems: list[Settings] | None = None,
    ) -> Iterator[Settings]:  # fmt: skip
        """Evaluate samplers on a set of problems as a job of the server, and follow it to its result.

        Args:
            data: A bundled set (sudoku, linear, expression, word, countdown) or a sample (arithmetic.csv).
            samplers: One to four of {"sampler": name, "settings": {name: value}}; none: low_confidence.
            rows: How many problems.
            seed: Row n has this seed plus n with every sampler.
            scorer: For samplers that need one: checker, or the name of a reward model.
            problems: Your own instead of data: a list of {"question": text, "answer": text}.

        Returns:
            job, state, done and expected rows; the last one has lines (accuracy with its 95% interval,
            cost), comparisons in words, and the verdict of each row.
        """
        with said():
            wanted = samplers or [{"sampler": "low_confidence"}]
            yield from evaluating.evaluate(data, wanted, rows, seed, scorer, problems)

    return evaluate
