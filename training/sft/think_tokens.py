"""Adds `<think>` and `</think>` as special tokens to a model that lacks them.

They are added to the tokenizer, and where the network has no spare rows, to its embedding and output head.
The new rows begin as the mean of the others, where they disturb the model least. They have to be learned,
so all weights must be trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.llada import LLaDAModelLM
from models.loading import LoadedModel
from samplers.settings import SettingError
from training.data.chat import END_THINK, THINK


def ensure_think_tokens(loaded: LoadedModel, all_learn: bool) -> None:
    """Give the model both tokens, in place. SettingError when it lacks them and all_learn is false:
    an adapter neither learns their rows nor keeps the tokenizer."""
    tokenizer = loaded.tokenizer
    assert tokenizer is not None
    missing = [token for token in (THINK, END_THINK) if token not in tokenizer.get_vocab()]
    if not missing:
        return
    if not all_learn:
        why = f"the tokenizer has no {missing[0]}, and an adapter could not learn it"
        raise SettingError("think", True, f"false, or lora_r = 0: {why}")
    tokenizer.add_tokens(missing, special_tokens=True)
    ids = [int(tokenizer.convert_tokens_to_ids(token)) for token in missing]
    grow(loaded.model, max(ids) + 1)
    begin_as_mean(loaded.model, ids)


def grow(model: LLaDAModelLM, rows: int) -> None:
    """Make room for `rows` tokens in embedding and head. Padding rows (embedding_size counts them, vocab_size
    does not) are used first; logits end at vocab_size."""
    config = model.config
    if rows > config.embedding_size:
        names = ["wte"] if config.weight_tying else ["wte", "ff_out"]
        for name in names:
            part = model.transformer[name]
            old: Tensor = part.weight  # type: ignore[assignment]
            wider = torch.cat((old.data, old.data.new_zeros(rows - len(old), old.shape[1])))
            part.weight = nn.Parameter(wider)
        config.embedding_size = rows
        embedding, head = model.transformer["wte"], model.get_output_embeddings()
        assert isinstance(embedding, nn.Embedding)
        embedding.num_embeddings = rows
        if isinstance(head, nn.Linear):  # a tied one is the embedding itself
            head.out_features = rows
    config.vocab_size = max(config.vocab_size, rows)


@torch.no_grad()
def begin_as_mean(model: LLaDAModelLM, ids: list[int]) -> None:
    """Set the rows of new ids to the mean of the rows before them."""
    for part in {model.get_input_embeddings(), model.get_output_embeddings()}:
        weight: Tensor = part.weight  # type: ignore[assignment]
        weight[ids] = weight[: min(ids)].mean(0)
