// The cells of the answer: one span per cell, arranged as blocks, as text or as a square (the classes in
// ARRANGEMENTS). A cell keeps its span as long as it stands, wherever it moves. Text enters the page by
// textContent only.

import { Blocks, blocksIn } from "./blocks.mjs";
import { cellClass, cellLabel, cellText } from "./cell.mjs";
import { make } from "./dom.mjs";
import { Ends } from "./ends.mjs";
import { TextLines } from "./lines.mjs";
import { blockOf, firstIds, sameOrder, startOf } from "./order.mjs";
import { Slider } from "./slide.mjs";
import { fits, placesOf } from "./square.mjs";
import { Squares } from "./squares.mjs";
import { cividis } from "./text.mjs";
import { isOpen } from "./timeline.mjs";

export const FAR = 8; // frames: over a longer way cells jump to where they stand
const GHOSTS = 64; // cells of which nothing but the draft changed, painted at once; the others wait a picture
const LABELS = 64; // cells of which screen readers are told at once while frames go by
const NO_SQUARE = "This answer is not written as a square of the right size, so it is shown in blocks.";
const ARRANGEMENTS = { blocks: Blocks, text: TextLines, square: Squares };

export class Board {
  /** root: an empty element; onChoose(id): a cell was clicked or entered, or (null) let go. */
  constructor(root, onChoose) {
    this.root = root;
    this.onChoose = onChoose;
    this.slider = new Slider(root);
    this.spans = []; // by position, as are painted and fresh
    this.order = []; // their ids
    this.view = "square"; // what the reader wants to see, where it can be
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
    new ResizeObserver(() => this.arranged?.reserve(true)).observe(root);
  }

  /** Make rows and cells for a run. */
  build(meta) {
    this.meta = meta;
    this.order = firstIds(meta.gen_length);
    this.spans = this.order.map((pos) => this.span(pos));
    this.arrangement = ""; // what is seen
    this.painted = new Array(this.spans.length);
    this.fresh = new Array(this.spans.length).fill(false);
    this.painting = { ups: null };
    cancelAnimationFrame(this.later);
    this.waiting = 0; // the first cell whose draft is still to be painted
    this.unlabelled = new Set(); // positions of cells whose label waits
    this.tab = 0;
    this.chosen = null;
    this.marked = "";
    this.broken = () => false;
    this.root.classList.toggle("scored", Boolean(meta.scored)); // the gutter keeps room for scores
    this.ends = new Ends(this);
    this.followed = -1;
    this.arrange(this.painted);
    this.focusable(0);
  }

  span(pos) {
    const span = make("span", "c m", " ", { role: "gridcell", tabindex: "-1" });
    span.dataset.pos = pos;
    return span;
  }

  /** Arrange the cells as the reader wants to see them, where the answer can be seen so. */
  arrange(cells) {
    const name = this.arrangementOf(cells);
    if (name !== this.arrangement) {
      this.arrangement = name;
      const lacks = this.view === "square" && this.meta.square && name !== "square";
      this.root.replaceChildren(...(lacks ? [make("p", "not-square", NO_SQUARE, { role: "caption" })] : []));
      this.root.dataset.view = name;
      this.arranged = new ARRANGEMENTS[name](this.root, this.meta);
      this.ends.first = -1; // found anew
      this.fill(cells);
    } else if (this.arranged.key(cells) !== this.key) this.fill(cells);
  }

  /** What the view chosen comes to: a square is drawn only where the answer has one. */
  arrangementOf(cells) {
    if (this.view !== "square") return this.view;
    return this.meta.square && fits(cells, placesOf(this.meta.square)) ? "square" : "blocks";
  }

  /** Another view: "square", "blocks" or "text". */
  setView(view) {
    this.view = view;
    this.painted.fill(undefined);
  }

  fill(cells) {
    this.arranged.fill(this.spans, cells);
    this.key = this.arranged.key(cells);
    const count = blocksIn(this.spans.length, this.meta);
    const blocks = `${count} block${count === 1 ? "" : "s"}`;
    this.root.setAttribute("aria-label", `Answer, ${this.spans.length} cells in ${blocks}`);
  }

  /** Cells came or went: the others keep their elements. Whether they are to slide once all is painted. */
  reorder({ order, cells }, moving) {
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
      this.unlabelled.add(pos);
    });
    if (this.marked) this.marked = "moved"; // the line that does not hold is to be found anew
    this.key = null; // to be filled anew
    this.arrange(cells);
    this.focusable(tab >= 0 ? tab : Math.max(0, Math.min(this.tab, order.length - 1)));
    if (focused >= 0) this.spans[this.tab]?.focus({ preventScroll: true });
    return moving;
  }

  /** Show a state; cells written by frames from `since` to `seq` are marked as new; those that move slide where
   * `moving`. */
  paint(state, seq, since, moving = false) {
    const slides = state.order !== this.order && this.reorder(state, moving);
    this.arrange(state.cells);
    this.paintCells(state, seq, since);
    this.ends.show(state.cells);
    this.arranged.show(state);
    if (moving) this.follow(state.block);
    if (this.painting.ups !== state.ups) this.policy(state.ups);
    this.painting.ups = state.ups;
    if (slides) this.slider.slide(this.spans);
  }

  /** Every cell that changed. Drafts alone are painted GHOSTS at once, so that the page stays quick when a run's
   * first drafts fill a large answer; the next painting goes on behind them, and comes by itself. Returns whether
   * that was all. */
  paintCells(state, seq, since) {
    cancelAnimationFrame(this.later);
    const count = this.spans.length;
    let ghosts = 0;
    let waits = -1;
    for (let i = 0; i < count; i++) {
      const pos = (this.waiting + i) % count;
      const cell = state.cells[pos];
      if (!cell) continue;
      const fresh = cell.at >= since && cell.at <= seq && cell.at > 0;
      const before = this.painted[pos];
      if (before === cell && this.fresh[pos] === fresh) continue;
      if (before && isOpen(before.mark) && isOpen(cell.mark) && ++ghosts > GHOSTS) {
        if (waits < 0) waits = pos;
        continue;
      }
      this.painted[pos] = cell;
      this.fresh[pos] = fresh;
      this.cell(this.spans[pos], pos, cell, fresh);
    }
    this.waiting = Math.max(0, waits);
    if (waits < 0) return true;
    this.later = requestAnimationFrame(() => {
      if (this.paintCells(state, seq, since)) this.label(false);
    });
    return false;
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
    const row = this.arranged.elementOf(block);
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
    const spaces = (cell.text.startsWith(" ") ? " before" : "") + (cell.text.endsWith(" ") ? " behind" : "");
    const broken = this.broken(pos) ? " broken" : "";
    const name = cellClass(cell, fresh, this.ghosts) + chosen + spaces + broken;
    if (span.className !== name) span.className = name;
    const sure = isOpen(cell.mark) ? null : cell.conf;
    if (span.sure !== sure) {
      span.sure = sure;
      span.style.setProperty("--p", sure ?? 0);
      span.style.setProperty("--k", sure == null ? "transparent" : cividis(sure));
    }
    this.unlabelled.add(pos);
  }

  /** Tell screen readers of the cells that changed; while frames go by now and then, of those that wait longest. */
  label(moving) {
    let left = moving ? LABELS : Infinity;
    for (const pos of this.unlabelled) {
      if (left-- <= 0) return;
      const cell = this.painted[pos];
      if (cell) this.spans[pos].setAttribute("aria-label", cellLabel(pos, cell, this.ghosts, this.meta));
      this.unlabelled.delete(pos);
    }
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
