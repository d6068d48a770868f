"""The models: the LLaDA network, reward models, how both are loaded, and tokens as text."""

import logging

# transformers imports torchao where it is installed; on a CPU torchao then logs long warnings of no use.
for _chatty in ("torchao", "torch.utils._pytree"):
    logging.getLogger(_chatty).setLevel(logging.ERROR)
