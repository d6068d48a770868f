"""deploy/modal_app.py without Modal: its own objects say what would be asked for; nothing is sent."""

from __future__ import annotations

import ast
import importlib.util
import shlex
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import parser as evaluation
from training.__main__ import parser as training

ROOT = Path(__file__).parents[2]
# https://modal.com/docs/guide/gpu
GPUS = {"T4", "L4", "A10G", "L40S", "A100", "A100-40GB", "A100-80GB", "H100", "H200", "B200"}


@pytest.fixture(scope="module")
def modal_app() -> Any:
    """The file, imported as Modal imports it, on a machine without a network."""
    path = ROOT / "deploy" / "modal_app.py"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LLADA_VIZ_MODEL", "LLADA_VIZ_GPU", "LLADA_VIZ_TRAIN_GPU"):
            patch.delenv(name, raising=False)

        def refuse(*_: Any) -> None:
            raise AssertionError("modal_app.py reaches for the network")

        patch.setattr(socket.socket, "connect", refuse)
        described = importlib.util.spec_from_file_location("modal_app", path)
        assert described is not None and described.loader is not None
        module = importlib.util.module_from_spec(described)
        patch.setitem(sys.modules, "modal_app", module)
        described.loader.exec_module(module)
        yield module


def test_the_functions_are_modals_and_ask_for_a_gpu_that_exists(modal_app: Any) -> None:
    import modal

    asked = {name: getattr(modal_app, name) for name in ("page", "evaluate", "train")}
    assert all(isinstance(function, modal.Function) for function in asked.values())
    for name, function in asked.items():
        spec = function._spec_
        assert str(spec.gpus).partition(":")[0] in GPUS, name
        assert set(map(str, spec.volumes)) == {modal_app.STORE}, name
        assert spec.image is not None and len(spec.secrets) >= 1
    assert asked["page"]._is_web_endpoint() and not asked["train"]._is_web_endpoint()
    assert asked["train"]._spec_.gpus.startswith("H100") and asked["evaluate"]._spec_.gpus == "A100-80GB"


def test_the_commands_are_ones_that_our_parsers_read(modal_app: Any) -> None:
    words = modal_app.evaluation_words("--data linear --samplers threshold,klass --set 'steps=32'", "a")
    args = evaluation().parse_args(words[1:])
    assert (
        words[0] == "evaluation" and str(args.out) == f"{modal_app.STORE}/runs/a" and args.set == ["steps=32"]
    )
    words = modal_app.training_words("sft", "--model tiny-llada --data linear", "b")
    args = training().parse_args(words[1:])
    assert words[0] == "training" and args.command == "sft" and args.resume
    for name in ("", "../x", "a/b", "-x", ".hidden"):
        with pytest.raises(ValueError, match="out = .*; allowed: a name, no slashes"):
            modal_app.evaluation_words("", name)


def test_several_gpus_go_through_a_config_that_is_there(modal_app: Any) -> None:
    one = modal_app.launched(["training", "sft"], "H100")
    assert one[1:] == ["-m", "training", "sft"]
    eight = modal_app.launched(["training", "sft"], "H100:8")
    config = eight[eight.index("--config_file") + 1].removeprefix(f"{modal_app.CODE}/")
    assert (ROOT / config).is_file() and "num_processes: 8" in (ROOT / config).read_text()
    assert eight[-3:] == ["--module", "training", "sft"]
    with pytest.raises(ValueError, match="gpu = 'H100:3' is not valid; allowed: 1, 4, 8"):
        modal_app.launched([], "H100:3")


def test_what_it_says_of_itself_is_true(modal_app: Any) -> None:
    """The commands in its first lines name functions and arguments that exist."""
    lines = [shlex.split(line, comments=True) for line in modal_app.__doc__.splitlines() if "::" in line]
    assert len(lines) == 2
    for words in lines:
        name = next(word for word in words if "::" in word).partition("::")[2]
        own = words[words.index(f"deploy/modal_app.py::{name}") :]
        flags = {word[2:] for word in own if word.startswith("--") and " " not in word}
        tree = ast.parse((ROOT / "deploy" / "modal_app.py").read_text())
        function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
        assert flags == {argument.arg for argument in function.args.args}
