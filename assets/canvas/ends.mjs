// The end of an answer: what only repeats that it has ended is folded away, behind a button.

import { make, set } from "./dom.mjs";
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
  /** board: whose cells are hidden and shown. */
  constructor(board) {
    this.board = board;
    this.first = board.spans.length; // the first cell that is folded away
    this.open = false;
    this.chip = make("button", "fold", "", { type: "button", "aria-expanded": "false" });
    this.chip.addEventListener("click", () => this.unfold(!this.open));
    this.place = make("span", "", "", { role: "gridcell" }); // a row holds nothing but cells
    this.place.append(this.chip);
  }

  /** Fold the end of these cells. */
  show(cells) {
    const { board, chip, place } = this;
    const from = foldFrom(cells);
    const folds = from < board.spans.length;
    const first = folds && !this.open ? from : board.spans.length;
    if (folds) {
      const holder = board.arranged.holderOf(from);
      if (place.parentElement !== holder) holder.append(place);
      set(chip, this.open ? "fold the end" : `+ ${board.spans.length - from} end of text`);
      chip.setAttribute("aria-expanded", String(this.open));
    } else place.remove();
    const settled = cells.every((cell) => cell && !isOpen(cell.mark)); // rows need no room for more
    if (first === this.first && settled === this.settled) return;
    Object.assign(this, { first, settled });
    board.spans.forEach((span, pos) => {
      span.hidden = pos >= first;
    });
    board.arranged.hideFrom(first, settled);
  }

  /** Show the folded cells, or fold them again. */
  unfold(yes) {
    this.open = yes;
    this.show(this.board.painted);
  }
}
