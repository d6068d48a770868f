// The cells of the answer: one row per block, with a gutter (name, score) beside it, and one span per cell.
// Spans are made once and reused; text enters the page by textContent only.

import { Tried } from "./tried.mjs";
import { make } from "./dom.mjs";
import { cividis, glyph, percent, spoken } from "./text.mjs";
import { isMask } from "./timeline.mjs";

const CELL_PIXELS = 37; // an average cell with its gap, for the height that a row reserves
const LINE_PIXELS = 37;

/** The classes of a cell; fresh: the frame shown wrote it. */
export function cellClass(cell, fresh) {
  const names = ["c"];
  if (cell.mark === "u" && fresh) names.push("rm");
  else if (cell.mark === "b" || cell.mark === "r") names.push("bk");
  else if (isMask(cell.mark)) names.push("m");
  else {
    if (fresh && cell.mark !== "p") names.push("nw");
    if (cell.mark === "p") names.push("pin");
    if (cell.mark === "e") names.push("ed");
    if (glyph(cell.text).dim) names.push("dim");
  }
  return names.join(" ");
}

/** What a screen reader says for a cell. */
export function cellLabel(pos, cell) {
  if (isMask(cell.mark)) {
    const was = cell.was ? `, was ${spoken(cell.was)}` : "";
    return `Cell ${pos}: masked${was}`;
  }
  const sure = cell.conf == null ? "filled in after an early stop" : `${percent(cell.conf)} sure`;
  const how = cell.mark === "p" ? "given" : sure;
  return `Cell ${pos}: ${spoken(cell.text)}, ${how}`;
}

export class Board {
  /** root: an empty element; onChoose(position): a cell was clicked or entered. */
  constructor(root, onChoose) {
    this.root = root;
    this.onChoose = onChoose;
    this.spans = [];
    this.rows = [];
    this.painted = [];
    this.fresh = [];
    this.chosen = null;
    this.tab = 0; // the cell that Tab reaches
    this.broken = () => false; // whether a cell belongs to the first wrong line of the answer
    root.addEventListener("click", (event) => {
      const span = event.target.closest(".c");
      if (span) this.choose(Number(span.dataset.pos));
    });
    new ResizeObserver(() => this.reserve()).observe(root);
  }

  /** Make rows and cells for a run. */
  build(meta) {
    const { gen_length: cells, block_length: size } = meta;
    this.size = size;
    this.spans = [];
    this.rows = [];
    this.painted = new Array(cells);
    this.fresh = new Array(cells).fill(false);
    this.painting = { ups: null, win: null, block: null };
    this.tab = 0;
    this.chosen = null;
    this.marked = "";
    this.broken = () => false;
    for (let start = 0; start < cells; start += size) {
      this.rows.push(this.row(start / size, start, Math.min(start + size, cells)));
    }
    this.root.replaceChildren(...this.rows.map((row) => row.element));
    this.root.setAttribute("aria-label", `Answer, ${cells} cells in ${this.rows.length} blocks`);
    this.reserve();
  }

  row(number, start, stop) {
    const element = make("div", "blk", "", { role: "row" });
    const gutter = make("div", "gut", "", { role: "rowheader" });
    const name = make("span", "n", `Block ${number + 1}`);
    const bar = make("span", "prm");
    const fill = bar.appendChild(make("i"));
    const score = make("small", "score");
    bar.hidden = score.hidden = true;
    const tried = new Tried();
    gutter.append(name, bar, score, tried.button);
    const cells = make("div", "cells", "", { role: "presentation" });
    for (let pos = start; pos < stop; pos++) {
      const span = make("span", "c m", " ", { role: "gridcell", tabindex: pos === 0 ? "0" : "-1" });
      span.dataset.pos = pos;
      this.spans.push(span);
      cells.append(span);
    }
    element.append(gutter, cells, tried.list);
    return { element, name, bar, fill, score, cells, tried, count: stop - start, shown: undefined };
  }

  /** Keep the height that a row will need, so that the page does not jump as words appear. */
  reserve() {
    const width = this.rows[0]?.cells.clientWidth;
    if (!width) return;
    for (const row of this.rows) {
      const lines = Math.ceil((row.count * CELL_PIXELS) / width);
      row.cells.style.minHeight = `${lines * LINE_PIXELS - 6}px`;
    }
  }

  /** Show a state; cells written by frames from `since` to `seq` are marked as new. */
  paint(state, seq, since) {
    for (let pos = 0; pos < this.spans.length; pos++) {
      const cell = state.cells[pos];
      if (!cell) continue;
      const fresh = cell.at >= since && cell.at <= seq && cell.at > 0;
      if (this.painted[pos] === cell && this.fresh[pos] === fresh) continue;
      this.painted[pos] = cell;
      this.fresh[pos] = fresh;
      this.cell(this.spans[pos], pos, cell, fresh);
    }
    this.gutters(state);
    if (this.painting.ups !== state.ups) this.policy(state.ups);
    this.painting.ups = state.ups;
  }

  cell(span, pos, cell, fresh) {
    const masked = isMask(cell.mark);
    let text = " ";
    if (!masked) text = glyph(cell.text).shown;
    else if (cell.mark === "u" && fresh) text = glyph(cell.was).shown;
    // The first child is the text; a re-mask bar may follow it.
    if (span.firstChild.nodeValue !== text) span.firstChild.nodeValue = text;
    const chosen = pos === this.chosen ? " chosen" : "";
    span.className = cellClass(cell, fresh) + chosen + (this.broken(pos) ? " broken" : "");
    const sure = !masked && cell.conf != null;
    span.style.setProperty("--p", sure ? cell.conf : 0);
    span.style.setProperty("--k", sure ? cividis(cell.conf) : "transparent");
    span.setAttribute("aria-label", cellLabel(pos, cell));
  }

  gutters(state) {
    this.rows.forEach((row, block) => {
      row.tried.show(state.tried[block] ?? null);
      const score = state.prm[block];
      const triggered = state.win !== null && block >= state.win[0] && block < state.win[1];
      const now = block === state.block;
      const key = `${score}|${triggered}|${now}`;
      if (row.shown === key) return;
      row.shown = key;
      row.element.classList.toggle("now", now);
      row.element.classList.toggle("win", triggered);
      row.name.textContent = `Block ${block + 1}${now ? " · now" : ""}`;
      row.bar.hidden = row.score.hidden = score == null;
      if (score == null) return;
      row.bar.classList.toggle("low", score < 0.5);
      row.fill.style.width = `${score * 100}%`;
      row.score.textContent = `PRM ${score.toFixed(2)}`;
    });
  }

  /** The bar over each cell: its probability of being re-masked. */
  policy(ups) {
    for (const bar of this.root.querySelectorAll(".u")) bar.remove();
    ups?.p.forEach((p, i) => {
      const span = this.spans[ups.at + i];
      if (!span || p == null) return;
      const over = ups.cut != null && p > ups.cut ? "u over" : "u";
      span.append(make("i", over, "", { style: `--o:${p}` }));
    });
  }

  /** Underline cells [first, end), the first wrong line of an answer; null: none. */
  mark(cells) {
    const key = cells?.join() ?? "";
    if (key === this.marked) return;
    this.marked = key;
    const [first, end] = cells ?? [0, 0];
    this.broken = (pos) => pos >= first && pos < end;
    this.spans.forEach((span, pos) => span.classList.toggle("broken", this.broken(pos)));
  }

  /** Choose a cell, or none; tells the page about it. */
  choose(pos) {
    const next = pos === this.chosen ? null : pos;
    this.spans[this.chosen]?.classList.remove("chosen");
    this.spans[this.chosen]?.removeAttribute("aria-selected");
    this.chosen = next;
    if (next !== null) {
      this.spans[next].classList.add("chosen");
      this.spans[next].setAttribute("aria-selected", "true");
      this.focusable(next);
    }
    this.onChoose(next);
  }

  /** Move the focus by cells; Tab comes back to where it was. */
  move(to) {
    const pos = Math.max(0, Math.min(this.spans.length - 1, to));
    this.focusable(pos);
    this.spans[pos]?.focus();
  }

  focusable(pos) {
    this.spans[this.tab]?.setAttribute("tabindex", "-1");
    this.tab = pos;
    this.spans[pos]?.setAttribute("tabindex", "0");
  }
}
