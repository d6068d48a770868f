"""scripts/judge/ollama.sh: what it would run, what it says without Ollama, and what it pulls."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from training.engine.settings import parse_pairs
from training.grpo.objective import GRPOSettings

SCRIPT = Path(__file__).parents[2] / "scripts" / "judge" / "ollama.sh"


def run(path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": path} | variables
    return subprocess.run(["bash", SCRIPT], env=env, capture_output=True, text=True, timeout=60)


def test_the_settings_that_it_names_are_settings() -> None:
    done = run(os.environ["PATH"], DRY_RUN="1", JUDGE_MODEL="my:judge", JUDGE_PORT="9")
    *_, command = done.stdout.splitlines()
    words = shlex.split(command)
    pairs = [value for flag, value in zip(words, words[1:], strict=False) if flag == "--set"]
    found = parse_pairs(GRPOSettings, pairs)
    assert found == {"reward_judge": 1.0, "judge_url": "http://127.0.0.1:9/v1", "judge_model": "my:judge"}
    assert (SCRIPT.parents[2] / words[words.index("--config") + 1]).is_file()


def tools(folder: Path) -> str:
    """A PATH with the programs that the script uses, and no Ollama."""
    for name in ("bash", "grep", "seq", "sleep"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (folder / name).symlink_to(found)
    return str(folder)


def test_without_ollama_it_says_where_to_get_it(tmp_path: Path) -> None:
    done = run(tools(tmp_path))
    assert done.returncode == 1 and "ollama is not installed; see https://" in done.stderr


def test_a_model_that_is_missing_is_pulled(tmp_path: Path) -> None:
    """A stand-in for the program, which writes down how it was called."""
    path, log = tools(tmp_path), tmp_path / "log"
    stand_in = tmp_path / "ollama"
    stand_in.write_text(f'#!/bin/bash\necho "$OLLAMA_HOST $*" >> {log}\necho "there:latest  1 GB"\n')
    stand_in.chmod(0o755)
    done = run(path, JUDGE_MODEL="missing")
    assert done.returncode == 0 and "The judge is ready." in done.stdout
    assert log.read_text().splitlines()[-1] == "127.0.0.1:11434 pull missing"
    log.unlink()
    run(path, JUDGE_MODEL="there")
    assert "pull" not in log.read_text()
