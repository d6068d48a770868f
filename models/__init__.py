"""What predicts: the LLaDA network, its loading, and tokens as text."""

import logging

# transformers imports torchao where it is installed; on a CPU that says at length what it has no use for.
for _chatty in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_chatty).setLevel(logging.ERROR)
