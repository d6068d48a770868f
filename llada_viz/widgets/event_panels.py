"""The panels that are drawn from a run's events alone: the order, and the drafts."""

from __future__ import annotations

from llada_viz.render.panels.drafts import (
    CANNOT,
    HOW,
    NONE_RECORDED,
    draft_map,
    draft_words,
    drafts_figure,
    judged_drafts,
)
from llada_viz.render.panels.order import commits_of, order_figure, order_words
from llada_viz.widgets.live import Updates
from llada_viz.widgets.measures import can_draft
from llada_viz.widgets.panel_card import Look, PanelCard
from samplers.measuring.judges import judge_by, prompt_check
from samplers.measuring.measures import Judge, measures_of


class OrderPanel(PanelCard):
    """Commit position against forward."""

    name, title = "order", "Order"
    about = "Which pass wrote each cell, and how sure it was."

    def drawn(self, look: Look) -> Updates:
        """See PanelCard."""
        commits = commits_of(look.recorder, look.run.pieces)
        return self.shown(order_words(commits), order_figure(commits) if commits else None)


class DraftsPanel(PanelCard):
    """What every undecided cell would have become, and when that changed."""

    name, title = "drafts", "Drafts and flips"
    about = "What every mask would have become after each pass; orange where that changed."

    def drawn(self, look: Look) -> Updates:
        """See PanelCard."""
        run, recorder = look.run, look.recorder
        found = draft_map(recorder, run.pieces)
        if found is None:
            return self.empty(f"{NONE_RECORDED} {HOW if can_draft(run) else CANNOT}")
        judge = _judge(look)
        drafts, start = recorder.logs[0].drafts, recorder.board.prompt_length
        row = recorder.board.trunk[0]
        ends = (i for i, token in enumerate(row.tokens[start:]) if token in recorder.ends)
        final = row.tokens[start : start + next(ends, len(row.tokens))]
        words = draft_words(found, measures_of(recorder, 0, judge), drafts, final, run.pieces)
        return self.shown(words, drafts_figure(found, judged_drafts(drafts, judge)))


def _judge(look: Look) -> Judge | None:
    """Who can tell right answers of the run's prompt; None: nobody."""
    check = prompt_check(look.run.layout.prompt, look.run.gold)
    return judge_by(check, look.run.pieces, look.recorder.board.mask_id) if check else None
