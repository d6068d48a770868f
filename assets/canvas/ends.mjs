// The end of an answer: what only repeats that it has ended is folded away, behind a button.

import { make, set } from "./dom.mjs";
import { blockOf, startOf } from "./order.mjs";
import { isSpecial } from "./text.mjs";
import { isOpen } from "./timeline.mjs";

const FOLDED = 4; // cells at the end of an answer that say nothing more: fewer are shown

/** From where on the cells of an answer only repeat that it has ended; its length where they are few. */
export function foldFrom(cells) {
  let from = cells.length;
  const ends = (cell) => cell && !isOpen(cell.mark) && isSpecial(cell.text);
  while (from > 0 && ends(cells[from - 1])) from -= 1;
  from += 1; // the first end of the text stays
  return cells.length - from >= FOLDED ? from : cells.length;
}

export class Ends {
  /** board: whose spans and rows are hidden and shown. */
  constructor(board) {
    this.board = board;
    this.first = board.spans.length; // the first cell that is folded away
    this.open = false;
    this.chip = make("button", "fold", "", { type: "button", "aria-expanded": "false" });
    this.chip.addEventListener("click", () => this.unfold(!this.open));
  }

  /** Fold the end of these cells. */
  show(cells) {
    const { board, chip } = this;
    const from = foldFrom(cells);
    const folds = from < board.spans.length;
    const first = folds && !this.open ? from : board.spans.length;
    if (folds) {
      const row = board.rows[blockOf(from - 1, board.meta)];
      if (chip.parentElement !== row.cells) row.cells.append(chip);
      set(chip, this.open ? "fold the end" : `+ ${board.spans.length - from} end of text`);
      chip.setAttribute("aria-expanded", String(this.open));
    } else chip.remove();
    if (first === this.first) return;
    this.first = first;
    board.spans.forEach((span, pos) => {
      span.hidden = pos >= first;
    });
    board.rows.forEach((row, block) => {
      row.element.hidden = startOf(block, board.meta) >= first;
    });
  }

  /** Show the folded cells, or fold them again. */
  unfold(yes) {
    this.open = yes;
    this.show(this.board.painted);
  }
}
