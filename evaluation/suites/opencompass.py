"""The OpenCompass model `LLaDAViz`. Needs opencompass, which is installed beside this project.

In an OpenCompass config (a Python file), with this repository's root on PYTHONPATH:

    from evaluation.suites.opencompass import LLaDAViz
    models = [dict(type=LLaDAViz, abbr="llada-8b-base", path="GSAI-ML/LLaDA-8B-Base",
                   gen_length=256, steps=256, block_length=256, mc_num=128,
                   batch_size=8, rows=8, run_cfg=dict(num_gpus=1))]

Arguments are those of evaluation.suites.text_model.Arguments, with `path` for model_path and `rows` for
batch_size (OpenCompass keeps `batch_size`, the inputs it hands over at once, to itself); others are
settings of the sampler. `meta_template` wraps prompts as OpenCompass does it. OpenCompass starts one
process for each part of a data set, so several devices need nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from opencompass.models.base import BaseModel

from evaluation.likelihood.answer_scores import check_answer
from evaluation.suites.text_model import Arguments, TextModel, TextRequest, numbered


class LLaDAViz(BaseModel):  # type: ignore[misc]
    """A LLaDA model with any of our samplers, as a model of OpenCompass."""

    def __init__(
        self,
        path: str,
        max_seq_len: int | None = None,
        tokenizer_only: bool = False,
        meta_template: dict[str, Any] | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        rows: int = 8,
        **arguments: Any,
    ) -> None:
        if tokenizer_only:
            raise ValueError("tokenizer_only = True is not supported; allowed: False")
        if generation_kwargs:
            raise ValueError(f"generation_kwargs = {generation_kwargs}; allowed: settings of the sampler")
        arguments |= {"model_path": path, "max_length": max_seq_len, "batch_size": rows}
        self.suite_model = TextModel(Arguments.of(arguments))
        super().__init__(
            path=path,
            max_seq_len=self.suite_model.max_length,
            tokenizer_only=tokenizer_only,
            meta_template=meta_template,
            generation_kwargs={},
        )
        self.model = self.suite_model.loaded.model
        self.tokenizer = self.suite_model.tokenizer

    def generate(
        self, inputs: Sequence[str], max_out_len: int = 0, stopping_criteria: Sequence[str] = (), **_: Any
    ) -> list[str]:
        """What the sampler writes after each input, up to the first stop string.

        max_out_len is not used: the answer has gen_length cells, decided by the sampler's settings.
        """
        texts = [str(text) for text in inputs]
        seeds = numbered(texts, self.suite_model.arguments.seed)
        stops = tuple(stopping_criteria)
        requests = [TextRequest(text, stops, seed=seed) for text, seed in zip(texts, seeds, strict=True)]
        answers = dict(self.suite_model.generate(requests))
        return [answers[place] for place in range(len(texts))]

    def get_ppl(self, inputs: Sequence[str], mask_length: Sequence[int] | None = None) -> Any:
        """Float[inputs]: minus the log-likelihood of each text per token, given a start token or, with
        mask_length, given the text's first mask_length[i] tokens. (OpenCompass's name: it is the
        logarithm of a perplexity.)"""
        values = []
        for place, text in enumerate(inputs):
            ids = self.suite_model.encode(str(text))
            cut = mask_length[place] if mask_length is not None else 0
            prompt, answer = ids[:cut] or [self.suite_model.start_id], ids[cut:]
            check_answer(self.suite_model.loaded, prompt, answer)
            values.append(-self.suite_model.log_likelihood(prompt, answer) / len(answer))
        return torch.tensor(values).numpy()

    def get_loglikelihood(self, inputs: Sequence[str], conts: Sequence[str]) -> Any:
        """Float[inputs]: log p(cont | what stands before it) of texts that end in their `conts`."""
        values = []
        for text, continuation in zip(map(str, inputs), conts, strict=True):
            if not text.endswith(continuation):
                raise ValueError(f"conts: {continuation[:60]!r}; allowed: the last part of its input")
            context = text[: len(text) - len(continuation)]
            values.append(self.suite_model.log_likelihood(*self.suite_model.pair(context, continuation)))
        return torch.tensor(values).numpy()

    def get_token_len(self, prompt: str) -> int:
        """Tokens of a text as it is."""
        return len(self.suite_model.encode(str(prompt)))

    def encode(self, prompt: str) -> torch.Tensor:
        """Int[1, tokens]."""
        return torch.tensor([self.suite_model.encode(str(prompt))])

    def decode(self, tokens: torch.Tensor) -> str:
        """The text of Int[tokens] or Int[1, tokens], up to its end token."""
        return self.suite_model.text(tokens.flatten().tolist())
