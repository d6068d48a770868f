"""The lm-evaluation-harness model `llada_viz`, also known as `llada_dist`, LLaDA's own name for it.

Needs lm_eval (extra `suites`). `python -m evaluation lm-eval` runs lm-eval's own command line
with this module imported, which is all that registers the model. Arguments (--model_args): see
evaluation.suites.text_model.Arguments; others are settings of the sampler. Several devices: under
`accelerate launch` every process takes the share of the requests that lm-eval hands it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from rich.console import Console
from rich.progress import track
from torch import Tensor

from evaluation.suites.text_model import Arguments, TextModel, TextRequest, numbered
from models.text import chat_text
from samplers.registry import canonical, entry

logger = logging.getLogger(__name__)
# Keys of a task's generation_kwargs that belong to left-to-right decoding: here the canvas has
# gen_length cells, and the sampler's settings say how they are filled.
LEFT_TO_RIGHT = (
    "max_gen_toks", "max_length", "max_tokens", "top_p", "top_k", "num_beams", "num_return_sequences",
)  # fmt: skip


@register_model("llada_viz", "llada_dist")
class LLaDAHarness(LM):  # type: ignore[misc]
    """A LLaDA model with any of our samplers, as a model of lm-eval."""

    def __init__(
        self,
        model_path: str = "",
        batch_size: int | str = 1,
        max_batch_size: int | None = None,
        device: str | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__()
        if max_batch_size is not None:
            raise ValueError(f"max_batch_size = {max_batch_size} is not used; allowed: batch_size")
        if not str(batch_size).isdecimal():
            raise ValueError(f"batch_size = {batch_size!r} is not valid; allowed: a whole number")
        self._state = _processes()
        if self._state is not None:
            self._rank, self._world_size = self._state.process_index, self._state.num_processes
            device = str(self._state.device)
        arguments |= {"model_path": model_path, "batch_size": int(batch_size)}
        self.model = TextModel(Arguments.of(arguments | {"device": present_device(device)}))
        self._device = self.model.loaded.model.device

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """(log p(continuation | context), whether greedy decoding writes it; False if not checked)."""
        answers = []
        for request in self._track(requests, "scoring", disable_tqdm):
            prompt, answer = self.model.pair(*request.args)
            greedy = self.model.arguments.is_check_greedy and self.model.is_greedy(prompt, answer)
            answers.append((self.model.log_likelihood(prompt, answer), greedy))
            self.cache_hook.add_partial("loglikelihood", request.args, answers[-1])
        return answers

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        """log p(text) from its beginning, in windows of the model's length, summed."""
        answers = []
        for request in self._track(requests, "scoring", disable_tqdm):
            tokens = self.model.encode(request.args[0])
            windows = get_rolling_token_windows(tokens, self.model.start_id, self.model.max_length - 1, 1)
            pairs = [make_disjoint_window(window) for window in windows]
            answers.append(sum(self.model.log_likelihood(*pair) for pair in pairs))
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, answers[-1])
        return answers

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """What the sampler writes, up to the first stop string."""
        seeds = numbered([request.args[0] for request in requests], self.model.arguments.seed)
        text_requests = [
            self._text_request(request.args[0], request.args[1], seed)
            for request, seed in zip(requests, seeds, strict=True)
        ]
        answers = [""] * len(requests)
        texts = self.model.generate(text_requests)
        for place, text in self._track(texts, "writing", disable_tqdm, len(text_requests)):
            answers[place] = text
            self.cache_hook.add_partial("generate_until", requests[place].args, text)
        return answers

    def _text_request(self, context: str, kwargs: Mapping[str, Any], seed: int) -> TextRequest:
        until = kwargs.get("until") or []
        stops = tuple([until] if isinstance(until, str) else until)
        changes = sampler_changes(kwargs, self.model.arguments)
        return TextRequest(context, stops, tuple(sorted(changes.items())), seed)

    def _track(self, items: Any, label: str, hide: bool, total: int | None = None) -> Any:
        quiet = hide or self.rank > 0
        return track(items, label, total=total, disable=quiet, console=Console(stderr=True))

    def apply_chat_template(
        self, chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """A conversation in the model's chat template; an unfinished last turn stays open."""
        return chat_text(self.model.tokenizer, chat_history, add_generation_prompt, not add_generation_prompt)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The template that --apply_chat_template uses; the model has one, so none can be named."""
        if isinstance(chat_template, str):
            raise ValueError(f"apply_chat_template = {chat_template!r}; allowed: no name, there is one")
        return str(self.model.tokenizer.chat_template) if chat_template else None

    @property
    def tokenizer_name(self) -> str:
        """For the keys of lm-eval's caches."""
        return self.model.arguments.model_path.replace("/", "__")

    @property
    def max_length(self) -> int:
        """Tokens of prompt and answer together."""
        return self.model.max_length

    def all_gather(self, tensor: Tensor) -> Tensor:
        """The tensors of all processes, one after the other."""
        gathered: Tensor = tensor if self._state is None else _accelerate().gather(tensor)
        return gathered

    def gather_object(self, obj: Any, dst: int = 0) -> list[Any] | None:
        """The objects of all processes, on process dst; None on the others."""
        if self._state is None:
            return [obj]
        gathered: list[Any] = _accelerate().gather_object([obj])
        return gathered if self.rank == dst else None

    def barrier(self) -> None:
        """Wait for all processes."""
        if self._state is not None:
            self._state.wait_for_everyone()


def sampler_changes(kwargs: Mapping[str, Any], arguments: Arguments) -> dict[str, Any]:
    """What a task's generation_kwargs change in the sampler's settings.

    Settings of the sampler change it (so `--gen_kwargs steps=64` works). `temperature` counts only
    with do_sample, as in lm-eval, and only where --model_args name none. Left-to-right keys are not
    used, with one warning for each; anything else is an error.
    """
    setting_names = {d.name for d in entry(arguments.sampler).settings}
    changes = {}
    for key, value in canonical(kwargs).items():
        if key in ("until", "do_sample"):
            continue
        if key == "temperature":
            if kwargs.get("do_sample") and "temperature" not in canonical(arguments.settings):
                changes[key] = value
        elif key in LEFT_TO_RIGHT:  # first: top_p and top_k are settings of samplers too
            _warn_once(f"generation_kwargs: {key} is not used; gen_length and the sampler's settings are")
        elif key in setting_names:
            changes[key] = value
        else:
            allowed = ", ".join(("until", "do_sample", *sorted(setting_names)))
            raise ValueError(f"generation_kwargs: {key} = {value!r} is not known; allowed: {allowed}")
    return changes


_WARNED: set[str] = set()


def _warn_once(text: str) -> None:
    if text not in _WARNED:
        _WARNED.add(text)
        logger.warning(text)


def present_device(name: str | None) -> str:
    """The device, or the CPU (with a warning) where the GPU is missing: lm-eval names cuda:0 by default."""
    if name is None:
        return "auto"
    if torch.device(name).type == "cuda" and not torch.cuda.is_available():
        logger.warning("device %s is not there; using the CPU", name)
        return "cpu"
    return name


def _processes() -> Any:
    """accelerate's state when several processes work together, else None."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    from accelerate import PartialState

    return PartialState()


def _accelerate() -> Any:
    import accelerate.utils

    return accelerate.utils
