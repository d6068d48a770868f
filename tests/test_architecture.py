"""The house rules, read from the source: who may import whom, how big things are, what is not done.

Each rule is a function from a repository root to a list of complaints. The first tests run the
rules over this repository; the later ones over small wrong trees, so that a rule cannot go blind.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.switches import switches

ROOT = Path(__file__).parents[1]
# package -> the packages of ours that it may import
MAY_IMPORT: dict[str, set[str]] = {"tasks": set(), "models": set()}
for _name in ("samplers", "evaluation", "training", "llada_viz"):
    MAY_IMPORT[_name] = set(MAY_IMPORT)
MAY_IMPORT["app"] = set(MAY_IMPORT)
# gallery -> where it may be imported
LIBRARIES = {
    "gradio": (
        "app.py",
        "llada_viz/page.py",
        "llada_viz/theme.py",
        "llada_viz/tabs/*",
        "llada_viz/widgets/*",
    ),
    "plotly": ("llada_viz/*",),
    "transformers": ("models/*", "training/*", "llada_viz/*", "samplers/engines/streamer.py"),
    "diffusers": ("samplers/engines/diffusers.py",),
    "gptqmodel": ("models/*",),
}
FORBIDDEN_MODULES = {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
MACHINE_PATH = re.compile(r"(?<![\w./~$}])/(?:home|root|Users|work|mnt|opt)/\w|\.\./shared\b")
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
# Most files stay well under 300 lines; folders follow ideas, not this limit.
FILE_LINES, APP_LINES, FUNCTION_LINES, MAIN_LOOP_LINES = 400, 30, 40, 80


def sources(root: Path) -> Iterator[tuple[str, str, ast.Module]]:
    """(path, text, tree) of app.py and of every module in our packages."""
    paths = [p for name in MAY_IMPORT for p in (root / name).rglob("*.py")]
    for path in sorted([*paths, *root.glob("app.py")]):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(root).as_posix(), text, _parsed(text, str(path))


@cache
def _parsed(text: str, filename: str) -> ast.Module:
    return ast.parse(text, filename=filename)


def imports(path: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import, relative and importlib.import_module("…") ones too.

    `from a import b` gives `a` and `a.b`: only the file system knows whether b is a module.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = path.split("/")[: -node.level] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            yield node.lineno, base
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value


def top_imports(path: str, tree: ast.AST) -> set[tuple[int, str]]:
    """(line, first part of the name): what is imported, without the modules inside it."""
    return {(line, name.split(".")[0]) for line, name in imports(path, tree)}


def check_import_rule(root: Path) -> list[str]:
    """A package imports only from those on its left; libraries only where they belong."""
    found = []
    for path, _, tree in sources(root):
        package = path.split("/")[0].removesuffix(".py")
        for line, name in sorted(top_imports(path, tree)):
            if name in MAY_IMPORT and name != package and name not in MAY_IMPORT[package]:
                found.append(f"{path}:{line}: {package} may not import {name}")
            if not any(fnmatch(path, pattern) for pattern in LIBRARIES.get(name, ("*",))):
                found.append(f"{path}:{line}: {name} belongs in {', '.join(LIBRARIES[name])}")
            if name in FORBIDDEN_MODULES:
                found.append(f"{path}:{line}: {name} is not used here: loading it can run code")
    return found


def check_single_adapters(root: Path) -> list[str]:
    """transformers in one file of llada_viz at most; gptqmodel in one file, inside functions."""
    found, adapters, loaders = [], set(), set()
    for path, _, tree in sources(root):
        names = {name for _, name in top_imports(path, tree)}
        if path.startswith("llada_viz/") and "transformers" in names:
            adapters.add(path)
        if "gptqmodel" in names:
            loaders.add(path)
        inside = {id(n) for f in ast.walk(tree) if isinstance(f, _FUNCTION) for n in ast.walk(f)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in inside:
                if any(name == "gptqmodel" for _, name in top_imports(path, node)):
                    found.append(f"{path}:{node.lineno}: import gptqmodel inside the function that needs it")
    if len(adapters) > 1:
        found.append(f"llada_viz imports transformers in several files: {sorted(adapters)}")
    if len(loaders) > 1:
        found.append(f"gptqmodel is imported in several files: {sorted(loaders)}")
    return found


PLAIN = tuple(
    f"llada_viz/{room}/"
    for room in ("render", "decoding", "jobs", "cli", "api", "endpoints", "gallery", "export")
)


def check_plain_rooms(root: Path) -> list[str]:
    """Nothing reachable from the rooms of the page that are PLAIN imports gradio."""
    reached = {path: {name for _, name in imports(path, tree)} for path, _, tree in sources(root)}
    todo = [path for path in reached if path.startswith(PLAIN)]
    seen: set[str] = set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        folders = [f"{parent.as_posix()}/__init__.py" for parent in Path(path).parents]
        for name in reached[path]:
            base = name.replace(".", "/")
            folders += [f"{base}.py", f"{base}/__init__.py"]
        todo += [folder for folder in folders if folder in reached]
    guilty = [path for path in seen if any(name.split(".")[0] == "gradio" for name in reached[path])]
    return [f"{path}: reached from {', '.join(PLAIN)}, and imports gradio" for path in sorted(guilty)]


def check_no_circles(root: Path) -> list[str]:
    """No module reaches itself through the modules it imports, inside functions too (types apart)."""
    modules = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path, _, _ in sources(root)
    }
    arrows: dict[str, set[str]] = {}
    for path, _, tree in sources(root):
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for_types = {
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for _, name in imports(path, node)
        }
        arrows[module] = {name for _, name in imports(path, tree)} & modules - {module} - for_types
    complaints, done = [], set[str]()
    while ends := [module for module in arrows if module not in done and arrows[module] <= done]:
        done.update(ends)
    left = set(arrows) - done
    while trimmed := {m for m in left if not any(m in arrows[other] for other in left)}:
        left -= trimmed  # imports a circle, and is in none
    for module in sorted(left):
        complaints.append(f"{module}: in a circle with {', '.join(sorted(arrows[module] & left))}")
    return complaints


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, docstring included, decorators not."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def check_sizes(root: Path) -> list[str]:
    """Short files, short functions, one documented main loop a file."""
    found = []
    allowed = f"under {FUNCTION_LINES}; a documented main loop up to {MAIN_LOOP_LINES}"
    for path, text, tree in sources(root):
        lines = len(text.splitlines())
        most = FILE_LINES - 1
        if path == "app.py":
            most = APP_LINES
        if lines > most:
            found.append(f"{path}: {lines} lines, at most {most}")
        long = []
        for node in ast.walk(tree):
            if not isinstance(node, _FUNCTION) or (size := length(node)) < FUNCTION_LINES:
                continue
            long.append(f"{node.name}:{node.lineno}")
            if size > MAIN_LOOP_LINES or not ast.get_docstring(node):
                found.append(f"{path}:{node.lineno}: {node.name} is {size} lines long, {allowed}")
        if len(long) > 1:
            found.append(f"{path}: one main loop a file, here {', '.join(long)}")
    for path in sorted((root / "tests").rglob("*.py")):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines >= FILE_LINES:
            found.append(f"{path.relative_to(root)}: {lines} lines, under {FILE_LINES}")
    return found


def check_no_foreign_code(root: Path) -> list[str]:
    """No eval, exec, unsafe torch.load or trust_remote_code."""
    found = []
    for path, _, tree in sources(root):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                function = ast.unparse(node.func)
                keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
                if function in ("eval", "exec", "builtins.eval", "builtins.exec"):
                    found.append(f"{path}:{node.lineno}: {function}()")
                if function == "torch.load" and keywords.get("weights_only") != "True":
                    found.append(f"{path}:{node.lineno}: torch.load without weights_only=True")
                if keywords.get("trust_remote_code", "False") != "False":
                    found.append(f"{path}:{node.lineno}: trust_remote_code")
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "trust_remote_code":
                        if ast.unparse(value) != "False":
                            found.append(f"{path}:{node.lineno}: trust_remote_code")
    return found


def check_packages(root: Path) -> list[str]:
    """Every folder of our packages that holds Python is a package; all packages exist."""
    found = [f"{name}/: missing" for name in MAY_IMPORT if name != "app" and not (root / name).is_dir()]
    folders = {path.rpartition("/")[0] for path, _, _ in sources(root)} - {""}
    for folder in sorted(folders | {p for p in MAY_IMPORT if (root / p).is_dir()}):
        if not (root / folder / "__init__.py").is_file():
            found.append(f"{folder}/__init__.py: missing")
    return found


def text_files(root: Path) -> Iterator[tuple[str, str]]:
    """(path, text) of every file that .gitignore leaves in and that is UTF-8."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = [".git", *(line.rstrip("/ ") for line in lines if line and not line.startswith("#"))]
    todo = [root]
    while todo:
        for path in todo.pop().iterdir():
            relative = path.relative_to(root).as_posix()
            if any(fnmatch(name, pattern) for pattern in ignored for name in (path.name, "/" + relative)):
                continue
            if path.is_dir():
                todo.append(path)
            elif path.suffix not in (".safetensors", ".png", ".gz"):
                try:
                    yield relative, path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue


def check_no_machine_paths(root: Path) -> list[str]:
    """Nothing says where on somebody's machine it was written."""
    found = []
    for path, text in text_files(root):
        for number, line in enumerate(text.splitlines(), 1):
            if match := MACHINE_PATH.search(line):
                found.append(f"{path}:{number}: machine path {line[match.start() :][:60]!r}")
    return found


def check_no_switches(root: Path) -> list[str]:
    """Nobody but its own package asks which objective or sampler something is."""
    return switches({path: tree for path, _, tree in sources(root)})


RULES = [check_import_rule, check_single_adapters, check_plain_rooms, check_no_circles, check_sizes,
         check_no_foreign_code, check_packages, check_no_machine_paths, check_no_switches]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_this_repository(rule: Any) -> None:
    complaints = rule(ROOT)
    assert not complaints, "\n".join(complaints)


def long_function(lines: int, documented: bool = True) -> str:
    first = '    """Why it is long."""\n' if documented else "    pass\n"
    return "def f():\n" + first + "    x = 1\n" * (lines - 2)


WRONG = [
    (check_import_rule, "tasks/a.py", "import models.llada"),
    (check_import_rule, "models/a.py", "from tasks import TASKS"),
    (check_import_rule, "samplers/a.py", "def f():\n    from evaluation.runs.execute import x"),
    (check_import_rule, "samplers/a.py", "from ..training import noise"),
    (check_import_rule, "training/a.py", "import importlib\nimportlib.import_module('llada_viz.tabs')"),
    (check_import_rule, "llada_viz/a.py", "import app"),
    (check_import_rule, "evaluation/a.py", "import gradio as gr"),
    (check_import_rule, "app.py", "from plotly import graph_objects"),
    (check_import_rule, "samplers/a.py", "from transformers import AutoTokenizer"),
    (check_import_rule, "training/a.py", "def f():\n    import gptqmodel"),
    (check_import_rule, "models/a.py", "import pickle"),
    (check_single_adapters, "models/a.py", "import gptqmodel"),
    (check_plain_rooms, "llada_viz/render/a.py", "import gradio"),
    (check_plain_rooms, "llada_viz/render/a.py", "from llada_viz.widgets import canvas"),
    (check_plain_rooms, "llada_viz/jobs/a.py", "from llada_viz.widgets.canvas import TokenCanvas"),
    (check_import_rule, "llada_viz/decoding/a.py", "import gradio"),
    (check_no_circles, "models/a.py", "def f():\n    from models import b\n    from models.b import x"),
    (check_sizes, "models/a.py", "x = 1\n" * 400),
    (check_sizes, "tests/test_a.py", "x = 1\n" * 400),
    (check_sizes, "app.py", "x = 1\n" * 31),
    (check_sizes, "models/a.py", long_function(40, documented=False)),
    (check_sizes, "models/a.py", long_function(81)),
    (check_sizes, "models/a.py", long_function(41) * 2),
    (check_no_foreign_code, "tasks/a.py", "x = eval('1')"),
    (check_no_foreign_code, "tasks/a.py", "exec('x = 1')"),
    (check_no_foreign_code, "models/a.py", "import torch\ntorch.load('f')"),
    (check_no_foreign_code, "models/a.py", "f(trust_remote_code=True)"),
    (check_no_foreign_code, "models/a.py", "f(**{'trust_remote_code': True})"),
    (check_packages, "models/inner/a.py", "x = 1"),
    (check_no_machine_paths, "docs/a.md", "see /" + "home/me/notes.txt"),
    (check_no_switches, "llada_viz/a.py", "isinstance(x, SFTSettings)"),
    (check_no_switches, "llada_viz/a.py", "issubclass(x, int | objective.TunedSettings)"),
    (
        check_no_switches,
        "training/a.py",
        "from training.sft.objective import SFT as S\nisinstance(x, (S, int))",
    ),
    (check_no_switches, "training/dpo.py", "if type(x) is SFT: pass"),
    (check_no_switches, "training/a.py", "match x:\n    case SFTSettings(): pass"),
    (check_no_switches, "evaluation/a.py", "isinstance(x, Edit)"),
    (check_no_machine_paths, "docs/a.md", "see .." + "/shared/x"),
]


ROOMS = ["llada_viz/widgets", *(room.rstrip("/") for room in PLAIN)]


def grow(root: Path, files: dict[str, str]) -> Path:
    """A small right tree, plus `files`."""
    empty = {f"{name}/__init__.py": "" for name in [*MAY_IMPORT, *ROOMS] if name != "app"}
    circle = {"models/b.py": "from models.a import f"}
    page = {"llada_viz/widgets/canvas.py": "import gradio", "app.py": "import gradio\nimport llada_viz"}
    own = {
        "training/sft/__init__.py": "",
        "training/sft/objective.py": "class SFTSettings(TrainSettings): ...\nclass SFT(recipe.Recipe): ...\n"
        "class TunedSettings(SFTSettings): ...\nisinstance(x, SFTSettings)",
        "training/settings.py": "class TrainSettings: ...\nissubclass(x, TrainSettings)",
        "samplers/edit.py": "class Edit(BlockSettings): ...",
        "samplers/make.py": "isinstance(x, Edit)",
    }
    ignored = {".gitignore": "runs/\n", "runs/log.txt": "/" + "home/me"}
    for name, text in (empty | circle | page | own | ignored | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(("rule", "path", "text"), WRONG)
def test_wrong_trees_are_noticed(rule: Any, path: Any, text: Any, tmp_path: Path) -> None:
    assert rule(grow(tmp_path, {path: text}))


def test_one_adapter_each(tmp_path: Path) -> None:
    both = {f"llada_viz/{name}.py": "import transformers" for name in "ab"}
    lazy = {f"models/{name}.py": "def f():\n    import gptqmodel" for name in "ab"}
    assert len(check_single_adapters(grow(tmp_path, both | lazy))) == 2


def test_a_right_tree_passes(tmp_path: Path) -> None:
    files = {
        "samplers/a.py": "import re\nfrom models.llada import x\nfrom .events import Event\nnet.eval()",
        "models/a.py": "def f():\n    import gptqmodel\n" + long_function(80) + long_function(39),
        "llada_viz/render/a.py": "import plotly\nfrom samplers import fold",
        "docs/a.md": "https://example.org/" + "home/page and docs/" + "work/x and ~/" + "work/x",
    }
    root = grow(tmp_path, files)
    assert [complaint for rule in RULES for complaint in rule(root)] == []
