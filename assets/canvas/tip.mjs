// What is known of the cell under the pointer, or of the one that has the focus, beside it.

import { draftOf, unsure } from "./cell.mjs";
import { make, set } from "./dom.mjs";
import { blockOf } from "./order.mjs";
import { exact, percent } from "./text.mjs";
import { isMask, isOpen } from "./timeline.mjs";

const BESIDE = 8; // px between a cell and its tip
const HOW = { p: "given", s: "there from the start", d: "waits for its check" };

/** Two lines: what stands in a cell, and where and since when. */
export function tipLines(pos, cell, timeline) {
  const { meta, frames } = timeline;
  const where = `cell ${pos}, block ${blockOf(pos, meta) + 1}`;
  const step = frames[cell.at]?.step;
  if (isOpen(cell.mark)) {
    const what = isMask(cell.mark) ? "masked" : `noise “${exact(cell.text)}”`;
    const was = cell.was ? `, was “${exact(cell.was)}” until step ${step}` : "";
    const draft = draftOf(cell);
    const sure = draft?.[1] == null ? "" : ` ${percent(draft[1])}`;
    return [`${what}${was}`, [where, draft && `draft “${exact(draft[0])}”${sure}`].filter(Boolean).join(" · ")];
  }
  const sure = cell.conf == null ? (unsure(meta) ? "" : "not asked for") : `${percent(cell.conf)} sure`;
  const how = HOW[cell.mark] ?? "";
  const when = "ps".includes(cell.mark) ? "" : `step ${step}`;
  const known = "ps".includes(cell.mark) ? how : [sure, how].filter(Boolean).join(", ");
  return [`“${exact(cell.text)}”${known ? ` ${known}` : ""}`, [where, when].filter(Boolean).join(" · ")];
}

export class Tip {
  constructor(canvas) {
    const board = canvas.parts.board;
    Object.assign(this, { canvas, board, span: null });
    this.element = make("div", "tip", "", { "aria-hidden": "true" }); // the cells have labels
    this.lines = [make("b", "mono"), make("span")];
    this.element.append(...this.lines);
    this.element.hidden = true;
    board.after(this.element);
    board.addEventListener("pointerover", (event) => this.point(event));
    board.addEventListener("pointerleave", () => this.hide());
    board.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && this.point(event));
    board.addEventListener("focusout", () => this.hide());
    board.addEventListener("scroll", () => this.hide());
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.hide());
  }

  point(event) {
    if (event.pointerType === "touch") return; // a finger chooses the cell, which shows more
    this.span = event.target.closest(".c");
    this.refresh();
  }

  hide() {
    this.span = null;
    this.element.hidden = true;
  }

  linesOf(pos) {
    const { board, timeline } = this.canvas;
    const cell = timeline && board.painted[pos];
    return cell ? tipLines(pos, cell, timeline) : null;
  }

  /** Show what stands there now. */
  refresh() {
    if (!this.span) return;
    const lines = this.span.isConnected ? this.linesOf(Number(this.span.dataset.pos)) : null;
    if (!lines) return this.hide();
    this.lines.forEach((line, i) => set(line, lines[i]));
    this.element.hidden = false;
    const [cell, frame] = [this.span.getBoundingClientRect(), this.board.parentElement.getBoundingClientRect()];
    const { offsetWidth: wide, offsetHeight: high } = this.element;
    const left = cell.left - frame.left + cell.width / 2 - wide / 2;
    const above = cell.top - frame.top - high - BESIDE;
    this.element.style.left = `${Math.max(0, Math.min(frame.width - wide, left))}px`;
    this.element.style.top = `${above < -60 ? cell.bottom - frame.top + BESIDE : above}px`;
  }
}
