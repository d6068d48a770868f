"""What a checkpoint says of its packing, in either file; what we do not know is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.checkpoint import ModelError
from models.gptq.layout import QUANTIZE_CONFIG, Layout, find_layout, read_layout

SAID = {
    "bits": 4, "group_size": 128, "desc_act": True, "sym": False, "quant_method": "gptq",
    "checkpoint_format": "gptq", "pack_dtype": "int32", "meta": {"quantizer": ["gptqmodel:7.6.0"]},
}  # fmt: skip


def test_the_public_layout() -> None:
    layout = read_layout("m", SAID)
    assert layout == Layout(4, 128, True, False, "gptq") and str(layout) == "gptq 4-bit (group 128)"
    assert str(read_layout("m", SAID | {"group_size": -1, "bits": 8})) == "gptq 8-bit (group all inputs)"


def test_older_fields_and_those_left_out() -> None:
    assert read_layout("m", {"bits": 4, "group_size": 64}) == Layout(4, 64, False, True, "gptq")
    other = {"bits": 3, "group_size": 32, "desc_act": False, "format": "gptq_v2", "method": "gptq"}
    assert read_layout("m", other) == Layout(3, 32, False, True, "gptq_v2")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"bits": 5}, "bits = 5 in 'm' is not supported; allowed: 2, 3, 4, 8"),
    ({"bits": "4"}, "bits = '4'"),
    ({"bits": True}, "bits = True"),
    ({"bits": None}, "bits = None"),
    ({"checkpoint_format": "marlin"}, "checkpoint_format = 'marlin' .* allowed: 'gptq', 'gptq_v2'"),
    ({"checkpoint_format": "gptq_p"}, "checkpoint_format = 'gptq_p'"),
    ({"quant_method": "awq"}, "quant_method = 'awq' .* allowed: 'gptq'"),
    ({"group_size": 0}, "group_size = 0 .* allowed: -1, or a whole number from 1"),
    ({"group_size": None}, "group_size = None"),
    ({"desc_act": "yes"}, "desc_act = 'yes' .* allowed: True, False"),
    ({"sym": 1}, "sym = 1"),
    ({"pack_dtype": "int16"}, "pack_dtype = 'int16' .* allowed: 'int32'"),
    ({"dynamic": {"+:.*": {"bits": 8}}}, "dynamic = .* is not supported; allowed: none"),
    ({"rotation": "hadamard"}, "rotation = 'hadamard'"),
]


@pytest.mark.parametrize(("fields", "sentence"), WRONG)
def test_what_we_do_not_know_is_refused_by_name(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        read_layout("m", SAID | fields)
    with pytest.raises(ModelError, match="quantization_config = 'gptq'"):
        read_layout("m", "gptq")


def test_either_file_says_it_and_both_say_the_same(tmp_path: Path) -> None:
    name = str(tmp_path)
    assert find_layout(name, {"model_type": "llada"}) is None
    assert find_layout(name, {"quantization_config": SAID}) == read_layout("m", SAID)
    (tmp_path / QUANTIZE_CONFIG).write_text(json.dumps(SAID))
    assert find_layout(name, {}) == find_layout(name, {"quantization_config": SAID}) == read_layout("m", SAID)
    with pytest.raises(ModelError, match="config.json says .*bits=8.*quantize_config.json .*bits=4"):
        find_layout(name, {"quantization_config": SAID | {"bits": 8}})
    (tmp_path / QUANTIZE_CONFIG).write_text("{")
    with pytest.raises(ModelError, match="quantize_config.json is not JSON"):
        find_layout(name, {})
