"""Set-ups: copied as Python and as a command they make the page's tokens; links carry them, or lie."""

from __future__ import annotations

import base64
import json
import random
import shlex
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from llada_viz.decoding.bundled import Bundled
from llada_viz.decoding.networks import Sources
from llada_viz.decoding.preparing import prepare_here
from llada_viz.decoding.setup_code import to_command, to_python
from llada_viz.decoding.setup_link import LONGEST_LINK, LinkError, from_link, to_link
from llada_viz.decoding.setups import Setup, by_name, own_settings, setup_of
from samplers import SAMPLERS
from samplers.__main__ import main
from samplers.recording.traces import read_trace
from samplers.streams import collect


@cache
def bundled() -> Bundled:
    return Bundled()


def drawn(number: int) -> tuple[str, dict[str, Any], str, int, str]:
    """Sampler, settings, prompt, seed and scorer of a random set-up; every sampler comes within twenty."""
    rng = random.Random(number)
    sampler = sorted(SAMPLERS)[number % len(SAMPLERS)]
    settings: dict[str, Any] = {"gen_length": 16, "block_length": 8, "steps": rng.choice([4, 16])}
    settings["temperature"] = rng.choice([0.0, 0.7])
    if sampler == "window_refine":
        settings["window"] = 2
    if sampler == "backmask":
        settings |= {"backmasking_lookback": 2, "num_candidates_per_block": 2, "num_demasking_candidates": 2}
    if sampler == "remedi":
        settings["policy"] = rng.choice(["ups", "tps_prob"])
    prompt = rng.choice(
        ["What is 3 + 4 * 2?", "What is the value of x if 3x + 4 = 19?", "What is 17 - 9 - 12?"]
    )
    needs = SAMPLERS[sampler].needs
    return (
        sampler,
        settings,
        prompt,
        rng.randrange(1000),
        rng.choice(["checker", "tiny-prm"]) if needs.scorer else "",
    )


def page_tokens(sampler: str, settings: dict[str, Any], prompt: str, seed: int, scorer: str) -> list[int]:
    ready = prepare_here(bundled(), sampler, settings, prompt, seed, "", scorer)
    collect(ready.stream())
    return ready.canvas.answer(0)


@pytest.mark.parametrize("number", range(20))
def test_the_copied_program_and_command_make_the_page_s_tokens(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sampler, settings, prompt, seed, scorer = drawn(number)
    wanted = page_tokens(sampler, settings, prompt, seed, scorer)
    setup = setup_of(bundled(), sampler, settings, prompt, seed, "", scorer)
    scope: dict[str, Any] = {}
    exec(to_python(setup), scope)  # noqa: S102 - what a reader would run
    assert list(scope["decoded"].tokens) == wanted
    command = shlex.split(to_command(setup))
    assert command[:4] == ["python", "-m", "samplers", "run"]
    assert main([*command[3:], f"--trace={tmp_path / 'run.jsonl'}"]) == 0
    finished = read_trace(tmp_path / "run.jsonl").events[-1]
    assert list(finished.tokens[0][-len(wanted) :]) == wanted  # type: ignore[attr-defined]


def test_every_sampler_is_among_them() -> None:
    assert {drawn(number)[0] for number in range(20)} == set(SAMPLERS)


def test_only_what_was_changed_is_part_of_a_set_up() -> None:
    plain = own_settings("low_confidence", {"gen_length": 128, "steps": 128, "temperature": 0.0})
    assert plain == {}
    assert own_settings("low_confidence", {"temperature": 0.5}) == {"temperature": 0.5}
    setup = setup_of(bundled(), "low_confidence", {}, "What is 1 + 1?", scorer="checker")
    assert setup.scorer == "" and setup.sources == Sources("tiny-llada")


def test_no_folder_of_this_machine_is_told() -> None:
    sources = Sources(str(bundled().folder), prm=str(bundled().reward_folder("tiny-prm")))
    sources = replace(sources, ups_head=str(bundled().head_file))
    assert by_name(sources) == Sources("tiny-llada", ups_head="tiny-llada-ups", prm="tiny-prm")
    own = Setup("Hello", "low_confidence", sources=Sources("/models/own"))
    assert from_link(to_link(own))[0].sources == Sources("tiny-llada")


def test_text_of_people_stays_text() -> None:
    prompt = 'it\'s "$(rm -rf)" `x`\n<|mdm_mask|> 你好 \\'
    setup = Setup(prompt, "low_confidence", constraints="0:it's")
    words = shlex.split(to_command(setup))
    assert f"--prompt={prompt}" in words and "--constraints=0:it's" in words
    assert repr(prompt) in to_python(setup)
    compile(to_python(setup), "copied", "exec")
    assert from_link(to_link(setup)) == (setup, [])


def test_a_conversation_is_copied_whole() -> None:
    earlier = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"})
    setup = Setup(
        "And now?", "low_confidence", {"gen_length": 8, "block_length": 8, "steps": 8}, earlier=earlier
    )
    scope: dict[str, Any] = {}
    exec(to_python(setup), scope)  # noqa: S102
    ready = prepare_here(bundled(), setup.sampler, dict(setup.settings), "And now?", 0, "", "", earlier)
    collect(ready.stream())
    assert list(scope["decoded"].tokens) == ready.canvas.answer(0)
    with pytest.raises(LinkError, match="not a conversation"):
        to_link(setup)


@pytest.mark.parametrize("number", range(20))
def test_a_link_gives_the_set_up_again(number: int) -> None:
    sampler, settings, prompt, seed, scorer = drawn(number)
    setup = setup_of(bundled(), sampler, settings, prompt, seed, "", scorer)
    link = to_link(setup)
    assert from_link(link) == (setup, []) and len(link) < 400
    assert link.replace("-", "").replace("_", "").isalnum()


def packed(data: Any) -> str:
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(data).encode())).decode().rstrip("=")


GOOD = {"v": 1, "p": "Hello", "s": "low_confidence", "o": {"steps": 64}}


@pytest.mark.parametrize("change, note", [
    ({"s": "magic"}, "Sampler magic is not known here."),
    ({"n": -1}, "Its seed is out of range: 0 is used."),
    ({"n": True}, "Its seed is out of range: 0 is used."),
    ({"o": {"stepz": 3}}, "LLaDA · surest first has no setting stepz of that kind."),
    ({"o": {"steps": "many"}}, "LLaDA · surest first has no setting steps of that kind."),
    ({"o": {"block_length": 7}}, "Its settings were left out. Block length 7 does not divide"),
    ({"m": {"model": "/etc/passwd"}}, "Its model cannot be had here."),
    ({"m": {"prm": "../../x/y"}}, "Its prm cannot be had here."),
    ({"m": {"model": 5}}, "Its model cannot be had here."),
])  # fmt: skip
def test_what_is_not_valid_in_a_link_is_left_out_and_said(change: dict[str, Any], note: str) -> None:
    setup, notes = from_link(packed(GOOD | change))
    assert len(notes) == 1 and notes[0].startswith(note)
    assert setup.prompt == "Hello" and setup.sampler in SAMPLERS and setup.seed == 0


def no_text() -> str:
    return base64.urlsafe_b64encode(zlib.compress(b"x" * (1 << 22))).decode().rstrip("=")


@pytest.mark.parametrize("link, sentence", [
    (lambda: "", "cut short or changed"),
    (lambda: "%%%", "cut short or changed"),
    (lambda: "a" * (LONGEST_LINK + 1), "cut short or changed"),
    (lambda: packed([1]), "cut short or changed"),
    (no_text, "cut short or changed"),
    (lambda: packed(GOOD | {"v": 2}), "another version"),
    (lambda: packed(GOOD | {"p": 5}), "question of this link cannot be read"),
    (lambda: packed(GOOD | {"p": "x" * 20_001}), "question of this link cannot be read"),
    (lambda: packed(GOOD | {"c": ["0:x"]}), "This link cannot be read"),
    (lambda: to_link(Setup(random.Random(0).randbytes(9000).hex(), "low_confidence")), "too long for a link"),
])  # fmt: skip
def test_a_text_that_is_no_link(link: Callable[[], str], sentence: str) -> None:
    with pytest.raises(LinkError, match=sentence):
        from_link(link())


def test_the_lines_of_the_docs_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of docs/set-ups.md."""
    text = (Path(__file__).parents[3] / "docs" / "set-ups.md").read_text(encoding="utf-8")
    exec(text.split("```python\n")[1].split("```")[0], {})  # noqa: S102 - what a reader would run
    said = capsys.readouterr().out
    assert "lv.decode(" in said and "python -m samplers run" in said
