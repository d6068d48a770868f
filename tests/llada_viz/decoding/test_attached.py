"""Attaching: what is decoded with afterwards, in this browser tab and in no other."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from llada_viz.decoding.attached import Attachments, attach, parts_of
from llada_viz.decoding.bundled import FOLDER, Bundled
from models.checkpoint import ModelError
from models.ups_head import UPSHead
from samplers.events import PolicyScored
from samplers.requests import RequestError
from samplers.streams import record
from tests.checkpoints import write_checkpoint
from tests.models.test_reward import make_reward
from tests.random_adapter import write_adapter

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what gradio's imports warn of is not ours
    import gradio as gr

    from llada_viz.decoding.preparing import prepare_run
    from llada_viz.decoding.runs import Runs
    from llada_viz.decoding.served import CHECKER, scorers
    from llada_viz.tabs.visualize import Visualize
    from llada_viz.widgets.model_menu import ModelMenu

PROMPT = "What is 3 + 4?"
SIZES = {"gen_length": 16, "block_length": 8, "steps": 4}
REMEDI = {**SIZES, "policy": "ups"}


@pytest.fixture(scope="module")
def bundled() -> Any:
    return Bundled()


@pytest.fixture
def alone(bundled: Bundled, tmp_path: Path) -> Any:
    """The bundled model in a folder with no head and no reward model beside it."""
    other = object.__new__(Bundled)
    other.__dict__.update(folder=tmp_path / "tiny", loaded=bundled.loaded, problem="", _rewards={})
    return other


def head(folder: str, width: int = 256, bias: float = 0.0) -> Any:
    folder.mkdir(exist_ok=True)
    made = UPSHead(width)
    torch.nn.init.zeros_(made.outer.weight)
    torch.nn.init.constant_(made.outer.bias, bias)
    made.save(folder / "ups_head.safetensors")
    return folder


def width(bundled: Bundled) -> Any:
    return bundled.loaded.model.config.d_model


def keeps(using: Any) -> Any:
    """The probabilities to stand that a run of RemeDi was told."""
    events = []
    for _ in record(prepare_run(using, "remedi", REMEDI, PROMPT, 0).stream(), events):
        pass
    return {round(p, 3) for e in events if isinstance(e, PolicyScored) for row in e.scores for p in row}


def built(known: Attachments) -> ModelMenu:
    """The model's menu of a page."""
    menu = ModelMenu(known)
    with gr.Blocks():
        menu.build(gr.State(""))
    return menu


def test_a_head_is_what_remedi_decodes_with_in_this_tab_only(alone: Any, tmp_path: Path) -> None:
    known = Attachments(alone)
    with pytest.raises(RequestError, match="policy = 'ups' needs a UPS head, and none is loaded"):
        prepare_run(known.using(""), "remedi", REMEDI, PROMPT, 0)
    first = known.add("", head(tmp_path / "a", width(alone), 2.0), "remask-sft, step 5")
    second = known.add("", head(tmp_path / "b", width(alone), -2.0), "remask-sft, step 9")
    assert 0.881 in keeps(known.using(first)) and 0.119 in keeps(known.using(second))
    assert known.using("") is alone and alone.ups_head is None
    assert known.using(first).label == "remask-sft, step 5"
    assert "remask-sft, step 5" in known.using(first).chip
    for sampler in ("low_confidence", "remedi"):  # a head without its policy is no mistake
        assert prepare_run(known.using(first), sampler, SIZES, PROMPT, 0).sampler.name == sampler


def test_a_head_and_a_reward_model_beside_the_model_are_used_as_they_are(alone: Any, tmp_path: Path) -> None:
    head(tmp_path / "tiny-ups", width(alone), 1.0)
    make_reward(tmp_path / "tiny-prm", "qwen")
    assert 0.731 in keeps(alone)
    assert scorers(alone) == [("exact checker", CHECKER), ("reward model: tiny-prm", "tiny-prm")]
    ready = prepare_run(alone, "best_of_n", SIZES, "Write a poem.", 0, scorer="tiny-prm")
    assert ready.score.describe()["model"] == "tiny-prm"
    with pytest.raises(RequestError, match="The exact checker scores the five bundled kinds"):
        prepare_run(alone, "best_of_n", SIZES, "Write a poem.", 0)
    with pytest.raises(RequestError, match="scorer = 'no' is not known; allowed: checker, tiny-prm"):
        prepare_run(alone, "best_of_n", SIZES, PROMPT, 0, scorer="no")


def test_an_adapter_leaves_the_bundled_weights_alone(bundled: Bundled, tmp_path: Path) -> None:
    before = {n: t.clone() for n, t in bundled.loaded.model.state_dict().items() if "q_proj" in n}
    using = attach(bundled, head(tmp_path / "h", width(bundled)), "head")
    adapted = attach(using, write_adapter(tmp_path / "a", str(FOLDER)), "sft, step 3")
    assert adapted.own_head is None and adapted.label == "sft, step 3"
    assert adapted.name == "sft, step 3" and adapted.ups_head is None, "no head was trained on it"
    again = attach(adapted, head(tmp_path / "h2", width(bundled)), "remask-sft, step 9")
    assert again.loaded is bundled.loaded and again.label == "remask-sft, step 9"
    now, own = bundled.loaded.model.state_dict(), adapted.loaded.model.state_dict()
    assert all(torch.equal(now[n], t) and not torch.equal(own[n], t) for n, t in before.items())


def test_a_model_a_head_beside_an_adapter_and_a_reward_model(
    alone: Any, bundled: Bundled, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(FOLDER, model)
    assert parts_of(model) == ("model",)
    both = head(write_adapter(tmp_path / "both", str(FOLDER)), width(bundled))
    assert parts_of(both) == ("adapter", "head")
    found = attach(bundled, both, "x")
    assert found.own_head is not None and found.label == "x"
    prm = make_reward(tmp_path / "prm", "qwen")
    found = attach(attach(alone, prm, "prm, step 2"), model, "sft, step 1")
    assert found.label == "reward model of prm, step 2, model of sft, step 1"
    assert found.rewards == ("prm, step 2",) and found.pieces == bundled.pieces


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_folders_that_hold_nothing(tmp_path: Path, bundled: Bundled, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError):
        attach(bundled, tmp_path, "x")


def test_a_head_of_another_width_is_refused(bundled: Bundled, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has width 3; allowed"):
        attach(bundled, head(tmp_path / "h", 3), "x")


def test_only_the_last_are_kept_and_what_is_gone_is_said(alone: Any, tmp_path: Path) -> None:
    known = Attachments(alone, most=2)
    folder = head(tmp_path / "h", width(alone))
    ids = [known.add("", folder, f"x{n}") for n in range(3)]
    with pytest.raises(RequestError, match="no longer in memory"):
        known.using(ids[0])
    assert known.using(ids[1]).label and known.using_or_bundled(ids[0]) is alone
    menu = built(known)
    updates = menu.on_change({menu.attached: ids[0]})
    assert updates[menu.detach]["visible"] and "no longer in memory" in updates[menu.status]


def test_what_makes_use_of_it_is_chosen(alone: Any, tmp_path: Path) -> None:
    known = Attachments(alone)
    with gr.Blocks():
        tab = Visualize(alone, Runs(), known)
        tab.build()
    one = known.add("", head(tmp_path / "h", width(alone)), "<b>")
    updates = tab.on_attached({tab.attached: one})
    assert updates.pop(tab.sampler) == "remedi" and set(updates.values()) == {"ups"}
    scorer = tab.scorer.scorer
    form = {scorer: CHECKER, tab.scorer.length: 32, tab.scorer.block: 8, tab.scorer.of_adapter: False}
    assert tab.scorer.on_change(form | {tab.attached: one})[scorer]["value"] == CHECKER
    two = known.add(one, make_reward(tmp_path / "p", "qwen"), "prm, step 2")
    assert tab.scorer.on_change(form | {tab.attached: two})[scorer]["value"] == "prm, step 2"
    form[scorer] = "prm, step 2"
    assert tab.scorer.on_change(form | {tab.attached: ""})[scorer]["value"] == CHECKER
    assert set(tab.on_attached({tab.attached: ""}).values()) == {"tps_prob"}
    menu = built(known)
    assert "&lt;b&gt;" in menu.on_change({menu.attached: two})[menu.status]


def test_the_bundled_adapter_is_offered_to_everybody_and_stays(bundled: Bundled, tmp_path: Path) -> None:
    known, name = Attachments(bundled, most=1), "tiny-llada-few-steps"
    menu = built(known)
    assert list(menu.offers) == [name] and menu.offers[name].value == "Use the 8-step adapter"
    assert menu.on_offer(name) == {menu.attached: name} == menu.on_offer(name)
    found = known.using(name)
    assert found.label == name and found.loaded is not bundled.loaded
    for n in range(2):
        known.add(name, head(tmp_path / f"h{n}", width(bundled)), f"x{n}")
    assert known.using(name) is found
    updates = menu.on_change({menu.attached: name})
    assert name in updates[menu.status] and name in updates[menu.fold]["label"]
    assert updates[menu.detach]["visible"] and not updates[menu.offers[name]]["visible"]
    assert menu.on_change({menu.attached: ""})[menu.offers[name]]["visible"]
    assert "../prm&#x27; is not at hand" in menu.on_offer("../prm")[menu.status]


def test_m2_an_adapter_brings_its_steps_and_takes_them_back(bundled: Bundled) -> None:
    known = Attachments(bundled)
    with gr.Blocks() as page:
        tab = Visualize(bundled, Runs(), known)
        tab.build()
    follow = tab.scorer
    steps = {32: 8, 64: 16, 48: 12}  # four tokens a step
    for length, wanted in steps.items():
        form = {follow.scorer: CHECKER, follow.length: length, follow.block: 8, follow.of_adapter: False}
        updates = follow.on_change(form | {tab.attached: known.add_bundled("tiny-llada-few-steps")})
        assert updates[follow.steps]["value"] == wanted and updates[follow.of_adapter] is True
        back = follow.on_change(form | {follow.of_adapter: True, tab.attached: ""})
        assert back[follow.steps]["value"] == length and back[follow.of_adapter] is False
        assert follow.steps not in follow.on_change(form | {tab.attached: ""}), "one's own steps stay"
        typed = follow.on_typed()
        assert typed[follow.of_adapter] is False and "value" not in typed[follow.steps]
        assert follow.steps not in follow.on_change(form | typed | {tab.attached: ""}), "typed meanwhile"
    assert any(follow.steps._id == i for f in page.fns.values() for i, event in f.targets if event == "input")
    fill = tab._filler(bundled.examples[1])
    with_adapter, without = fill({tab.attached: "tiny-llada-few-steps"}), fill({tab.attached: ""})
    assert with_adapter[follow.steps] == 8 and with_adapter[follow.of_adapter] is True
    assert without[follow.steps] == 32 and without[follow.of_adapter] is False


def test_a_load_that_fails_or_would_not_fit_leaves_what_is_loaded(
    bundled: Bundled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attachments = Attachments(bundled)
    first = attachments.add("", write_checkpoint(tmp_path / "first"), "first")
    decoding = attachments.using(first)
    broken = write_checkpoint(tmp_path / "broken")
    last = sorted(broken.glob("*.safetensors"))[-1]
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be read: .*half-downloaded or cut off"):
        attachments.add(first, broken, "broken")
    large = write_checkpoint(tmp_path / "large")
    with (
        monkeypatch.context() as patch,
        pytest.raises(ModelError, match="and 5.0 MB are free on cpu; what wo"),
    ):
        patch.setattr("models.loading.free_memory", lambda _: 5_000_000)
        attachments.add(first, large, "large")
    with (
        monkeypatch.context() as patch,
        pytest.raises(ModelError, match="memory ran out while it was loaded"),
    ):
        patch.setattr("models.streaming.set_weight", raises(MemoryError))
        attachments.add(first, large, "large")
    assert attachments.using(first) is decoding and decoding.name == "first"
    assert len(prepare_run(decoding, "threshold", SIZES, PROMPT, 0).stream().__next__().tokens) == 1


def raises(error: type[BaseException]) -> Any:
    def called(*_: Any) -> None:
        raise error

    return called
