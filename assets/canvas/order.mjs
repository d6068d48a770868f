// Cells that come and go. A row's cells are told apart by ids, which stay with them; where nothing was inserted
// or deleted, a cell's id is its position. No DOM.

/** The ids 0 … n − 1. */
export function firstIds(n) {
  return Array.from({ length: n }, (_, id) => id);
}

/** Whether two orders hold the same ids. */
export function sameOrder(a, b) {
  return a === b || (a.length === b.length && a.every((id, pos) => id === b[pos]));
}

/** The order after a frame's `del` and `ins` (frames.py). */
export function changedOrder(order, frame) {
  if (!frame.del && !frame.ins) return order;
  const gone = new Set(frame.del);
  const came = new Map(frame.ins);
  const next = [];
  for (const id of order) {
    if (came.has(id)) next.push(...came.get(id));
    if (!gone.has(id)) next.push(id);
  }
  if (came.has(null)) next.push(...came.get(null));
  return next;
}

/** What stood beside each id of one order, for another: values by position; new ids have none. */
export function rearranged(values, from, to) {
  const at = new Map(from.map((id, pos) => [id, pos]));
  return to.map((id) => values[at.get(id)]);
}

/** All ids that ever stood, in their order. Each has a column of its own, which it keeps. */
export class Columns {
  constructor() {
    this.order = [];
    this.at = null;
  }

  start(n) {
    this.order = firstIds(n);
    this.at = null;
  }

  change(frame) {
    if (!frame.ins) return;
    this.order = changedOrder(this.order, { ins: frame.ins });
    this.at = null;
  }

  get count() {
    return this.order.length;
  }

  of(id) {
    this.at ??= new Map(this.order.map((each, column) => [each, column]));
    return this.at.get(id);
  }
}

/** The block that a position lies in; the first one may be shorter. */
export function blockOf(pos, meta) {
  const first = meta.first_block ?? meta.block_length;
  return pos < first ? 0 : 1 + Math.floor((pos - first) / meta.block_length);
}

/** The position at which a block begins. */
export function startOf(block, meta) {
  return block <= 0 ? 0 : (meta.first_block ?? meta.block_length) + (block - 1) * meta.block_length;
}
