"""`python -m evaluation lm-eval …`: lm-eval's own command line, with our model in its registry.

lm-eval 0.4 finds a model by name among those that have been registered in the same process, and has
no hook for others (no entry point, no flag). So the process starts here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def run(arguments: Sequence[str]) -> None:
    """Hand all arguments on to lm-eval; ValueError with what to install when it is not there."""
    try:
        from lm_eval.__main__ import cli_evaluate
    except ModuleNotFoundError as error:
        raise ValueError(
            f"lm-eval needs the module {error.name}, which is not installed; "
            "allowed: after pip install 'llada-viz[suites]'"
        ) from None
    from torch import distributed

    import evaluation.suites.harness  # noqa: F401 - registers the model

    sys.argv = ["lm-eval", *arguments]
    cli_evaluate()
    if distributed.is_initialized():  # lm-eval leaves it to the end of the process, where torch may abort
        distributed.destroy_process_group()
