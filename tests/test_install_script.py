"""scripts/install.sh: one dependency is compiled, and without a compiler it alone is left out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def install(tmp_path: Path, extras: list[str], broken: str, ci: str = "") -> tuple[int, list[str], str]:
    """Exit status, what pip was asked for, and what was said; pip fails for a line with `broken` in it."""
    python, log = tmp_path / "python", tmp_path / "log"
    python.write_text(f'#!/bin/sh\necho "$@" >> {log}\ncase "$*" in *"{broken}"*) exit 1 ;; esac\n')
    python.chmod(0o755)
    env = os.environ | {"TORCH_INDEX": "default", "CI": ci}
    done = subprocess.run(
        [ROOT / "scripts" / "install.sh", python, *extras], env=env, capture_output=True, text=True
    )
    return done.returncode, log.read_text().splitlines(), done.stderr


def test_all_of_it(tmp_path: Path) -> None:
    status, asked, said = install(tmp_path, ["gptq", "suites"], "nothing fails")
    assert (status, said) == (0, "") and asked[0].endswith(
        "--constraint constraints.txt --editable .[gptq,suites]"
    )
    assert len(asked) == 1


def test_without_a_compiler_gptqmodel_alone_is_left_out_and_said(tmp_path: Path) -> None:
    status, asked, said = install(tmp_path, ["gptq", "suites", "dev"], "gptq,")
    assert status == 0 and "gptqmodel is NOT installed" in said
    assert "--editable .[suites,dev] optimum>=2,<3; sys_platform" in asked[-1] and "gptq" not in asked[-1]
    status, asked, said = install(tmp_path, ["gptq"], "[gptq]")
    assert status == 0 and "--editable . optimum>=2,<3" in asked[-1]


@pytest.mark.parametrize(("extras", "ci"), [(["gptq"], "true"), (["dev"], "")])
def test_what_must_be_whole_fails(tmp_path: Path, extras: list[str], ci: str) -> None:
    status, asked, _ = install(tmp_path, extras, "--editable", ci)
    assert status == 1 and len(asked) == 1
