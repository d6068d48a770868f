"""What the page's script asks of the server about a cell and a tree of branches. Everything that it sends
comes from a browser; a run belongs to whoever knows its id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from llada_viz.decoding.branches import GONE, Branches
from llada_viz.decoding.cell_questions import Answer, CellQuestions
from llada_viz.decoding.runs import Run
from samplers.branch import BranchError


def cell_functions(questions: CellQuestions, branches: Branches) -> list[Callable[..., Any]]:
    """Functions for the component of the canvas, by their names."""

    def likeliest(request: Any) -> Answer:
        """What could stand in a cell; request: [run id, seq, cell]."""
        match request:
            case [str(run_id), int(seq), int(cell)] if seq >= 0:
                return questions.likeliest(run_id, seq, cell)
        return {"error": GONE}

    def spelled(request: Any) -> Answer:
        """The tokens of a typed word; request: [run id, text]."""
        match request:
            case [str(run_id), str(text)]:
                return questions.word(run_id, text)
        return {"error": GONE}

    def branching(run_id: Any) -> Answer:
        """How a run could go on."""
        return questions.branching(run_id)

    def family(run_id: Any) -> Answer:
        """The tree that a run is in: {"nodes": [...]}."""
        run = branches.runs.get(run_id)
        return {"error": GONE} if run is None else grown(branches, run)

    def rename(request: Any) -> Answer:
        """Call a run otherwise; request: [run id, name, the name that was shown]. The tree, as it is now."""
        match request:
            case [str(run_id), str(name), str(before)] if (run := branches.runs.get(run_id)) is not None:
                return changed(branches, run, lambda: branches.name(run, name, before))
        return {"error": GONE}

    def prune(run_id: Any) -> Answer:
        """Delete a branch and what grew from it. The tree that is left; "parent": what it grew from."""
        run = branches.runs.get(run_id)
        if run is None:
            return {"error": GONE}
        try:
            parent = branches.delete(run)
        except BranchError as error:
            return grown(branches, run) | {"error": str(error)}
        return grown(branches, parent) | {"parent": parent.id}

    return [likeliest, spelled, branching, family, rename, prune]


def grown(branches: Branches, run: Run) -> Answer:
    """The tree of a run, for the page."""
    return {"nodes": [asdict(node) for node in branches.tree(run)]}


def changed(branches: Branches, run: Run, change: Callable[[], None]) -> Answer:
    """The tree after a change; where it was refused, with the sentence."""
    try:
        change()
    except BranchError as error:
        return grown(branches, run) | {"error": str(error)}
    return grown(branches, run)
