"""Requests on the bundled tokenizer: chat template, constraints, infill, refusals."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest

from models.loading import LoadedModel, load
from models.text import cell_texts, token_pieces
from samplers.forwards.shared_forwards import Forwards
from samplers.forwards.shared_network import Sharing
from samplers.requests import RequestError, Tools, parse_constraints, parse_infill, prepare, prompt_ids
from samplers.settings import SettingError

BUNDLED = Path(__file__).parents[2] / "assets" / "models" / "tiny-llada"
SHORT = {"steps": 8, "gen_length": 8, "block_length": 8}


@pytest.fixture(scope="module")
def bundled() -> LoadedModel:
    return load(str(BUNDLED), device="cpu")


def test_chat_template_is_lladas(bundled: LoadedModel) -> None:
    assert bundled.tokenizer is not None
    text = bundled.tokenizer.decode(prompt_ids(bundled, prompt="Hi 12"))
    user = "<|start_header_id|>user<|end_header_id|>\n\nHi 12<|eot_id|>"
    assert text == f"<|startoftext|>{user}<|start_header_id|>assistant<|end_header_id|>\n\n"
    same = prompt_ids(bundled, messages=[{"role": "user", "content": "Hi 12"}])
    assert same == prompt_ids(bundled, prompt="Hi 12")


def test_numbers_and_any_text(bundled: LoadedModel) -> None:
    assert bundled.tokenizer is not None
    pieces = token_pieces(bundled.tokenizer)
    for text in ("7", "42", "999", "007"):
        assert len(bundled.tokenizer.encode(text)) == 1
    assert [pieces[i] for i in bundled.tokenizer.encode("31022")] == [b"3", b"1", b"0", b"2", b"2"]
    for text in ("naïve ☃ 漢字 🙂", "a\r\n\tb", "\x00\x07"):
        ids = bundled.tokenizer.encode(text, add_special_tokens=False)
        assert b"".join(pieces[i] for i in ids).decode() == text
        assert "".join(cell_texts(pieces, ids, bundled.mask_id)) == text


def test_cell_texts_keep_broken_characters_apart(bundled: LoadedModel) -> None:
    assert bundled.tokenizer is not None
    pieces = token_pieces(bundled.tokenizer)
    snow = bundled.tokenizer.encode("☃", add_special_tokens=False)
    assert len(snow) == 3
    assert cell_texts(pieces, snow, bundled.mask_id) == ["", "", "☃"]
    holed = cell_texts(pieces, [snow[0], bundled.mask_id, snow[2]], bundled.mask_id)
    assert holed[0] == "\ufffd" and holed[1] == "" and holed[2] == "\ufffd"


def test_constraints_pin_words_with_a_leading_space(bundled: LoadedModel) -> None:
    assert bundled.tokenizer is not None
    prepared = prepare(bundled, settings=SHORT, prompt="Hi", constraints="0: many, 4:left")
    answer = prepared.canvas.tokens[0, prepared.canvas.prompt_length :].tolist()
    assert answer[0] == bundled.tokenizer.encode(" many")[0]
    assert answer[4] == bundled.tokenizer.encode(" left")[0]
    assert answer.count(bundled.mask_id) == 6


def test_infill_pins_what_is_not_masked(bundled: LoadedModel) -> None:
    given = parse_infill(bundled, "2x = [MASK][MASK] 7", 12)
    assert bundled.tokenizer is not None
    before = bundled.tokenizer.encode("2x = ", add_special_tokens=False)
    after = bundled.tokenizer.encode(" 7", add_special_tokens=False)
    assert sorted(given) == [*range(len(before)), *range(len(before) + 2, len(before) + 2 + len(after))]


def test_constraints_in_quotation_marks_are_exact(bundled: LoadedModel) -> None:
    assert bundled.tokenizer is not None

    def ids(text: str) -> list[int]:
        assert bundled.tokenizer is not None
        return list(bundled.tokenizer.encode(text, add_special_tokens=False))

    given = parse_constraints(bundled, '0:"=", 2:"a, 7:b" ,, 20:"\\n", 21: it\'s', 32)
    assert given[0] == ids("=")[0] and given[20] == ids("\n")[0]
    assert [given[2 + i] for i in range(len(ids("a, 7:b")))] == ids("a, 7:b")
    assert given[21] == ids(" it's")[0]


def test_a_special_token_in_constraints_is_text(bundled: LoadedModel) -> None:
    assert bundled.tokenizer is not None
    for text in ("0:<|eot_id|>", '0:"<|eot_id|>"'):
        given = parse_constraints(bundled, text, 32)
        assert len(given) > 1 and not set(given.values()) & set(bundled.tokenizer.all_special_ids)


def test_m19_a_missing_comma_is_said(bundled: LoadedModel) -> None:
    with pytest.raises(RequestError, match="a comma between") as error:
        parse_constraints(bundled, "3:word 10:other", 32)
    assert error.value.sentence == "Word constraints: put a comma between the words of “3:word 10:other”."


@pytest.mark.parametrize(
    "text", ["9:far", "-1:x", "a:b", "3", "3:", "0:one, 0:two", '3:""', '0:"\\u00"', '0:"a" b, 1:c']
)
def test_bad_constraints_are_named(bundled: LoadedModel, text: str) -> None:
    with pytest.raises(RequestError, match="constraints"):
        parse_constraints(bundled, text, 8)


@pytest.mark.parametrize(("request_", "words"), [
    ({"prompt": " "}, "empty"), ({"prompt": "word " * 1100}, "at most 1024"), ({"raw_prompt": ""}, "empty"),
    ({"messages": [{"role": "user"}]}, "messages"), ({"prompt": "a", "infill": "[MASK]" * 9}, "infill"),
])  # fmt: skip
def test_bad_requests_are_named(bundled: LoadedModel, request_: dict[str, str], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        prepare(bundled, settings=SHORT, **request_)


def test_a_token_that_the_network_does_not_know_is_named(bundled: LoadedModel) -> None:
    tokenizer = copy.deepcopy(bundled.tokenizer)
    assert tokenizer is not None and bundled.model.config.embedding_size == len(tokenizer)
    tokenizer.add_tokens(["<|huge|>"])
    lying = replace(bundled, tokenizer=tokenizer)
    with pytest.raises(RequestError, match="raw_prompt: .* is token 2816 of the tokenizer, and .* 0 to 2815"):
        prompt_ids(lying, raw_prompt="a <|huge|>")
    with pytest.raises(RequestError, match="infill: .* knows 0 to 2815"):
        parse_infill(lying, "[MASK] <|huge|>", 8)


def test_a_run_that_shares_forwards_says_its_revision(bundled: LoadedModel) -> None:
    tools = Tools(sharing=Sharing(Forwards(), bundled.model))
    network = prepare(
        replace(bundled, revision="c0ffee"), settings=SHORT, tools=tools, prompt="a"
    ).denoise.network
    assert network.describe()["revision"] == "c0ffee"


def test_a_canvas_of_another_length_is_refused_before_any_forward(bundled: LoadedModel) -> None:
    prepared = prepare(bundled, settings=SHORT, prompt="Hi")
    other = prepare(bundled, settings=SHORT | {"gen_length": 16, "block_length": 8, "steps": 16}, prompt="Hi")
    with pytest.raises(SettingError, match="gen_length"):
        next(other.sampler(prepared.denoise, prepared.canvas))
    assert prepared.denoise.nfe == 0
