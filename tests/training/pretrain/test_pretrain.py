"""Pretraining: packed rows, truncation, the curriculum, longer contexts and what is exported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from evaluation.sets.columns import SetError
from models.adapters import load_adapted
from models.loading import load
from models.rope import inverse_frequencies
from samplers.settings import SettingError
from tasks import HELD_OUT, TRAIN, split_of
from tasks.english.texts import NAME
from tests.training.small_model import small_folder, small_network
from training.engine.settings import RunArguments
from training.pretrain.context import extend
from training.pretrain.objective import PackedBatch, PackedModule, Pretrain
from training.pretrain.settings import PretrainSettings
from training.pretrain.texts import held_out_texts
from training.run import Request, train
from training.shared.adapters import attach
from training.shared.merge import merge_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_folder(tmp_path_factory.mktemp("small"))


@pytest.fixture
def text(tmp_path: Path) -> str:
    path = tmp_path / "text.txt"
    path.write_text("\n \n".join(f"Document {i}.\n" + "It goes on and on. " * (i % 9) for i in range(40)))
    return str(path)


def recipe(folder: str, *data: str, **fields: object) -> Pretrain:
    fast = {"max_steps": 4, "batch_size": 4, "max_length": 64, "log_every": 1, "save_every": 4, "samples": 1}
    return Pretrain(RunArguments(folder, data, device="cpu"), PretrainSettings(**(fast | fields)))  # type: ignore


@torch.no_grad()
def test_the_loss_is_that_of_the_formula_and_parts_are_its_rows(folder: str, text: str) -> None:
    made = recipe(folder, text)
    batch = made.batches(0)[0]
    assert isinstance(batch, PackedBatch) and batch.tokens.shape == (4, 64)
    assert torch.equal(batch.input_ids == 2, batch.masked)
    by_hand = 0.0
    for row in range(4):
        for number in batch.document[row].unique():  # every document alone
            own = batch.document[row] == number
            logits = made.loaded.model(batch.input_ids[row][own][None]).logits[0].log_softmax(-1)
            cost = -logits.gather(-1, batch.tokens[row][own][:, None])[:, 0] / batch.p[row][own]
            by_hand += float(cost[batch.masked[row][own]].sum()) / (4 * 64)
    assert float(made.module(batch).loss) == pytest.approx(by_hand, rel=1e-4)
    halves = recipe(folder, text, accumulate=2).batches(0)
    assert all(torch.equal(a, torch.cat(b)) for a, *b in zip(batch, *halves, strict=True))


def test_some_steps_are_truncated_to_any_length(folder: str, text: str) -> None:
    always = recipe(folder, text, truncated=1.0)
    lengths = [always.batches(step)[0].tokens.shape[1] for step in range(12)]
    assert len(set(lengths)) > 6 and min(lengths) >= 1 and max(lengths) <= 64
    share = recipe(folder, text, truncated=0.3)
    cut = sum(share.batches(step)[0].tokens.shape[1] < 64 for step in range(200))
    assert 40 <= cut <= 80


@torch.no_grad()
def test_joined_pieces_see_each_other(folder: str) -> None:
    """A row is one text: its loss is that of a plain forward, and positions count on through the row."""
    made = recipe(folder, "linear:middle", "english", joined=True, truncated=0.0)
    batch = made.batches(0)[0]
    assert not bool(batch.document.any()) and batch.position[0].tolist() == list(range(64))
    logits = made.loaded.model(batch.input_ids).logits.log_softmax(-1)
    cost = -logits.gather(-1, batch.tokens[..., None])[..., 0] / batch.p
    assert float(made.module(batch).loss) == pytest.approx(
        float(cost[batch.masked].sum()) / (4 * 64), rel=1e-4
    )
    apart = recipe(folder, "linear:middle", "english", truncated=0.0).batches(0)[0]
    assert torch.equal(apart.tokens, batch.tokens) and bool(apart.document.any())


def test_english_is_a_source_of_texts(folder: str) -> None:
    documents = recipe(folder, "english").texts.sets[0]
    sentences = [documents.raw(i)["text"] for i in range(30)]
    assert all(split_of(NAME, sentence) == TRAIN for sentence in sentences) and len(set(sentences)) > 20
    assert documents[3][-1] == 0
    assert all(split_of(NAME, sentence) == HELD_OUT for sentence in held_out_texts(NAME, 20))


@torch.no_grad()
def test_the_curriculum_masks_near_cells_first_and_all_at_the_end(folder: str, text: str) -> None:
    made = recipe(folder, text, curriculum=True, curriculum_first=8, max_steps=10, truncated=0.0)
    for step, cells in ((0, 8), (5, 64), (9, 64)):
        batch = made.batches(step)[0]
        assert batch.maskable.tolist() == [cells] * 4
        places = [row.nonzero()[:, 0] for row in batch.masked]
        assert all(int(p.max() - p.min()) < cells for p in places if len(p))
    scaled = made.batches(0)[0]
    assert float(PackedModule(made.loaded.model)(scaled).loss) > 0


@pytest.mark.parametrize(("size", "heads", "base", "original", "scale"), [
    (4096, 32, 5e5, 4096, 2.0), (256, 4, 5e5, 1024, 2.0), (256, 2, 1e4, 2048, 8.0),
])  # fmt: skip
def test_yarn_frequencies_are_those_of_transformers(
    size: int, heads: int, base: float, original: int, scale: float
) -> None:
    model = small_network(d_model=64, n_heads=2, max_sequence_length=original)
    model.config.d_model, model.config.n_heads = size, heads
    assert extend(model, round(original * scale), rope_theta=base, yarn=True, yarn_scale=scale)
    rope = {"rope_type": "yarn", "rope_theta": base, "factor": scale, "beta_fast": 32.0, "beta_slow": 1.0,
            "original_max_position_embeddings": original}  # fmt: skip
    config = LlamaConfig(hidden_size=size, num_attention_heads=heads, rope_parameters=rope,
                         max_position_embeddings=round(original * scale))  # fmt: skip
    wanted, factor = ROPE_INIT_FUNCTIONS["yarn"](config, "cpu")
    found, ours = inverse_frequencies(model.config)
    torch.testing.assert_close(found, wanted.float())
    assert ours == pytest.approx(factor)


def test_a_longer_context_is_written_into_the_exported_config(folder: str, text: str, tmp_path: Path) -> None:
    asked = PretrainSettings(max_steps=2, batch_size=2, max_length=512, yarn=True, rope_theta=1e6, warmup=1,
                             curriculum=True, eval_every=2, samples=1)  # fmt: skip
    final = train(Request("pretrain", RunArguments(folder, (text,), device="cpu"), asked, tmp_path / "out"))
    config = json.loads((final / "config.json").read_text())
    chosen = {"yarn": True, "yarn_scale": 2.0, "yarn_original_max_position_embeddings": 256,
              "yarn_beta_fast": 32.0, "yarn_beta_slow": 1.0, "rope_theta": 1e6,
              "max_sequence_length": 512}  # fmt: skip
    assert {key: config[key] for key in chosen} == chosen
    assert load(str(final), device="cpu").max_length == 512
    line = json.loads((tmp_path / "out" / "metrics.jsonl").read_text().splitlines()[-1])
    assert line["loss"] > 0 and line["eval_loss"] > 0


def test_an_adapter_of_a_longer_context_brings_it_along(folder: str, text: str, tmp_path: Path) -> None:
    asked = PretrainSettings(max_steps=1, batch_size=1, max_length=512, yarn=True, lora_r=2, samples=0)
    final = train(Request("pretrain", RunArguments(folder, (text,), device="cpu"), asked, tmp_path / "out"))
    adapted = load_adapted(folder, str(final), device="cpu")
    assert adapted.model.config.yarn and adapted.max_length == 512
    merge_folder(folder, str(final), tmp_path / "merged")
    merged = load(str(tmp_path / "merged"), device="cpu")
    assert merged.model.config.yarn and merged.max_length == 512
    going_on = recipe(folder, text, max_length=64)
    assert attach(going_on.loaded.model, PretrainSettings(), str(final))
    assert going_on.loaded.max_length == 512


def test_lengths_beyond_the_context_are_refused() -> None:
    with pytest.raises(SettingError, match="max_length = 300 is not valid; allowed: at most 256, or"):
        extend(small_network(), 300)
    with pytest.raises(SettingError, match="allowed: at most 512"):
        extend(small_network(), 600, yarn=True)
    assert not extend(small_network(), 256)


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.txt", b"one document\nof two lines", "a.txt has 1 document; allowed: at least 2"),
    ("a.txt", b"one\n\n\xff", "a.txt is not UTF-8: byte 0xff in line 3"),
    ("test.txt", b"one\n\ntwo", "'test.txt' is named as an evaluation set"),
    ("a.jsonl", b'{"text": "one"}\n{"text": ""}\n', "row 2, column 'text' of a.jsonl is empty"),
    ("a.csv", b"title,body\na,b\nc,d\n", "text_column = 'text' is no column of a.csv; allowed: title, body"),
])  # fmt: skip
def test_bad_texts_are_sentences(folder: str, tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SetError) as error:
        recipe(folder, str(tmp_path / name))
    assert said in str(error.value)


def test_every_character_of_a_long_document_is_in_one_piece(folder: str, tmp_path: Path) -> None:
    words = " ".join(f"word{i}" for i in range(900))
    rows = "".join(json.dumps({"text": words}) + "\n" for _ in range(3))
    (tmp_path / "long.jsonl").write_text(rows)
    pieces = recipe(folder, str(tmp_path / "long.jsonl")).texts.sets[0]
    assert pieces.size and pieces.size > 4
    assert "".join(pieces.raw(i)["text"] for i in range(pieces.size)) == words * 2
    assert [i for i in range(pieces.size) if pieces[i][-1] == 0] == [pieces.size // 2 - 1, pieces.size - 1]


def test_bundled_tasks_are_texts_too_and_sets_are_mixed(folder: str, text: str) -> None:
    made = recipe(folder, text, "word", weights="1,3")
    assert made.example().raw.keys() == {"text"} and made.batches(1)[0].tokens.shape == (4, 64)
    with pytest.raises(SettingError, match="weights"):
        recipe(folder, text, weights="1,3")
