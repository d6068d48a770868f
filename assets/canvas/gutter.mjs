// What stands beside the cells of a block: its number, its score, and what was tried for it.

import { make, set } from "./dom.mjs";
import { startOf } from "./order.mjs";
import { isOpen } from "./timeline.mjs";
import { Tried } from "./tried.mjs";

const CHECKER = "checker"; // the exact one, which judges lines that are finished
const UNFINISHED = "No line ends in this block: the checker takes it for as good as the line before.";

/** Whether a line of the answer, or its box, ends in a block. */
export function endsLine(cells, block, meta) {
  const own = cells.slice(startOf(block, meta), startOf(block + 1, meta));
  return own.some((cell) => cell && !isOpen(cell.mark) && /[\n}]/.test(cell.text));
}

export class Gutter {
  constructor(block, meta) {
    Object.assign(this, { block, meta });
    this.element = make("div", "gut", "", { role: "rowheader" });
    this.name = make("span", "n", `Block ${block + 1}`);
    this.bar = make("span", "prm");
    this.fill = this.bar.appendChild(make("i"));
    this.score = make("small", "score");
    this.bar.hidden = this.score.hidden = true;
    this.tried = new Tried();
    this.element.append(this.name, this.bar, this.score, this.tried.button);
  }

  /** Show what a state says of the block. row: of the block's cells, where they have one of their own. */
  show(state, row) {
    const { block } = this;
    this.tried.show(state.tried[block] ?? null);
    const score = state.prm[block];
    const triggered = state.win !== null && block >= state.win[0] && block < state.win[1];
    const now = block === state.block;
    const checked = this.meta.scorer === CHECKER;
    const unfinished = checked && score === 1 && !endsLine(state.cells, block, this.meta);
    const key = `${score}|${triggered}|${now}|${unfinished}`;
    if (this.shown === key) return;
    this.shown = key;
    for (const element of [this.element, row].filter(Boolean)) {
      element.classList.toggle("now", now);
      element.classList.toggle("win", triggered);
    }
    this.name.setAttribute("aria-label", `Block ${block + 1}${now ? ", written now" : ""}`);
    this.score.hidden = score == null;
    this.bar.hidden = score == null || unfinished;
    if (score == null) return;
    this.bar.classList.toggle("low", score < 0.5);
    this.fill.style.width = `${score * 100}%`;
    set(this.score, unfinished ? "no line ends" : `${checked ? "Check" : "PRM"} ${score.toFixed(2)}`);
    this.score.title = unfinished ? UNFINISHED : "";
  }
}

/** The gutters of all blocks in one line, for a board whose rows are no blocks. */
export class Strip {
  constructor(meta) {
    this.meta = meta;
    this.gutters = [];
    this.line = make("div", "strip", "", { role: "row" });
    this.line.hidden = !meta.scored;
    this.lists = make("div", "lists", "", { role: "presentation" });
  }

  /** There are so many blocks. */
  fit(count) {
    if (count === this.gutters.length) return;
    this.gutters = Array.from({ length: count }, (_, block) => new Gutter(block, this.meta));
    this.line.replaceChildren(...this.gutters.map((gutter) => gutter.element));
    this.lists.replaceChildren(...this.gutters.map((gutter) => gutter.tried.list));
  }

  show(state) {
    for (const gutter of this.gutters) gutter.show(state, null);
  }
}
