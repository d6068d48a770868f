"""The benchmark scripts print their command under DRY_RUN=1, with LLaDA's published settings."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "scripts" / "eval"
WRITTEN = "gen_length=1024,steps=1024,block_length=1024"
SCRIPTS = {
    "gsm8k": ("gsm8k", WRITTEN, False),
    "math": ("minerva_math", WRITTEN, False),
    "mmlu": ("mmlu", "cfg=0.0,is_check_greedy=False,mc_num=1", False),
    "arc_c": ("arc_challenge", "cfg=0.5,is_check_greedy=False,mc_num=128", False),
    "humaneval": ("humaneval", WRITTEN, True),
    "mbpp": ("mbpp", WRITTEN, True),
}


def printed(name: str, **variables: str) -> list[str]:
    """The words of the printed command; no variable of ours leaks in."""
    env = {"PATH": os.environ["PATH"], "DRY_RUN": "1"} | variables
    command = ["bash", FOLDER / f"{name}.sh"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    return shlex.split(done.stdout)


def after(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


def test_a_script_a_benchmark() -> None:
    assert {path.stem for path in FOLDER.glob("*.sh")} == {*SCRIPTS, "common", "any"}
    assert all(os.access(FOLDER / f"{name}.sh", os.X_OK) for name in SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_dry_run(name: str) -> None:
    task, arguments, runs_code = SCRIPTS[name]
    words = printed(name)
    start = words.index("python")
    assert words[start : start + 5] == ["python", "-m", "evaluation", "lm-eval", "run"]
    assert after(words, "--tasks") == task and after(words, "--model") == "llada_viz"
    assert after(words, "--model_args") == f"model_path=GSAI-ML/LLaDA-8B-Base,{arguments}"
    assert ("--confirm_run_unsafe_code" in words) == ("HF_ALLOW_CODE_EVAL=1" in words) == runs_code


def test_variables() -> None:
    words = printed(
        "arc_c", MODEL="my model", NUM_PROCESSES="4", LIMIT="8", MODEL_ARGS="cfg=0", OUT="o", PYTHON="py"
    )
    assert words[:3] == ["py", "-m", "accelerate.commands.launch"]
    assert after(words, "--num_processes") == "4" and after(words, "--module") == "evaluation"
    assert after(words, "--model_args").startswith("model_path=my model,") and after(words, "--limit") == "8"
    assert after(words, "--model_args").endswith("mc_num=128,cfg=0") and after(words, "--output_path") == "o"
    assert after(words, "--num_fewshot") == "0"


def test_any_task_with_any_model_and_adapter() -> None:
    words = printed("any", TASKS="gsm8k,arc_challenge", FEWSHOT="4", MODEL_PATH="my model", ADAPTER="a b")
    assert after(words, "--tasks") == "gsm8k,arc_challenge" and after(words, "--num_fewshot") == "4"
    wanted = "model_path=my model,gen_length=256,steps=256,block_length=32,adapter_path=a b"
    assert after(words, "--model_args") == wanted
    plain = printed("any", TASKS="gsm8k")
    assert "--num_fewshot" not in plain and "adapter_path" not in after(plain, "--model_args")
    assert after(plain, "--model_args").startswith("model_path=GSAI-ML/LLaDA-8B-Base,")


def test_without_a_task_nothing_runs() -> None:
    done = subprocess.run(
        ["bash", FOLDER / "any.sh"], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )
    assert done.returncode == 2 and done.stderr.startswith("TASKS is empty; allowed: ") and not done.stdout
