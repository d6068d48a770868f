// The cells of the answer: one row per block, with a gutter (name, score) beside it, and one span per cell.
// A cell keeps its span as long as it stands, wherever it moves. Text enters the page by textContent only.

import { cellClass, cellLabel, cellText } from "./cell.mjs";
import { make } from "./dom.mjs";
import { Ends } from "./ends.mjs";
import { blockOf, firstIds, sameOrder, startOf } from "./order.mjs";
import { Slider } from "./slide.mjs";
import { cividis } from "./text.mjs";
import { isOpen } from "./timeline.mjs";
import { Tried } from "./tried.mjs";

export const FAR = 8; // frames: over a longer way cells jump to where they stand
const CELL_PIXELS = 37; // an average cell with its gap, for the height that a row reserves
const LINE_PIXELS = 37;

export class Board {
  /** root: an empty element; onChoose(id): a cell was clicked or entered, or (null) let go. */
  constructor(root, onChoose) {
    this.root = root;
    this.onChoose = onChoose;
    this.slider = new Slider(root);
    this.spans = []; // by position, as are painted and fresh
    this.order = []; // their ids
    this.rows = [];
    this.width = 0; // of a row's cells, px
    this.painted = [];
    this.fresh = [];
    this.chosen = null; // an id
    this.tab = 0; // the cell that Tab reaches
    this.ghosts = true; // whether drafts are shown
    this.broken = () => false; // whether a cell belongs to the first wrong line of the answer
    root.addEventListener("click", (event) => {
      const span = event.target.closest(".c");
      if (span) this.choose(this.order[Number(span.dataset.pos)]);
    });
    new ResizeObserver(() => this.reserve(true)).observe(root);
  }

  /** Make rows and cells for a run. */
  build(meta) {
    this.meta = meta;
    this.order = firstIds(meta.gen_length);
    this.spans = this.order.map((pos) => this.span(pos));
    this.rows = [];
    this.painted = new Array(this.spans.length);
    this.fresh = new Array(this.spans.length).fill(false);
    this.painting = { ups: null };
    this.tab = 0;
    this.chosen = null;
    this.marked = "";
    this.broken = () => false;
    this.root.replaceChildren();
    this.root.classList.toggle("scored", Boolean(meta.scored)); // the gutter keeps room for scores
    this.ends = new Ends(this);
    this.followed = -1;
    this.fill();
    this.focusable(0);
  }

  span(pos) {
    const span = make("span", "c m", " ", { role: "gridcell", tabindex: "-1" });
    span.dataset.pos = pos;
    return span;
  }

  /** Put the cells into rows, one a block; there are as many rows as blocks. */
  fill() {
    const count = this.spans.length ? blockOf(this.spans.length - 1, this.meta) + 1 : 0;
    for (const row of this.rows.splice(count)) row.element.remove();
    while (this.rows.length < count) this.rows.push(this.row(this.rows.length));
    this.rows.forEach((row, block) => {
      const end = Math.min(startOf(block + 1, this.meta), this.spans.length);
      let next = row.cells.firstChild;
      for (const span of this.spans.slice(startOf(block, this.meta), end)) {
        if (span === next) next = next.nextSibling;
        else row.cells.insertBefore(span, next);
      }
      row.count = end - startOf(block, this.meta);
    });
    const blocks = `${count} block${count === 1 ? "" : "s"}`;
    this.root.setAttribute("aria-label", `Answer, ${this.spans.length} cells in ${blocks}`);
    this.reserve(false);
  }

  /** Cells came or went: the others keep their elements. Whether they are to slide once all is painted. */
  reorder(order, moving) {
    if (sameOrder(order, this.order)) return false;
    const first = order.findIndex((id, pos) => id !== this.order[pos]);
    if (moving) this.slider.note(this.spans, first < 0 ? order.length : first);
    else this.slider.stop();
    const focused = this.spans.indexOf(document.activeElement);
    const old = new Map(this.order.map((id, pos) => [id, pos]));
    const was = order.map((id) => old.get(id));
    const { spans, painted, fresh } = this;
    const tab = order.indexOf(this.order[this.tab]);
    this.spans = was.map((from, pos) => spans[from] ?? this.span(pos));
    this.painted = was.map((from) => painted[from]);
    this.fresh = was.map((from) => fresh[from] ?? false);
    this.order = order;
    this.painting.ups = null;
    this.ends.first = -1; // found anew
    const kept = new Set(this.spans);
    for (const span of spans) if (!kept.has(span)) span.remove();
    this.spans.forEach((span, pos) => {
      if (was[pos] === pos) return;
      span.dataset.pos = pos;
      const cell = this.painted[pos];
      if (cell) span.setAttribute("aria-label", cellLabel(pos, cell, this.ghosts, this.meta));
    });
    if (this.marked) this.marked = "moved"; // the line that does not hold is to be found anew
    this.fill();
    this.focusable(tab >= 0 ? tab : Math.max(0, Math.min(this.tab, order.length - 1)));
    if (focused >= 0) this.spans[this.tab]?.focus({ preventScroll: true });
    return moving;
  }

  row(number) {
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
    element.append(gutter, cells, tried.list);
    this.root.append(element);
    return { element, name, bar, fill, score, cells, tried, count: 0, shown: undefined };
  }

  /** Keep the height that a row will need, so that the page does not jump as words appear. measured: whether to
   * ask for the width, which costs a layout. */
  reserve(measured) {
    if (measured || !this.width) this.width = this.rows[0]?.cells.clientWidth;
    if (!this.width) return;
    for (const row of this.rows) {
      const lines = Math.ceil((row.count * CELL_PIXELS) / this.width);
      if (row.lines === lines) continue;
      row.lines = lines;
      row.cells.style.minHeight = `${lines * LINE_PIXELS - 6}px`;
    }
  }

  /** Show a state; cells written by frames from `since` to `seq` are marked as new; those that move slide where
   * `moving`. */
  paint(state, seq, since, moving = false) {
    const slides = state.order !== this.order && this.reorder(state.order, moving);
    for (let pos = 0; pos < this.spans.length; pos++) {
      const cell = state.cells[pos];
      if (!cell) continue;
      const fresh = cell.at >= since && cell.at <= seq && cell.at > 0;
      if (this.painted[pos] === cell && this.fresh[pos] === fresh) continue;
      this.painted[pos] = cell;
      this.fresh[pos] = fresh;
      this.cell(this.spans[pos], pos, cell, fresh);
    }
    this.ends.show(state.cells);
    this.gutters(state);
    if (moving) this.follow(state.block);
    if (this.painting.ups !== state.ups) this.policy(state.ups);
    this.painting.ups = state.ups;
    if (slides) this.slider.slide(this.spans);
  }

  /** Show drafts, or hide them. */
  showGhosts(ghosts) {
    if (ghosts === this.ghosts) return;
    this.ghosts = ghosts;
    this.painted.fill(undefined);
  }

  /** Keep the block that is written in sight, where the board scrolls. */
  follow(block) {
    if (block < 0 || block === this.followed) return;
    this.followed = block;
    const { root } = this;
    const row = this.rows[block]?.element;
    if (!row || root.scrollHeight <= root.clientHeight) return;
    const top = row.offsetTop - root.offsetTop;
    const hidden = top < root.scrollTop || top + row.offsetHeight > root.scrollTop + root.clientHeight;
    if (hidden) root.scrollTop = top - root.clientHeight / 2;
  }

  cell(span, pos, cell, fresh) {
    const text = cellText(cell, fresh, this.ghosts);
    // The first child is the text; a re-mask bar may follow it.
    if (span.firstChild.nodeValue !== text) span.firstChild.nodeValue = text;
    const chosen = this.chosen !== null && this.order[pos] === this.chosen ? " chosen" : "";
    span.className = cellClass(cell, fresh, this.ghosts) + chosen + (this.broken(pos) ? " broken" : "");
    const sure = !isOpen(cell.mark) && cell.conf != null;
    span.style.setProperty("--p", sure ? cell.conf : 0);
    span.style.setProperty("--k", sure ? cividis(cell.conf) : "transparent");
    span.setAttribute("aria-label", cellLabel(pos, cell, this.ghosts, this.meta));
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
      row.name.setAttribute("aria-label", `Block ${block + 1}${now ? ", written now" : ""}`);
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
    if (!ups) return;
    const places = new Map(this.order.map((id, pos) => [id, pos]));
    ups.p.forEach((p, i) => {
      const span = this.spans[places.get(ups.ids[i])];
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

  /** Choose a cell by its id, or none; tells the page about it. */
  choose(id) {
    const next = id === this.chosen ? null : id;
    const at = (each) => this.spans[each === null ? -1 : this.order.indexOf(each)];
    at(this.chosen)?.classList.remove("chosen");
    at(this.chosen)?.removeAttribute("aria-selected");
    this.chosen = next;
    if (next !== null && this.order.indexOf(next) >= this.ends.first) this.ends.unfold(true);
    at(next)?.classList.add("chosen");
    at(next)?.setAttribute("aria-selected", "true");
    if (at(next)) this.focusable(this.order.indexOf(next));
    this.onChoose(next);
  }

  /** Move the focus by cells; Tab comes back to where it was. */
  move(to) {
    const pos = Math.max(0, Math.min(this.ends.first - 1, to));
    this.focusable(pos);
    this.spans[pos]?.focus();
  }

  /** Move the focus by blocks. */
  moveBlocks(by) {
    this.move(startOf(blockOf(this.tab, this.meta) + by, this.meta));
  }

  focusable(pos) {
    for (const span of this.root.querySelectorAll(".c[tabindex='0']")) span.setAttribute("tabindex", "-1");
    this.tab = pos;
    this.spans[pos]?.setAttribute("tabindex", "0");
  }
}
