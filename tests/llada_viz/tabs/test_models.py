"""The Models tab without a browser: what is loaded decodes, is shared, and stays when another load fails."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from llada_viz.decoding import model_choice as choice
from llada_viz.decoding.attached import Attached, Attachments
from llada_viz.decoding.bundled import FOLDER, Bundled
from llada_viz.decoding.networks import Networks, Sources
from llada_viz.decoding.sources import sources_of
from llada_viz.jobs.queue import Jobs
from llada_viz.jobs.trainings import Trainings, near
from llada_viz.render.models import loading
from models.catalog import catalog
from models.memory import Use, predict
from models.ups_head import UPSHead
from tests.checkpoints import write_checkpoint
from tests.llada_viz.handlers import given
from tests.random_adapter import write_adapter

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.preparing import prepare_run
    from llada_viz.decoding.runs import Runs
    from llada_viz.tabs.models import OTHER, Models, fetched
    from llada_viz.tabs.train import Train

PROMPT, SIZES = "What is 3 + 4?", {"gen_length": 16, "block_length": 8, "steps": 4}


@pytest.fixture(scope="module")
def bundled() -> Bundled:
    return Bundled()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of another network, with LLaDA-8B's names and shards."""
    return write_checkpoint(tmp_path_factory.mktemp("models") / "small-llada")


@pytest.fixture
def tab(bundled: Bundled) -> Models:
    return built(bundled)


def built(bundled: Bundled) -> Models:
    with gr.Blocks():
        made = Models(Attachments(bundled))
        made.build(gr.State(""))
    return made


def values(tab: Models, model: str = OTHER, named: Any = "", known: str = "", **more: Any) -> dict[Any, Any]:
    """What the page sends. named: of a folder or id; known: the id of what is attached."""
    inputs = {tab.model, tab.named, tab.revision, tab.precision, tab.device, tab.length, tab.rows, tab.cache}
    changes = {tab.model: model, tab.named: str(named), tab.attached: known}
    changes |= {getattr(tab, name): value for name, value in more.items()}
    return given(inputs | {tab.attached}, changes)


def ended(events: Iterator[dict[Any, Any]]) -> dict[Any, Any]:
    """What a load has changed at its end."""
    changed: dict[Any, Any] = {}
    try:
        for update in events:
            changed |= update
    except gr.Error:
        pass
    return changed


def loaded(tab: Models, folder: Path, known: str = "", **more: Any) -> str:
    changed = ended(tab.on_load(values(tab, named=folder, known=known, **more)))
    assert changed[tab.alert] == "" and changed[tab.progress] == ""
    return str(changed[tab.attached])


def test_what_was_loaded_decodes_in_this_tab_only(tab: Models, bundled: Bundled, small: Path) -> None:
    known = loaded(tab, small, precision="bfloat16")
    using = tab.attachments.using(known)
    assert using.name == "small-llada" and using.chip == "small-llada · CPU · bf16"
    assert using.loaded is not None and using.loaded.model.config.n_layers == 2
    ready = prepare_run(using, "threshold", SIZES, PROMPT, 0)
    assert ready.denoise.describe()["model"] == "small-llada"
    assert tab.attachments.using("") is bundled
    shown = tab.on_attached({tab.attached: known})
    for words in ("small-llada", str(small), "bfloat16", "2 layers of width 256", "1,024 tokens"):
        assert words in shown[tab.shown]
    assert shown[tab.unload]["visible"] and not shown[tab.removes["head"]]["visible"]


def test_one_network_for_everybody_which_goes_with_the_last(bundled: Bundled, small: Path) -> None:
    tabs = [built(bundled), built(bundled)]
    first, second = (loaded(tab, small) for tab in tabs)
    model = tabs[0].attachments.using(first).loaded.model
    assert tabs[1].attachments.using(second).loaded.model is model
    alive = weakref.ref(model)
    ready = prepare_run(tabs[0].attachments.using(first), "threshold", SIZES, PROMPT, 0)
    assert sum(1 for _ in ready.stream()) > 2
    del model, ready
    assert tabs[0].on_unload({tabs[0].attached: first}) == {tabs[0].attached: ""}
    gc.collect()
    assert alive() is not None, "the other tab decodes with it"
    again = loaded(tabs[1], small, second)  # the same once more is not read again
    assert tabs[1].attachments.using(again).loaded.model is alive()
    tabs[1].on_unload({tabs[1].attached: again})
    gc.collect()
    assert alive() is None
    shown = tabs[1].on_attached({tabs[1].attached: ""})
    assert "tiny-llada (bundled)" in shown[tabs[1].shown] and not shown[tabs[1].unload]["visible"]


def test_a_changed_folder_is_another_network(tmp_path: Path) -> None:
    networks, folder = Networks(), write_checkpoint(tmp_path / "a", n_layers=1)
    first = networks.get(Sources(str(folder)), "cpu")
    assert networks.get(Sources(str(folder)), "cpu") is first and len(networks) == 1
    write_checkpoint(folder, n_layers=1, seed=1)
    assert networks.get(Sources(str(folder)), "cpu") is not first


@pytest.mark.parametrize(
    "wrong", ["nothing there", "a cut-off shard", "a pickle", "no memory", "no name", "no id"]
)
def test_what_cannot_be_loaded_is_a_sentence_and_what_is_loaded_stays(
    tab: Models, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    known = loaded(tab, small)
    before = tab.attachments.using(known)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    named: Any = tmp_path / "other"
    if wrong == "a cut-off shard":
        last = sorted(write_checkpoint(named).glob("*.safetensors"))[-1]
        last.write_bytes(last.read_bytes()[:-100])
    elif wrong == "a pickle":
        write_checkpoint(named, sharded=False)
        (named / "model.safetensors").rename(named / "pytorch_model.bin")
    elif wrong == "no memory":
        write_checkpoint(named)
        monkeypatch.setattr("models.loading.free_memory", lambda _: 5_000_000)
    elif wrong in ("no name", "no id"):
        named = "" if wrong == "no name" else "../../etc"
    changed = ended(tab.on_load(values(tab, named=named, known=known)))
    assert tab.attached not in changed and changed[tab.load]["interactive"]
    said = {
        "a cut-off shard": "half-downloaded or cut off", "a pickle": "is a pickle",
        "no name": "Choose a model", "no memory": "Unloading small-llada first frees 12.6 MB.",
    }.get(wrong, "model = ")  # fmt: skip
    assert said in changed[tab.alert] and changed[tab.progress] == ""
    assert tab.attachments.using(known) is before


def test_how_far_a_download_is(monkeypatch: pytest.MonkeyPatch, small: Path) -> None:
    commit, said = "c" * 40, []

    def snapshot(name: str, revision: str, progress: Any) -> Path:
        progress(5 * 10**8, 2 * 10**9)
        return Path("models--owner--name") / "snapshots" / commit

    monkeypatch.setattr("llada_viz.tabs.models.hub.snapshot", snapshot)
    assert fetched("owner/name", "main", lambda *words: said.append(words)) == commit
    assert said == [("asking the hub", None), ("fetching 0.5 GB of 2.0 GB", 0.25)]
    assert "value='0.2500'" in loading(*said[1]) and "value=" not in loading(*said[0])
    assert fetched(str(small), "", lambda *words: said.append(words)) == "" and len(said) == 2


def test_memory_is_said_before_anything_is_loaded(tab: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "free_memory", lambda _: 20 * 10**9)
    one = values(tab, "GSAI-ML/LLaDA-8B-Instruct", precision="bfloat16", length=512, rows=4, cache="dual")
    found = choice.facts_of("GSAI-ML/LLaDA-8B-Instruct")
    memory = predict(found.shape, "bfloat16", Use(rows=4, length=512, cache="dual"))
    seen = choice.forecast(found, "bfloat16", "auto", Use(rows=4, length=512, cache="dual"))
    assert seen is not None and seen.memory == memory and seen.memory.cache > 0
    shown = tab.on_model(one)
    assert (
        "Takes 17.3 GB as bfloat16; 20.0 GB of memory are free." in shown[tab.memory]
        and "Its files are fetched" in shown[tab.about]
    )
    shown = tab.on_use(one | {tab.precision: "float32"})
    assert (
        "Does not fit: it takes 3" in shown[tab.memory]
        and "What would fit: bfloat16 (17.3 GB)" in shown[tab.memory]
    )
    assert "Canvas may be 1 to 4,096." in tab.on_use(one | {tab.length: 10**6})[tab.memory]
    assert "Answers at once may be 1" in tab.on_use(one | {tab.rows: None})[tab.memory]


def test_what_is_not_built_says_so_in_the_list_and_is_not_loaded(tab: Models) -> None:
    labels = {name: shown for shown, name in tab.model.choices}
    missing = next(m for m in catalog().models if m.kind == "model" and not m.family.built)
    assert labels[missing.id].endswith("not built yet")
    assert "not built here yet" in tab.on_model(values(tab, missing.id))[tab.about]
    changed = ended(tab.on_load(values(tab, missing.id)))
    assert "not built here yet" in changed[tab.alert] and tab.attached not in changed


def test_a_public_host_loads_what_it_came_with(
    bundled: Bundled, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_ID", "owner/space")
    tab = built(bundled)
    assert [name for _, name in tab.model.choices] == ["tiny-llada"]
    for model, named in ((OTHER, small), (OTHER, "owner/name"), ("GSAI-ML/LLaDA-8B-Instruct", "")):
        asked = values(tab, model, named)
        changed = ended(tab.on_load(asked))
        assert "On this public host only the bundled models" in changed[tab.alert]
        assert tab.attached not in changed
        assert "public host" in tab.on_model(asked)[tab.alert] and tab.on_use(asked)[tab.memory] == ""
    for part in (str(small), "Qwen/Qwen2.5-Math-PRM-7B"):
        changed = ended(tab.on_attach({tab.part: OTHER, tab.part_named: part, tab.attached: ""}))
        assert "public host" in changed[tab.part_alert] and tab.attached not in changed
    assert ended(tab.on_load(values(tab, "tiny-llada", precision="bfloat16")))[tab.attached]
    assert ended(tab.on_load(values(tab, "tiny-llada")))[tab.attached] == "", "it is there already"
    monkeypatch.setenv("LLADA_VIZ_OPEN_MODELS", "1")
    open_tab = built(bundled)
    known = loaded(open_tab, small)
    assert "a folder of this host" in open_tab.on_attached({open_tab.attached: known})[open_tab.shown]
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert "ZeroGPU" in ended(open_tab.on_load(values(open_tab, named=small)))[open_tab.alert]


def test_parts_are_attached_to_what_is_loaded_and_taken_away(
    tab: Models, small: Path, tmp_path: Path
) -> None:
    known = loaded(tab, small)
    plain = tab.attachments.using(known)
    lora = write_adapter(tmp_path / "lora", str(small))
    head = tmp_path / "head"
    head.mkdir()
    UPSHead(256).save(head / "ups_head.safetensors")

    def attach(part: str, named: Path | str, known: str) -> str:
        sent = {tab.part: part, tab.part_named: str(named), tab.attached: known}
        return str(ended(tab.on_attach(sent))[tab.attached])

    known = attach(OTHER, lora, known)
    using = tab.attachments.using(known)
    assert isinstance(using, Attached) and using.name == "small-llada + lora"
    assert using.chip == "small-llada + lora · CPU · fp32"
    assert sources_of(using) == Sources(str(small), str(lora))
    now, before = (
        {n: w for n, w in u.loaded.model.state_dict().items() if "q_proj" in n} for u in (using, plain)
    )
    assert before and not any(torch.equal(now[n], w) for n, w in before.items())
    known = attach("tiny-prm", "", attach(OTHER, head, known))
    using = tab.attachments.using(known)
    assert using.has_head and using.rewards[0] == "tiny-prm" and using.name == "small-llada + lora"
    shown = tab.on_attached({tab.attached: known})
    assert all(shown[button]["visible"] for button in tab.removes.values())
    known = tab._remover("adapter")({tab.attached: known})[tab.attached]
    using = tab.attachments.using(known)
    assert using.loaded is plain.loaded and not using.has_head, (
        "the head was trained on the adapter's network"
    )
    known = tab._remover("prm")({tab.attached: known})[tab.attached]
    assert list(tab.attachments.using(known).origins) == ["model"]
    bad = ended(tab.on_attach({tab.part: OTHER, tab.part_named: str(small), tab.attached: known}))
    assert "is a model" in bad[tab.part_alert] and tab.attached not in bad


def test_a_visitor_who_leaves_while_it_loads_leaves_nothing_behind(tab: Models, small: Path) -> None:
    events = tab.on_load(values(tab, named=small))
    next(events)
    events.close()
    pool_of_one = ended(tab.on_load(values(tab, named=small)))  # waits for the first, one is loaded at a time
    assert [a.name for a in tab.attachments._attached.values()] == ["small-llada"]
    known = pool_of_one[tab.attached]
    tab.attachments.belongs_to(known, "visitor")
    tab.attachments.leave("visitor")
    assert tab.attachments.using(known).name == "small-llada", "they may come back"
    other = loaded(tab, small)
    assert [a.name for a in tab.attachments._attached.values()] == ["small-llada"]
    assert tab.attachments.using_or_bundled(known) is tab.bundled and tab.attachments.using(other)


def test_a_training_learns_from_what_is_loaded(
    tab: Models, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    with gr.Blocks():
        train = Train(
            tab.bundled, Runs(), Trainings(Jobs(tmp_path / "home"), FOLDER, "cpu"), tab.attachments, False
        )
        train.build(gr.State(""), gr.Tabs())
    asked = given({*train.values.fields, *train.values.states})
    assert f"--model={near(FOLDER)} " in train.on_command(asked)[train.command]
    known = loaded(tab, small)
    asked[train.attached] = known
    assert f"--model={small} " in train.on_command(asked)[train.command]
    using = tab.attachments.using(known)
    assert using.loaded is not None
    monkeypatch.setattr(using.loaded.model, "quantized_as", "nf4")
    assert "is nf4 and cannot learn" in train.on_command(asked)[train.problem]
    monkeypatch.undo()
    lora = write_adapter(tmp_path / "lora", str(small))
    made = tab.attachments.add(known, lora, "sft, step 3", base=Sources(str(small)))
    using = tab.attachments.using(made)
    assert using.name == "small-llada + sft, step 3" and sources_of(using) == Sources(str(small), str(lora))


def test_jobs_are_given_how_it_was_loaded(tab: Models, small: Path) -> None:
    known = loaded(tab, small, precision="bfloat16")
    source = sources_of(tab.attachments.using(known))
    assert source == Sources(str(small), dtype="bfloat16")
    assert source.flags == [f"--model={small}", "--dtype=bfloat16"]
    packed = Sources("owner/name", revision="a" * 40, quantization="nf4")
    assert packed.flags == ["--model=owner/name", f"--revision={'a' * 40}", "--quantization=nf4"]
