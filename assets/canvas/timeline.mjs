// The frames of a run (llada_viz/render/frames.py says what is in one) and the state of the answer after
// each. A live run and a replay both go through here. No DOM.

export const KEY_EVERY = 32; // frames from one stored state to the next

const MASKS = new Set(["m", "b", "u", "r"]); // states of a cell that has no token

/** Whether a cell in this state is a mask. */
export function isMask(mark) {
  return MASKS.has(mark);
}

/**
 * The state before the first frame. cells: by position; prm, tried: by block; block, ups, win, fork: as in the
 * newest frame that had them.
 */
export function emptyState() {
  return { cells: [], block: -1, prm: {}, ups: null, win: null, fork: 0, tried: {} };
}

/**
 * The cells that a frame writes, [[position, cell], …]. A cell: {text, conf, mark, at, was}. mark: its state,
 * one letter (frames.py); at: seq of the frame that wrote it; was: the token that a re-mask dropped.
 */
function written(state, frame) {
  return frame.ops.map(([pos, text, conf, mark]) => {
    if (mark === "t") return [pos, { ...state.cells[pos], text }];
    const masked = isMask(mark);
    const token = masked ? { text: "", conf: null, was: text } : { text, conf, was: "" };
    return [pos, { ...token, mark, at: frame.seq }];
  });
}

/**
 * The state after a frame. frame.cells: from `written`. A cell object is never changed, only replaced, so
 * states can share cells, and whoever draws them sees by identity which are new.
 */
export function step(state, frame) {
  const next = { ...state, cells: state.cells.slice(), fork: frame.fork ?? state.fork };
  if (frame.kind === "start") next.cells = new Array(frame.meta.gen_length);
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

/** All frames of one run, in order, and the state after every 32nd. */
export class Timeline {
  constructor(run) {
    this.run = run;
    this.frames = [];
    this.keys = []; // keys[j]: the state after frame j * KEY_EVERY
    this.tail = emptyState();
    this.marks = new Set(); // states of cells that occurred
    this.spans = []; // [position, from step, to step, confidence] of every committed token
    this.open = new Map(); // position -> its last span
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
    frame.cells = written(this.tail, frame);
    this.tail = step(this.tail, frame);
    if (frame.seq % KEY_EVERY === 0) this.keys.push(this.tail);
    this.frames.push(frame);
    this.note(frame);
    return "new";
  }

  /** The state after frame i. */
  stateAt(i) {
    if (i === this.length - 1) return this.tail;
    const key = Math.floor(i / KEY_EVERY);
    let state = this.keys[key];
    for (let j = key * KEY_EVERY + 1; j <= i; j++) state = step(state, this.frames[j]);
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

  /** What happened to a cell up to frame i: [{step, seq, mark, text, conf, reason}, …]. */
  history(pos, i) {
    const entries = [];
    for (const frame of this.frames.slice(0, i + 1)) {
      for (const [at, text, conf, mark] of frame.ops) {
        if (at !== pos || mark === "m") continue;
        if (mark === "t") entries.length && (entries.at(-1).text = text);
        else entries.push({ step: frame.step, seq: frame.seq, mark, text, conf, reason: frame.reason });
      }
    }
    return entries;
  }

  /** Keep what the charts and the legend need, so that they need not go through all frames. */
  note(frame) {
    for (const [pos, , conf, mark] of frame.ops) {
      if (mark === "t") continue;
      this.marks.add(mark);
      const open = this.open.get(pos);
      if (open) open[2] = frame.step;
      this.open.delete(pos);
      if (mark === "c" || mark === "e") {
        const span = [pos, frame.step, Infinity, conf];
        this.spans.push(span);
        this.open.set(pos, span);
      }
    }
  }
}
