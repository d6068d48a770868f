"""LLaDA Viz on Modal: the page on a GPU, and evaluation and training on A100s and H100s.

    pip install modal && modal setup
    modal secret create huggingface HF_TOKEN=hf_…           # for gated models; any value otherwise
    modal deploy deploy/modal_app.py                        # the page; Modal prints its address
    modal run deploy/modal_app.py::evaluate --out gsm8k --flags "--data gsm8k --samplers klass"
    modal run --detach deploy/modal_app.py::train --out sft --objective sft --flags "--config sft-llada-8b"
    modal volume get llada-viz runs/gsm8k                   # results come home

LLADA_VIZ_MODEL (the page's model), LLADA_VIZ_GPU (its GPU) and LLADA_VIZ_TRAIN_GPU ("H100:8" for eight) are
read where these commands run. Weights, the hub's cache and runs are kept in the volume `llada-viz`. A run
that was cut goes on when the same command is given again.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import modal

ROOT = Path(__file__).resolve().parents[1]
CODE, STORE, PORT = "/llada-viz", "/store", 7860
MODEL = os.environ.get("LLADA_VIZ_MODEL", "tiny-llada")
GPU = os.environ.get("LLADA_VIZ_GPU", "A100-80GB")
TRAIN_GPU = os.environ.get("LLADA_VIZ_TRAIN_GPU", "H100")
MINUTE, DAY = 60, 24 * 60 * 60  # seconds
LEFT_OUT = [".git", ".venv*", "runs", "tests", "benchmarks", "**/__pycache__", "**/.*_cache"]
CONFIGS = {1: "one-gpu", 4: "four-gpus", 8: "eight-gpus"}  # training/configs/accelerate

image = (
    modal.Image.debian_slim(python_version="3.11")
    .apt_install("gcc", "g++")  # gptqmodel compiles a dependency
    .pip_install_from_requirements(str(ROOT / "requirements.txt"))
    .pip_install("datasets>=4")  # sets from the hub
    .env({"HF_HOME": f"{STORE}/huggingface", "LLADA_VIZ_MODEL": MODEL, "LLADA_VIZ_PUBLIC": "1"})
    .env({"LLADA_VIZ_GPU": GPU, "LLADA_VIZ_TRAIN_GPU": TRAIN_GPU})  # this file is read again over there
    .workdir(CODE)
    .add_local_dir(ROOT, CODE, ignore=LEFT_OUT)
)
store = modal.Volume.from_name("llada-viz", create_if_missing=True)
token = modal.Secret.from_name("huggingface", required_keys=["HF_TOKEN"])
app = modal.App("llada-viz", image=image, secrets=[token], volumes={STORE: store})


@app.function(gpu=GPU, timeout=DAY, scaledown_window=10 * MINUTE, max_containers=1)
@modal.concurrent(max_inputs=100)
@modal.web_server(PORT, startup_timeout=20 * MINUTE)
def page() -> None:
    """The page, for whoever knows its address: as on a Space, strangers cannot train, delete or name models.
    One container: a visitor's runs live in its memory."""
    served = {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": str(PORT)}
    subprocess.Popen([sys.executable, "app.py"], cwd=CODE, env=os.environ | served)


@app.function(gpu=GPU, timeout=DAY)
def evaluate(flags: str, out: str) -> None:
    """`python -m evaluation run FLAGS`, with one process a GPU. out: name of the run in the volume."""
    _run(evaluation_words(flags, out), GPU)


@app.function(gpu=TRAIN_GPU, timeout=DAY)
def train(objective: str, flags: str, out: str) -> None:
    """`python -m training OBJECTIVE FLAGS`. out: name of the run in the volume; it goes on from its last
    checkpoint."""
    _run(training_words(objective, flags, out), TRAIN_GPU)


def evaluation_words(flags: str, out: str) -> list[str]:
    """The arguments of `python -m`."""
    return ["evaluation", "run", *shlex.split(flags), "--out", _run_folder(out)]


def training_words(objective: str, flags: str, out: str) -> list[str]:
    """The arguments of `python -m`. With --resume: a run without a checkpoint is begun."""
    return ["training", objective, *shlex.split(flags), "--out", _run_folder(out), "--resume"]


def launched(words: list[str], gpu: str) -> list[str]:
    """The command of a module's words, through `accelerate launch` on several GPUs. gpu: in Modal's words."""
    count = int(gpu.partition(":")[2] or 1)
    if count not in CONFIGS:
        raise ValueError(f"gpu = {gpu!r} is not valid; allowed: {', '.join(map(str, CONFIGS))} of a kind")
    python = [sys.executable, "-m"]
    if count == 1:
        return [*python, *words]
    config = f"{CODE}/training/configs/accelerate/{CONFIGS[count]}.yaml"
    return [*python, "accelerate.commands.launch", "--config_file", config, "--module", *words]


def _run_folder(name: str) -> str:
    if not name or name.startswith((".", "-")) or set(name) & set("/\\\0"):
        raise ValueError(f"out = {name!r} is not valid; allowed: a name, no slashes, not . or - in front")
    return f"{STORE}/runs/{name}"


def _run(words: list[str], gpu: str) -> None:
    try:
        subprocess.run(launched(words, gpu), cwd=CODE, check=True)
    finally:
        store.commit()
