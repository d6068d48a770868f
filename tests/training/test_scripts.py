"""The launch scripts print under DRY_RUN=1 what they would run, for 1, 4 and 8 GPUs."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file

from training.__main__ import parser
from training.registry import OBJECTIVES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scripts" / "train"
LAUNCH = ["python", "-m", "accelerate.commands.launch"]


def ran(name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """No variable of ours leaks in."""
    env = {"PATH": os.environ["PATH"], "DRY_RUN": "1"} | variables
    return subprocess.run(["bash", FOLDER / f"{name}.sh"], env=env, capture_output=True, text=True)


def printed(name: str, **variables: str) -> list[str]:
    done = ran(name, **variables)
    assert done.returncode == 0 and done.stdout.count("\n") == 1, done.stderr
    return shlex.split(done.stdout)


def after(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


def test_a_script_an_objective() -> None:
    names = {name.replace("-", "_") for name in OBJECTIVES}
    assert {path.stem for path in FOLDER.glob("*.sh")} == {*names, "common"}
    assert all(os.access(FOLDER / f"{name}.sh", os.X_OK) for name in names)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("gpus", [1, 4, 8])
def test_dry_run(objective: str, gpus: int) -> None:
    words = printed(objective.replace("-", "_"), NUM_GPUS=str(gpus))
    start = words.index("training")
    if gpus == 1:
        assert words[:start] == ["python", "-m"]
    else:
        assert words[:3] == LAUNCH and words[start - 1] == "--module" and "--multi_gpu" in words
        assert after(words, "--num_processes") == str(gpus)
        assert after(words, "--mixed_precision") == "bf16"
    asked = parser().parse_args(words[start + 1 :])  # our own command line reads it
    assert asked.command == objective and asked.set[0] == "precision=bf16"
    config = yaml.safe_load((ROOT / asked.config).read_text())
    assert config["objective"] == objective
    said = dict(pair.split("=") for pair in asked.set)
    rows = int(said.get("batch_size", config["settings"]["batch_size"]))
    parts = gpus * config["settings"].get("accumulate", 1)
    assert rows % parts == 0, "every process has as many rows of every part"
    assert ("batch_size" in said) == (config["settings"]["batch_size"] % parts > 0)


@pytest.mark.parametrize("shard", ["", "fsdp"])
def test_two_machines_have_twice_the_processes(shard: str) -> None:
    words = printed(
        "sft", NUM_GPUS="8", NUM_MACHINES="2", MACHINE_RANK="1", MAIN_IP="10.0.0.1", SHARD=shard,
        BATCH_SIZE="64",
    )  # fmt: skip
    read = {flag: after(words, f"--{flag}") for flag in ("num_machines", "num_processes", "machine_rank")}
    assert read == {"num_machines": "2", "num_processes": "16", "machine_rank": "1"}
    assert after(words, "--main_process_ip") == "10.0.0.1" and words.count("--num_machines") == 1
    assert parser().parse_args(words[words.index("training") + 1 :]).set[-1] == "batch_size=64"
    done = ran("sft", NUM_GPUS="8", NUM_MACHINES="2")
    assert done.returncode == 2 and "without MACHINE_RANK and MAIN_IP is not valid" in done.stderr


def test_variables() -> None:
    words = printed(
        "sft", NUM_GPUS="2", MODEL="my model", DATA="a.jsonl gsm8k", OUT="o", CONFIG="c.yaml", PYTHON="py",
        BATCH_SIZE="16", MIXED_PRECISION="no", EXTRA="--resume --set max_steps=5", SHARD="fsdp",
    )  # fmt: skip
    assert words[0] == "py" and "--multi_gpu" not in words
    assert after(words, "--config_file") == "training/configs/accelerate/fsdp.yaml"
    asked = parser().parse_args(words[words.index("--module") + 2 :])
    assert (asked.model, asked.data, str(asked.out), str(asked.config), asked.resume) == (
        "my model", ["a.jsonl", "gsm8k"], "o", "c.yaml", True
    )  # fmt: skip
    assert asked.set == ["precision=no", "batch_size=16", "max_steps=5"]


def test_without_a_config() -> None:
    assert "--config" not in printed("sft", CONFIG="")


@pytest.mark.parametrize(("name", "value"), [
    ("NUM_GPUS", "0"), ("NUM_GPUS", "two"), ("SHARD", "ddp"), ("MIXED_PRECISION", "fp8"),
])  # fmt: skip
def test_bad_variables_are_sentences(name: str, value: str) -> None:
    done = ran("sft", **{name: value})
    assert done.returncode == 2 and not done.stdout
    assert f"{name} = {value} is not valid; allowed: " in done.stderr


@pytest.mark.parametrize("kind", ["fsdp", "deepspeed"])
def test_accelerate_reads_its_configs(kind: str) -> None:
    config = load_config_from_file(str(ROOT / "training" / "configs" / "accelerate" / f"{kind}.yaml"))
    assert isinstance(config, ClusterConfig) and config.distributed_type.value.lower() == kind
    wanted = {"fsdp": config.fsdp_config.get("fsdp_version") == 2,
              "deepspeed": config.deepspeed_config.get("zero_stage") == 2}  # fmt: skip
    assert wanted[kind]


@pytest.mark.parametrize(("name", "machines", "processes"), [
    ("one-gpu", 1, 1), ("four-gpus", 1, 4), ("eight-gpus", 1, 8), ("two-machines", 2, 16),
])  # fmt: skip
def test_accelerate_reads_the_configs_of_one_machine_and_two(
    name: str, machines: int, processes: int
) -> None:
    """With accelerate's own reader, and its launcher's own check of flags and config together."""
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    path = ROOT / "training" / "configs" / "accelerate" / f"{name}.yaml"
    config = load_config_from_file(str(path))
    assert (config.num_machines, config.num_processes, config.mixed_precision) == (
        machines,
        processes,
        "bf16",
    )
    assert str(config.distributed_type).endswith("MULTI_GPU" if processes > 1 else "NO")
    words = [
        "--config_file",
        str(path),
        "--machine_rank",
        "1",
        "--main_process_ip",
        "10.0.0.1",
        "-m",
        "training",
    ]
    args = launch_command_parser().parse_args(words)
    assert (args.machine_rank, args.main_process_ip, args.module) == (1, "10.0.0.1", True)
    if machines > 1:
        assert config.main_process_port == 29500 and config.rdzv_backend == "static" and config.same_network
