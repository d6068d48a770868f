// The switch between the views of a board. The one that was chosen is kept in the browser.

import { keep, kept } from "./dom.mjs";

const KEPT_VIEW = "lz-view";
const CHOICES = ["square", "blocks", "text"];
const USUAL = "square"; // which is blocks for all that is no square

export class Views {
  /** root: holds a button a view; board: or what stands for several; changed(): it is to be painted anew. */
  constructor(root, board, changed) {
    Object.assign(this, { root, board, changed });
    this.buttons = [...root.querySelectorAll("[data-view]")];
    for (const button of this.buttons) button.addEventListener("click", () => this.choose(button.dataset.view));
    board.view = CHOICES.find((view) => view === kept(KEPT_VIEW)) ?? USUAL;
    this.show(null);
  }

  choose(view) {
    keep(KEPT_VIEW, view);
    this.board.setView(view);
    this.show(this.board.meta);
    this.changed();
  }

  /** Offer the views that a run has. meta: of the run. */
  show(meta) {
    const square = Boolean(meta?.square);
    const chosen = this.board.view === "square" && !square ? "blocks" : this.board.view;
    for (const button of this.buttons) {
      const { view } = button.dataset;
      if (view === "square") button.hidden = !square;
      button.setAttribute("aria-pressed", String(view === chosen));
    }
  }
}
