// Words that are given from the start, on the empty board: a mask is chosen, a word typed, and it stands there.

import { set } from "./dom.mjs";
import { emptyState } from "./timeline.mjs";

const PINNING = "Choose a mask of the empty board to give its word from the start.";

/** The state of a board before a run. pinned: [[position, text], …]; what lies behind its end is left out. */
export function pinnedState(count, pinned) {
  const order = Array.from({ length: count }, (_, pos) => pos);
  const cells = order.map(() => ({ text: "", conf: null, was: "", mark: "m", at: 0 }));
  for (const [pos, text] of pinned) if (pos in cells) cells[pos] = { ...cells[pos], text, mark: "p" };
  return { ...emptyState(), order, cells };
}

export class Pins {
  /** grow: where a word is typed; hint: says what to do. */
  constructor(canvas, grow, hint) {
    Object.assign(this, { canvas, grow, hint, pinned: [] });
    const { board } = canvas;
    const heard = board.onChoose;
    board.onChoose = (id) => {
      heard(id);
      if (!canvas.timeline) this.draw();
    };
  }

  /** Other words are pinned. */
  show(pinned) {
    this.pinned = pinned;
    if (!this.canvas.timeline) this.draw();
  }

  /** Draw them on the empty board, and the line for the chosen cell. */
  draw() {
    const { board, parts, root } = this.canvas;
    root.classList.add("pinning");
    parts.board.inert = false;
    const state = pinnedState(board.spans.length, this.pinned);
    board.paint(state, 0, 0);
    const { chosen } = board;
    set(this.hint, chosen === null ? PINNING : `Cell ${chosen} of the next run:`);
    this.grow.empty(state, chosen);
  }
}
