"""The README's Python lines run, and its command lines name things that exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import parser as evaluation
from models.assets import assets
from models.memory import Use, predict
from samplers.__main__ import parser as samplers
from tests.checkpoints import PUBLISHED
from training.__main__ import parser as training

ROOT = Path(__file__).parents[1]
QWEN_1B5 = {"num_hidden_layers": 28, "hidden_size": 1536, "num_attention_heads": 12, "num_key_value_heads": 2,
            "intermediate_size": 8960, "vocab_size": 151936, "tie_word_embeddings": True}  # fmt: skip
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (README, *(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))))
"""The README and the pages that it hands over to."""
PARSERS = {"samplers": samplers, "evaluation": evaluation, "training": training}


def blocks(kind: str, text: str = README) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def python_lines() -> str:
    """The first Python block of the README: five lines (and an empty one)."""
    return blocks("python")[0]


def test_the_python_section_opens_with_five_lines_that_run(tmp_path: Path) -> None:
    code = python_lines()
    assert len([line for line in code.splitlines() if line]) == 5
    setup = f"import sys; sys.path.append({str(ROOT)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", setup + code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    said = done.stdout.splitlines()
    assert said[0] == "Started 0" and any(line.startswith("Finished") for line in said) and len(said[-1]) > 3


def command_lines() -> list[str]:
    """The commands of ours that are whole: none with … or a name in capitals to fill in."""
    text = "\n".join(block for page in PAGES for block in blocks("sh", page)).replace("\\\n", " ")
    lines = re.findall(r"^python -m (?:samplers|evaluation|training) .*$", text, re.MULTILINE)
    return [line for line in lines if "…" not in line and "lm-eval" not in line]


@pytest.mark.parametrize("line", command_lines())
def test_command_lines_can_be_read(line: str) -> None:
    _, _, module, *words = shlex.split(line.replace("$M", "tiny-llada"), comments=True)
    args = PARSERS[module]().parse_args(words)
    for name in ("model", "prm"):
        value = str(getattr(args, name, None) or "")
        assert value in ("", "M", "MODEL") or (assets() / "models" / value).is_dir(), line


def test_there_are_command_lines() -> None:
    assert len(command_lines()) >= 15


def test_links_lead_to_files_that_exist() -> None:
    """Of the README, the docs pages and deploy/, each seen from its own folder."""
    folders = (ROOT, ROOT / "docs", ROOT / "deploy")
    for path in (path for folder in folders for path in folder.glob("*.md")):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if "://" not in target and not target.startswith("mailto:"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_figures_of_the_card_are_what_is_predicted() -> None:
    """LLaDA-8B's shape in models/memory.py, as the section "a 24 GB card" has them, in GiB."""
    start = README.index("## I have LLaDA-8B on disk and a 24 GB card")
    section = README[start : README.index("\n## ", start)]
    text = section.partition("\n")[2]
    assert len([line for line in text.splitlines() if line and not line.startswith("```")]) <= 10
    shape = json.loads((PUBLISHED / "config.json").read_text(encoding="utf-8"))
    reward = {"model_type": "qwen2", "architectures": ["Qwen2ForTokenClassification"], **QWEN_1B5}

    def gib(config: dict[str, Any], precision: str, **use: Any) -> float:
        return predict(config, precision, Use(**use)).total / 2**30

    judged = {"rows": 5, "length": 640}
    whole = [gib(shape, "bfloat16", length=768), gib(shape, "bfloat16", length=768, cache="dual"),
             gib(shape, "bfloat16", **judged, sampled=True) + gib(reward, "bfloat16", **judged)]  # fmt: skip
    weights = [predict(shape, name).weights / 2**30 for name in ("int8", "nf4", "gptq-4")]
    for figure in (*whole, *weights):
        assert f"{figure:.1f}" in section, figure
    assert "predicted" in section and "measured" in section
