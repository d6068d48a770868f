"""A recorded sample of a training as HTML: what was asked, what the first checkpoint wrote, what this one
writes, and whether it is right. Everything that came from elsewhere is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from llada_viz.render.question import question_of
from llada_viz.render.verdict import text_of, verdict_of
from models.text import cell_texts
from samplers.events import Finished, Started
from samplers.recording.traces import Trace


@dataclass(frozen=True)
class Written:
    """What a checkpoint wrote. verdict: a sentence, "" where nobody can know; right: None: as before."""

    prompt: str
    answer: str
    verdict: str = ""
    right: bool | None = None


def written(trace: Trace) -> Written | None:
    """Prompt and answer of a trace; None of one that did not finish."""
    first, last = trace.events[0], trace.events[-1]
    if not isinstance(first, Started) or not isinstance(last, Finished):
        return None
    tokens, start = list(last.tokens[0]), first.prompt_length
    prompt = "".join(cell_texts(trace.pieces, tokens[:start], None))
    texts = cell_texts(trace.pieces, tokens[start:], first.mask_id)
    verdict = verdict_of(prompt, texts, {}) or {"text": "", "right": None}
    return Written(question_of(prompt), text_of(texts), verdict["text"], verdict["right"])


def sample_html(found: Sequence[tuple[int, Written]]) -> str:
    """The facts of a sample. found: (step, what its checkpoint wrote) of the first and the chosen checkpoint,
    or of the chosen one alone."""
    if not found:
        return ""
    rows = [f"<dt>prompt</dt><dd>{escape(found[-1][1].prompt)}</dd>"]
    for number, (step, one) in enumerate(found):
        when = "before" if number < len(found) - 1 else "now" if len(found) > 1 else "answer"
        kind = {True: "is-right", False: "is-wrong", None: ""}[one.right]
        said = f"<br><b class='{kind}'>{escape(one.verdict)}</b>" if one.verdict else ""
        text = escape(one.answer.strip() or "nothing")
        rows.append(f"<dt>{when}, step {step:,}</dt><dd>{text}{said}</dd>")
    return f"<dl class='lz-facts lz-sample'>{''.join(rows)}</dl>"
