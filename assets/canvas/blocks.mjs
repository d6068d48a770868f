// The board as blocks: a row for each, with a gutter beside its cells.

import { make } from "./dom.mjs";
import { Gutter } from "./gutter.mjs";
import { blockOf, startOf } from "./order.mjs";

const CELL_PIXELS = 37; // an average cell with its gap, for the height that a row reserves
const LINE_PIXELS = 37;
const SHORT = 8; // cells of a block of which some stand side by side
const TOKEN = 15; // px of a token's type

/** Let an element hold these spans, in this order, before what else it holds. */
export function hold(element, spans) {
  let next = element.firstChild;
  for (const span of spans) {
    if (span === next) next = next.nextSibling;
    else element.insertBefore(span, next);
  }
}

/** How many blocks so many cells make. */
export function blocksIn(count, meta) {
  return count ? blockOf(count - 1, meta) + 1 : 0;
}

/** An arrangement of the board's cells. Others are TextLines (lines.mjs) and Squares (squares.mjs). */
export class Blocks {
  constructor(root, meta) {
    Object.assign(this, { root, meta });
    root.classList.toggle("short", meta.block_length <= SHORT);
    this.marks = new Set(); // of the legend
    this.rows = [];
    this.width = 0; // of a row's cells, px
  }

  /** What the arrangement depends on, besides the order of the cells: it is filled anew when it changes. */
  key() {
    return "";
  }

  /** Put the cells into rows, one a block; there are as many rows as blocks. */
  fill(spans) {
    const count = blocksIn(spans.length, this.meta);
    for (const row of this.rows.splice(count)) row.element.remove();
    while (this.rows.length < count) this.rows.push(this.row(this.rows.length));
    this.rows.forEach((row, block) => {
      const end = Math.min(startOf(block + 1, this.meta), spans.length);
      hold(row.cells, spans.slice(startOf(block, this.meta), end));
      row.count = end - startOf(block, this.meta);
    });
    this.reserve(false);
  }

  row(block) {
    const element = make("div", "blk", "", { role: "row" });
    const gutter = new Gutter(block, this.meta);
    const cells = make("div", "cells", "", { role: "presentation" });
    element.append(gutter.element, cells, gutter.tried.list);
    this.root.append(element);
    return { element, gutter, cells, count: 0 };
  }

  /** Keep the height that a row will need, so that the page does not jump as words appear. measured: whether to
   * ask for the width, which costs a layout. */
  reserve(measured) {
    if (measured || !this.width) this.measure();
    if (!this.width) return;
    const pixels = this.scale * CELL_PIXELS;
    for (const row of this.rows) {
      const lines = Math.ceil(((row.seen ?? row.count) * pixels) / this.width);
      const height = this.scale * (lines * LINE_PIXELS - 6);
      if (row.height === height) continue;
      row.height = height;
      row.cells.style.minHeight = `${height}px`;
    }
  }

  /** The width of a row, and how much larger than usual its tokens are. */
  measure() {
    this.width = this.rows[0]?.cells.clientWidth;
    this.scale = (parseFloat(getComputedStyle(this.root).getPropertyValue("--token")) || TOKEN) / TOKEN;
  }

  /** Show scores, windows and candidates. */
  show(state) {
    for (const row of this.rows) row.gutter.show(state, row.element);
  }

  /** What to keep in sight while a block is written. */
  elementOf(block) {
    return this.rows[block]?.element;
  }

  /** Where the button stands that folds the cells from a position on. */
  holderOf(pos) {
    return this.rows[blockOf(pos - 1, this.meta)].cells;
  }

  /** The cells from a position on are hidden: rows that hold no other are, too. settled: no cell is open, so
   * rows need no more room than for those that are seen. */
  hideFrom(first, settled) {
    this.rows.forEach((row, block) => {
      const start = startOf(block, this.meta);
      row.element.hidden = start >= first;
      row.seen = settled && start < first ? Math.min(row.count, first + 1 - start) : row.count;
    });
    this.reserve(false);
  }
}
