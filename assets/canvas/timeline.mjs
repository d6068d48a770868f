// The frames of a run (llada_viz/render/frames.py says what is in one) and the state of the answer after
// each. A live run and a replay both go through here. No DOM.

import { Columns, changedOrder, firstIds, rearranged } from "./order.mjs";

export const KEY_EVERY = 32; // frames from one stored state to the next

const MASKS = new Set(["m", "b", "u", "r", "x"]); // states of a cell that has no token
const NOISE = new Set(["n", "z", "y"]); // states of a cell whose token is noise
const WORDS = new Set(["c", "e", "d", "v"]); // states of a cell whose token was chosen

/** Whether a cell in this state is a mask. */
export function isMask(mark) {
  return MASKS.has(mark);
}

/** Whether a cell in this state holds noise. */
export function isNoise(mark) {
  return NOISE.has(mark);
}

/** Whether a cell in this state is undecided, a mask or noise. */
export function isOpen(mark) {
  return MASKS.has(mark) || NOISE.has(mark);
}

/**
 * The state before the first frame. order: ids by position; cells: by position, too; prm, tried: by block;
 * block, ups, win, fork: as in the newest frame that had them.
 */
export function emptyState() {
  return { order: [], cells: [], block: -1, prm: {}, ups: null, win: null, fork: 0, tried: {} };
}

/** A cell that an op writes over another: see `written`. */
function cellOf([, text, conf, mark], old, seq) {
  if (mark === "t") return { ...old, text, conf: conf ?? old.conf };
  const at = seq;
  if (isMask(mark)) return { text: "", conf: null, was: text, mark, at };
  if (isNoise(mark)) return { text, conf: null, was: mark === "n" ? "" : old.text, mark, at };
  return { text, conf, was: "", mark, at };
}

/**
 * The cells that a frame writes, [[position, cell], …], where they stand after it. A cell: {text, conf, mark,
 * at, was, drafts}. mark: its state, one letter (frames.py); at: seq of the frame that wrote it; was: the token
 * that was dropped; drafts: [[text, probability], …] of an undecided cell.
 */
function written(before, order, frame, place) {
  const cells = new Map();
  const old = frame.kind === "start" ? [] : rearrangedCells(before, order);
  for (const op of frame.ops) {
    const pos = place(op[0]);
    cells.set(pos, cellOf(op, old[pos] ?? { text: "", conf: null, was: "", at: frame.seq }, frame.seq));
  }
  for (const [id, drafts] of frame.drafts ?? []) {
    const pos = place(id);
    const cell = cells.get(pos) ?? old[pos];
    if (cell) cells.set(pos, { ...cell, drafts: drafts.length ? drafts : undefined });
  }
  return [...cells];
}

function rearrangedCells(state, order) {
  return order === state.order ? state.cells : rearranged(state.cells, state.order, order);
}

/**
 * The state after a frame. frame.cells: from `written`. A cell object is never changed, only replaced, so
 * states can share cells, and whoever draws them sees by identity which are new.
 */
export function step(state, frame) {
  const next = { ...state, fork: frame.fork ?? state.fork };
  const start = frame.kind === "start";
  next.order = start ? firstIds(frame.meta.gen_length) : changedOrder(state.order, frame);
  if (start) next.cells = new Array(frame.meta.gen_length);
  else next.cells = next.order === state.order ? state.cells.slice() : rearrangedCells(state, next.order);
  for (const [pos, cell] of frame.cells) next.cells[pos] = cell;
  const over = frame.kind === "finish" || frame.kind === "stop";
  if (frame.block >= 0 || over) next.block = over ? -1 : frame.block;
  if (frame.prm) next.prm = { ...state.prm, ...Object.fromEntries(frame.prm) };
  if (frame.ups !== undefined) next.ups = frame.ups;
  if (frame.win !== undefined) next.win = frame.win;
  if (frame.tried) {
    const [first, end] = frame.tried.blocks;
    next.tried = { ...state.tried };
    for (let block = first; block < end; block++) next.tried[block] = frame.tried;
  }
  return next;
}

const ALWAYS = new Set(["start", "finish", "stop", "branch"]);
const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Whether a frame changes nothing that is seen of the answer, nor says what would not be seen otherwise. */
export function isStill(before, frame, after) {
  if (ALWAYS.has(frame.kind) || frame.cells.length || frame.ins || frame.del || frame.tried) return false;
  if (frame.kind === "score" && before.fork) return false; // only its sentence has the candidates' scores
  if (frame.prm?.some(([block, score]) => before.prm[block] !== score)) return false;
  return after.block === before.block && after.fork === before.fork && same(after.win, before.win) && same(after.ups, before.ups);
}

/** All frames of one run, in order, and the state after every 32nd. */
export class Timeline {
  constructor(run) {
    this.run = run;
    this.frames = [];
    this.keys = []; // keys[j]: the state after frame j * KEY_EVERY
    this.tail = emptyState();
    this.near = { i: -1, state: null }; // the state that was asked for last
    this.marks = new Set(); // states of cells that occurred
    this.spans = []; // [id, from step, to step, confidence] of every committed token
    this.open = new Map(); // id -> its last span
    this.columns = new Columns(); // of the ids that ever stood
    this.stills = 0; // frames that change nothing: players pass over them
    this.most = 0; // undecided cells at most
    this.places = null; // id -> position, of the newest state; null: a cell's id is its position
  }

  get length() {
    return this.frames.length;
  }

  get meta() {
    return this.frames[0]?.meta ?? null;
  }

  get ended() {
    const kind = this.frames.at(-1)?.kind;
    return kind === "finish" || kind === "stop";
  }

  /** Add a frame. Returns "new", or "old" (it is here already) or "gap" (frames before it are missing). */
  push(frame) {
    if (frame.seq < this.length) return "old";
    if (frame.seq > this.length) return "gap";
    this.place(frame);
    const before = this.tail;
    this.tail = step(before, frame);
    frame.still = isStill(before, frame, this.tail);
    this.stills += frame.still;
    frame.count = this.tail.cells.length;
    if (frame.seq % KEY_EVERY === 0) this.keys.push(this.tail);
    this.frames.push(frame);
    this.note(frame);
    return "new";
  }

  /** Find where the cells stand that a frame writes. */
  place(frame) {
    const order = changedOrder(this.tail.order, frame);
    if (frame.kind === "start") this.places = null;
    else if (order !== this.tail.order) this.places = new Map(order.map((id, pos) => [id, pos]));
    const { places } = this;
    frame.cells = written(this.tail, order, frame, places ? (id) => places.get(id) : (id) => id);
    // Scores stay with their cells when others come or go.
    if (frame.ups) frame.ups.ids = order.slice(frame.ups.at, frame.ups.at + frame.ups.p.length);
  }

  /** The state after frame i. */
  stateAt(i) {
    if (i === this.length - 1) return this.tail;
    const key = Math.floor(i / KEY_EVERY);
    const near = this.near.i <= i && this.near.i > key * KEY_EVERY; // the state asked for last is on the way
    let { i: j, state } = near ? this.near : { i: key * KEY_EVERY, state: this.keys[key] };
    while (j < i) state = step(state, this.frames[++j]);
    this.near = { i, state };
    return state;
  }

  /** The seq of the first frame of the next (1) or previous (-1) block, else the last or first. */
  blockEdge(i, direction) {
    const last = this.length - 1;
    const at = (j) => (this.frames[j].block >= 0 ? this.frames[j].block : null);
    if (direction > 0) {
      for (let j = i + 1; j <= last; j++) if (at(j) !== null && at(j) !== this.blockAt(i)) return j;
      return last;
    }
    let j = i;
    while (j > 0 && this.blockAt(j - 1) === this.blockAt(i)) j--;
    if (j < i || j === 0) return j;
    const block = this.blockAt(j - 1);
    while (j > 0 && this.blockAt(j - 1) === block) j--;
    return j;
  }

  /** The block the sampler was at after frame i, -1 before the first. */
  blockAt(i) {
    for (let j = i; j >= 0; j--) if (this.frames[j].block >= 0) return this.frames[j].block;
    return -1;
  }

  /**
   * What happened to a cell up to frame i: [{step, seq, mark, text, conf, reason}, …]. mark: a state, or "ins",
   * "del", "draft" (what the network would write in it became another token).
   */
  history(id, i) {
    const entries = [];
    const add = (frame, mark, text, conf) => {
      entries.push({ step: frame.step, seq: frame.seq, mark, text, conf, reason: frame.reason });
    };
    let [draft, word] = [null, ""];
    for (const frame of this.frames.slice(0, i + 1)) {
      if (frame.ins?.some(([, ids]) => ids.includes(id))) add(frame, "ins", "", null);
      if (frame.del?.includes(id)) add(frame, "del", "", null);
      for (const [at, text, conf, mark] of frame.ops) {
        if (at !== id || mark === "m" || mark === "n") continue;
        if (mark !== "t") add(frame, mark, isNoise(mark) ? word : text, conf);
        else if (entries.length) entries.at(-1).text = text;
        if (!isOpen(mark)) word = text;
      }
      const found = frame.drafts?.find(([at]) => at === id)?.[1][0];
      if (found && found[0] !== draft) add(frame, "draft", ...found);
      if (found) [draft] = found;
    }
    return entries;
  }

  /** Keep what the charts and the legend need, so that they need not go through all frames. */
  note(frame) {
    if (frame.kind === "start") this.columns.start(frame.meta.gen_length);
    this.columns.change(frame);
    this.most = Math.max(this.most, frame.masks);
    for (const id of frame.del ?? []) this.close(id, frame.step);
    for (const [id, text, conf, mark] of frame.ops) {
      if (mark === "t") continue;
      if (text === "<|endoftext|>" && !isOpen(mark)) this.marks.add("end");
      this.marks.add(mark);
      const kept = mark === "v" && this.open.get(id);
      if (kept) kept[3] = conf;
      if (kept) continue;
      this.close(id, frame.step);
      if (WORDS.has(mark)) {
        const span = [id, frame.step, Infinity, conf];
        this.spans.push(span);
        this.open.set(id, span);
      }
    }
    if (frame.drafts?.length) this.marks.add("draft");
    if (frame.ups) this.marks.add("ups");
  }

  close(id, at) {
    const open = this.open.get(id);
    if (open) open[2] = at;
    this.open.delete(id);
  }
}
