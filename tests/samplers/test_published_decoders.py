"""Our samplers against their authors' code, token by token and step by step (tests/vectors/decoders)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from models.llada import LLaDAModelLM
from models.loading import load
from samplers import ModelNetwork, collect, make, new_canvas
from samplers.canvas import Canvas
from samplers.events import Event, Finished, PolicyScored, Started, Unmasked
from samplers.fold import Board
from tests.networks import VECTORS

Step = tuple[list[int], list[int]]
MASK, EOS, EOT = 119, 118, 117


class HostNetwork(ModelNetwork):
    """The suite's network as its cases set it: logits times a scale, then a bias on some ids."""

    def __init__(self, model: LLaDAModelLM, scale: float = 1.0, bias: dict[str, float] | None = None) -> None:
        super().__init__(model)
        self.scale, self.bias = scale, bias or {}

    def head(self, states: Tensor) -> Tensor:
        logits = super().head(states) * self.scale
        for token, more in self.bias.items():
            logits[:, int(token)] += more
        return logits


@pytest.fixture(scope="module")
def tiny() -> LLaDAModelLM:
    return load(str(VECTORS / "tiny_llada"), device="cpu").model


def cases(file: str, where: Any = lambda case: True) -> list[Any]:
    chosen = [c for c in json.loads((VECTORS / "decoders" / file).read_text()) if where(c)]
    assert chosen
    return [pytest.param(c, id=c["name"]) for c in chosen]


def run(
    tiny: LLaDAModelLM, case: dict[str, Any], sampler: str, **settings: Any
) -> tuple[list[Event], Canvas, int]:
    """Events, final canvas and sequences evaluated of a case."""
    network = HostNetwork(tiny, case["logit_scale"], case.get("logit_bias"))
    canvas, made = (
        new_canvas([case["prompt"]], settings["gen_length"], MASK, eos_id=EOS),
        make(sampler, settings),
    )
    denoise = made.denoiser(network)
    events, final = collect(made(denoise, canvas))
    return events, final, denoise.nfe


def steps_of(events: list[Event]) -> list[Step]:
    """What differs on the canvas after each forward, as the suite writes it."""
    first = events[0]
    assert isinstance(first, Started)
    events = [e for e in events if not isinstance(e, PolicyScored)]
    board, before, steps = Board().apply(first), list(first.tokens[0]), []
    for event, coming in zip(events[1:], events[2:], strict=False):
        board.apply(event)
        if isinstance(coming, Unmasked | Finished):
            now = list(board.tokens[0])
            places = [i for i, (a, b) in enumerate(zip(before, now, strict=True)) if a != b]
            steps.append((places, [now[i] for i in places]))
            before = now
    return steps


def written(steps: list[list[list[int]]]) -> list[Step]:
    """The steps of a case."""
    return [(places, tokens) for places, tokens in steps]


def klass_settings(case: dict[str, Any]) -> dict[str, Any]:
    names = ("gen_length", "block_length", "steps", "confidence_threshold", "kl_threshold")
    return {name: case[name] for name in (*names, "kl_history_length", "unmask_strategy")}


@pytest.mark.parametrize("case", cases("klass.json"))
def test_f35_klass(case: dict[str, Any], tiny: LLaDAModelLM) -> None:
    """All ten, masks left in the answer included, as published."""
    events, final, nfe = run(tiny, case, "klass", **klass_settings(case), leftovers="keep")
    assert steps_of(events) == written(case["steps_log"])
    assert final.tokens[0].tolist() == case["output"] and nfe == case["nfe"]
    left = case["output"][len(case["prompt"]) :].count(MASK)
    assert left == case["masks_left"]
    assert isinstance(events[-1], Finished) and events[-1].stop_reasons == ("left" if left else "steps",)


@pytest.mark.parametrize("case", cases("klass.json"))
def test_f35_klass_leaves_no_mask_by_default(case: dict[str, Any], tiny: LLaDAModelLM) -> None:
    """With a step a token the default decodes as published; with fewer it fills up and leaves nothing."""
    events, final, nfe = run(tiny, case, "klass", **klass_settings(case))
    if case["steps"] == case["gen_length"]:
        assert steps_of(events) == written(case["steps_log"]) and nfe == case["nfe"]
    assert not bool(final.masked.any()) and nfe <= case["steps"]


def test_f35_klass_with_a_cache_starts_a_history_in_each_block(tiny: LLaDAModelLM) -> None:
    """Only the block is evaluated then, so that no cell falls as stable in a block's first two steps."""
    plain = {"gen_length": 32, "block_length": 8, "steps": 32}
    for cache in ("prefix", "dual"):
        canvas = new_canvas([list(range(10))], 32, MASK)
        sampler = make("klass", plain | {"cache": cache, "confidence_threshold": 0.2, "kl_threshold": 1.0})
        events, final = collect(sampler(sampler.denoiser(HostNetwork(tiny, 3.0)), canvas))
        sizes: dict[int, list[int]] = {}
        for event in events:
            if isinstance(event, Unmasked):
                sizes.setdefault(event.block, []).append(len(event.cells))
        assert all(of_block[:2] == [1, 1] for of_block in sizes.values())
        assert len(sizes) == 4 and max(map(max, sizes.values())) > 1
        assert not bool(final.masked.any())


@pytest.mark.parametrize("case", cases("wino.json"))
def test_f36_wino(case: dict[str, Any], tiny: LLaDAModelLM) -> None:
    """All eight with the default cap. Theirs has no step limit; a block takes at most its length + 30."""
    length, block = case["gen_length"], case["block_length"]
    plain = {"gen_length": length, "block_length": block, "steps": length // block * (block + 30)}
    plain |= {name: case[name] for name in ("draft_threshold", "verify_threshold")}
    events, final, nfe = run(tiny, case, "wino", **plain)
    assert steps_of(events) == written(case["steps"])
    assert final.tokens[0].tolist() == case["output"] and nfe == case["nfe"]
    other, _, _ = run(tiny, case, "wino", **plain, revoke_cap="this_step")
    assert steps_of(other) != written(case["steps"]), "the caps differ in every case"


@pytest.mark.parametrize("case", cases("threshold_factor.json"))
def test_f37_threshold_with_a_factor(case: dict[str, Any], tiny: LLaDAModelLM) -> None:
    """All six with the published last rank; each differs with the paper's rule, the default."""
    plain = {name: case[name] for name in ("gen_length", "block_length", "factor")}
    plain["steps"] = plain["gen_length"]
    events, final, nfe = run(tiny, case, "threshold", **plain, free_last_rank=True)
    assert steps_of(events) == written(case["steps"])
    assert final.tokens[0].tolist() == case["output"] and nfe == case["nfe"]
    other, _, _ = run(tiny, case, "threshold", **plain)
    assert steps_of(other) != written(case["steps"])


def expressible(case: dict[str, Any]) -> bool:
    """Ours sees the whole canvas, counts blocks from the end of the prompt and has no penalty."""
    if case["attention"] != "full" or len(case["prompt"]) % case["block_size"]:
        return False
    return case.get("num_to_transfer", 1) == 1 and not case.get("penalty_lambda", 0)


def edit_settings(case: dict[str, Any]) -> dict[str, Any]:
    """Ours from theirs; the answer fills whole blocks."""
    length = len(case["output"]) - len(case["prompt"])
    return {
        "gen_length": length,
        "steps": length,
        "block_length": case["block_size"],
        "threshold": case["threshold"],
        "edit_threshold": case.get("editing_threshold", case.get("edit_threshold")),
        "post_steps": case.get("max_post_steps", case.get("max_post_edit_steps")),
    }


@pytest.mark.parametrize("case", cases("joint_threshold_dllm.json", expressible))
def test_f38_edit_as_in_dllm(case: dict[str, Any], tiny: LLaDAModelLM) -> None:
    """Every step and forward, with an edit_threshold of .3 too."""
    events, final, nfe = run(tiny, case, "edit", **edit_settings(case))
    assert steps_of(events) == written(case["steps"])
    assert final.tokens[0].tolist() == case["output"] and nfe == case["nfe"]


@pytest.mark.parametrize("case", cases("joint_threshold_sglang.json", expressible))
def test_f38_edit_as_in_sglang(case: dict[str, Any], tiny: LLaDAModelLM) -> None:
    """Every step; SGLang looks once more at a block whose post steps are used up, and changes nothing."""
    events, final, nfe = run(tiny, case, "edit", **edit_settings(case))
    assert final.tokens[0].tolist() == case["output"]
    block, start, theirs = case["block_size"], len(case["prompt"]), []
    wasted, spent = 0, 0
    before = case["prompt"] + [MASK] * (len(case["output"]) - start)
    for step in case["trace"]:
        now = before[:start] + step["ids"] + before[start + block :]
        places = [i for i, (a, b) in enumerate(zip(before, now, strict=True)) if a != b]
        over = step["post_edit_steps"] > case["max_post_edit_steps"]
        wasted += over
        if over:
            assert not places
        else:
            theirs.append((places, [now[i] for i in places]))
        before, spent = now, spent + 1
        start += block if step["done"] else 0
    assert steps_of(events) == theirs and spent == case["nfe"] == nfe + wasted


def test_f38_every_expressible_case_is_run() -> None:
    both = [p.values[0] for f in ("dllm", "sglang") for p in cases(f"joint_threshold_{f}.json", expressible)]
    assert [str(c["name"])[-2:] for c in both] == ["05", "06", "07", "08", "04", "05"]
    low = [c.get("editing_threshold", c.get("edit_threshold")) for c in both]
    assert min(low) == 0.0 and sum(t < 0.5 for t in low) == 2


ENDS = {str(EOS): 5.0, str(EOT): 3.0}  # so that some cells want to end the text, and many nearly do


def published_gating(
    network: HostNetwork, prompt: list[int], length: int, block: int, keeps_all: bool
) -> list[Step]:
    """generate.py's loop with both EOS options at T = 0, one cell a step; or LLaDA-RemeDi's (tps_prob).

    EOS is forbidden, then EOS and EoT leave the softmax that ranks. keeps_all: RemeDi, where step i keeps
    the i + 1 best cells of the block, decided ones included.
    """
    x, steps = torch.tensor([prompt + [MASK] * length]), []
    attention = torch.ones_like(x, dtype=torch.bool)
    for start in range(len(prompt), len(prompt) + length, block):
        own = torch.zeros(x.shape[1], dtype=torch.bool)
        own[start : start + block] = True
        for step in range(block):
            logits = network.head(network.states(x, attention, attention))
            logits[:, [MASK, EOS]] = -torch.inf
            x0 = torch.where(x[0] == MASK, logits.argmax(-1), x[0])
            logits[:, [EOS, EOT]] = -torch.inf
            p = logits.softmax(-1).gather(-1, x0[:, None])[:, 0]
            wanted = own if keeps_all else own & (x[0] == MASK)
            best = p.masked_fill(~wanted, -torch.inf).topk(step + 1 if keeps_all else 1).indices
            before = x.clone()
            if keeps_all:
                x[0, start : start + block] = MASK
            x[0, best] = x0[best]
            places = (x != before)[0].nonzero()[:, 0].tolist()
            steps.append((places, x[0, places].tolist()))
    return steps


@pytest.mark.parametrize("sampler", ["low_confidence", "remedi"])
def test_f41_eos_gating_as_published(sampler: str, tiny: LLaDAModelLM) -> None:
    """Renormalised, every step is theirs; put last, as ours does by default, the order is another."""
    network, differ = HostNetwork(tiny, 1.0, ENDS), 0
    ends = 0
    for seed, (length, block) in enumerate([(32, 32), (32, 8), (48, 16), (40, 40), (64, 32), (24, 12)]):
        prompt = torch.randint(0, 115, (9 + seed,), generator=torch.Generator().manual_seed(seed)).tolist()
        plain = {"gen_length": length, "block_length": block, "steps": length, "eos_gating": True}
        found: dict[str, list[Step]] = {}
        for deferral in ("renormalised", "last"):
            canvas = new_canvas([prompt], length, MASK, eos_id=EOS, eot_id=EOT)
            made = make(sampler, plain | {"eos_deferral": deferral})
            events, final = collect(made(made.denoiser(network), canvas))
            found[deferral] = steps_of(events)
            ends += int((final.tokens[0] == EOT).sum())
        theirs = published_gating(network, prompt, length, block, sampler == "remedi")
        assert found["renormalised"] == theirs
        differ += found["last"] != theirs
    assert differ >= 4 and ends > 0


def test_f41_the_confidence_shown_stays_that_of_the_whole_vocabulary(tiny: LLaDAModelLM) -> None:
    network = HostNetwork(tiny, 1.0, ENDS)
    shown = {}
    for deferral in ("renormalised", "last"):
        plain = {"gen_length": 8, "block_length": 8, "steps": 1, "confidence_eos_eot_inf": True}
        canvas = new_canvas([[1, 2, 3]], 8, MASK, eos_id=EOS, eot_id=EOT)
        sampler = make("low_confidence", plain | {"eos_deferral": deferral})
        events, _ = collect(sampler(sampler.denoiser(network), canvas))
        shown[deferral] = [c for e in events if isinstance(e, Unmasked) for c in e.cells]
    assert shown["renormalised"] == shown["last"] and all(c.confidence > 0 for c in shown["last"])
