"""What else could stand in a cell: from drafts, a forward, another temperature; who looks at whom."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from models.reordered import can_reorder, reordered
from models.ups_head import load_ups_head
from samplers.drawing import Cut
from samplers.events import CandidateChosen, CandidatesForked, Event, EventError, Started, Unmasked
from samplers.fold import Board, fold
from samplers.measuring.alternatives import alternatives, moment_of, retempered
from samplers.measuring.dependencies import dependencies
from samplers.network import ModelNetwork, PolicyModelNetwork
from samplers.requests import Tools, prepare
from samplers.settings import SettingError
from samplers.streams import collect
from tests.networks import TableNetwork
from tests.samplers.tiny import MODELS, PROMPT, SIZES, TASK, loaded


@cache
def run(name: str = "low_confidence", scorer: str = "", **more: Any) -> tuple[Event, ...]:
    prepared = prepare(loaded(), name, SIZES | more, Tools(scorer=scorer), prompt=PROMPT, task=TASK)
    return tuple(collect(prepared.stream())[0])


def network() -> ModelNetwork:
    return ModelNetwork(loaded().model, "tiny")


def test_a_token_is_asked_for_where_it_was_written() -> None:
    """Greedy: the likeliest alternative is what was written, with the confidence of its commit."""
    events = run()
    for seq, event in enumerate(events):
        if isinstance(event, Unmasked) and event.step >= 0:
            cell = event.cells[0]
            moment = moment_of(events, len(events) - 1, cell.position)
            assert moment is not None and (moment.count, moment.position) == (seq, cell.position)
            found = alternatives(moment, network())
            assert not found.recorded and len(found.likeliest) == 5
            assert found.likeliest[0][0] == cell.token
            assert found.likeliest[0][1] == pytest.approx(cell.confidence, abs=1e-5)
            assert sum(p for _, p in found.likeliest) <= 1 + 1e-6


def test_an_undecided_cell_is_asked_for_where_it_stands() -> None:
    events = run()
    board = fold(events[:5])
    position = len(board.trunk[0].undecided) - 1 - board.trunk[0].undecided[::-1].index(True)
    moment = moment_of(events, 4, position)
    assert moment is not None and moment.count == 5 and moment.tokens == tuple(board.tokens[0])
    assert loaded().mask_id not in [t for t, _ in alternatives(moment, network()).likeliest]


def test_recorded_drafts_are_taken_without_a_forward() -> None:
    events = run(drafts="top_5")
    first = next(e for e in events if isinstance(e, Unmasked))
    moment = moment_of(events, len(events) - 1, first.cells[0].position)
    assert moment is not None

    class Silent:
        def states(self, *_: Any) -> None:
            raise AssertionError("asked")

    recorded = alternatives(moment, Silent())  # type: ignore[arg-type]
    asked = alternatives(moment, network(), ask=True)
    assert recorded.recorded and not asked.recorded
    assert [t for t, _ in recorded.likeliest] == [t for t, _ in asked.likeliest]
    assert [p for _, p in recorded.likeliest] == pytest.approx([p for _, p in asked.likeliest], abs=1e-5)


def test_of_a_fork_the_winner_s_canvas_counts() -> None:
    events = run("best_of_n", "checker", num_samples=3, temperature=1.5)
    chosen = next(i for i, e in enumerate(events) if isinstance(e, CandidateChosen))
    winner = events[chosen].winners[0]  # type: ignore[attr-defined]
    board = fold(events)
    for position in range(board.prompt_length, board.prompt_length + 6):
        moment = moment_of(events, len(events) - 1, position)
        assert moment is not None
        before = fold(events[: moment.count])
        assert moment.tokens == tuple(before.rows[winner].tokens)
        written = [c for c in events[moment.count].cells if c.position == position]  # type: ignore[attr-defined]
        assert next(c.token for c in written if c.row == winner) == board.tokens[0][position]
    inside = next(i for i, e in enumerate(events) if isinstance(e, CandidatesForked)) + 3
    rows = fold(events[: inside + 1]).rows
    at = next(p for p in range(board.prompt_length, len(rows[1].tokens)) if not rows[1].undecided[p])
    moment = moment_of(events, inside, at, row=1)
    assert moment is not None and moment.count <= inside


def test_guidance_is_that_of_the_run() -> None:
    events = run(cfg_scale=1.5)
    event = next(e for e in events if isinstance(e, Unmasked))
    moment = moment_of(events, len(events) - 1, event.cells[0].position)
    assert moment is not None
    guided, plain = alternatives(moment, network(), 1.5), alternatives(moment, network())
    assert guided.likeliest[0][1] == pytest.approx(event.cells[0].confidence, abs=1e-5)
    assert guided.likeliest != plain.likeliest


def test_a_policy_says_whether_the_token_should_stand() -> None:
    events = run()
    moment = moment_of(events, 5, fold(events[:6]).prompt_length)
    assert moment is not None and alternatives(moment, network()).keep is None
    head = load_ups_head(str(MODELS / "tiny-llada-ups"), 256)
    keep = alternatives(moment, PolicyModelNetwork(loaded().model, "tiny", head)).keep
    assert keep is not None and 0 <= keep <= 1


def test_given_cells_have_no_moment_and_unknown_ones_are_refused() -> None:
    prepared = prepare(loaded(), "low_confidence", SIZES, prompt=PROMPT, constraints="0:4")
    events = collect(prepared.stream())[0]
    first = fold(events).prompt_length
    assert moment_of(events, 9, first) is None and moment_of(events, 9, 0) is None
    with pytest.raises(EventError, match="cell 999 is not in row 0 after event 9"):
        moment_of(events, 9, 999)
    with pytest.raises(EventError, match="is not in row 1"):
        moment_of(events, 9, first, row=1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_p", [1.0, 0.7, 0.2])
def test_a_whole_distribution_is_retempered_as_it_is_drawn_from(temperature: float, top_p: float) -> None:
    logits = torch.randn(1, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 2
    stored = tuple((i, float(p)) for i, p in enumerate(logits[0].softmax(-1)))
    found, mass = retempered(stored, temperature, top_p)
    wanted = (Cut(top_p).off(logits, temperature) / temperature).softmax(-1)[0]
    assert mass == pytest.approx(1.0)
    assert dict(found) == pytest.approx({i: float(p) for i, p in enumerate(wanted) if p > 0})
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)


def test_retempering_says_how_much_it_knows() -> None:
    assert retempered(((7, 0.5), (8, 0.2)), 0) == (((7, 1.0),), 0.7)
    for bad in [((), 1.0, 1.0), (((7, 0.5),), -1.0, 1.0), (((7, 0.5),), 1.0, 0.0)]:
        with pytest.raises(ValueError, match="allowed: one at least, 0 to 100, above 0 to 1"):
            retempered(*bad)  # type: ignore[arg-type]


def test_attention_is_a_distribution_over_what_can_be_seen() -> None:
    model, ids = loaded().model, torch.randint(5, 900, (2, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones(2, 12, dtype=torch.bool)
    mask[1, :4] = False
    found = model.attention(ids, mask, [0, 3])
    assert found.shape == (2, 2, 12, 12)
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 2, 12))
    assert float(found[:, 1, :, :4].abs().max()) == 0.0
    with torch.no_grad():  # the first block's, by hand
        x = model.transformer["wte"](ids[:1])
        cos, sin = model._rotation(torch.arange(12)[None])
        q, k, _ = model.blocks[0].heads(x, cos, sin)
        by_hand = ((q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)).softmax(-1).mean(1)
    torch.testing.assert_close(found[0, 0], by_hand[0])
    assert not any(block._forward_pre_hooks for block in model.blocks)
    if can_reorder(model):
        torch.testing.assert_close(reordered(model).attention(ids, mask, [0, 3]), found, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("layers", [[], [5], [-1], [2, 1], [1, 1]])
def test_layers_that_do_not_exist(layers: list[int]) -> None:
    with pytest.raises(ValueError, match="allowed: numbers from 0 to 4, upwards"):
        loaded().model.attention(torch.arange(6)[None], None, layers)


def test_dependencies_are_among_the_undecided_cells() -> None:
    board = fold(run()[:9])
    found = dependencies(board, network(), [3, 4])
    assert found.cells == tuple(i for i, u in enumerate(board.trunk[0].undecided) if u)
    for weights, decided in zip(found.weights, found.decided, strict=True):
        assert len(weights) == len(found.cells) and sum(weights) + decided == pytest.approx(1, abs=1e-4)
    assert set(found.sinks) <= set(found.cells)
    with pytest.raises(SettingError, match="a network that shows its attention"):
        dependencies(board, TableNetwork(), [0])


def test_a_cell_that_everybody_looks_at_is_a_sink() -> None:
    class Fixed(TableNetwork):
        def attention(self, tokens: torch.Tensor, attention_mask: torch.Tensor, layers: Any) -> torch.Tensor:
            length = tokens.shape[1]
            looks = torch.full((length, length), 0.5 / length)
            looks[:, 3] += 0.5
            return looks.expand(len(layers), 1, length, length)

    tokens = tuple([5] * 2 + [20] * 30)
    started = Started(
        nfe=0, tokens=(tokens,), attention_mask=((True,) * 32,), mask_id=20, prompt_length=2, settings={}
    )
    found = dependencies(Board().apply(started), Fixed(), [0])
    assert found.sinks == (3,)
